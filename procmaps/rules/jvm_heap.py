"""The Java heap: one reservation of -Xmx, wherever it lies.

The JVM rounds -Xmx up to the collector's alignment and reserves that much at once: with compressed oops so
that it ends on 4 GiB, 32 GiB or, with JDK 8, where the class space begins; above about 32 GiB or without
compressed oops anywhere in the mmap area. What is committed of it lies in one or more runs, the rest is
closed.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft, Spans, is_multiple
from procmaps.rules.jvm import CANDIDATE_LIMIT_COUNT, CLASS_SPACE_BYTES, GIB, KIB, LOW_BYTES, MIB, Jvm
from procmaps.rules.jvm_heap_size import ALIGNMENTS_BYTES, canonical_ends, targets
from procmaps.rules.names import Name
from procmaps.rules.rule import Rule
from procmaps.tables import EXECUTE, Flags, Ints64

OOPS_BASE_BYTES: Final = 32 * GIB  # bases of heaps with compressed oops that are not zero are multiples of it
HEAP_ALIGNMENT_BYTES: Final = 64 * KIB  # Serial's; others align to more
END_BONUS: Final = 5
EXTENT_MIN_BYTES: Final = 256 * MIB
GENERATION_FACTOR: Final = 16
HEAP_MIN_BYTES: Final = 8 * MIB
ZGC_LOW_BYTES: Final = 4 * 2**40
ARENA_BYTES: Final = 64 * MIB
ALIGNED_BYTES: Final = 2 * MIB
ARCHIVE_REST_BYTES: Final = 16 * MIB  # what an archive may leave free of its alignment


def _chains(draft: Draft, jvm: Jvm) -> tuple[Ints64, Ints64, Ints64, Ints64]:
    """Rows of the JVM that a heap can consist of, their start and end, and the unbroken run they are in."""
    own = draft.rows_of(jvm.process)
    fit = (draft.open[own] & (draft.perms[own] & EXECUTE == 0)) | (draft.code[own] == Name.JSA)
    rows = np.flatnonzero(fit) + own.start
    start, end = draft.start[rows], draft.end[rows]
    breaks = np.concatenate(([False], start[1:] != end[:-1])) if len(rows) else np.zeros(0, np.bool_)
    return rows, start, end, np.cumsum(breaks)


def find_exact(draft: Draft, jvm: Jvm) -> tuple[int, int] | None:
    """The best run of exactly the size wanted; an end may be merged with a neighbour, not both."""
    rounded = targets(draft, jvm)
    rows, start, end, chain = _chains(draft, jvm)
    if not rounded or not len(rows):
        return None
    # runs that are too short hold no heap
    long = np.bincount(chain, end - start)[chain] >= rounded[0]
    if jvm.arguments.full_oops:
        long &= end > LOW_BYTES  # nothing then asks for a low address
    rows, start, end, chain = rows[long], start[long], end[long], chain[long]
    if not len(rows):
        return None
    # a heap whose compressed oops need a base has a closed prefix of one alignment
    based = bool(is_multiple(start, OOPS_BASE_BYTES).any())
    prefixed = {size + unit for size in rounded for unit in ALIGNMENTS_BYTES[2:] if size >= GIB and based}
    sizes = np.array(sorted(prefixed.union(rounded)))
    is_prefixed = np.array([size not in rounded for size in sizes.tolist()])
    columns = (rows, start, end, chain)
    most, low, high, exact = _candidates(draft, columns, (sizes, is_prefixed), canonical_ends(jvm))
    best = (2 * END_BONUS, 0, 0)
    for at in np.argsort(-most, kind="stable")[:CANDIDATE_LIMIT_COUNT]:
        if most[at] < best[0]:
            break
        span = int(low[at]), int(high[at])
        doubts = _doubts(draft, (rows, start, end), span, exact=bool(exact[at]))
        doubts += _as_class_space(draft, columns, span, jvm)
        best = max(best, (int(most[at]) - doubts, *span))
    return best[1:] if best[0] > 2 * END_BONUS else None


def _candidates(
    draft: Draft,
    columns: tuple[Ints64, Ints64, Ints64, Ints64],
    sizes: tuple[Ints64, Flags],
    ends: tuple[int, ...],
) -> tuple[Ints64, Ints64, Ints64, Flags]:
    """Spans of a size wanted that begin or end with a mapping.

    The most they can score, where they begin and end, and whether both ends are a mapping's.
    """
    rows, start, end, chain = columns
    anchors, others = np.concatenate((start, end)), np.concatenate((end, start))
    upward = np.repeat((True, False), len(rows))
    limit = anchors + np.where(upward, sizes[0][:, np.newaxis], -sizes[0][:, np.newaxis])
    position = np.searchsorted(start, limit - upward, "right") - 1
    held = (position >= 0) & (limit >= start[position]) & (limit <= end[position])
    held &= chain[position] == np.concatenate((chain, chain))
    held &= is_multiple(np.minimum(anchors, limit), HEAP_ALIGNMENT_BYTES)
    which, row = np.nonzero(held)
    limit, position, upward = limit[held], position[held], upward[row]
    low, high = np.minimum(anchors[row], limit), np.maximum(anchors[row], limit)
    exact = limit == others[np.where(upward, position, position + len(rows))]
    # the first thing in a heap is committed memory, or the closed prefix of a based one
    opens = ~draft.none[rows[np.searchsorted(end, low, "right")]]
    fit = np.where(sizes[1][which], is_multiple(low, OOPS_BASE_BYTES), opens) & (
        exact | is_multiple(low, MIB)
    )
    last = end[np.searchsorted(chain, chain[position], "right") - 1]
    # mappings grow downward: what merged with the heap came later and lies below it
    most = np.where(exact, 60, 30) + END_BONUS * ~upward + END_BONUS * (high == last)
    canonical = (high[:, np.newaxis] == ends).any(axis=1)
    most += np.where(canonical, 100, np.where(high <= LOW_BYTES, np.where(exact, 60, 10), 0))
    return most[fit], low[fit], high[fit], exact[fit]


def _doubts(
    draft: Draft, columns: tuple[Ints64, Ints64, Ints64], span: tuple[int, int], *, exact: bool
) -> int:
    """What speaks against a span: tails of arenas in it, many mappings, none of them closed."""
    low, high = span
    rows, start, end = columns
    inside = rows[np.searchsorted(end, low, "right") : np.searchsorted(start, high)]
    tails = (
        draft.none[inside] & is_multiple(draft.end[inside], ARENA_BYTES) & (draft.size[inside] < ARENA_BYTES)
    )
    doubts = min(len(inside), 30)
    for tail in inside[tails].tolist():
        is_arena = draft.writable[tail - 1] and draft.start[tail - 1] == draft.end[tail] - ARENA_BYTES
        doubts += 12 + 8 * bool(is_arena)
    doubts -= 12 * bool(doubts > len(inside))
    if low >= LOW_BYTES and len(inside) > 1 and not draft.none[inside].any() and not exact:
        doubts += 20
    return doubts


def _as_class_space(
    draft: Draft, columns: tuple[Ints64, Ints64, Ints64, Ints64], span: tuple[int, int], jvm: Jvm
) -> int:
    """What speaks against a span that may be the class space: as large, and right above one that fits too.

    From JDK 16 on the class space lies right above the archive, at most the archive's closed rest between.
    """
    rows, start, end, chain = columns
    low, high = span
    size = high - low
    if size != (jvm.arguments.class_space or CLASS_SPACE_BYTES):
        return 0
    lower, upper = np.flatnonzero(start == low - size), np.flatnonzero(end == high)
    twice = len(lower) and len(upper) and chain[lower[0]] == chain[upper[0]]
    below = np.flatnonzero((end <= low) & (end > low - ARCHIVE_REST_BYTES) & (chain == chain[end > low][0]))
    archived = bool((draft.code[rows[below]] == Name.JSA).any())
    # an archive of objects is mapped at the top of a heap, and in nothing else
    inside = rows[np.searchsorted(end, low, "right") : np.searchsorted(start, high)]
    objects = (draft.code[inside] == Name.JSA) & (draft.end[inside] + ARCHIVE_REST_BYTES >= high)
    is_heap = bool(objects.any()) and draft.code[inside[0]] != Name.JSA
    return 4 * END_BONUS * bool(twice) + 8 * END_BONUS * archived - 4 * END_BONUS * is_heap


def find_low(draft: Draft, jvm: Jvm) -> tuple[int, int] | None:
    """Size not known: the run that ends where heaps end, else the largest in the low addresses."""
    rows, start, end, chain = _chains(draft, jvm)
    low = end <= LOW_BYTES
    rows, start, end, chain = rows[low], start[low], end[low], chain[low]
    best: tuple[bool, int, int] | None = None
    for number in np.unique(chain):
        own = np.flatnonzero(chain == number)
        first, last = int(start[own[0]]), int(end[own[-1]])
        ends = [one for one in canonical_ends(jvm) if first < one <= last and one - first >= HEAP_MIN_BYTES]
        # an archive at the bottom begins the class space; in a heap it lies at the top
        archive_first = bool((draft.code[rows[own[:2]]] == Name.JSA).any())
        is_class_space = archive_first or last - first == (jvm.arguments.class_space or CLASS_SPACE_BYTES)
        if last - first < HEAP_MIN_BYTES or (is_class_space and not ends):
            continue
        found = (bool(ends), (ends[0] if ends else last) - first, first)
        best = max(best, found) if best else found
    return (best[2], best[2] + best[1]) if best else None


def find_extent(draft: Draft, jvm: Jvm) -> tuple[int, int] | None:
    """Neither size nor place known: the run around the largest closed part that nothing else accounts for."""
    rows, start, end, chain = _chains(draft, jvm)
    closed = np.flatnonzero(draft.none[rows] & (end - start >= EXTENT_MIN_BYTES))
    if not len(closed):
        # committed whole: the largest that malloc cannot have mapped
        whole = np.flatnonzero(
            draft.writable[rows] & ((end - start) % MIB == 0) & (end - start >= ARENA_BYTES)
        )
        largest = whole[np.argmax((end - start)[whole])] if len(whole) else -1
        return (int(start[largest]), int(end[largest])) if largest >= 0 else None
    largest = closed[np.argmax((end - start)[closed])]
    own = np.flatnonzero(chain == chain[largest])
    # two generations have a closed part each; what mirrors the heap in a table is far smaller
    sizes = (end - start)[closed]
    lowest = closed[np.isin(closed, own) & (sizes * GENERATION_FACTOR >= sizes.max())][0]
    if lowest == own[0] or draft.none[rows[lowest - 1]]:
        return None
    # the top of a table may be merged with the heap from below, which itself begins on the kernel's alignment
    low = -(-int(start[lowest - 1]) // ALIGNED_BYTES) * ALIGNED_BYTES
    low = low if low < end[lowest - 1] else int(start[lowest - 1])
    # arenas may begin where it ends
    above = own[own > largest][:-1]
    arenas = is_multiple(start[above], ARENA_BYTES) & (end[above + 1] - start[above] == ARENA_BYTES)
    arenas &= ~draft.none[rows[above]] & draft.none[rows[above + 1]]
    return low, int(start[above[arenas][0]] if arenas.any() else end[own[-1]])


Finder: TypeAlias = Callable[[Draft, Jvm], tuple[int, int] | None]


def _spans(draft: Draft, find: Finder) -> Spans:
    spans: Spans = []
    for jvm in draft.jvms:
        if jvm.heap[1]:
            continue
        heap = find(draft, jvm)
        if heap is not None:
            jvm.heap = heap
            spans.append((jvm.process, *heap))
    return spans


def by_size(draft: Draft) -> Flags | None:
    """Reservations of exactly the size that -Xmx or the default asks for."""
    return draft.take_spans(_spans(draft, find_exact))


def by_place(draft: Draft) -> Flags | None:
    """Where the size is not known: what lies where only a JVM's heap lies."""
    return draft.take_spans(_spans(draft, find_low))


