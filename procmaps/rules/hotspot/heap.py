"""The Java heap: one reservation of -Xmx, wherever it lies.

The JVM rounds -Xmx up to the collector's alignment and reserves that much at once: with compressed oops so
that it ends on 4 GiB, 32 GiB or, with JDK 8, where the class space begins; above about 32 GiB or without
compressed oops anywhere in the mmap area. What is committed of it lies in one or more runs, the rest is
closed.
"""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.heap_files import ZGC_HIGH_BYTES, ZGC_LOW_BYTES
from procmaps.rules.hotspot.heap_search import heap_by_size, possible_runs
from procmaps.rules.hotspot.heap_sizes import canonical_ends, heap_sizes
from procmaps.rules.hotspot.jvm import ARCHIVE, HEAP_VIEW, LOW_BYTES, Jvm
from procmaps.rules.labeller import Claim
from procmaps.rules.process import ARENA_HEAP_BYTES, MIB, Process, Region
from procmaps.rules.rule import Rule

HEAP_MIN_BYTES: Final = 8 * MIB
RESERVE_MIN_BYTES: Final = 256 * MIB
GENERATION_FACTOR: Final = 16  # by which one generation's reserve may be larger than the other's
THP_BYTES: Final = 2 * MIB  # the kernel places large mappings on it

_RESERVATION = (
    "OpenJDK, memory/virtualspace.cpp (JDK 24: memoryReserver.cpp): one reservation of -Xmx, rounded up"
)
ZGC = Rule(
    "java.heap_zgc",
    Kind.JAVA_HEAP,
    Confidence.CERTAIN,
    "maps",
    "OpenJDK, gc/z: the heap is a memfd named java_heap, mapped once (generational) or three times",
    "{size} that ZGC maps of its memfd java_heap, or that it reserves for the heap at 4 TiB or above",
)
IN_FILE = Rule(
    "java.heap_file",
    Kind.JAVA_HEAP,
    Confidence.CERTAIN,
    "maps",
    "OpenJDK, os/posix/os_posix.cpp: create_file_for_heap, by -XX:AllocateHeapAt: a file jvmheap.XXXXXX or "
    "without a name, deleted at once",
    "{size} of the Java heap, {block_size} in all, that the JVM keeps in a deleted file of its own",
)
BY_SIZE = Rule(
    "java.heap_by_size",
    Kind.JAVA_HEAP,
    Confidence.CERTAIN,
    "maps, cmdline",
    _RESERVATION,
    "inside one unbroken reservation of {block_size}, to which this JVM rounds its maximum heap size: "
    "the Java heap",
)
BY_PLACE = Rule(
    "java.heap_by_place",
    Kind.JAVA_HEAP,
    Confidence.LIKELY,
    "maps",
    _RESERVATION,
    "{block_size} in the low addresses, where a JVM puts a heap with compressed oops; its maximum "
    "size is not known",
    runner_up=Kind.JAVA_METASPACE,
)
BY_EXTENT = Rule(
    "java.heap_by_extent",
    Kind.JAVA_HEAP,
    Confidence.LIKELY,
    "maps",
    _RESERVATION,
    "the largest reservation of this JVM, {block_size}, that no other part of the JVM explains; its "
    "maximum heap size is not known",
    runner_up=Kind.JAVA_GC,
)


