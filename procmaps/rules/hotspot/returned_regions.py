"""Tables of a heap with holes: a collector returns single regions, and their part of each table with them.

G1 returns what is free wherever it lies (gc/g1/heapRegionManager.cpp). A bitmap has 16 KiB for a region of
1 MiB, as the guard zones of a Java thread, and a card table 4 KiB for one of 2 MiB, as the guard of a stack.
What tells them apart is what lies between the holes.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from procmaps.rules.hotspot.images import IMAGES, LARGE_GAP_BYTES, layout, pages_of
from procmaps.rules.hotspot.jvm import CANDIDATE_LIMIT_COUNT, Jvm
from procmaps.rules.hotspot.proportions import SCALES
from procmaps.rules.labeller import Claim
from procmaps.rules.process import Process, Region

HOLES_MIN_COUNT: Final = 2


class _Pair(NamedTuple):
    """Two closed regions, with unclaimed writable memory between them."""

    lower: Region
    upper: Region

    @property
    def between(self) -> int:
        return self.upper.start - self.lower.end


class _Table(NamedTuple):
    """What a table of one scale has of the heap's holes. In bytes from its start."""

    scale: int
    spans: list[tuple[int, int]]  # start and end of what is committed; the last is empty if a hole is on top
    places: dict[tuple[int, int], list[int]]  # by size, and distance to the next: which hole it can be

    def hole(self, place: int) -> tuple[int, int]:
        """Start and end of the hole above the span of this number."""
        return self.spans[place][1], self.spans[place + 1][0]

    def fits(self, pair: _Pair, place: int) -> bool:
        """Whether the upper one is the next hole, or the hole on top, merged with what is closed above it."""
        start, end = self.hole(place + 1)
        top = place + HOLES_MIN_COUNT == len(self.spans) - 1 and self.spans[-1][0] == self.spans[-1][1]
        return pair.upper.size == end - start or (top and pair.upper.size > end - start)


class _Run(NamedTuple):
    """Pairs that follow one another as the holes of the table do, from this place on."""

    place: int
    pairs: Sequence[_Pair]

    @property
    def differs_from_stacks(self) -> bool:
        """Whether it cannot be a row of stacks of one size, whose guards are the holes."""
        if any(max(pair.lower.size, pair.upper.size) >= LARGE_GAP_BYTES for pair in self.pairs):
            return True
        return len({pair.between for pair in self.pairs}) > 1


def returned_regions(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """Runs of holes that a table has in the same order, each of the same size and as far from the next."""
    tables = list(_tables(jvm, process))
    pairs = list(_pairs(process)) if tables else []
    for table in tables:
        first = 0
        while first < len(pairs):
            run = _run(table, pairs, first)
            first += max(len(run.pairs), 1)
            if run.pairs and run.differs_from_stacks:
                jvm.scales.add(table.scale)
                yield _claim(process, table, run)


def _tables(jvm: Jvm, process: Process) -> Iterator[_Table]:
    runs = jvm.heap_runs(process)
    if sum(run.closed for run in runs) < HOLES_MIN_COUNT:
        return
    for scale in SCALES:
        for page in pages_of(jvm):
            committed, top = layout(runs, jvm, scale, page)
            spans = committed if committed and committed[-1][1] == top else [*committed, (top, top)]
            places: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
            for place in range(len(spans) - HOLES_MIN_COUNT):
                hole = spans[place + 1][0] - spans[place][1]
                places[hole, spans[place + 1][1] - spans[place + 1][0]].append(place)
            yield _Table(scale, spans, {key: found[:CANDIDATE_LIMIT_COUNT] for key, found in places.items()})


def _pairs(process: Process) -> Iterator[_Pair]:
    lower: Region | None = None
    for region in process.regions:
        if not (region.touches_below and region.unclaimed):
            lower = None
        if region.closed and region.unclaimed:
            if lower is not None and region.start > lower.end:
                yield _Pair(lower, region)
            lower = region
        elif not region.writable:
            lower = None


def _run(table: _Table, pairs: Sequence[_Pair], first: int) -> _Run:
    """The longest run from this pair on; empty if the table has no such holes."""
    places: list[int] = []  # where the first pair can be
    beyond = first
    while beyond < len(pairs):
        pair, number = pairs[beyond], beyond - first
        if number and pair.lower is not pairs[beyond - 1].upper:
            break
        possible = table.places.get((pair.lower.size, pair.between), ())
        found = [place - number for place in possible if table.fits(pair, place)]
        if number:
            found = sorted(set(found).intersection(places))
        if not found:
            break
        places = found
        beyond += 1
    return _Run(places[0] if places else 0, pairs[first:beyond])


def _claim(process: Process, table: _Table, run: _Run) -> Claim:
    """The holes, and what is committed below the lowest and above the highest, as far as it is there."""
    lowest, highest = run.pairs[0].lower, run.pairs[-1].upper
    base = lowest.start - table.hole(run.place)[0]
    start, end = lowest.start, base + table.hole(run.place + len(run.pairs))[1]
    below = process.below(lowest)
    if below is not None and below.unclaimed and below.writable:
        start = max(below.start, base + table.spans[run.place][0])
    above = process.above(highest)
    last = base + table.spans[run.place + len(run.pairs) + 1][1]
    if above is not None and above.unclaimed and above.writable and above.end >= last:
        end = last
    return Claim(start, end, IMAGES, one_block=False)
