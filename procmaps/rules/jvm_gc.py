"""Tables of the collectors. They mirror the heap at a fixed scale, gaps and committed runs alike.

Mark bitmaps hold a bit for each 8 bytes: 1/64 (G1; two of them up to JDK 17, one later; CMS; Parallel from
JDK 22), 1/32 where two lie in one reservation (Parallel to JDK 21, Shenandoah). Card tables, block offset
tables and card counts hold a byte for each 512.
"""

from itertools import pairwise
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import affordable
from procmaps.rules.draft import Draft, Spans
from procmaps.rules.jvm import GIB, KIB, LOW_BYTES, MIB, Jvm
from procmaps.rules.names import Name
from procmaps.rules.objects import has
from procmaps.rules.rule import Rule
from procmaps.smaps import VM_FLAGS
from procmaps.tables import Flags

SCALES: Final = (32, 64, 512)
PAGE_BYTES: Final = 4096
LARGE_PAGE_BYTES: Final = 2 * MIB
LARGE_GAP_BYTES: Final = 256 * KIB
GAP_MIN_BYTES: Final = 20 * KIB  # a mirrored gap below this could be guard zones
MERGED_MIN_BYTES: Final = 4 * MIB
MERGED_FACTOR: Final = 2
MARK_STACK_BYTES: Final = 32 * MIB
PARALLEL: Final = ("Parallel", "ParallelOld", "")
WITHOUT_MARK_STACK: Final = ("Serial", "Parallel", "ParallelOld", "Z", "Shenandoah", "Epsilon")
WHOLE_MIN_BYTES: Final = 256 * KIB
ZGC_MARK_STACK_BYTES: Final = 8 * GIB
ZGC_GRANULE_MAP_BYTES: Final = 16 * MIB


def _runs(draft: Draft, jvm: Jvm) -> list[tuple[int, int, bool]]:
    """The heap's runs from bottom to top: start, end, whether closed; neighbours of one sort are joined."""
    if jvm.runs:
        return jvm.runs
    own = draft.rows_of(jvm.process)
    low, high = jvm.heap
    inside = (draft.start[own] >= low) & (draft.end[own] <= high)
    runs: list[tuple[int, int, bool]] = []
    columns = (draft.start[own][inside], draft.end[own][inside], draft.none[own][inside])
    for start, end, closed in zip(*(column.tolist() for column in columns), strict=True):
        if runs and runs[-1][2] == closed:
            runs[-1] = (runs[-1][0], end, closed)
        else:
            runs.append((start, end, closed))
    jvm.runs = runs
    return runs


def large_images(draft: Draft) -> Flags | None:
    """Closed gaps of the size that a gap of the heap has in a table, with the committed images on both sides.

    Gaps of 256 KiB and more cannot be guards; they come first, lest they be taken for metaspace or arenas.
    """
    return _all_images(draft, LARGE_GAP_BYTES)


def images(draft: Draft) -> Flags | None:
    """The same for small gaps, once stacks and their guards are known."""
    return _all_images(draft, GAP_MIN_BYTES)


def _all_images(draft: Draft, gap_bytes: int) -> Flags | None:
    spans: Spans = []
    for jvm in draft.jvms:
        if jvm.heap[1] > jvm.heap[0]:
            spans += _images(draft, jvm, gap_bytes)
    return draft.take_spans(_merge(spans), block=False)


def _images(draft: Draft, jvm: Jvm, gap_bytes: int) -> Spans:
    own = draft.rows_of(jvm.process)
    gaps = np.flatnonzero(draft.open_none[own] & draft.touches_below[own]) + own.start
    committed = [(start, end) for start, end, closed in _runs(draft, jvm) if not closed]
    spans: Spans = []
    for scale in SCALES:
        for page in (PAGE_BYTES, LARGE_PAGE_BYTES) if jvm.arguments.large_pages else (PAGE_BYTES,):
            for below, size, above in _image_gaps(committed, jvm.heap, scale, page):
                if size < gap_bytes:
                    continue
                for row in gaps[np.abs(draft.size[gaps] - size) <= 2 * PAGE_BYTES].tolist():
                    found = _image(draft, jvm, row, below, above)
                    spans += found
                    if found:
                        jvm.scales.add(scale)
    return spans


