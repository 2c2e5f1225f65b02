"""The heap by its size: an unbroken run of regions that is exactly as large as the JVM's heap must be.

Other memory can merge with one end of a heap, so a span of the right size that begins or ends with a mapping
may be one. Many spans have the size by chance. Each gets points for what heaps have, and loses points for
what they do not have; the span with the most points is the heap.
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
from procmaps.rules.hotspot.jvm import ARCHIVE, CANDIDATE_LIMIT_COUNT, HEAP_VIEW, LOW_BYTES, Jvm
from procmaps.rules.process import ARENA_HEAP_BYTES, GIB, KIB, MIB, Process, Region, unbroken
from procmaps.tables import EXECUTE

IN_HEAP: Final = frozenset((ARCHIVE, HEAP_VIEW))  # files that are mapped into a heap
OOPS_BASE_BYTES: Final = 32 * GIB  # bases of heaps with compressed oops that are not zero are multiples of it
SHENANDOAH_REGION_BYTES: Final = 256 * KIB  # gc/shenandoah/shenandoah_globals.hpp: ShenandoahMinRegionSize
REGIONS_LIMIT_COUNT: Final = 16_384  # of the runs that can hold the heap, from low addresses; a JVM has tens
ARCHIVE_REST_BYTES: Final = 16 * MIB  # what an archive may leave free of its alignment

# Points. They have no meaning but their order and their sums, and were set by known JVMs.
WHOLE_POINTS: Final = 60  # begins and ends with a mapping
PART_POINTS: Final = 30  # begins or ends with a mapping; its other end merged with a neighbour
CANONICAL_POINTS: Final = 100  # ends where heaps with compressed oops end
LOW_WHOLE_POINTS: Final = 60  # lies elsewhere in the low addresses, where little else goes
LOW_PART_POINTS: Final = 10
EDGE_POINTS: Final = 5  # for the top of a mapping, and again for the top of its run
OBJECTS_POINTS: Final = 20  # has an archive of objects at the top, although it is as large as the class space
ENOUGH_POINTS: Final = 10  # a heap must have more
# what a span has at most that does not end where heaps with compressed oops end
ELSEWHERE_MAX_POINTS: Final = WHOLE_POINTS + 2 * EDGE_POINTS + LOW_WHOLE_POINTS + OBJECTS_POINTS
# lost by
REGIONS_MAX_POINTS: Final = 30  # one for each region: a heap has few
TAIL_POINTS: Final = 12  # each closed region that ends as a heap of an arena does, except for one
ARENA_POINTS: Final = 8  # the same, if it is such a heap together with what is below it
UNRESERVED_POINTS: Final = 20  # several regions of which none is closed
TWICE_POINTS: Final = 20  # what is as large as the class space, with another span of that size right below
ARCHIVED_POINTS: Final = 40  # what is as large as the class space, right above an archive of classes


def heap_by_size(jvm: Jvm, process: Process) -> tuple[int, int] | None:
    """Start and end of the best span of a size that the heap can have."""
    sizes = heap_sizes(jvm, process)
    if not sizes:
        return None
    runs = list(_runs(jvm, process, sizes[0]))
    ends = canonical_ends(jvm)
    likely = [run for run in runs if any(run.start < end <= run.end for end in ends)]
    best = _best(jvm, process, likely, sizes)
    if best[0] <= ELSEWHERE_MAX_POINTS:  # otherwise no span of the other runs can have as many
        best = _best(jvm, process, runs, sizes)
    return best[1:] if best[0] > ENOUGH_POINTS else None


def _best(jvm: Jvm, process: Process, runs: list["_Run"], sizes: list[int]) -> tuple[int, int, int]:
    """Points, start and end of the best span in these runs. No more than ENOUGH_POINTS: there is none."""
    best = (ENOUGH_POINTS, 0, 0)
    for candidate in nlargest(CANDIDATE_LIMIT_COUNT, _candidates(jvm, runs, sizes)):
        if candidate.points < best[0]:
            break
        points = candidate.points - _doubts(jvm, process, candidate)
        best = max(best, (points, candidate.start, candidate.end))
    return best


def possible_runs(process: Process, above: int = 0) -> Iterator[list[Region]]:
    """Unbroken runs of regions that a heap can consist of: no code; archived objects are mapped into it."""
    return unbroken(
        [
            region
            for region in process.regions
            if ((region.unclaimed and not region.perms & EXECUTE) or region.name in IN_HEAP)
            and region.end > above
        ]
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

    @property
    def size(self) -> int:
        """Bytes of address space."""
        return self.end - self.start

    @cached_property
    def starts(self) -> list[int]:
        return [region.start for region in self.regions]

    @cached_property
    def ends(self) -> list[int]:
        return [region.end for region in self.regions]

    @cached_property
    def aligned_starts(self) -> list[int]:
        """Where a heap can begin with a region; the sizes of heaps are multiples of the same alignment."""
        return [start for start in self.starts if not start & (HEAP_ALIGNMENT_BYTES - 1)]

    @cached_property
    def aligned_ends(self) -> list[int]:
        """Where a heap can end with a region."""
        return [end for end in self.ends if not end & (HEAP_ALIGNMENT_BYTES - 1)]

    @cached_property
    def tops(self) -> frozenset[int]:
        """Where the regions end, to look an address up."""
        return frozenset(self.ends)

    @cached_property
    def tails(self) -> list[Region]:
        """Closed regions that end as heaps of arenas do."""
        return [
            region
            for region in self.regions
            if region.closed and not region.end & (ARENA_HEAP_BYTES - 1) and region.size < ARENA_HEAP_BYTES
        ]

    def at(self, address: int) -> Region:
        """The region that an address of the run is in."""
        return self.regions[bisect_right(self.ends, address)]

    def inside(self, start: int, end: int) -> list[Region]:
        """The regions of a span, whole or in part."""
        return self.regions[bisect_right(self.ends, start) : bisect_left(self.starts, end)]

    def spans(self, size: int, unit: int) -> dict[int, bool]:
        """Where a span of a heap's size can start, and whether it is whole regions.

        Others are aligned to a unit, and begin or end with a region.
        """
        first, last, tops = self.start, self.end - size, self.tops
        starts, ends = self.aligned_starts, self.aligned_ends
        upward = [start for start in starts if start % unit == 0 and start <= last]
        downward = [end - size for end in ends if (end - size) % unit == 0 and end - size >= first]
        whole = [start for start in starts if start + size in tops]
        return dict.fromkeys((*upward, *downward), False) | dict.fromkeys(whole, True)


class _Candidate(NamedTuple):
    """A span that can be the heap, with the points that its edges and its place give."""

    points: int
    start: int
    end: int
    whole: bool  # begins and ends with a mapping
    run: _Run


def _runs(jvm: Jvm, process: Process, least_bytes: int) -> Iterator[_Run]:
    """Runs that are large enough. Without compressed oops nothing asks for a low address."""
    above = LOW_BYTES if jvm.arguments.full_oops else 0
    left = REGIONS_LIMIT_COUNT
    for regions in possible_runs(process, above):
        run = _Run(regions[:left])
        if run.size >= least_bytes:
            yield run
            left -= len(run.regions)
        if not left:
            return


def _candidates(jvm: Jvm, runs: list[_Run], sizes: list[int]) -> Iterator[_Candidate]:
    """Spans of these sizes."""
    for run in runs:
        for size in sizes:
            yield from _candidates_of_size(jvm, run, size)
        # a heap with a base begins with a closed unit of alignment, so that address 0 of oops has no access
        if sizes[-1] >= GIB and any(start % OOPS_BASE_BYTES == 0 for start in run.starts):
            prefixed = {size + unit for size in sizes for unit in LARGER_ALIGNMENTS_BYTES[1:] if size >= GIB}
            for size in prefixed.difference(sizes):
                yield from _candidates_of_size(jvm, run, size, prefixed=True)


def _candidates_of_size(jvm: Jvm, run: _Run, size: int, *, prefixed: bool = False) -> Iterator[_Candidate]:
    """Spans of one size; `prefixed` says that the size is a heap's and a unit of alignment below it."""
    if size > run.size:
        return
    ends = canonical_ends(jvm)
    for start, whole in run.spans(size, _least_alignment(jvm)).items():
        end = start + size
        if prefixed and start % OOPS_BASE_BYTES:
            continue
        # otherwise the lowest memory of a heap is in use
        if not prefixed and run.at(start).closed:
            continue
        points = WHOLE_POINTS if whole else PART_POINTS
        # mappings grow downward: what merged with the heap came later and lies below it
        points += EDGE_POINTS * (end in run.tops) + EDGE_POINTS * (end == run.end)
        if end in ends:
            points += CANONICAL_POINTS
        elif end <= LOW_BYTES:
            points += LOW_WHOLE_POINTS if whole else LOW_PART_POINTS
        if size == jvm.class_space_bytes and _has_objects(run, start, end):
            points += OBJECTS_POINTS
        yield _Candidate(points, start, end, whole, run)


