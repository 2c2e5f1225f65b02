"""Tables over the whole heap that merged with other memory of the same access.

Tables are mapped early, and Linux maps from the top of the mmap area downward, so what merged with a table
lies below it: the table is the top of its region. It is looked for only if no region has exactly its size,
and claimed only if a single region can hold it.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import LOW_BYTES, Jvm
from procmaps.rules.hotspot.proportions import (
    ALIGNED_BYTES,
    BITMAP,
    CARDS,
    TWO_BITMAPS,
    is_aligned,
    joined,
    table_bytes,
)
from procmaps.rules.hotspot.whole_tables import is_parallel, merged_sizes_of_g1, whole_sizes
from procmaps.rules.labeller import Claim
from procmaps.rules.process import KIB, MIB, PAGE_BYTES, Process, Region
from procmaps.rules.rule import Rule

MERGED_MIN_BYTES: Final = 4 * MIB
MERGED_FACTOR: Final = 3  # a region of this many times the table's size is something else
LARGE_BITMAP_BYTES: Final = 64 * MIB  # over a heap of 2 GiB, whose block table has MERGED_MIN_BYTES
QUEUE_BYTES: Final = MIB + PAGE_BYTES  # 128 Ki entries of 8 bytes (gc/shared/taskqueue.hpp), malloc's header
QUEUES_LIMIT_COUNT: Final = 256
SEGMENT_MAP_BYTES: Final = 20 * KIB  # of what is committed of a code segment at first

Span: TypeAlias = tuple[int, int]

WHOLE_MERGED = Rule(
    "java.gc_whole_merged",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, cmdline",
    "OpenJDK, gc/parallel and gc/shenandoah; Linux maps from the top of the mmap area downward",
    "{block_size} at one end of a larger mapping: the size of a collector's table over the whole Java "
    "heap ({java_heap}); no mapping by itself has this size, so the kernel has probably merged it",
    runner_up=Kind.HEAP_MMAP,
)


def merged_tables(jvm: Jvm, process: Process) -> list[Claim]:
    """The tables of the collector that was asked for; those that touch are one block."""
    if not jvm.heap_bytes:
        return []
    spans: list[Span] = []
    collector = jvm.arguments.collector
    if collector == "Shenandoah" and jvm.arguments.generational:
        spans += _cards_of_shenandoah(jvm, process)
    elif collector == "Shenandoah" and not jvm.has_gaps(process):
        spans += _bitmap_of_shenandoah(jvm, process)
    elif collector == "G1" and not jvm.has_gaps(process):
        spans += _below_queues(jvm, process)
        spans += _bitmap_of_g1(jvm, process)
    elif is_parallel(jvm):
        spans += _below_tables(jvm, process)
        spans += _tables_of_parallel(jvm, process)
    return [Claim(start, end, WHOLE_MERGED) for start, end in joined(spans)]


def _cards_of_shenandoah(jvm: Jvm, process: Process) -> list[Span]:
    """Generational Shenandoah maps two card tables together, each with a page more.

    Often they end where its heap or the code cache begins; otherwise they have little above or below them.
    """
    tables = 2 * (table_bytes(CARDS, jvm) + PAGE_BYTES)
    large = [one for one in _not_arenas(process) if one.size >= tables and one.start >= LOW_BYTES]
    beside = [one for one in large if one.end == jvm.heap[0] or _is_above(process, one, Kind.JAVA_CODE)]
    return _top_of_one(beside or (one for one in large if one.size * 4 < tables * 5), tables)


def _bitmap_of_shenandoah(jvm: Jvm, process: Process) -> list[Span]:
    """Shenandoah's mark bitmap: it commits a slice for each region of the heap that is committed."""
    size = table_bytes(TWO_BITMAPS, jvm)
    if size < MERGED_MIN_BYTES or size in jvm.tables or TWO_BITMAPS in jvm.scales:
        return []
    return [(end - size, end) for _, end in _only_place(process, size)]