def _image_gaps(
    committed: list[tuple[int, int]], heap: tuple[int, int], scale: int, page: int
) -> list[tuple[int, int, int]]:
    """The gaps of a table of one scale: committed bytes below, bytes of the gap, committed bytes above."""
    low, high = heap
    runs: list[tuple[int, int]] = []
    for start, end in committed:
        first = (start - low) // scale // page * page
        last = -(-(end - low) // scale // page) * page
        if runs and first <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
        else:
            runs.append((first, last))
    whole = -(-(high - low) // scale // page) * page
    edges = [(0, 0), *runs, (whole, whole)]
    return [
        (lower[1] - lower[0], upper[0] - lower[1], upper[1] - upper[0])
        for lower, upper in pairwise(edges)
        if lower != edges[0]
    ]


def _image(draft: Draft, jvm: Jvm, row: int, below: int, above: int) -> Spans:
    """The gap with what is committed beside it, which below must be as large as the heap's own run."""
    if not draft.open_rw[row - 1] or draft.size[row - 1] + 2 * PAGE_BYTES < below:
        return []
    first = max(int(draft.start[row - 1]), int(draft.start[row]) - _pages(below))
    last = int(draft.end[row])
    if above and row + 1 < len(draft) and draft.touches_above[row] and draft.open_rw[row + 1]:
        last = min(int(draft.end[row + 1]), last + _pages(above))
    return [(jvm.process, first, last)]


def _pages(size: int) -> int:
    return -(-size // PAGE_BYTES) * PAGE_BYTES


def _merge(spans: Spans) -> Spans:
    """Overlapping and touching spans joined."""
    merged: Spans = []
    for process, start, end in sorted(set(spans)):
        if merged and merged[-1][0] == process and start <= merged[-1][2]:
            merged[-1] = (process, merged[-1][1], max(end, merged[-1][2]))
        else:
            merged.append((process, start, end))
    return merged


def whole_tables(draft: Draft) -> Flags | None:
    """Tables that are committed to their end, of exactly the size that the whole heap has in them.

    Where the heap has gaps only Parallel commits tables whole: its mark bitmap and its block table.
    """
    if not draft.jvms:
        return None
    mask = np.zeros(len(draft), np.bool_)
    for jvm in draft.jvms:
        reserved = jvm.heap[1] - jvm.heap[0]
        if reserved <= 0:
            continue
        sizes = _whole_sizes(draft, jvm)
        own = draft.rows_of(jvm.process)
        mask[own] = np.isin(draft.size[own], sizes) & draft.open_rw[own]
        jvm.tables = set(draft.size[own][mask[own]].tolist())
    found: Flags = mask & draft.open_rw & (draft.flags & np.uint64(VM_FLAGS["nr"]) == 0)
    return found


def _whole_sizes(draft: Draft, jvm: Jvm) -> list[int]:
    """Sizes that a table over the whole heap can have here; none where tables must have the heap's gaps."""
    reserved = jvm.heap[1] - jvm.heap[0]
    runs = _runs(draft, jvm)
    gaps = any(closed for _, _, closed in runs)
    if jvm.arguments.collector == "ConcMarkSweep":
        # its bitmap covers the old generation alone, which is committed in a run of its own
        starts = [start for start, _, closed in runs if not closed]
        return [
            _pages((jvm.heap[1] - start) // 64)
            for start in starts
            if jvm.heap[1] - start >= 64 * WHOLE_MIN_BYTES
        ]
    if gaps and (jvm.arguments.collector not in PARALLEL or jvm.scales & {32, 64}):
        return []
    scales = (32, 512) if gaps and 0 < jvm.version < 22 else (32, 64, 512)
    sizes = {_pages(reserved // scale) for scale in scales}
    if not gaps:
        sizes |= {size + PAGE_BYTES for size in sizes}  # Serial's card table has a guard page
    return sorted(size for size in sizes if size >= WHOLE_MIN_BYTES)


def whole_tables_merged(draft: Draft) -> Flags | None:
    """Large tables at the top of a mapping, where no mapping has their size and only one can hold them.

    Tables are mapped early and mappings grow downward, so what merged with one lies below it.
    """
    spans: Spans = []
    for jvm in draft.jvms:
        if jvm.heap[1] <= jvm.heap[0]:
            continue
        spans += _beside_heap(draft, jvm)
        own = draft.rows_of(jvm.process)
        if not (jvm.arguments.collector in PARALLEL[:2] or jvm.before_9):
            continue
        for size in _whole_sizes(draft, jvm):
            bitmap_known = size * 64 == jvm.heap[1] - jvm.heap[0] and size * 2 in jvm.tables
            if size < MERGED_MIN_BYTES or size in jvm.tables or bitmap_known:
                continue
            fit = draft.open_rw[own] & (draft.size[own] > size) & (draft.size[own] < MERGED_FACTOR * size)
            fit &= draft.end[own] % (2 * MIB) == 0
            ends = draft.end[own][fit].tolist()
            if len(ends) == 1:
                spans.append((jvm.process, ends[0] - size, ends[0]))
    return draft.take_spans(_merge(spans))


def _beside_heap(draft: Draft, jvm: Jvm) -> Spans:
    """Generational Shenandoah maps two card tables right below its heap, each with a page more."""
    tables = 2 * (_pages((jvm.heap[1] - jvm.heap[0]) // 512) + PAGE_BYTES)
    if jvm.arguments.collector != "Shenandoah" or not jvm.arguments.generational:
        return []
    own = draft.rows_of(jvm.process)
    beside = draft.open_rw[own] & (draft.end[own] == jvm.heap[0]) & (draft.size[own] >= tables)
    return [(jvm.process, jvm.heap[0] - tables, jvm.heap[0])] if bool(beside.any()) else []


def mark_stack(draft: Draft) -> Flags | None:
    """G1 and CMS map 4 Mi entries for what marking has yet to visit."""
    if not draft.jvms:
        return None
    jvm = np.zeros(len(draft.facts.marks), np.bool_)
    jvm[[one.process for one in draft.jvms if one.arguments.collector not in WITHOUT_MARK_STACK]] = True
    mask = draft.open_rw & jvm[draft.process] & (draft.size == MARK_STACK_BYTES)
    for one in draft.jvms:
        one.mark_stack |= bool(mask[draft.rows_of(one.process)].any())
    found: Flags = mask
    return found


def mark_stack_merged(draft: Draft) -> Flags | None:
    """Where no mapping has that size: the top of a larger one that ends on 2 MiB, as the kernel aligns it.

    The mark stack is mapped early and mappings grow downward, so what merged with it lies below.
    """
    spans: Spans = []
    for jvm in draft.jvms:
        if jvm.mark_stack or jvm.before_9 or jvm.arguments.collector in WITHOUT_MARK_STACK:
            continue
        gaps = any(closed for _, _, closed in _runs(draft, jvm))
        if not jvm.heap[1] or (64 not in jvm.scales if gaps else not jvm.arguments.known):
            continue  # nothing says that the collector is G1
        own = draft.rows_of(jvm.process)
        fit = draft.open_rw[own] & (draft.size[own] > MARK_STACK_BYTES) & (draft.end[own] % (2 * MIB) == 0)
        for end in draft.end[own][fit & (draft.start[own] >= LOW_BYTES)][:1].tolist():
            spans.append((jvm.process, end - MARK_STACK_BYTES, end))
    return draft.take_spans(spans)


def untouched(draft: Draft) -> Flags | None:
    """Writable memory of a JVM that malloc cannot have mapped: more than is resident at all, or whole MiB."""
    if not draft.jvms:
        return None
    jvm = np.zeros(len(draft.facts.marks), np.bool_)
    jvm[[one.process for one in draft.jvms]] = True
    jvm &= ~has(draft.facts.marks, "jemalloc", "tcmalloc", "mimalloc")
    whole = (draft.size % MIB == 0) & (draft.start % MIB == 0)
    found: Flags = draft.open_rw & jvm[draft.process] & (whole | ~affordable(draft))
    return found


def zgc_tables(draft: Draft) -> Flags | None:
    """ZGC: reserves of 8 GiB for mark stacks, and maps with 8 bytes for each granule of its address range."""
    spaces = np.zeros(len(draft.facts.marks), np.bool_)
    spaces[draft.process[draft.code == Name.JAVA_HEAP]] = True
    if not spaces.any():
        return None
    closed = draft.open_none & spaces[draft.process] & (draft.size >= ZGC_MARK_STACK_BYTES // 2)
    mask = closed.copy()
    mask[:-1] |= closed[1:] & draft.touches_below[1:]
    rows = np.flatnonzero(
        draft.open_rw & spaces[draft.process] & (draft.size >= ZGC_GRANULE_MAP_BYTES) & ~mask
    )
    maps = draft.size[rows] % ZGC_GRANULE_MAP_BYTES == 0
    mask[rows[maps]] = True
    return mask


def collection_set_map(draft: Draft) -> Flags | None:
    """Shenandoah maps its collection set's biased table at the very bottom of the address space."""
    if not draft.jvms:
        return None
    jvm = np.zeros(len(draft.facts.marks), np.bool_)
    jvm[[one.process for one in draft.jvms]] = True
    return (
        draft.open & jvm[draft.process] & (draft.end <= LOW_BYTES) & (draft.size < MIB) & (draft.start <= GIB)
    )


IMAGES = Rule(
    "java.gc_image",
    Kind.JAVA_GC,
    Confidence.CERTAIN,
    "maps, cmdline",
    "OpenJDK, gc: card tables and offset tables at 1/512 of the heap, mark bitmaps at 1/64 or 1/32, "
    "committed with it",
    "mirrors a gap and the committed runs of the Java heap at the scale of a card table or mark bitmap",
    images,
    Kind.HEAP_MMAP,
)
WHOLE = Rule(
    "java.gc_whole",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, cmdline",
    "OpenJDK, gc/parallel/parMarkBitMap.cpp and gc/g1: tables of fixed proportion to the reserved heap",
    "exactly as large as a table over the whole Java heap: mark bitmap, card table or offset table",
    whole_tables,
    Kind.HEAP_MMAP,
)
WHOLE_MERGED = Rule(
    "java.gc_whole_merged",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, cmdline",
    "OpenJDK, gc/parallel and gc/shenandoah; Linux maps from the top of the mmap area downward",
    "the top {block_size} of a mapping: as large as a table over the whole Java heap, which is nowhere else",
    whole_tables_merged,
    Kind.HEAP_MMAP,
)
MARK_STACK = Rule(
    "java.gc_mark_stack",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, gc/g1/g1ConcurrentMark.cpp: MarkStackSize of 4 Mi entries",
    "exactly 32 MiB in a JVM: the stack of the marking threads",
    mark_stack,
    Kind.HEAP_MMAP,
)
MARK_STACK_MERGED = Rule(
    "java.gc_mark_stack_merged",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, gc/g1/g1ConcurrentMark.cpp; Linux 6.7 and later align mappings of whole 2 MiB to 2 MiB",
    "the top 32 MiB of a mapping that ends on 2 MiB, in a JVM whose mark stack is nowhere else",
    mark_stack_merged,
    Kind.HEAP_MMAP,
)
UNTOUCHED = Rule(
    "java.gc_untouched",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, status",
    "OpenJDK, gc: tables over the whole heap are committed before they are used; neighbours merge",
    "{size} in a JVM, whole MiB on a MiB boundary or more than is resident: no malloc chunk; tables "
    "of the collector",
    untouched,
    Kind.ANONYMOUS,
)
LARGE_IMAGES = Rule(
    "java.gc_image_large",
    Kind.JAVA_GC,
    Confidence.CERTAIN,
    "maps, cmdline",
    "OpenJDK, gc: card tables and offset tables at 1/512 of the heap, mark bitmaps at 1/64 or 1/32, "
    "committed with it",
    "mirrors a gap and the committed runs of the Java heap at the scale of a card table or mark bitmap",
    large_images,
    Kind.HEAP_MMAP,
)
ZGC_TABLES = Rule(
    "java.gc_zgc",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, gc/z: zMarkStackAllocator.cpp (8 GiB set aside), zGranuleMap.inline.hpp (8 bytes for "
    "each 2 MiB)",
    "of the size of ZGC's mark stack space or of maps over its whole address range",
    zgc_tables,
    Kind.HEAP_MMAP,
)
COLLECTION_SET = Rule(
    "java.gc_collection_set",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, gc/shenandoah/shenandoahCollectionSet.cpp: a byte a region, so placed that it needs no offset",
    "a small mapping at the bottom of the address space: Shenandoah's collection set",
    collection_set_map,
    Kind.JAVA_METASPACE,
)