def zgc(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """ZGC: every view of its memfd, and what is closed in the address range that it reserves."""
    views = [
        region
        for region in process.regions
        if region.name == HEAP_VIEW and ZGC_LOW_BYTES <= region.start < ZGC_HIGH_BYTES
    ]
    if not views:
        return
    # no table mirrors it, so an empty range is enough to say that it is found
    jvm.heap = (views[0].start, views[0].start)
    jvm.zgc = True
    reserved = [
        region
        for region in process.unclaimed_closed
        if region.start >= ZGC_LOW_BYTES and region.end <= ZGC_HIGH_BYTES
    ]
    for region in views + reserved:
        yield Claim(region.start, region.end, ZGC)


def in_file(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """The heap of another collector: from the first mapping of its file to the last, archives in it included.

    Or the reservation around them: the file can hold the old generation alone.
    """
    views = [region for region in process.regions if region.name == HEAP_VIEW and not region.claimed]
    if views and not jvm.has_heap:
        extent = views[0].start, views[-1].end
        found = heap_by_size(jvm, process) or extent
        yield from _claim(jvm, found if found[0] <= extent[0] and extent[1] <= found[1] else extent, IN_FILE)


def by_size(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """A reservation of exactly the size that -Xmx, or the default, asks for."""
    if not jvm.has_heap:
        yield from _claim(jvm, heap_by_size(jvm, process) or _with_hole(jvm, process), BY_SIZE)


def by_place(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """If the size is not known: the memory in the low addresses, to which little but a heap goes."""
    if not jvm.has_heap:
        yield from _claim(jvm, _in_low_addresses(jvm, process), BY_PLACE)


def by_extent(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """If the size is not known and nothing lies in the low addresses: the largest reservation."""
    if not jvm.has_heap:
        yield from _claim(jvm, _around_largest_reserve(process), BY_EXTENT)


def _claim(jvm: Jvm, found: tuple[int, int] | None, rule: Rule) -> Iterator[Claim]:
    if found is not None:
        jvm.heap = found
        yield Claim(*found, rule)


def _with_hole(jvm: Jvm, process: Process) -> tuple[int, int] | None:
    """From where a mapping begins up to an end of heaps with compressed oops, if that is of the heap's size.

    Lines of maps can be missing in between: they were not read at one instant, or somebody left them out.
    """
    starts = {region.start for region in process.unclaimed_writable}
    ends = {region.end for region in process.unclaimed}
    for end in canonical_ends(jvm):
        for size in heap_sizes(jvm, process):
            if end in ends and end - size in starts:
                return end - size, end
    return None


def _in_low_addresses(jvm: Jvm, process: Process) -> tuple[int, int] | None:
    """The run that reaches an end of heaps with compressed oops; otherwise the largest."""
    best = (False, 0, 0)  # whether it reaches such an end, size, start
    for run in possible_runs(process):
        low = [region for region in run if region.end <= LOW_BYTES]
        if not low:
            continue
        start, last = low[0].start, low[-1].end
        reached = [
            end for end in canonical_ends(jvm) if start < end <= last and end - start >= HEAP_MIN_BYTES
        ]
        # an archive at the bottom begins the class space; in a heap it lies at the top
        archive_first = any(region.name == ARCHIVE for region in low[:2])
        is_class_space = archive_first or last - start == jvm.class_space_bytes
        if last - start < HEAP_MIN_BYTES or (is_class_space and not reached):
            continue
        end = reached[0] if reached else last
        best = max(best, (bool(reached), end - start, start))
    _, size, start = best
    return (start, start + size) if size else None


def _around_largest_reserve(process: Process) -> tuple[int, int] | None:
    """The run around the largest closed region; without any, the largest region that malloc cannot map."""
    runs = list(possible_runs(process))
    reserves = [region for run in runs for region in run if _is_reserve(region, RESERVE_MIN_BYTES)]
    if not reserves:
        return _largest_of_whole_mib(runs)
    largest = max(reserves, key=lambda region: region.size)
    run = next(run for run in runs if run[0].start <= largest.start < run[-1].end)
    # two generations have a reserve each; what mirrors the heap in a table is far smaller
    least = max(RESERVE_MIN_BYTES, largest.size // GENERATION_FACTOR)
    lowest = next(region for region in run if _is_reserve(region, least))
    committed = process.below(lowest)
    if lowest is run[0] or committed is None or committed.closed:
        return None
    # the top of a table may be merged with the heap from below, but the kernel aligned the heap
    low = -(-committed.start // THP_BYTES) * THP_BYTES
    # heaps of arenas may begin where the Java heap ends
    heads = (heap.head.start for heap in process.glibc_heaps)
    end = next((head for head in heads if largest.end <= head < run[-1].end), run[-1].end)
    return (low if low < committed.end else committed.start), end


def _is_reserve(region: Region, least_bytes: int) -> bool:
    return region.closed and region.size >= least_bytes


def _largest_of_whole_mib(runs: list[list[Region]]) -> tuple[int, int] | None:
    """The largest writable region of whole MiB, of the size of a heap of an arena or more."""
    whole = [
        region
        for run in runs
        for region in run
        if region.writable and region.size % MIB == 0 and region.size >= ARENA_HEAP_BYTES
    ]
    largest = max(whole, key=lambda region: region.size, default=None)
    return (largest.start, largest.end) if largest is not None else None
