"""A digest of what the rules make of each known process: labels, and the figures that reports are made of.

`digests.txt` keeps them under the version of the rules that made them. When one changes, RULES_VERSION must:
runs are compared only where their versions are equal. `python -m tests.truth.digests` writes the file anew,
and refuses where a listed digest changed and the version did not; new cases only add lines.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from domain.mistakes import Mistake, OperatorError
from procmaps.classify import RULES_VERSION
from procmaps.footprint import footprints
from procmaps.kinds import Confidence, Kind
from tests.truth.cases import SETS, Case, cases
from tests.truth.scorer import predict

KEPT = Path(__file__).with_name("digests.txt")
DIGITS = 16
FIGURES = (
    "block_bytes",
    "count",
    "reserved_bytes",
    "committed_bytes",
    "resident_bytes",
    "resident_max_bytes",
    "pss_bytes",
    "swap_bytes",
)


def digests() -> dict[str, str]:
    """Of all known processes, by set, case and evidence."""
    return {
        name: digest
        for set_name in SETS
        for case in cases(set_name)
        for name, digest in digests_of(set_name, case).items()
    }


def digests_of(set_name: str, case: Case) -> dict[str, str]:
    """Of one case, by set, case and evidence; without smaps there is one only."""
    return {
        f"{set_name} {case.name} {evidence}": _digest(case, evidence)
        for evidence in ("maps", "smaps")
        if case.shown_by(evidence) is not None
    }


def kept(path: Path = KEPT) -> tuple[str, dict[str, str]]:
    """The version of the rules that the kept digests were made with, and the digests."""
    version, *lines = path.read_text(encoding="ascii").splitlines()
    split = (line.rpartition(" ") for line in lines)
    return version.removeprefix("rules "), {name: digest for name, _, digest in split}


def changed(now: dict[str, str]) -> list[str]:
    """What is listed and is no more what it was."""
    return [name for name, digest in kept()[1].items() if now.get(name) != digest]


def with_case(set_name: str, case: Case, path: Path = KEPT) -> dict[str, str]:
    """The kept digests and those of a new case, in order. Raises OperatorError if they are of other rules."""
    version, listed = kept(path)
    if version != RULES_VERSION:
        raise OperatorError(
            Mistake(str(path), f"is of rules {version}, not {RULES_VERSION}", "run `make digests` before")
        )
    return dict(sorted((listed | digests_of(set_name, case)).items(), key=_place))


def write(listed: dict[str, str], path: Path = KEPT) -> None:
    """Keep these digests under the version of the rules."""
    lines = [f"rules {RULES_VERSION}", *(f"{name} {digest}" for name, digest in listed.items())]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _place(line: tuple[str, str]) -> tuple[int, list[str]]:
    """Where a line stands: by set in the order of SETS, then by case and evidence."""
    set_name, *rest = line[0].split(" ")
    return (SETS.index(set_name) if set_name in SETS else len(SETS)), [set_name, *rest]


def _digest(case: Case, evidence: str) -> str:
    return hashlib.sha256("\n".join(_lines(case, evidence)).encode()).hexdigest()[:DIGITS]


def _lines(case: Case, evidence: str) -> Iterator[str]:
    """Each part with its label, then each footprint; not the rule, whose name may change alone."""
    snapshot, parts = predict(case, evidence)
    for row in zip(
        *(column.tolist() for column in (parts.start, parts.end, parts.kind, parts.confidence)), strict=True
    ):
        start, end, kind, confidence = row
        yield f"{start:x} {end:x} {Kind(kind).label} {Confidence(confidence).label}"
    sums = footprints(snapshot, parts)
    columns = [[Kind(kind).label for kind in sums.kind.tolist()]]
    columns += [getattr(sums, name).tolist() for name in FIGURES]
    yield from (" ".join(map(str, row)) for row in zip(*columns, strict=True))


def main() -> int:
    now = digests()
    version = kept()[0] if KEPT.exists() else ""
    differs = changed(now) if KEPT.exists() else []
    if differs and version == RULES_VERSION:
        print(
            f"{len(differs)} digests changed, {differs[0]!r} is the first:"
            " raise RULES_VERSION in procmaps/classify.py",
            file=sys.stderr,
        )
        return 1
    write(now)
    print(f"{KEPT}: {len(now)} digests, {len(differs)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
