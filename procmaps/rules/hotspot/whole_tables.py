"""Tables over the whole heap that have no gaps: known by their size, which follows from the heap's."""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import LOW_BYTES, Jvm
from procmaps.rules.hotspot.proportions import (
    ALIGNED_BYTES,
    BITMAP,
    CARDS,
    TABLE_MIN_BYTES,
    TWO_BITMAPS,
    table_bytes,
    whole_pages,
)
from procmaps.rules.labeller import Claim
from procmaps.rules.process import KIB, MIB, PAGE_BYTES, Process, Region, unbroken
from procmaps.rules.rule import Rule

PARALLEL: Final = ("Parallel", "ParallelOld")
NO_BITMAP: Final = ("Serial", "Epsilon")  # they mark in the headers of objects, or not at all
DIVIDED_MIN_BYTES: Final = 4 * MIB  # other neighbours have smaller sums by chance
NODE_ALIGNMENT_BYTES: Final = 4 * MIB  # memory/metaspace: root chunks; 64 MiB for heaps of arenas
PIECES_LIMIT_COUNT: Final = 4  # of a heap that has grown a few times; more have any sum by chance
ONE_BITMAP_VERSION: Final = 22  # from this JDK on Parallel has one mark bitmap
ONE_BITMAP_VERSION_OF_G1: Final = 20
NEW_RATIO: Final = 2  # bytes of the old generation to one of the young
OLD_GRAIN_BYTES: Final = {"Serial": 64 * KIB, "Parallel": 512 * KIB}  # GenAlignment

WHOLE = Rule(
    "java.gc_whole",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, cmdline",
    "OpenJDK, gc/parallel/parMarkBitMap.cpp and gc/g1: tables of fixed proportion to the reserved heap",
    "{size}, exactly the size of a table over the whole Java heap ({java_heap}): mark bitmap, card "
    "table or offset table",
    runner_up=Kind.HEAP_MMAP,
)


def whole_tables(jvm: Jvm, process: Process) -> list[Claim]:
    """Regions of exactly the size of such a table, unless smaps shows that the JVM did not map them.

    What the JVM commits it maps anew without MAP_NORESERVE, so smaps shows no `nr`. If the heap has gaps, one
    table has each size: the highest region, as tables are mapped first, and Linux maps downward.
    """
    single = whole_sizes(jvm, process)
    sums = {total: parts for total, parts in _sums_of_parallel(jvm).items() if single.issuperset(parts)}
    sizes = single.union(sums)
    divided = list(_divided_tables(process, sizes))
    found: list[Region] = []
    blocks: list[Region] = []
    for region in process.unclaimed_writable:
        inside = any(low <= region.start < high for low, high in divided)
        if region.size in sizes and not inside and not process.flagged(region, "nr"):
            (blocks if process.is_whole_blocks(region) else found).append(region)
    if jvm.has_gaps(process):
        found = list({region.size: region for region in found}.values())
    left = _most_bytes(jvm) - sum(high - low for low, high in divided)
    found = list(_largest(found, left))
    left -= sum(region.size for region in found)
    full = list(_not_arenas(process, blocks, left))
    found += full
    jvm.tables_left_bytes = max(left - sum(region.size for region in full), 0)
    jvm.tables = {region.size for region in found} | {high - low for low, high in divided}
    for total in jvm.tables & sums.keys():
        jvm.tables.update(sums[total])
    spans = [(region.start, region.end) for region in found] + divided
    return [Claim(low, high, WHOLE) for low, high in spans]


