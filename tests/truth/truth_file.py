"""truth.tsv: the ranges of a process whose kind is known.

A line is `start end kind [source]`, addresses in hex; `#` begins a comment line. A kind is one of
procmaps.kinds, `file` for any of a file's code, rodata and data, or `native` for any kind of native heap.
Bytes outside the ranges are not scored.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from domain.mistakes import Mistake, OperatorError
from procmaps.kinds import KIND_BY_LABEL

TRUTH: Final = "truth.tsv"
LINES_LIMIT_COUNT: Final = 100_000
MISTAKES_LIMIT_COUNT: Final = 20
FILE, NATIVE = "file", "native"
KINDS: Final = frozenset((*KIND_BY_LABEL, FILE, NATIVE))
_ADDRESS: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{1,16}")
_MAPPING: Final = re.compile(rb"^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ", re.MULTILINE)


class Range(NamedTuple):
    """Bytes of one kind: addresses from start to before end."""

    start: int
    end: int
    kind: str


class Line(NamedTuple):
    """A range and the line of the file that says it, counted from 1."""

    range: Range
    number: int


def parse(text: bytes, place: str) -> tuple[Line, ...]:
    """The ranges by address. Raises OperatorError with the lines that cannot be read."""
    lines: list[Line] = []
    mistakes: list[Mistake] = []
    for number, line in enumerate(text.decode(errors="replace").splitlines(), 1):
        if number > LINES_LIMIT_COUNT:
            mistakes.append(Mistake(place, f"more than {LINES_LIMIT_COUNT} lines", "join touching ranges"))
            break
        if line.strip() and not line.startswith("#"):
            found = _range(line, f"{place}:{number}")
            if isinstance(found, Mistake):
                mistakes.append(found)
            else:
                lines.append(Line(found, number))
    if not lines and not mistakes:
        mistakes.append(Mistake(place, "no range", "write a line `start end kind source`, addresses in hex"))
    if mistakes:
        raise OperatorError(*mistakes[:MISTAKES_LIMIT_COUNT])
    return tuple(sorted(lines))


def disjoint(lines: Iterable[Line]) -> tuple[Range, ...]:
    """The ranges by address, each cut to what none before it covers."""
    ranges: list[Range] = []
    covered = 0
    for line in lines:
        start = max(line.range.start, covered)
        if start < line.range.end:
            ranges.append(line.range._replace(start=start))
            covered = line.range.end
    return tuple(ranges)


def contradictions(lines: tuple[Line, ...], mappings: bytes, place: str) -> Iterator[Mistake]:
    """What is wrong with ranges by themselves: overlaps, and bytes that no line of maps or smaps holds."""
    for before, line in pairwise(lines):
        if line.range.start < before.range.end:
            yield Mistake(
                f"{place}:{line.number}",
                f"{_hex(line.range)} overlaps {_hex(before.range)} of line {before.number}",
                "each byte has one kind: cut one of the two, or leave it out",
            )
    unbroken = list(_unbroken(mappings))
    for known, number in lines:
        inside = [(max(low, known.start), min(high, known.end)) for low, high in unbroken]
        inside = [(low, high) for low, high in inside if low < high]
        if inside != [(known.start, known.end)]:
            held = ", ".join(f"{low:x}-{high:x}" for low, high in inside[:3]) or "nothing of it"
            yield Mistake(
                f"{place}:{number}",
                f"{_hex(known)} is not inside the mappings, which hold {held}",
                "cut it to the lines of maps, a range for each block of touching lines",
            )


def _range(line: str, place: str) -> Range | Mistake:
    fields = line.split(maxsplit=3)
    if len(fields) < 3:
        return Mistake(place, f"{len(fields)} fields", "write `start end kind source`, addresses in hex")
    low, high, kind = fields[:3]
    for address in (low, high):
        if not _ADDRESS.fullmatch(address):
            return Mistake(place, f"{address[:40]!r} is no address", "write it in hex, as in maps")
    if kind not in KINDS:
        kinds = ", ".join(sorted(KINDS))
        return Mistake(place, f"{kind[:40]!r} is no kind", f"one of {kinds}; docs/kinds.md describes them")
    known = Range(int(low, 16), int(high, 16), kind)
    if known.start >= known.end:
        return Mistake(place, f"{_hex(known)} is empty", "the end is the first address after the range")
    return known


def _unbroken(mappings: bytes) -> Iterator[tuple[int, int]]:
    """The blocks of touching lines of maps or smaps."""
    bounds = sorted((int(found[1], 16), int(found[2], 16)) for found in _MAPPING.finditer(mappings))
    block: tuple[int, int] | None = None
    for low, high in bounds:
        if block and low <= block[1]:
            block = block[0], max(block[1], high)
            continue
        if block:
            yield block
        block = low, high
    if block:
        yield block


def _hex(known: Range) -> str:
    return f"{known.start:x}-{known.end:x}"