def by_extent(draft: Draft) -> Flags | None:
    """What is left when the size is not known and nothing lies in the low addresses."""
    return draft.take_spans(_spans(draft, find_extent))


def zgc(draft: Draft) -> Flags | None:
    """ZGC: every view of its memfd, and the closed rest of the address range that it set aside."""
    if not draft.jvms:
        return None
    views = draft.code == Name.JAVA_HEAP
    if not views.any():
        return None
    has_view = draft.owners(views)
    for jvm in draft.jvms:
        if has_view[jvm.process]:
            first = draft.start[views & (draft.process == jvm.process)]
            jvm.heap = int(first.min()), int(first.min())
    reserve = (
        draft.open_none
        & draft.spread(has_view)
        & (draft.start >= ZGC_LOW_BYTES)
        & (draft.end <= 2 * LOW_BYTES)
    )
    found: Flags = views | reserve
    return found


_RESERVE = (
    "OpenJDK, memory/virtualspace.cpp (JDK 24: memoryReserver.cpp): one reservation of -Xmx, rounded up"
)

ZGC = Rule(
    "java.heap_zgc",
    Kind.JAVA_HEAP,
    Confidence.CERTAIN,
    "maps",
    "OpenJDK, gc/z: the heap is a memfd named java_heap, mapped once (generational) or three times",
    "{size} of what ZGC maps of its memfd java_heap, or of the address range at 4 TiB and above that it "
    "sets aside for it",
    zgc,
)
BY_SIZE = Rule(
    "java.heap_by_size",
    Kind.JAVA_HEAP,
    Confidence.CERTAIN,
    "maps, cmdline",
    _RESERVE,
    "inside one unbroken reservation of {block_size}, what this JVM's maximum heap size rounds to: "
    "the Java heap",
    by_size,
)
BY_PLACE = Rule(
    "java.heap_by_place",
    Kind.JAVA_HEAP,
    Confidence.LIKELY,
    "maps",
    _RESERVE,
    "{block_size} in the low addresses, where a JVM puts the heap for compressed oops; its maximum "
    "size is not known",
    by_place,
    Kind.JAVA_METASPACE,
)
BY_EXTENT = Rule(
    "java.heap_by_extent",
    Kind.JAVA_HEAP,
    Confidence.LIKELY,
    "maps",
    _RESERVE,
    "the largest reservation of this JVM, {block_size}, that no other part of it accounts for; its "
    "maximum heap size is"
    " not known",
    by_extent,
    Kind.JAVA_GC,
)
