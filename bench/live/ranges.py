"""What is known of an address space: ranges with a kind, none over another."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """Bytes from start up to end have this kind, says this source."""

    start: int
    end: int
    kind: str
    source: str = ""


@dataclass(slots=True)
class Truth:
    """Ranges in order; what came first stays, later ones fill the gaps between."""

    ranges: list[Range] = field(default_factory=list)

    def add(self, found: Iterable[Range]) -> None:
        """Fill with these what is not known yet."""
        for one in found:
            for start, end in list(self.gaps(one.start, one.end)):
                insort(self.ranges, Range(start, end, one.kind, one.source))

    def overlapping(self, start: int, end: int) -> Iterator[Range]:
        """The ranges that share bytes with [start, end)."""
        position = max(0, bisect_right(self.ranges, start, key=lambda one: one.start) - 1)
        for one in self.ranges[position:]:
            if one.start >= end:
                return
            if one.end > start:
                yield one

    def gaps(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What of [start, end) no range covers."""
        for one in self.overlapping(start, end):
            if one.start > start:
                yield start, one.start
            start = max(start, one.end)
        if start < end:
            yield start, end

    def text(self) -> str:
        """A line a range: start, end, kind, source; tabs between."""
        return "".join(f"{one.start:x}\t{one.end:x}\t{one.kind}\t{one.source}\n" for one in self.ranges)
