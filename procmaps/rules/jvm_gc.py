"""Tables of the collectors. They mirror the heap at a fixed scale, gaps and committed runs alike.

Mark bitmaps hold a bit for each 8 bytes: 1/64 (G1; two of them up to JDK 17, one later; CMS; Parallel from
JDK 22), 1/32 where two lie in one reservation (Parallel to JDK 21, Shenandoah). Card tables, block offset
tables and card counts hold a byte for each 512.
"""

from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import PAGE_BYTES, Draft, Spans, is_multiple
from procmaps.rules.groups import ranges
from procmaps.rules.jvm import CANDIDATE_LIMIT_COUNT, KIB, MIB, OBJECT_ALIGNMENT_BYTES, Jvm
from procmaps.rules.jvms import rows_of_jvms
from procmaps.rules.process import ARENA_HEAP_BYTES
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64

CARD_BYTES: Final = 512
SCALES: Final = (32, 64, CARD_BYTES)
LARGE_PAGE_BYTES: Final = 2 * MIB
LARGE_GAP_BYTES: Final = 256 * KIB
GAP_MIN_BYTES: Final = 20 * KIB  # a mirrored gap below this could be guard zones
SLACK_PAGES: Final = 2  # by which a table's gap may differ from the heap's
SIZE_BITS: Final = 45  # of a size in pages

_Size = TypeVar("_Size", int, Ints64)


class Image(NamedTuple):
    """A gap of the heap as a table has it: bytes committed below, bytes of the gap, bytes committed above."""

    jvm: Jvm
    nominal: int  # bytes of the heap to one of the table, with objects aligned to 8 bytes
    below: int
    gap: int
    above: int


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
    shown = [image for jvm in draft.jvms for image in _images(draft, jvm, gap_bytes)]
    if not shown:
        return None
    rows = rows_of_jvms(draft)
    rows = rows[draft.open_none[rows] & draft.touches_below[rows]]
    image, row = _alike(draft, rows, shown)
    below, above = (
        np.array(column, np.int64)[image] for column in ([i.below for i in shown], [i.above for i in shown])
    )
    good, first, last = _with_neighbours(draft, row, below, above)
    for index in np.unique(image[good]).tolist():
        shown[index].jvm.scales.add(shown[index].nominal)
    columns = (draft.process[row[good]], first[good], last[good])
    return draft.take_spans(
        merge_spans(list(zip(*(column.tolist() for column in columns), strict=True))), block=False
    )


def _images(draft: Draft, jvm: Jvm, gap_bytes: int) -> list[Image]:
    """The gaps that the heap's have in tables, at every scale, the largest first."""
    if jvm.heap[1] <= jvm.heap[0]:
        return []
    committed = [(start, end) for start, end, closed in heap_runs(draft, jvm) if not closed]
    found: list[Image] = []
    for nominal in SCALES:
        scale = scale_of(nominal, jvm)
        for page in (PAGE_BYTES, LARGE_PAGE_BYTES) if jvm.arguments.large_pages else (PAGE_BYTES,):
            gaps = [gap for gap in _image_gaps(committed, jvm.heap, scale, page) if gap[1] >= gap_bytes]
            gaps.sort(key=lambda gap: -gap[1])
            found += [Image(jvm, nominal, *gap) for gap in gaps[:CANDIDATE_LIMIT_COUNT]]
    return found


def _alike(draft: Draft, rows: Ints64, shown: list[Image]) -> tuple[Ints64, Ints64]:
    """Each image with each closed part of its JVM that is as large as its gap, within two pages."""
    keys = (draft.process[rows] << SIZE_BITS) + (draft.size[rows] // PAGE_BYTES)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    wanted = np.array(
        [(image.jvm.process << SIZE_BITS) + image.gap // PAGE_BYTES for image in shown], np.int64
    )
    first = keys.searchsorted(wanted - SLACK_PAGES)
    count = np.minimum(keys.searchsorted(wanted + SLACK_PAGES, "right") - first, CANDIDATE_LIMIT_COUNT)
    return np.repeat(np.arange(len(shown)), count), rows[order[ranges(first, count)]]


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


def _with_neighbours(draft: Draft, row: Ints64, below: Ints64, above: Ints64) -> tuple[Flags, Ints64, Ints64]:
    """Which gaps have below what is committed there as in the heap; where they begin and end with it.

    What is above belongs to it where it is as large as the heap's own run there.
    """
    slack = SLACK_PAGES * PAGE_BYTES
    lower, upper = row - 1, np.minimum(row + 1, len(draft) - 1)
    good: Flags = draft.open_rw[lower] & (draft.size[lower] + slack >= below)
    good &= ~_arenas(draft, lower) | (draft.size[lower] == whole_pages(below))
    first = np.maximum(draft.start[lower], draft.start[row] - whole_pages(below))
    fits = (
        (above > 0) & draft.touches_above[row] & draft.open_rw[upper] & (draft.size[upper] + slack >= above)
    )
    fits &= ~_arenas(draft, upper)
    last = draft.end[row]
    return good, first, np.where(fits, np.minimum(draft.end[upper], last + whole_pages(above)), last)


def _arenas(draft: Draft, row: Ints64) -> Flags:
    """Which parts fill with the closed one above them a block of glibc's arenas."""
    upper = np.minimum(row + 1, len(draft) - 1)
    found: Flags = (
        draft.touches_above[row] & draft.none[upper] & is_multiple(draft.start[row], ARENA_HEAP_BYTES)
    )
    found &= draft.end[upper] - draft.start[row] == ARENA_HEAP_BYTES
    return found


def whole_pages(size: _Size) -> _Size:
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
