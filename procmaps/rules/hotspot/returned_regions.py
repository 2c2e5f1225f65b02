"""Tables of a heap with holes: a collector returns single regions, and their part of each table with them.

G1 returns what is free wherever it lies (gc/g1/heapRegionManager.cpp). A bitmap has 16 KiB for a region of 1 MiB,
which is as much as the guard zones of a Java thread have. What tells the two apart is what lies between the holes.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from procmaps.rules.glibc_stacks.java_zones import ZONES_BYTES
from procmaps.rules.hotspot.images import IMAGES, layout, pages_of
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.proportions import SCALES
from procmaps.rules.labeller import Claim
from procmaps.rules.process import Process, Region

STACK_SPANS_COUNT: Final = 1  # stacks next to one another are alike, so between their guards is one distance


class _Holes(NamedTuple):
    """Two holes, with writable memory between them. Sizes in bytes."""

    lower: int
    between: int
    upper: int


class _Pair(NamedTuple):
    """Two closed regions, with unclaimed writable memory between them."""

    lower: Region
    upper: Region

    @property
    def holes(self) -> _Holes:
        return _Holes(self.lower.size, self.upper.start - self.lower.end, self.upper.size)


class _Table(NamedTuple):
    """What a table of one scale has of the heap's holes. In bytes from its start."""

    scale: int
    holes: list[tuple[int, int]]  # start and end of each, ascending
    spans: list[tuple[int, int]]  # what is committed: one more than holes
    places: dict[_Holes, list[int]]  # which holes are so large and so far from the next


def returned_regions(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """Runs of holes that a table has in the same order, each of the same size and as far from the next."""
    pairs = list(_pairs(process))
    for table in _tables(jvm, process):
        end = 0
        for first, pair in enumerate(pairs):
            if pair.lower.start < end:
                continue
            for place in table.places.get(pair.holes, ()):
                run = _run(table, place, pairs[first:])
                if _differs_from_stacks(run):
                    jvm.scales.add(table.scale)
                    claim = _claim(process, table, place, run)
                    end = claim.end
                    yield claim
                    break


def _tables(jvm: Jvm, process: Process) -> Iterator[_Table]:
    runs = jvm.heap_runs(process)
    if sum(run.closed for run in runs) < len(_Holes._fields) - 1:
        return
    for scale in SCALES:
        for page in pages_of(jvm):
            spans, _ = layout(runs, jvm, scale, page)
            holes = [(lower[1], upper[0]) for lower, upper in pairwise(spans)]
            places: defaultdict[_Holes, list[int]] = defaultdict(list)
            for place, (lower, upper) in enumerate(pairwise(holes)):
                places[_Holes(lower[1] - lower[0], upper[0] - lower[1], upper[1] - upper[0])].append(place)
            yield _Table(scale, holes, spans, dict(places))


def _pairs(process: Process) -> Iterator[_Pair]:
    lower: Region | None = None
    for region in process.regions:
        if lower is not None and not (region.touches_below and region.unclaimed):
            lower = None
        if region.closed and region.unclaimed:
            if lower is not None and region.start > lower.end:
                yield _Pair(lower, region)
            lower = region
        elif not region.writable:
            lower = None


def _run(table: _Table, place: int, pairs: Sequence[_Pair]) -> list[_Pair]:
    """The pairs from the first on that are holes of the table from this place on."""
    run: list[_Pair] = []
    for pair in pairs:
        if run and pair.lower is not run[-1].upper:
            break
        if place + len(run) not in table.places.get(pair.holes, ()):
            break
        run.append(pair)
    return run


def _differs_from_stacks(run: Sequence[_Pair]) -> bool:
    """Whether it cannot be a row of Java threads' stacks, whose guard zones are the holes."""
    found = [pair.holes for pair in run]
    if any({holes.lower, holes.upper} - set(ZONES_BYTES) for holes in found):
        return True
    return len({holes.between for holes in found}) > STACK_SPANS_COUNT


def _claim(process: Process, table: _Table, place: int, run: Sequence[_Pair]) -> Claim:
    """The holes, and what is committed below the lowest and above the highest, as far as it is there."""
    base = run[0].lower.start - table.holes[place][0]
    start, end = run[0].lower.start, run[-1].upper.end
    below = process.below(run[0].lower)
    if below is not None and below.unclaimed and below.writable:
        start = max(below.start, base + table.spans[place][0])
    above = process.above(run[-1].upper)
    last = base + table.spans[place + len(run) + 1][1]
    if above is not None and above.unclaimed and above.writable and above.end >= last:
        end = last
    return Claim(start, end, IMAGES, one_block=False)
