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
from procmaps.rules.jvm import CLASS_SPACE_BYTES, LOW_BYTES, MIB, Jvm
from procmaps.rules.jvm_heap_search import Chains, chains_of, heaps_by_size
from procmaps.rules.jvm_heap_size import canonical_ends
from procmaps.rules.kernel_names import Name
from procmaps.rules.process import ARENA_HEAP_BYTES
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, which

EXTENT_MIN_BYTES: Final = 256 * MIB
GENERATION_FACTOR: Final = 16
HEAP_MIN_BYTES: Final = 8 * MIB
ZGC_LOW_BYTES: Final = 4 * 2**40
ALIGNED_BYTES: Final = 2 * MIB


def _chains_of(draft: Draft, jvm: Jvm) -> Chains:
    own = draft.rows_of(jvm.process)
    return chains_of(draft, np.arange(own.start, own.stop))


def find_low(draft: Draft, jvm: Jvm) -> tuple[int, int] | None:
    """Size not known: the run that ends where heaps end, else the largest in the low addresses."""
    chains = _chains_of(draft, jvm)
    rows, start, end, chain = chains.rows, chains.start, chains.end, chains.chain
    low = end <= LOW_BYTES
    rows, start, end, chain = rows[low], start[low], end[low], chain[low]
    best: tuple[bool, int, int] | None = None
    for number in np.unique(chain):
        own = which(chain == number)
        first, last = int(start[own[0]]), int(end[own[-1]])
        ends = [one for one in canonical_ends(jvm) if first < one <= last and one - first >= HEAP_MIN_BYTES]
        # an archive at the bottom begins the class space; in a heap it lies at the top
        archive_first = bool((draft.code[rows[own[:2]]] == int(Name.JSA)).any())
        is_class_space = archive_first or last - first == (jvm.arguments.class_space or CLASS_SPACE_BYTES)
        if last - first < HEAP_MIN_BYTES or (is_class_space and not ends):
            continue
        found = (bool(ends), (ends[0] if ends else last) - first, first)
        best = max(best, found) if best else found
    return (best[2], best[2] + best[1]) if best else None


def find_extent(draft: Draft, jvm: Jvm) -> tuple[int, int] | None:
    """Neither size nor place known: the run around the largest closed part that nothing else accounts for."""
    chains = _chains_of(draft, jvm)
    rows, start, end, chain = chains.rows, chains.start, chains.end, chains.chain
    closed = which(draft.none[rows] & (end - start >= EXTENT_MIN_BYTES))
    if not len(closed):
        # committed whole: the largest that malloc cannot have mapped
        whole = which(draft.writable[rows] & ((end - start) % MIB == 0) & (end - start >= ARENA_HEAP_BYTES))
        largest = whole[np.argmax((end - start)[whole])] if len(whole) else -1
        return (int(start[largest]), int(end[largest])) if largest >= 0 else None
    largest = closed[np.argmax((end - start)[closed])]
    own = which(chain == chain[largest])
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
    arenas = is_multiple(start[above], ARENA_HEAP_BYTES) & (end[above + 1] - start[above] == ARENA_HEAP_BYTES)
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
    spans = heaps_by_size(draft)
    heaps = {process: (low, high) for process, low, high in spans}
    for jvm in draft.jvms:
        jvm.heap = heaps.get(jvm.process, jvm.heap)
    return draft.take_spans(spans)


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
    views = draft.named(Name.JAVA_HEAP)
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
