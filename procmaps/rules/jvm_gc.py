"""Tables of the collectors. They mirror the heap at a fixed scale, gaps and committed runs alike.

Mark bitmaps hold a bit for each 8 bytes: 1/64 (G1; two of them up to JDK 17, one later; CMS; Parallel from
JDK 22), 1/32 where two lie in one reservation (Parallel to JDK 21, Shenandoah). Card tables, block offset
tables and card counts hold a byte for each 512.
"""

from itertools import pairwise
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft, Spans
from procmaps.rules.jvm import CANDIDATE_LIMIT_COUNT, KIB, MIB, OBJECT_ALIGNMENT_BYTES, Jvm
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

CARD_BYTES: Final = 512
SCALES: Final = (32, 64, CARD_BYTES)
PAGE_BYTES: Final = 4096
ARENA_BYTES: Final = 64 * MIB
LARGE_PAGE_BYTES: Final = 2 * MIB
LARGE_GAP_BYTES: Final = 256 * KIB
GAP_MIN_BYTES: Final = 20 * KIB  # a mirrored gap below this could be guard zones


def heap_runs(draft: Draft, jvm: Jvm) -> list[tuple[int, int, bool]]:
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
    return draft.take_spans(merge_spans(spans), block=False)


def _images(draft: Draft, jvm: Jvm, gap_bytes: int) -> Spans:
    own = draft.rows_of(jvm.process)
    gaps = np.flatnonzero(draft.open_none[own] & draft.touches_below[own]) + own.start
    committed = [(start, end) for start, end, closed in heap_runs(draft, jvm) if not closed]
    spans: Spans = []
    for nominal in SCALES:
        scale = scale_of(nominal, jvm)
        for page in (PAGE_BYTES, LARGE_PAGE_BYTES) if jvm.arguments.large_pages else (PAGE_BYTES,):
            shown = [gap for gap in _image_gaps(committed, jvm.heap, scale, page) if gap[1] >= gap_bytes]
            for below, size, above in sorted(shown, key=lambda gap: -gap[1])[:CANDIDATE_LIMIT_COUNT]:
                alike = gaps[np.abs(draft.size[gaps] - size) <= 2 * PAGE_BYTES]
                for row in alike[:CANDIDATE_LIMIT_COUNT].tolist():
                    found = _image(draft, jvm, row, below, above)
                    spans += found
                    if found:
                        jvm.scales.add(nominal)
    return spans


def scale_of(nominal: int, jvm: Jvm) -> int:
    """Bytes of the heap to one of a table: bitmaps have a bit for each alignment unit, 8 bytes or more."""
    return nominal if nominal == CARD_BYTES else nominal * jvm.arguments.alignment // OBJECT_ALIGNMENT_BYTES


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
    if not (draft.open[row - 1] and draft.writable[row - 1]) or draft.size[row - 1] + 2 * PAGE_BYTES < below:
        return []
    on_boundary = draft.end[row] % ARENA_BYTES == 0
    if on_boundary and draft.size[row - 1] != whole_pages(below) and _is_arena(draft, row - 1):
        return []
    first = max(int(draft.start[row - 1]), int(draft.start[row]) - whole_pages(below))
    last = int(draft.end[row])
    if (
        above
        and row + 1 < len(draft)
        and draft.touches_above[row]
        and draft.open[row + 1]
        and draft.writable[row + 1]
        and draft.size[row + 1] + 2 * PAGE_BYTES >= above
        and not _is_arena(draft, row + 1)
    ):
        last = min(int(draft.end[row + 1]), last + whole_pages(above))
    return [(jvm.process, first, last)]


def _is_arena(draft: Draft, row: int) -> bool:
    """Whether a part and the closed one above it fill a block of glibc's arenas."""
    if row + 1 >= len(draft) or not (draft.touches_above[row] and draft.none[row + 1]):
        return False
    low, high = int(draft.start[row]), int(draft.end[row + 1])
    return low % ARENA_BYTES == 0 and high - low == ARENA_BYTES


def whole_pages(size: int) -> int:
    return -(-size // PAGE_BYTES) * PAGE_BYTES


def merge_spans(spans: Spans) -> Spans:
    """Overlapping and touching spans joined."""
    merged: Spans = []
    for process, start, end in sorted(set(spans)):
        if merged and merged[-1][0] == process and start <= merged[-1][2]:
            merged[-1] = (process, merged[-1][1], max(end, merged[-1][2]))
        else:
            merged.append((process, start, end))
    return merged


IMAGES = Rule(
    "java.gc_image",
    Kind.JAVA_GC,
    Confidence.CERTAIN,
    "maps, cmdline",
    "OpenJDK, gc: card tables and offset tables at 1/512 of the heap, mark bitmaps at 1/64 or 1/32, "
    "committed with it",
    "{size} that mirror a gap or a committed run of the Java heap ({java_heap}) at 1/512, 1/64 or 1/32: "
    "a card table or mark bitmap",
    images,
    Kind.HEAP_MMAP,
)
LARGE_IMAGES = Rule(
    "java.gc_image_large",
    Kind.JAVA_GC,
    Confidence.CERTAIN,
    "maps, cmdline",
    "OpenJDK, gc: card tables and offset tables at 1/512 of the heap, mark bitmaps at 1/64 or 1/32, "
    "committed with it",
    "{size} that mirror a gap or a committed run of the Java heap ({java_heap}) at 1/512, 1/64 or 1/32: "
    "a card table or mark bitmap",
    large_images,
    Kind.HEAP_MMAP,
)
