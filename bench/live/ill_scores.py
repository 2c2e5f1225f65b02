"""What the labels of recorded ill processes are worth, and what is wrong in each that is below a share."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.live.kept import NAMES
from procmaps.kinds import Confidence, Kind
from procmaps.rules.book import RULES
from tests.truth import figures
from tests.truth.cases import Case, folder_cases
from tests.truth.scorer import SAME, Score, family, predict, score

EVIDENCES: Final = ("maps", "smaps", "swapped")
FIGURES: Final = (
    *("family", "exact", "mean", "worst"),
    *("native_heap_precision", "native_heap_recall", "stack_precision", "stack_recall"),
)
NAMED_BELOW: Final = 0.99
RANGES_SHOWN: Final = 25
_LINES: Final = re.compile(r"^([0-9a-f]+)(-[0-9a-f]+ .*\n(?:[A-Z].*\n)*)", re.MULTILINE)
_FACTS: Final = re.compile(
    r"^(-[0-9a-f]+ \S+) .*\n(?s:.*?)^Rss: +(\d+) kB\n(?s:.*?)^VmFlags: (.*)", re.MULTILINE
)
ACCESS: Final = 0b1110  # of the bits of a mapping's permissions: any of read, write, execute
HEAD: Final = (
    "| evidence | processes | family | kind | mean | worst | native heap P | R | stack P | R "
    "| certain right | likely | guess |\n|---|---:|" + "---:|" * 11
)


def table(folder: Path, only: str = "") -> Iterator[str]:
    """The figures of all cases of a folder in Markdown, a line for each kind of evidence."""
    yield HEAD
    for evidence, result in _scores(folder, only):
        known = figures.figures(result)
        cells = [f"{known[name]:.2%}" if name in known else "-" for name in FIGURES]
        cells += [
            f"{result.right(sure):.2%} of {result.labelled(sure):.1%}"
            for sure in sorted(Confidence, reverse=True)
        ]
        yield f"| {evidence} | {len(result.by_case)} | " + " | ".join(cells) + " |"


def report(folder: Path, only: str = "") -> Iterator[str]:
    """Each process below NAMED_BELOW, the lowest first: the sums by rule, then its largest wrong ranges."""
    cases = {case.name: case for case in _cases(folder, only)}
    for evidence, result in _scores(folder, only):
        yield f"==== {evidence}"
        for name, part in sorted(result.by_case.items(), key=lambda pair: pair[1]):
            if part < NAMED_BELOW:
                yield f"\n{name}: {part:.2%}{_settings(folder / name)}"
                yield from _wrong(cases[name], evidence)


def _settings(folder: Path) -> str:
    """How the process was started, to stand behind its name."""
    kept_names = folder / NAMES
    return f"  {kept_names.read_text().splitlines()[2]}" if kept_names.is_file() else ""


def _wrong(case: Case, evidence: str) -> Iterator[str]:
    """The wrong accessible ranges of a case, the largest first, each with what smaps says of its line."""
    snapshot, parts = predict(case, evidence)
    lines = {int(start, 16): text for start, text in _LINES.findall(case.files.get("smaps", b"").decode())}
    found: list[tuple[int, str]] = []
    for row in range(len(parts)):
        low, high, mapping = int(parts.start[row]), int(parts.end[row]), int(parts.mapping[row])
        label = Kind(parts.kind[row]).label
        if snapshot.maps.perms[mapping] & ACCESS:
            rule, sure = RULES[parts.rule[row]].name, Confidence(parts.confidence[row]).label
            line = _of_line(lines.get(int(snapshot.maps.start[mapping]), ""))
            by = f"labelled {label} by {rule} ({sure}){line}"
            cut = [(max(low, one.start), min(high, one.end), one.kind) for one in case.truth]
            found += [
                (end - start, f"{start:x}-{end:x} is {kind}, {by}")
                for start, end, kind in cut
                if start < end and not _same(kind, label)
            ]
    found.sort(reverse=True)
    for size, told in found[:RANGES_SHOWN]:
        yield f"  {size >> 10:9} KiB {told}"
    if rest := found[RANGES_SHOWN:]:
        yield f"  and {len(rest)} more, {sum(size for size, _ in rest) >> 10} KiB"


def _of_line(smaps: str) -> str:
    """Of an entry of smaps: bounds, access, resident KiB and flags."""
    found = _FACTS.search(smaps)
    return f"; line {found[1]}, Rss {found[2]}, {found[3].strip()}" if found else ""


def _same(want: str, got: str) -> bool:
    return family(SAME.get(want, want)) == family(SAME.get(got, got))


def _scores(folder: Path, only: str) -> Iterator[tuple[str, Score]]:
    cases = _cases(folder, only)
    scored = ((evidence, score(cases, evidence)) for evidence in EVIDENCES)
    return ((evidence, result) for evidence, result in scored if result.by_case)


def _cases(folder: Path, only: str) -> list[Case]:
    return [case for case in folder_cases(folder) if only in case.name]
