"""How far the labels agree with what a process says of itself, in bytes."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from bench.live.ranges import Truth
from procmaps.classify import classify
from procmaps.kinds import KIND_BY_LABEL, Kind
from procmaps.read import read_process
from procmaps.rules.book import RULES
from procmaps.tables import Evidence

ACCESS: Final = 0b1110
# finer kinds that no process tells apart
SAME: Final = {"file_code": "file", "file_rodata": "file", "file_data": "file", "reserved": "anonymous"}


@dataclass(slots=True)
class Agreement:
    """Bytes, by (truth, label): accessible and resident ones; and the ranges that differ."""

    accessible: Counter[tuple[str, str]] = field(default_factory=Counter)
    resident: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[tuple[int, int, int, str, str, str]] = field(
        default_factory=list
    )  # bytes, start, end, truth, label, rule


def family(kind: str) -> str:
    """The family that a kind is summed under."""
    return "file" if kind == "file" else KIND_BY_LABEL[kind].family.label


def share(matrix: Counter[tuple[str, str]], *, families: bool) -> float:
    """The share of bytes whose kind, or at least whose family, is right."""
    right = sum(
        number
        for (want, got), number in matrix.items()
        if want == got or (families and family(want) == family(got))
    )
    return right / matrix.total() if matrix else 1.0


def compare(files: dict[str, bytes], truth: Truth, evidence: Evidence) -> Agreement:
    """Classify and hold each part against the truth; what the truth leaves open does not count."""
    snapshot = read_process(files, 1, evidence)
    parts = classify(snapshot, evidence)
    resident = read_process(files, 1).maps.resident_bytes
    found = Agreement()
    for row in range(len(parts)):
        mapping = int(parts.mapping[row])
        accessible = bool(snapshot.maps.perms[mapping] & ACCESS)
        size = int(snapshot.maps.end[mapping]) - int(snapshot.maps.start[mapping])
        density = int(resident[mapping]) / size
        label = Kind(parts.kind[row]).label
        label = SAME.get(label, label)
        low, high = int(parts.start[row]), int(parts.end[row])
        for known in truth.overlapping(low, high):
            start, end = max(low, known.start), min(high, known.end)
            pair = (SAME.get(known.kind, known.kind), label)
            found.resident[pair] += round((end - start) * density)
            if accessible:
                found.accessible[pair] += end - start
                if pair[0] != label:
                    found.wrong.append((end - start, start, end, *pair, RULES[parts.rule[row]].name))
    found.wrong.sort(reverse=True)
    return found
