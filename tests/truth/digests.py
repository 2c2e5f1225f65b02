"""A digest of what the rules make of each known process: labels, and the figures that reports are made of.

`digests.txt` keeps them under the version of the rules that made them. When one changes, RULES_VERSION must:
runs are compared only where their versions are equal. `python -m tests.truth.digests` writes the file anew,
and refuses where a listed digest changed and the version did not; new cases only add lines.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

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


def kept() -> tuple[str, dict[str, str]]:
    """The version of the rules that the kept digests were made with, and the digests."""
    version, *lines = KEPT.read_text(encoding="ascii").splitlines()
    split = (line.rpartition(" ") for line in lines)
    return version.removeprefix("rules "), {name: digest for name, _, digest in split}


def changed(now: dict[str, str]) -> list[str]:
    """What is listed and is no more what it was."""
    return [name for name, digest in kept()[1].items() if now.get(name) != digest]


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
            f"{len(differs)} digests changed, {differs[0]!r} is the first: raise RULES_VERSION",
            file=sys.stderr,
        )
        return 1
    lines = [f"rules {RULES_VERSION}", *(f"{name} {digest}" for name, digest in now.items())]
    KEPT.write_text("\n".join(lines) + "\n", encoding="ascii")
    print(f"{KEPT}: {len(now)} digests, {len(differs)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
