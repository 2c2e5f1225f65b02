"""Tables of the concurrent collectors, ZGC and Shenandoah, that mirror an address range, not the heap."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft, is_multiple
from procmaps.rules.groups import among
from procmaps.rules.jvm import GIB, KIB, MIB
from procmaps.rules.jvm_gc import whole_pages
from procmaps.rules.jvm_gc_tables import WHOLE_MIN_BYTES
from procmaps.rules.kernel_names import Name
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, which

BOTTOM_BYTES: Final = 16 * MIB  # class space and heap lie above it
ZGC_MARK_STACK_BYTES: Final = 8 * GIB
ZGC_GRANULE_BYTES: Final = 2 * MIB
ZGC_SPREAD: Final = 16  # bytes of address space set aside for one of the heap
ZGC_GRANULE_MAP_BYTES: Final = 16 * MIB
MERGED_MAX_BYTES: Final = 256 * KIB


def zgc_tables(draft: Draft) -> Flags | None:
    """ZGC: reserves of 8 GiB for mark stacks, and maps with 8 bytes for each granule of its address range."""
    spaces = draft.owners(draft.named(Name.JAVA_HEAP))
    if not spaces.any():
        return None
    # what merges with a map later is little and lies above it: maps begin on 2 MiB, as the kernel aligns them
    rows = which(draft.open_rw & draft.spread(spaces) & is_multiple(draft.start, 2 * MIB))
    over = draft.size[rows] % ZGC_GRANULE_MAP_BYTES
    merged = (over > 0) & (over <= MERGED_MAX_BYTES) & (draft.size[rows] > ZGC_GRANULE_MAP_BYTES)
    rows, over = rows[merged], over[merged]
    merged = draft.take_between(rows, rows, draft.start[rows], draft.end[rows] - over)
    closed = draft.open_none & draft.spread(spaces) & (draft.size >= ZGC_MARK_STACK_BYTES // 2)
    mask = closed | merged
    mask[:-1] |= closed[1:] & draft.touches_below[1:]
    rows = which(draft.open_rw & draft.spread(spaces) & (draft.size >= ZGC_GRANULE_MAP_BYTES) & ~mask)
    maps = draft.size[rows] % ZGC_GRANULE_MAP_BYTES == 0
    mask[rows[maps]] = True
    for jvm in draft.jvms:
        if spaces[jvm.process] and jvm.arguments.heap_max:
            own = draft.rows_of(jvm.process)
            mask[own] |= draft.open_rw[own] & among(draft.size[own], _granule_maps(jvm.arguments.heap_max))
    return mask


def _granule_maps(heap_max: int) -> list[int]:
    """Sizes of ZGC's maps: 8 or 4 bytes a granule of 16 times the heap, or of the next power of two."""
    spread = ZGC_SPREAD * heap_max
    ranges = (spread, 1 << (spread - 1).bit_length())
    sizes = {whole_pages(entry * space // ZGC_GRANULE_BYTES) for space in ranges for entry in (4, 8)}
    both = {one + other for one in sizes for other in sizes}
    return sorted(size for size in sizes | both if size >= WHOLE_MIN_BYTES)


def collection_set_map(draft: Draft) -> Flags | None:
    """Shenandoah maps its collection set's biased table at the very bottom of the address space."""
    if not draft.jvms:
        return None
    jvm = np.zeros(len(draft.facts.marks), np.bool_)
    jvm[[one.process for one in draft.jvms]] = True
    return draft.open & draft.spread(jvm) & (draft.end <= BOTTOM_BYTES)


ZGC_TABLES = Rule(
    "java.gc_zgc",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, gc/z: zMarkStackAllocator.cpp (8 GiB set aside), zGranuleMap.inline.hpp (8 bytes for "
    "each 2 MiB)",
    "{size}, of the size of ZGC's mark stack space (8 GiB) or of maps over its whole address range",
    zgc_tables,
    Kind.HEAP_MMAP,
)
COLLECTION_SET = Rule(
    "java.gc_collection_set",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, gc/shenandoah/shenandoahCollectionSet.cpp: a byte a region, so placed that it needs no offset",
    "{size} in the lowest 16 MiB of the address space: Shenandoah's collection set",
    collection_set_map,
    Kind.JAVA_METASPACE,
)
