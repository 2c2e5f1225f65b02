"""The heap by its size: an unbroken run of regions that is exactly as large as the JVM's heap must be.

A heap shows as one span only as long as nothing merges with it. So it is enough that a span begins or ends
with a mapping, and spans that merely have the size by chance are common. Each span gets points for what
heaps have, and loses some for what they do not have; the one with the most points is the heap.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest
from typing import Final, NamedTuple

from procmaps.rules.hotspot.heap_sizes import (
    HEAP_ALIGNMENT_BYTES,
    LARGER_ALIGNMENTS_BYTES,
    canonical_ends,
    heap_sizes,
)
from procmaps.rules.hotspot.jvm import ARCHIVE, CANDIDATE_LIMIT_COUNT, LOW_BYTES, Jvm
from procmaps.rules.process import ARENA_HEAP_BYTES, GIB, KIB, MIB, Process, Region, unbroken
from procmaps.tables import EXECUTE

OOPS_BASE_BYTES: Final = 32 * GIB  # bases of heaps with compressed oops that are not zero are multiples of it
SHENANDOAH_REGION_BYTES: Final = 256 * KIB  # gc/shenandoah/shenandoah_globals.hpp: ShenandoahMinRegionSize
REGIONS_LIMIT_COUNT: Final = 16_384  # of the runs that can hold the heap, from low addresses; a JVM has tens
ARCHIVE_REST_BYTES: Final = 16 * MIB  # what an archive may leave free of its alignment

# Points. Only their order and their sums matter; they were set by known JVMs, not derived.
WHOLE_POINTS: Final = 60  # begins and ends with a mapping
PART_POINTS: Final = 30  # begins or ends with a mapping; its other end merged with a neighbour
CANONICAL_POINTS: Final = 100  # ends where heaps with compressed oops end
LOW_WHOLE_POINTS: Final = 60  # lies elsewhere in the low addresses, where little else goes
LOW_PART_POINTS: Final = 10
EDGE_POINTS: Final = 5  # for the top of a mapping, and again for the top of its run
ENOUGH_POINTS: Final = 10  # a heap must have more
REGIONS_MAX_POINTS: Final = 30  # lost by one for each region: a heap has few
TAIL_POINTS: Final = 12  # lost by each closed region that ends as heaps of arenas do, except for one
ARENA_POINTS: Final = 20  # lost if it fills such a heap together with what is below it
UNRESERVED_POINTS: Final = 20  # lost by several regions among which none is closed
TWICE_POINTS: Final = 20  # lost if heap and class space have one size, and what is below fits as well
ARCHIVED_POINTS: Final = 40  # lost right above an archive of classes: the class space is there
OBJECTS_POINTS: Final = 20  # won by an archive of objects at the top: only heaps have one


def heap_by_size(jvm: Jvm, process: Process) -> tuple[int, int] | None:
    """Start and end of the best span of a size that the heap can have."""
    sizes = heap_sizes(jvm, process)
    if not sizes:
        return None
    best = (ENOUGH_POINTS, 0, 0)
    for candidate in nlargest(CANDIDATE_LIMIT_COUNT, _candidates(jvm, process, sizes)):
        if candidate.points < best[0]:
            break  # nothing is won from here on, except for archived objects, which tell of one size only
        points = candidate.points - _doubts(process, candidate) - _class_space_doubts(jvm, candidate)
        best = max(best, (points, candidate.start, candidate.end))
    return best[1:] if best[0] > ENOUGH_POINTS else None


def possible_runs(process: Process, above: int = 0) -> Iterator[list[Region]]:
    """Unbroken runs of regions that a heap can consist of: no code; archived objects are mapped into it."""
    return unbroken(
        region
        for region in process.regions
        if ((region.unclaimed and not region.perms & EXECUTE) or region.name == ARCHIVE)
        and region.end > above
    )


@dataclass(frozen=True)
class _Run:
    """An unbroken run, and its regions by their edges."""

    regions: list[Region]

    @property
    def start(self) -> int:
        return self.regions[0].start

    @property
    def end(self) -> int:
        return self.regions[-1].end

    @cached_property
    def starts(self) -> list[int]:
        return [region.start for region in self.regions]

    @cached_property
    def ends(self) -> list[int]:
        return [region.end for region in self.regions]

    @cached_property
    def by_start(self) -> dict[int, Region]:
        return {region.start: region for region in self.regions}

    @cached_property
    def by_end(self) -> dict[int, Region]:
        return {region.end: region for region in self.regions}

    @cached_property
    def tails(self) -> list[Region]:
        """Closed regions that end as heaps of arenas do."""
        return [
            region
            for region in self.regions
            if region.closed and region.end % ARENA_HEAP_BYTES == 0 and region.size < ARENA_HEAP_BYTES
        ]

    def inside(self, start: int, end: int) -> list[Region]:
        """The regions of a span, whole or in part."""
        return self.regions[bisect_right(self.ends, start) : bisect_left(self.starts, end)]

    def spans(self, size: int) -> set[tuple[int, int]]:
        """Start and end of what has this size, and begins or ends with a region."""
        upward = self.starts[: bisect_right(self.starts, self.end - size)]
        downward = self.ends[bisect_left(self.ends, self.start + size) :]
        return {(start, start + size) for start in upward} | {(end - size, end) for end in downward}


class _Candidate(NamedTuple):
    """A span that can be the heap, with the points that its edges and its place give."""

    points: int
    start: int
    end: int
    whole: bool  # begins and ends with a mapping
    run: _Run


def _candidates(jvm: Jvm, process: Process, sizes: list[int]) -> Iterator[_Candidate]:
    """Spans of these sizes. Without compressed oops nothing asks for a low address."""
    above = LOW_BYTES if jvm.arguments.full_oops else 0
    left = REGIONS_LIMIT_COUNT
    for regions in possible_runs(process, above):
        run = _Run(regions[:left])
        if run.end - run.start < sizes[0]:
            continue
        left -= len(run.regions)
        for size in sizes:
            yield from _candidates_of_size(jvm, run, size)
        # a heap with a base begins with a closed unit of alignment, so that address 0 of oops has no access
        if any(start % OOPS_BASE_BYTES == 0 for start in run.starts):
            prefixed = {size + unit for size in sizes for unit in LARGER_ALIGNMENTS_BYTES[1:] if size >= GIB}
            for size in sorted(prefixed.difference(sizes)):
                yield from _candidates_of_size(jvm, run, size, prefixed=True)
        if not left:
            return


def _candidates_of_size(jvm: Jvm, run: _Run, size: int, *, prefixed: bool = False) -> Iterator[_Candidate]:
    # all heaps but the smallest begin on this
    unit = SHENANDOAH_REGION_BYTES if jvm.arguments.collector == "Shenandoah" else MIB
    ends = canonical_ends(jvm)
    for start, end in run.spans(size):
        whole = start in run.by_start and end in run.by_end
        if start % (HEAP_ALIGNMENT_BYTES if whole else unit):
            continue
        if prefixed and start % OOPS_BASE_BYTES:
            continue
        # otherwise the lowest memory of a heap is in use
        if not prefixed and run.regions[bisect_right(run.starts, start) - 1].closed:
            continue
        points = WHOLE_POINTS if whole else PART_POINTS
        # mappings grow downward: what merged with the heap came later and lies below it
        points += EDGE_POINTS * (end in run.by_end) + EDGE_POINTS * (end == run.end)
        if end in ends:
            points += CANONICAL_POINTS
        elif end <= LOW_BYTES:
            points += LOW_WHOLE_POINTS if whole else LOW_PART_POINTS
        yield _Candidate(points, start, end, whole, run)


def _doubts(process: Process, candidate: _Candidate) -> int:
    """What a span loses because of its regions."""
    run, start, end = candidate.run, candidate.start, candidate.end
    inside = run.inside(start, end)
    doubts = min(len(inside), REGIONS_MAX_POINTS)
    tails = [tail for tail in run.tails if start < tail.end and tail.start < end]
    if tails:
        arenas = sum(tail.position in process.in_glibc_heaps for tail in tails)
        doubts += TAIL_POINTS * (len(tails) - 1) + (ARENA_POINTS - TAIL_POINTS) * arenas
    reserved = candidate.whole or start < LOW_BYTES or len(inside) == 1
    if not reserved and not any(region.closed for region in inside):
        doubts += UNRESERVED_POINTS
    return doubts


def _class_space_doubts(jvm: Jvm, candidate: _Candidate) -> int:
    """What a span loses if it may be the class space; less than nothing if it is certainly none.

    From JDK 16 on the class space lies right above the archive, or above what the archive leaves closed.
    """
    run, start, end = candidate.run, candidate.start, candidate.end
    size = end - start
    if size != jvm.class_space_bytes:
        return 0
    doubts = 0
    if start - size in run.by_start and end in run.by_end:
        doubts += TWICE_POINTS
    below = run.inside(start - ARCHIVE_REST_BYTES, start)
    if any(region.name == ARCHIVE and region.end <= start for region in below):
        doubts += ARCHIVED_POINTS
    inside = run.inside(start, end)
    objects = any(region.name == ARCHIVE and region.end + ARCHIVE_REST_BYTES >= end for region in inside)
    if objects and inside[0].name != ARCHIVE:
        doubts -= OBJECTS_POINTS
    return doubts