def _least_alignment(jvm: Jvm) -> int:
    """What all heaps but the smallest begin on."""
    return SHENANDOAH_REGION_BYTES if jvm.arguments.collector == "Shenandoah" else MIB


def _has_objects(run: _Run, start: int, end: int) -> bool:
    """Whether an archive of objects is at the top. One at the bottom is of classes, below the class space."""
    return run.at(start).name != ARCHIVE and any(
        region.name == ARCHIVE and region.end >= end - ARCHIVE_REST_BYTES for region in run.inside(start, end)
    )


def _doubts(jvm: Jvm, process: Process, candidate: _Candidate) -> int:
    """The points that a span loses."""
    run, start, end = candidate.run, candidate.start, candidate.end
    inside = run.inside(start, end)
    doubts = min(len(inside), REGIONS_MAX_POINTS)
    tails = [tail for tail in run.tails if start < tail.end and tail.start < end]
    if tails:
        arenas = sum(tail.position in process.in_glibc_heaps for tail in tails)
        doubts += TAIL_POINTS * (len(tails) - 1) + ARENA_POINTS * arenas
    reserved = candidate.whole or start < LOW_BYTES or len(inside) == 1
    if not reserved and not any(region.closed for region in inside):
        doubts += UNRESERVED_POINTS
    if end - start == jvm.class_space_bytes:
        doubts += _class_space_doubts(candidate)
    return doubts


def _class_space_doubts(candidate: _Candidate) -> int:
    """What a span as large as the class space loses because it may be that.

    From JDK 16 on the class space lies right above the archive, or above what the archive leaves closed.
    """
    run, start, end = candidate.run, candidate.start, candidate.end
    lower = start - (end - start)
    twice = lower >= run.start and run.at(lower).start == lower and end in run.tops
    doubts = TWICE_POINTS if twice else 0
    below = run.inside(start - ARCHIVE_REST_BYTES, start)
    if any(region.name == ARCHIVE and region.end <= start for region in below):
        doubts += ARCHIVED_POINTS
    return doubts