def _divided_tables(process: Process, sizes: set[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring regions that together have such a size: a heap that has grown has tables in several.

    Linux merges neighbours only if both were written to by the time when the second was mapped, or neither
    (mm/vma.c: anon_vma of both). Nodes of the metaspace and heaps of arenas can be divided as well: what
    begins where those do does not count.
    """
    large = {size for size in sizes if size >= DIVIDED_MIN_BYTES}
    for run in unbroken(process.unclaimed_writable) if large else ():
        beyond = 0
        for first, region in enumerate(run):
            if region.start < beyond:
                continue
            ends = [other.end for other in run[first + 1 : first + PIECES_LIMIT_COUNT]]
            end = next((end for end in reversed(ends) if end - region.start in large), 0)
            if end and region.start % NODE_ALIGNMENT_BYTES:
                yield region.start, end
                beyond = end


def _largest(found: list[Region], left: int) -> Iterator[Region]:
    """The largest of them, of equal ones the highest, that have no more bytes than tables that are left.

    A sum of tables is less likely by chance than a single one, as which a block of another malloc can look.
    """
    for region in sorted(found, key=lambda region: (-region.size, -region.start)):
        if region.size <= left:
            left -= region.size
            yield region


def _not_arenas(process: Process, blocks: list[Region], left: int) -> Iterator[Region]:
    """Of regions that fill blocks of arenas: those that must be tables, since the others are too few.

    Heaps of arenas that have grown to the top have the size of tables over 2 GiB and more, and there can be
    any number of them; a collector has few tables. They are mapped before the archive of classes, and Linux
    maps downward. Nor are they if a larger region can hold the table.
    """
    archives = [region.end for region in process.of_kind(Kind.JAVA_CDS) if region.start >= LOW_BYTES]
    others = [region for region in process.unclaimed_writable if not process.is_whole_blocks(region)]
    holders = [region for region in others if region.start >= LOW_BYTES and not region.end % ALIGNED_BYTES]
    lowest = max(archives, default=0)
    largest = max((region.size for region in holders), default=0)
    for region in reversed(blocks):
        if largest < region.size <= left and region.start >= lowest:
            left -= region.size
            yield region


def _most_bytes(jvm: Jvm) -> int:
    """What all tables over the whole heap have at most, with the collector that was asked for."""
    two, bitmap, cards = (table_bytes(scale, jvm) for scale in (TWO_BITMAPS, BITMAP, CARDS))
    collector = jvm.arguments.collector
    if collector in NO_BITMAP:
        return 2 * (cards + PAGE_BYTES)
    if collector == "G1" and jvm.version >= ONE_BITMAP_VERSION_OF_G1:
        return bitmap + 3 * cards
    return two + 3 * cards  # others have one bitmap, or two of half the size


def whole_sizes(jvm: Jvm, process: Process) -> set[int]:
    """Sizes in bytes that a table over the whole heap can have; empty if tables must have the heap's gaps.

    If the heap has gaps, only Parallel commits tables whole: its mark bitmap and its block table.
    """
    collector, gaps = jvm.arguments.collector, jvm.has_gaps(process)
    if not jvm.heap_bytes:
        return set()
    if collector == "ConcMarkSweep":
        return _bitmaps_of_cms(jvm, process)
    # if none was asked for, it can be Parallel, which JDK 8 chooses, unless a bitmap with gaps was found
    if gaps and (collector not in (*PARALLEL, "") or jvm.scales & {TWO_BITMAPS, BITMAP}):
        return set()
    sizes = {table_bytes(scale, jvm) for scale in _scales(jvm, gaps=gaps)}
    if not gaps and collector in {"Serial", ""}:
        sizes |= {size + PAGE_BYTES for size in sizes}  # its card table has a guard page
    if not gaps:
        sizes |= _offsets_of_old(jvm)
    if not gaps and collector == "G1":
        sizes |= merged_sizes_of_g1(jvm)
    return {size for size in sizes if size >= TABLE_MIN_BYTES}


def _scales(jvm: Jvm, *, gaps: bool) -> tuple[int, ...]:
    """At which scales there are such tables, as far as version and collector are known."""
    if jvm.arguments.collector in NO_BITMAP:
        return (CARDS,)
    older = 0 < jvm.version < ONE_BITMAP_VERSION
    if jvm.version and jvm.arguments.collector in PARALLEL:
        return (TWO_BITMAPS if older else BITMAP, CARDS)
    return (TWO_BITMAPS, CARDS) if gaps and older else (TWO_BITMAPS, BITMAP, CARDS)


def is_parallel(jvm: Jvm) -> bool:
    """Whether the collector is Parallel, which JDK 8 chooses unless another is asked for."""
    collector = jvm.arguments.collector
    return collector in PARALLEL or (jvm.before_9 and not collector)


def _sums_of_parallel(jvm: Jvm) -> dict[int, tuple[int, int]]:
    """The bitmap and the block table of Parallel in one region: it maps one right after the other."""
    if not is_parallel(jvm):
        return {}
    cards = table_bytes(CARDS, jvm)
    return {
        bitmap + cards: (bitmap, cards)
        for bitmap in (table_bytes(TWO_BITMAPS, jvm), table_bytes(BITMAP, jvm))
    }


def _offsets_of_old(jvm: Jvm) -> set[int]:
    """Serial's or Parallel's offset table of the old generation, alone and right below the card table.

    That generation has what the young one leaves: a third of the heap in whole grains, unless -Xmn or
    -XX:NewRatio is given (gc/shared/genArguments.cpp, scale_by_NewRatio_aligned).
    """
    grain = OLD_GRAIN_BYTES.get("Parallel" if is_parallel(jvm) else jvm.arguments.collector)
    if grain is None:
        return set()
    old = jvm.heap_bytes - jvm.heap_bytes // (NEW_RATIO + 1) // grain * grain
    offsets, cards = whole_pages(old // CARDS + 1), table_bytes(CARDS, jvm)
    return {offsets, offsets + cards, offsets + cards + PAGE_BYTES}  # cards can have a guard page


def _bitmaps_of_cms(jvm: Jvm, process: Process) -> set[int]:
    """Its bitmap covers the old generation alone, which is a committed run at the top of the heap."""
    old = (jvm.heap[1] - run.start for run in jvm.heap_runs(process) if not run.closed)
    return {whole_pages(size // BITMAP) for size in old if size >= BITMAP * TABLE_MIN_BYTES}


def merged_sizes_of_g1(jvm: Jvm) -> set[int]:
    """Sizes of one or several tables in one region: over a heap without gaps nothing keeps them apart.

    There are bitmaps (two up to JDK 17, then one), a card table, an offset table and card counts.
    """
    bitmap, cards = table_bytes(BITMAP, jvm), table_bytes(CARDS, jvm)
    sizes = {bitmaps * bitmap + tables * cards for bitmaps in range(3) for tables in range(4)}
    return {size for size in sizes if size >= TABLE_MIN_BYTES}
