"""Images of the heap: tables of the collectors have a gap wherever the heap has one.

A table is committed for the part of the heap that is committed. The sizes of its gap, and of what is
committed below and above the gap, follow from the heap's and from the scale of the table. All of them agree
only in a table, so an image is certain.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import CANDIDATE_LIMIT_COUNT, HeapRun, Jvm
from procmaps.rules.hotspot.proportions import SCALES, joined, scale_of
from procmaps.rules.labeller import Claim
from procmaps.rules.process import KIB, MIB, PAGE_BYTES, Process, Region
from procmaps.rules.rule import Rule

LARGE_PAGE_BYTES: Final = 2 * MIB
LARGE_GAP_BYTES: Final = 256 * KIB  # no guard of a stack is as large
GAP_MIN_BYTES: Final = 20 * KIB  # the guard zones of a Java thread are smaller
SLACK_PAGES: Final = 2  # by which a table's gap may differ from the heap's
SLACK_BYTES: Final = SLACK_PAGES * PAGE_BYTES

IMAGES = Rule(
    "java.gc_image",
    Kind.JAVA_GC,
    Confidence.CERTAIN,
    "maps, cmdline",
    "OpenJDK, gc: card tables and offset tables at 1/512 of the heap, mark bitmaps at 1/64 or 1/32, "
    "committed with it",
    "{size} whose size and neighbours match an uncommitted or committed stretch of the Java heap "
    "({java_heap} in all), scaled to 1/512, 1/64 or 1/32: a card table or mark bitmap",
    runner_up=Kind.HEAP_MMAP,
)


class Image(NamedTuple):
    """A gap of the heap as a table has it, and what is committed on both sides of it. Sizes in bytes."""

    scale: int  # one of SCALES
    below: int
    gap: int
    above: int  # 0 if the gap reaches to the end
    goes_on: bool  # another gap follows above


@dataclass(slots=True)
class Candidate:
    """A closed region, writable below and perhaps above: it could be the gap of a table."""

    region: Region
    below: Region
    above: int  # bytes of the writable regions right above
    below_is_arena: bool  # looks, with the closed region as its rest, like a heap of glibc's arenas
    start: int  # of the table, as far as images have shown it
    end: int

    def take(self, image: Image) -> bool:
        """Whether this is the image: enough is committed below the gap. If so, the table reaches that far."""
        size = self.below.size
        if size + SLACK_BYTES < image.below or (self.below_is_arena and size != image.below):
            return False
        self.start = min(self.start, max(self.below.start, self.region.start - image.below))
        if self.above + SLACK_BYTES >= image.above and not (image.goes_on and self._is_more(image.above)):
            self.end = max(self.end, self.region.end + min(self.above, image.above))
        return True

    def _is_more(self, above: int) -> bool:
        """Whether more is writable than a table has up to its next gap.

        A table over one generation ends with the gap; what is above it is other memory.
        """
        return self.above > above + SLACK_BYTES


def large_images(jvm: Jvm, process: Process) -> list[Claim]:
    """Images with gaps that no guard is as large as.

    They come before the metaspace and glibc's arenas, which look like a gap with committed memory as well.
    """
    return _found(jvm, process, LARGE_GAP_BYTES, IMAGES)


def images(jvm: Jvm, process: Process) -> list[Claim]:
    """Images with small gaps: only after the stacks of threads, whose guards have such sizes."""
    return _found(jvm, process, GAP_MIN_BYTES, IMAGES)


def _found(jvm: Jvm, process: Process, gap_bytes: int, rule: Rule) -> list[Claim]:
    """Claims candidates that are as large as a gap that tables must have, give or take two pages."""
    expected = _images(jvm.heap_runs(process), jvm, gap_bytes)
    gaps = sorted({image.gap for image in expected})
    candidates = sorted(_candidates(process, gaps), key=lambda candidate: candidate.region.size)
    sizes = [candidate.region.size for candidate in candidates]
    for image in expected:
        first = bisect_left(sizes, image.gap - SLACK_BYTES)
        beyond = bisect_right(sizes, image.gap + SLACK_BYTES)
        for candidate in candidates[first : min(beyond, first + CANDIDATE_LIMIT_COUNT)]:
            if candidate.take(image):
                jvm.scales.add(image.scale)
    tables = joined((one.start, one.end) for one in candidates if one.start < one.region.start)
    return [Claim(start, end, rule, one_block=False) for start, end in tables]


def _candidates(process: Process, gaps: list[int]) -> Iterable[Candidate]:
    """Closed regions that can be gaps of one of these sizes, which ascend."""
    if not gaps:
        return
    for closed in process.unclaimed_closed:
        size = closed.end - closed.start
        if size + SLACK_BYTES < gaps[0]:
            continue
        first = bisect_left(gaps, size - SLACK_BYTES)
        if first == len(gaps) or gaps[first] > size + SLACK_BYTES:
            continue
        below = process.below(closed)
        if below is None or not (below.unclaimed and below.writable):
            continue
        arena = _can_be_rest_of_arena(process, closed, below)
        yield Candidate(closed, below, _writable_above(process, closed), arena, closed.start, closed.end)


def _can_be_rest_of_arena(process: Process, closed: Region, below: Region) -> bool:
    """Whether it can be the rest of an arena's heap, whose head can have merged with more below."""
    heap = process.arena_heap_bytes
    merged = not closed.end % heap and below.start < closed.end - heap and not process.mapped_anew(closed)
    return merged or below.position in process.in_glibc_heaps


def _writable_above(process: Process, closed: Region) -> int:
    """Bytes right above that can be of a table: several regions if it was committed in steps.

    Linux merges neighbours only if both were written to by the time when the second was mapped, or neither
    (mm/vma.c: anon_vma of both).
    """
    arenas, end = process.in_glibc_heaps, closed.end
    above = process.above(closed)
    while above is not None and above.unclaimed and above.writable and above.position not in arenas:
        end = above.end
        above = process.above(above)
    return end - closed.end


def _images(runs: list[HeapRun], jvm: Jvm, gap_bytes: int) -> Iterable[Image]:
    """What gaps tables have, at every scale, without repetition; of each scale only the largest ones."""
    pages = (PAGE_BYTES, LARGE_PAGE_BYTES) if jvm.arguments.large_pages else (PAGE_BYTES,)
    found: list[Image] = []
    for scale in SCALES:
        for page in pages:
            gaps = [image for image in _gaps(runs, jvm, scale, page) if image.gap >= gap_bytes]
            gaps.sort(key=lambda image: -image.gap)
            found += gaps[:CANDIDATE_LIMIT_COUNT]
    return dict.fromkeys(found)


def _gaps(runs: list[HeapRun], jvm: Jvm, scale: int, page: int) -> list[Image]:
    """The gaps of a table of one scale that is committed by pages of this size, from its first run upward."""
    low, high = jvm.heap
    bytes_per_page = scale_of(scale, jvm) * page
    committed: list[tuple[int, int]] = []
    for run in runs:
        if run.closed:
            continue
        start = (run.start - low) // bytes_per_page * page
        end = -(-(run.end - low) // bytes_per_page) * page
        if committed and start <= committed[-1][1]:
            committed[-1] = (committed[-1][0], max(end, committed[-1][1]))
        else:
            committed.append((start, end))
    top = -(-(high - low) // bytes_per_page) * page
    return [
        Image(scale, lower[1] - lower[0], upper[0] - lower[1], upper[1] - upper[0], upper[1] < top)
        for lower, upper in pairwise([*committed, (top, top)])
    ]