def _below_queues(jvm: Jvm, process: Process) -> Iterator[Span]:
    """G1's tables for a heap that is committed whole, right below the queues of its workers.

    Malloc maps the queues, a chunk for each, just before the tables; above them can be a segment map. Here
    the tables are the bottom of a region, and there can be several: no more than are left, the highest ones.
    """
    bitmap, sizes, left = table_bytes(BITMAP, jvm), merged_sizes_of_g1(jvm), jvm.tables_left_bytes
    for region in reversed(process.unclaimed_writable):
        if region.size <= QUEUE_BYTES:
            continue
        sums = (size for size in sizes if size <= left and _are_queues(region.size - size))
        tables = max(sums, default=0)
        if tables:
            left -= tables
            yield region.start, region.start + tables
        if tables >= bitmap:
            jvm.tables.add(bitmap)


def _are_queues(size: int) -> bool:
    queues, rest = divmod(size, QUEUE_BYTES)
    return 0 < queues <= QUEUES_LIMIT_COUNT and rest in {0, SEGMENT_MAP_BYTES}


def _bitmap_of_g1(jvm: Jvm, process: Process) -> list[Span]:
    """The bitmap of a heap that is committed whole."""
    size = table_bytes(BITMAP, jvm)
    if size < MERGED_MIN_BYTES or any(table >= size for table in jvm.tables):
        return []
    return _top_of_one(
        (one for one in _not_arenas(process) if one.size > size and one.start >= LOW_BYTES), size
    )


def _below_tables(jvm: Jvm, process: Process) -> list[Span]:
    """Parallel's block table (2 bytes a KiB of heap), if its region ends at a table that is known."""
    size = table_bytes(CARDS, jvm)
    if size < MERGED_MIN_BYTES or size in jvm.tables:
        return []
    return _top_of_one(
        (one for one in _holders(process, size) if _is_above(process, one, Kind.JAVA_GC)), size
    )


def _tables_of_parallel(jvm: Jvm, process: Process) -> Iterator[Span]:
    """Each table that is not a region of its own. The block table can lie right below the bitmap."""
    half, bitmap, block_table = (table_bytes(scale, jvm) for scale in (BITMAP, TWO_BITMAPS, CARDS))
    for size in whole_sizes(jvm, process) & {half, bitmap, block_table}:
        other = {half: bitmap, bitmap: half}.get(size)  # there is one or the other
        if size < MERGED_MIN_BYTES or size in jvm.tables or other in jvm.tables:
            continue
        for bottom, end in _only_place(process, size):
            start = end - size
            with_blocks = size == bitmap and (size >= LARGE_BITMAP_BYTES or not is_aligned(size, process))
            low = start - block_table if with_blocks and block_table not in jvm.tables else start
            yield (low if bottom <= low else start), end


def _only_place(process: Process, size: int) -> list[Span]:
    """Where the one region that can hold a table of this size begins, and where the table in it ends.

    A table that the kernel aligns has up to 2 MiB free above it, and chunks can fill that up.
    """
    places = [(one.start, one.end) for one in _holders(process, size)]
    if not places and is_aligned(size, process):
        lower = [(one.start, one.end & -ALIGNED_BYTES) for one in _not_arenas(process)]
        places = [(bottom, end) for bottom, end in lower if end - bottom >= size]
    places = [(bottom, end) for bottom, end in places if end - bottom < MERGED_FACTOR * size]
    return places if len(places) == 1 else []


def _holders(process: Process, size: int) -> list[Region]:
    """Regions larger than a table of this size; they end on 2 MiB if the kernel aligns such a table."""
    larger = [region for region in _not_arenas(process) if region.size > size]
    if size % ALIGNED_BYTES:
        return larger
    aligned = [region for region in larger if region.end % ALIGNED_BYTES == 0]
    return aligned if aligned or is_aligned(size, process) else larger


def _not_arenas(process: Process) -> Iterator[Region]:
    """Writable regions that are not whole blocks of arenas: those are full heaps, and merged with none.

    Nor does the kernel merge tables with what was mapped with MAP_NORESERVE (smaps: nr), as jemalloc maps.
    """
    return (
        region
        for region in process.unclaimed_writable
        if not process.is_whole_blocks(region) and not process.flagged(region, "nr")
    )


def _top_of_one(regions: Iterable[Region], size: int) -> list[Span]:
    """The top of a region, if it is the only one."""
    ends = [region.end for region in regions]
    return [(ends[0] - size, ends[0])] if len(ends) == 1 else []


def _is_above(process: Process, region: Region, kind: Kind) -> bool:
    """Whether memory of this kind starts where the region ends."""
    above = process.above(region)
    return above is not None and above.is_kind(kind)
