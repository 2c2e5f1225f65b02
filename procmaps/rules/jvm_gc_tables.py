"""Tables of collectors without the heap's gaps: whole ones, alone or merged, and mark stacks."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_UNUSED
from procmaps.rules.draft import PAGE_BYTES, Draft, Spans, is_multiple
from procmaps.rules.groups import among
from procmaps.rules.jvm import KIB, LOW_BYTES, MIB, Jvm
from procmaps.rules.jvm_gc import heap_runs, merge_spans, scale_of, whole_pages
from procmaps.rules.libc_malloc import affordable
from procmaps.rules.rule import Rule
from procmaps.smaps import VM_FLAGS
from procmaps.tables import Flags, which

MERGED_MIN_BYTES: Final = 4 * MIB
MERGED_FACTOR: Final = 3
ALIGNED_BYTES: Final = 2 * MIB
MARK_STACK_BYTES: Final = 32 * MIB
PARALLEL: Final = ("Parallel", "ParallelOld", "")  # the last where JDK 8 chose
WITH_MARK_STACK: Final = ("G1", "ConcMarkSweep")
WITHOUT_MARK_STACK: Final = ("Serial", "Parallel", "ParallelOld", "Z", "Shenandoah", "Epsilon")
WHOLE_MIN_BYTES: Final = 128 * KIB
QUEUE_BYTES: Final = (
    MIB + PAGE_BYTES
)  # 128 Ki entries of 8 bytes (gc/shared/taskqueue.hpp), and malloc's header
QUEUES_LIMIT_COUNT: Final = 256
SEGMENT_MAP_BYTES: Final = 20 * KIB  # of what is committed of a code segment at first


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
        mask[own] = among(draft.size[own], sizes) & draft.open_rw[own]
        jvm.tables = set(draft.size[own][mask[own]].tolist())
    found: Flags = mask & draft.open_rw & (draft.flags & np.uint64(VM_FLAGS["nr"]) == 0)
    return found


def _whole_sizes(draft: Draft, jvm: Jvm) -> list[int]:
    """Sizes that a table over the whole heap can have here; none where tables must have the heap's gaps."""
    reserved = jvm.heap[1] - jvm.heap[0]
    runs = heap_runs(draft, jvm)
    gaps = any(closed for _, _, closed in runs)
    if jvm.arguments.collector == "ConcMarkSweep":
        # its bitmap covers the old generation alone, which is committed in a run of its own
        starts = [start for start, _, closed in runs if not closed]
        return [
            whole_pages((jvm.heap[1] - start) // 64)
            for start in starts
            if jvm.heap[1] - start >= 64 * WHOLE_MIN_BYTES
        ]
    if gaps and (jvm.arguments.collector not in PARALLEL or jvm.scales & {32, 64}):
        return []
    scales = (32, 512) if gaps and 0 < jvm.version < 22 else (32, 64, 512)
    if jvm.version and jvm.arguments.collector in PARALLEL[:2]:
        scales = (32, 512) if jvm.version < 22 else (64, 512)
    sizes = {whole_pages(reserved // scale_of(scale, jvm)) for scale in scales}
    if not gaps and jvm.arguments.collector in ("Serial", ""):
        sizes |= {size + PAGE_BYTES for size in sizes}  # its card table has a guard page
    if not gaps and jvm.arguments.collector == "G1":
        # nothing stands between its tables: bitmaps (two to JDK 17), cards, offsets, card counts
        bitmap, cards = (whole_pages(reserved // scale_of(scale, jvm)) for scale in (64, 512))
        sizes |= {bitmaps * bitmap + tables * cards for bitmaps in range(3) for tables in range(4)}
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
        spans += _below_queues(draft, jvm) + _g1_bitmap(draft, jvm)
        own = draft.rows_of(jvm.process)
        if jvm.arguments.collector not in PARALLEL[: 3 if jvm.before_9 else 2]:
            continue
        spans += _below_tables(draft, jvm)
        reserved = jvm.heap[1] - jvm.heap[0]
        bitmap, half, block_table = (whole_pages(reserved // scale_of(scale, jvm)) for scale in (32, 64, 512))
        for size in _whole_sizes(draft, jvm):
            bitmap_known = size == half and size * 2 in jvm.tables
            if size < MERGED_MIN_BYTES or size in jvm.tables or bitmap_known:
                continue
            fit = draft.open_rw[own] & (draft.size[own] > size) & (draft.size[own] < MERGED_FACTOR * size)
            if is_whole(size):
                fit &= is_multiple(draft.end[own], ALIGNED_BYTES)
            ends = draft.end[own][fit].tolist()
            if len(ends) == 1:
                low = ends[0] - size
                # the block table may lie right below the bitmap
                above = size == bitmap and (size >= 16 * MERGED_MIN_BYTES or not is_whole(size))
                more = block_table if above and block_table not in jvm.tables else 0
                whole = bool((fit & (draft.start[own] <= low - more)).any())
                spans.append((jvm.process, low - more * whole, ends[0]))
    return draft.take_spans(merge_spans(spans))


def is_whole(size: int) -> bool:
    """Whether the kernel aligns a mapping of this size: only whole pages of 2 MiB, since Linux 6.7."""
    return size % ALIGNED_BYTES == 0


def _g1_bitmap(draft: Draft, jvm: Jvm) -> Spans:
    """The bitmap of a heap that is committed whole: the top of the one mapping that can hold it."""
    size = whole_pages((jvm.heap[1] - jvm.heap[0]) // scale_of(64, jvm))
    gaps = any(closed for _, _, closed in heap_runs(draft, jvm))
    if (
        jvm.arguments.collector != "G1"
        or gaps
        or size < MERGED_MIN_BYTES
        or any(t >= size for t in jvm.tables)
    ):
        return []
    own = draft.rows_of(jvm.process)
    fit = draft.open_rw[own] & (draft.size[own] > size) & (draft.start[own] >= LOW_BYTES)
    ends = draft.end[own][fit].tolist()
    return [(jvm.process, ends[0] - size, ends[0])] if len(ends) == 1 else []


def _below_queues(draft: Draft, jvm: Jvm) -> Spans:
    """G1's tables for a heap that is committed whole, right below the queues of its workers.

    The queues, a malloc chunk for each, are made just before, and first of all the map of a code segment.
    """
    if jvm.arguments.collector != "G1" or any(closed for _, _, closed in heap_runs(draft, jvm)):
        return []
    bitmap, cards = (whole_pages((jvm.heap[1] - jvm.heap[0]) // scale_of(scale, jvm)) for scale in (64, 512))
    sizes = {bitmaps * bitmap + tables * cards for bitmaps in range(3) for tables in range(4)}
    tables = np.array(sorted(size for size in sizes if size >= WHOLE_MIN_BYTES))
    own = draft.rows_of(jvm.process)
    rows = which(draft.open_rw[own] & (draft.size[own] > QUEUE_BYTES)) + own.start
    above = draft.size[rows][:, np.newaxis] - tables
    queues, rest = np.divmod(above, QUEUE_BYTES)
    fit = (queues > 0) & (queues <= QUEUES_LIMIT_COUNT) & ((rest == 0) | (rest == SEGMENT_MAP_BYTES))
    spans = [
        (jvm.process, int(draft.start[row]), int(draft.start[row]) + int(tables[which].max()))
        for row, which in zip(rows.tolist(), fit, strict=True)
        if which.any()
    ]
    jvm.tables.update(bitmap for _, low, high in spans if high - low >= bitmap)
    return spans


def _below_tables(draft: Draft, jvm: Jvm) -> Spans:
    """Parallel's block table (2 bytes a KiB of heap), where its mapping ends at a table that is known."""
    size = whole_pages((jvm.heap[1] - jvm.heap[0]) // 512)
    if size < MERGED_MIN_BYTES or size in jvm.tables:
        return []
    own = draft.rows_of(jvm.process)
    known = np.concatenate((draft.kind[own][1:] == int(Kind.JAVA_GC), [False])) & draft.touches_above[own]
    fit = draft.open_rw[own] & known & (draft.size[own] > size)
    if is_whole(size):
        fit &= is_multiple(draft.end[own], ALIGNED_BYTES)
    ends = draft.end[own][fit].tolist()
    return [(jvm.process, ends[0] - size, ends[0])] if len(ends) == 1 else []


def _beside_heap(draft: Draft, jvm: Jvm) -> Spans:
    """Generational Shenandoah maps two card tables together, each with a page more.

    Often they end where its heap or the code cache begins.
    """
    tables = 2 * (whole_pages((jvm.heap[1] - jvm.heap[0]) // 512) + PAGE_BYTES)
    if jvm.arguments.collector != "Shenandoah" or not jvm.arguments.generational:
        return []
    own = draft.rows_of(jvm.process)
    fit = draft.open_rw[own] & (draft.size[own] >= tables) & (draft.start[own] >= LOW_BYTES)
    above = np.concatenate((draft.kind[own][1:] == int(Kind.JAVA_CODE), [False])) & draft.touches_above[own]
    beside = fit & ((draft.end[own] == jvm.heap[0]) | above)
    if not beside.any():
        # on their own, with little above or below
        beside = fit & (draft.size[own] * 4 < tables * 5)
    tops = draft.end[own][beside].tolist()
    return [(jvm.process, tops[0] - tables, tops[0])] if len(tops) == 1 else []


def mark_stack(draft: Draft) -> Flags | None:
    """G1 and CMS map 4 Mi entries for what marking has yet to visit."""
    if not draft.jvms:
        return None
    jvm = np.zeros(len(draft.facts.marks), np.bool_)
    jvm[[one.process for one in draft.jvms if one.arguments.collector not in WITHOUT_MARK_STACK]] = True
    mask = draft.open_rw & draft.spread(jvm) & (draft.size == MARK_STACK_BYTES)
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
        asked = jvm.arguments.collector in WITH_MARK_STACK
        if jvm.mark_stack or jvm.arguments.collector in WITHOUT_MARK_STACK or (jvm.before_9 and not asked):
            continue
        gaps = any(closed for _, _, closed in heap_runs(draft, jvm))
        like_g1 = 64 in jvm.scales if gaps else jvm.arguments.known
        if not jvm.heap[1] or not (like_g1 or asked):
            continue
        own = draft.rows_of(jvm.process)
        fit = draft.open_rw[own] & (draft.size[own] > MARK_STACK_BYTES) & is_multiple(draft.end[own], 2 * MIB)
        for end in draft.end[own][fit & (draft.start[own] >= LOW_BYTES)][-1:].tolist():
            spans.append((jvm.process, end - MARK_STACK_BYTES, end))
    return draft.take_spans(spans)


def untouched(draft: Draft) -> Flags | None:
    """Writable memory of a JVM that malloc cannot have mapped: more than is resident at all, or whole MiB."""
    if not draft.jvms:
        return None
    jvm = np.zeros(len(draft.facts.marks), np.bool_)
    jvm[[one.process for one in draft.jvms]] = True
    jvm &= ~draft.has(*KEEP_UNUSED)
    whole = is_multiple(draft.size, MIB) & is_multiple(draft.start, MIB)
    found: Flags = draft.open_rw & draft.spread(jvm) & (whole | ~affordable(draft))
    return found


WHOLE = Rule(
    "java.gc_whole",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, cmdline",
    "OpenJDK, gc/parallel/parMarkBitMap.cpp and gc/g1: tables of fixed proportion to the reserved heap",
    "{size}, exactly as large as a table over the whole Java heap ({java_heap}): mark bitmap, card "
    "table or offset table",
    whole_tables,
    Kind.HEAP_MMAP,
)
WHOLE_MERGED = Rule(
    "java.gc_whole_merged",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, cmdline",
    "OpenJDK, gc/parallel and gc/shenandoah; Linux maps from the top of the mmap area downward",
    "the top {block_size} of a mapping: as large as a table over the whole Java heap ({java_heap}), "
    "which is nowhere else",
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
    "{size} in a JVM, whole MiB on a MiB boundary or more than RssAnon ({rss_anon}): no malloc chunk, "
    "so tables of the collector",
    untouched,
    Kind.ANONYMOUS,
)
