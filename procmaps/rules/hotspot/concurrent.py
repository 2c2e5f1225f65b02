"""Tables of the concurrent collectors, ZGC and Shenandoah, that mirror an address range, not the heap."""

from itertools import takewhile
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.proportions import ALIGNED_BYTES, TABLE_MIN_BYTES, whole_pages
from procmaps.rules.labeller import Claim
from procmaps.rules.process import GIB, KIB, MIB, Process, Region
from procmaps.rules.rule import Rule

BOTTOM_BYTES: Final = 16 * MIB  # class space and heap lie above it
MARK_STACKS_MIN_BYTES: Final = 4 * GIB  # of the 8 GiB what is still closed
MARK_STACKS_STEP_BYTES: Final = 32 * MIB  # ZMarkStackSpaceExpandSize
GRANULE_BYTES: Final = 2 * MIB
ADDRESS_BYTES_PER_HEAP_BYTE: Final = 16  # what ZGC sets aside
ENTRY_BYTES: Final = (4, 8)
GRANULE_MAP_UNIT_BYTES: Final = 16 * MIB  # over 4 TiB, the least that ZGC set aside before
SCALED_MAPS_VERSION: Final = 25  # from this JDK on a map over 16 times the heap, however small
MERGED_MAX_BYTES: Final = 256 * KIB

ZGC_TABLES = Rule(
    "java.gc_zgc",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, cmdline",
    "OpenJDK, gc/z: zMarkStackAllocator.cpp (8 GiB set aside), zGranuleMap.inline.hpp (8 bytes for "
    "each 2 MiB)",
    "{size}, as large as the range for ZGC's mark stacks (8 GiB) or a map over ZGC's whole address range",
    runner_up=Kind.HEAP_MMAP,
)
COLLECTION_SET = Rule(
    "java.gc_collection_set",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, gc/shenandoah/shenandoahCollectionSet.cpp: a byte per region, placed to need no offset",
    "{size} in the lowest 16 MiB of the address space: Shenandoah's collection set",
    runner_up=Kind.JAVA_METASPACE,
)


def collection_set(_: Jvm, process: Process) -> list[Claim]:
    """Shenandoah maps the table of its collection set at the very bottom of the address space."""
    at_the_bottom = takewhile(lambda region: region.end <= BOTTOM_BYTES, process.regions)
    return [Claim(region.start, region.end, COLLECTION_SET) for region in at_the_bottom if region.unclaimed]


def merged_granule_maps(jvm: Jvm, process: Process) -> list[Claim]:
    """Granule maps with other memory above them.

    They begin on 2 MiB, as the kernel aligns them, so what merged with one was mapped later, is little and
    lies above it.
    """
    if not jvm.zgc:
        return []
    claims: list[Claim] = []
    for region in process.unclaimed_writable:
        over = region.size % GRANULE_MAP_UNIT_BYTES
        aligned = region.start % ALIGNED_BYTES == 0 and region.size > GRANULE_MAP_UNIT_BYTES
        if aligned and 0 < over <= MERGED_MAX_BYTES:
            claims.append(Claim(region.start, region.end - over, ZGC_TABLES))
    return claims


def zgc_tables(jvm: Jvm, process: Process) -> list[Claim]:
    """The range for mark stacks, used from its low end upward, and granule maps that did not merge."""
    if not jvm.zgc:
        return []
    spans = [
        span
        for closed in process.unclaimed_closed
        if closed.size >= MARK_STACKS_MIN_BYTES
        for span in _mark_stacks(process, closed)
    ]
    found: list[Region] = []
    sizes = _granule_map_sizes(jvm.arguments.heap_max)
    of_the_heap = jvm.version >= SCALED_MAPS_VERSION and jvm.arguments.heap_max
    for region in process.unclaimed_writable:
        units = (
            not of_the_heap
            and region.size >= GRANULE_MAP_UNIT_BYTES
            and region.size % GRANULE_MAP_UNIT_BYTES == 0
        )
        # full heaps of arenas are whole units, too
        if (units and not process.is_whole_blocks(region)) or region.size in sizes:
            found.append(region)
    spans += [(region.start, region.end) for region in found]
    return [Claim(start, end, ZGC_TABLES) for start, end in spans]


def _mark_stacks(process: Process, closed: Region) -> list[tuple[int, int]]:
    """The used part, which grows by whole steps, and the closed one. What has merged lies below the range."""
    spans = [(closed.start, closed.end)]
    used = process.below(closed)
    if used is not None:
        bytes_used = max(
            used.size - used.size % MARK_STACKS_STEP_BYTES, min(used.size, MARK_STACKS_STEP_BYTES)
        )
        spans.append((used.end - bytes_used, used.end))
    return spans


def _granule_map_sizes(heap_max: int) -> set[int]:
    """Sizes of granule maps, alone and two in one mapping; empty if -Xmx was not given.

    They have 4 or 8 bytes for each granule of 16 times the heap, or of the next power of two.
    """
    reserved = ADDRESS_BYTES_PER_HEAP_BYTE * heap_max
    ranges = (reserved, 1 << (reserved - 1).bit_length()) if heap_max else ()
    sizes = {whole_pages(entry * space // GRANULE_BYTES) for space in ranges for entry in ENTRY_BYTES}
    pairs = {one + other for one in sizes for other in sizes}
    return {size for size in sizes | pairs if size >= TABLE_MIN_BYTES}
