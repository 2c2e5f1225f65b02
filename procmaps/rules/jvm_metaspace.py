"""Metaspace, the compressed class space, archives of classes (CDS)."""

from collections import defaultdict
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import PAGE_SHIFT, Draft, Spans, is_multiple
from procmaps.rules.groups import ranges
from procmaps.rules.jvm import CLASS_SPACE_BYTES, COMPRESSED_OOPS_BYTES, KIB, LOW_BYTES, MIB
from procmaps.rules.jvms import rows_of_jvms
from procmaps.rules.kernel_names import Name
from procmaps.rules.process import ARENA_HEAP_BYTES
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

NODE_BYTES: Final = 64 * MIB  # JDK 17 and later
OLD_NODE_BYTES: Final = 8 * MIB  # the first node of JDK 8 to 15, any of JDK 16
OLD_ALIGNMENT_BYTES: Final = 2 * MIB  # the kernel's, for mappings of whole 2 MiB, since Linux 6.7
ROOT_CHUNK_BYTES: Final = 4 * MIB
GRANULE_BYTES: Final = 64 * KIB
CANDIDATE_LIMIT_COUNT: Final = 4096  # of a host's mappings that could end a node
CLOSED_LIMIT_COUNT: Final = 4096  # of a host's closed parts large enough for a class space
RESERVATION_LIMIT_PARTS: Final = 24
ARCHIVE_ALIGNMENT_BYTES: Final = 16 * MIB


def archives(draft: Draft) -> Flags | None:
    """What is mapped of archives outside the heap, and the closed rest up to where the class space begins."""
    jsa = draft.named(Name.JSA) & draft.free
    if not jsa.any():
        return None
    rests = np.zeros(len(draft), np.bool_)
    rests[1:] = jsa[:-1]
    rests &= draft.open_none & ~is_multiple(draft.start, ARCHIVE_ALIGNMENT_BYTES)
    rests &= draft.below == Name.JSA + 1
    rows = which(rests)
    top = -(-draft.start[rows] // ARCHIVE_ALIGNMENT_BYTES) * ARCHIVE_ALIGNMENT_BYTES
    spans = (draft.process[rows], draft.start[rows], np.minimum(top, draft.end[rows]))
    tails = draft.take(*spans)
    found: Flags = tails | (draft.named(Name.JSA) & draft.free)
    return found


def class_space(draft: Draft) -> Flags | None:
    """One reservation of CompressedClassSpaceSize: above the archive, above the heap, or on its own.

    Of the runs of open parts of exactly that size, most of it the closed end, those above an archive come
    first, then those in the low addresses.
    """
    sizes = np.zeros(len(draft.facts.marks), np.int64)
    for jvm in draft.jvms:
        if jvm.heap[1] > COMPRESSED_OOPS_BYTES and 0 < jvm.version < 15:
            continue  # class pointers are then not compressed either
        sizes[jvm.process] = jvm.arguments.class_space or CLASS_SPACE_BYTES
    if not sizes.any():
        return None
    rows = rows_of_jvms(draft)
    begin, closed, above_archive = _reservations(draft, rows, sizes)
    if not len(begin):
        return None
    size = sizes[draft.process[closed]]
    order = np.lexsort((begin, begin + size <= LOW_BYTES, above_archive, draft.process[closed]))
    last = np.append(np.diff(draft.process[closed[order]]) != 0, True)
    best = order[last]
    return draft.take(draft.process[closed[best]], begin[best], begin[best] + size[best])


def _reservations(draft: Draft, rows: Ints64, sizes: Ints64) -> tuple[Ints64, Ints64, Flags]:
    """Where such a run can begin, the row of its closed end, and whether it follows an archive."""
    size = sizes[draft.process[rows]]
    fit = (
        draft.open[rows] & draft.none[rows] & (draft.size[rows] * 2 >= size) & (draft.size[rows] <= size * 3)
    )
    closed = rows[fit & (size > 0)][:CLOSED_LIMIT_COUNT]
    # its parts are neighbours, all of them usable
    lowest = draft.process[rows].searchsorted(draft.process[closed])
    depth = np.minimum(closed - rows[lowest] + 1, RESERVATION_LIMIT_PARTS) if len(closed) else closed
    first = closed.repeat(depth)
    low = ranges(closed - depth + 1, depth)
    whole = np.cumsum(~(draft.open[rows] & draft.touches_above[rows]))
    at, top = rows.searchsorted(low), rows.searchsorted(first)
    begin = draft.start[low]
    high = begin + sizes[draft.process[low]]
    unbroken = (low == first) | (whole[top - 1] == np.where(at > 0, whole[at - 1], 0))
    good = unbroken & draft.open[low] & (high <= draft.end[first]) & (high > draft.start[first])
    good &= is_multiple(begin, MIB)
    low, first, begin, high = low[good], first[good], begin[good], high[good]
    above_archive = is_multiple(begin, ARCHIVE_ALIGNMENT_BYTES) & draft.touches_below[low]
    above_archive &= draft.kind[low - 1] == int(Kind.JAVA_CDS)
    # the closed end may be merged with a later reserve; then only the archive below tells the place
    good = (high == draft.end[first]) | above_archive
    placed = above_archive | (high <= LOW_BYTES)
    good &= placed | ~_arenas(draft, low, first)
    return begin[good], first[good], above_archive[good]


def _arenas(draft: Draft, low: Ints64, high: Ints64) -> Flags:
    """Which runs could as well be a row of arenas: closed parts that end on their boundaries."""
    tails = np.concatenate(([0], np.cumsum(draft.none & is_multiple(draft.end, ARENA_HEAP_BYTES))))
    many: Flags = tails[high + 1] - tails[low] > 1
    return many | (draft.end[high] - draft.start[low] <= ARENA_HEAP_BYTES)


def low_rest(draft: Draft) -> Flags | None:
    """What else is anonymous in the low addresses of a JVM is class space: nothing else goes there."""
    if not draft.jvms:
        return None
    jvm = np.zeros(len(draft.facts.marks), np.bool_)
    jvm[[one.process for one in draft.jvms if one.heap[1] and one.heap[1] <= LOW_BYTES]] = True
    return draft.open & draft.spread(jvm) & (draft.end <= LOW_BYTES) & (draft.size >= 2 * GRANULE_BYTES)


def nodes(draft: Draft) -> Flags | None:
    """Nodes: closed ends whose run downward makes a whole node, in granules, and is no arena's."""
    old, new = np.zeros((2, len(draft.facts.marks)), np.bool_)
    for jvm in draft.jvms:
        (old if 0 < jvm.version < 17 else new)[jvm.process] = True
    spans = _nodes_of(draft, new, NODE_BYTES, ROOT_CHUNK_BYTES)
    with_nodes = {process for process, _, _ in spans}
    for jvm in draft.jvms:
        old[jvm.process] |= not jvm.version and jvm.process not in with_nodes
    return draft.take_spans(spans + _nodes_of(draft, old, OLD_NODE_BYTES, OLD_ALIGNMENT_BYTES))


def _nodes_of(draft: Draft, processes: Flags, size: int, alignment: int) -> Spans:
    rows = draft.rows_in(processes)
    start, end, none, key = draft.start[rows], draft.end[rows], draft.none[rows], draft.key[rows]
    usable = draft.open[rows] & (none | draft.writable[rows])
    touches = draft.touches_below[rows]
    # one writable run and its closed rest up to a boundary of arenas is a heap of one of those
    lower = np.where(touches, draft.start[rows - 1], start)
    arena = (lower <= end - ARENA_HEAP_BYTES) & is_multiple(end, ARENA_HEAP_BYTES)
    alike = arena | ((lower <= end - size) & is_multiple(end - size, ARENA_HEAP_BYTES))
    closed = which(usable & none & is_multiple(end, alignment) & ~alike)[:CANDIDATE_LIMIT_COUNT]
    # what lies inside is usable, without a gap from where the node begins
    end_key = key + (draft.size[rows] >> PAGE_SHIFT)
    first = end_key.searchsorted(end_key[closed] - (size >> PAGE_SHIFT), "right")
    begin = end[closed] - size
    breaks, unusable = (~touches).cumsum(), (~usable).cumsum()
    whole = (start[first] <= begin) & (breaks[first] == breaks[closed])
    whole &= usable[first] & (unusable[first] == unusable[closed])
    closed, first, begin = closed[whole], first[whole], begin[whole]
    # where a node has a hole, what ends there begins in a neighbour: what begins with a mapping comes first
    order = np.argsort(start[first] != begin, kind="stable")
    found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)  # by process
    columns = (draft.process[rows[closed]], begin, end[closed], first, closed)
    for process, low, high, bottom, top in zip(*(column[order].tolist() for column in columns), strict=True):
        apart = all(high <= begun or low >= ended for begun, ended in found[process])
        inside = slice(bottom, top + 1)
        if apart and _is_node(start[inside], end[inside], none[inside], (low, high)):
            found[process].append((low, high))
    return sorted((process, *span) for process, spans in found.items() for span in spans)


def _is_node(start: Ints64, end: Ints64, none: Flags, span: tuple[int, int]) -> bool:
    """Whether the parts of an unbroken span begin writable, are committed in granules, and are no arena's."""
    begin, top = span
    if none[0]:
        return False
    lows = np.maximum(start, begin)
    bodies = ~none
    # committed in granules, so what is closed between and above is whole granules too
    if bool(((end - lows) % GRANULE_BYTES).any()) or bool((lows[bodies] % GRANULE_BYTES).any()):
        return False
    # an arena's heap looks alike: one writable run from a boundary on, closed up to the next
    first, parts = int(start[0]), len(lows)
    on_boundaries = begin % ARENA_HEAP_BYTES == 0 or (
        top % ARENA_HEAP_BYTES == 0 and first <= top - ARENA_HEAP_BYTES
    )
    base = begin & -ARENA_HEAP_BYTES
    cuts_arena = first <= base < begin and parts > 1 and int(end[1]) >= base + ARENA_HEAP_BYTES
    return not (parts == 2 and on_boundaries) and not cuts_arena


ARCHIVES = Rule(
    "java.cds",
    Kind.JAVA_CDS,
    Confidence.CERTAIN,
    "maps",
    "OpenJDK, cds/filemap.cpp: archives are mapped privately; JDK 16 and later reserve up to the "
    "class space above",
    "{size} of an archive of classes (class data sharing) that the JVM maps, or what it set aside for it",
    archives,
)
CLASS_SPACE = Rule(
    "java.class_space",
    Kind.JAVA_METASPACE,
    Confidence.CERTAIN,
    "maps, cmdline",
    "OpenJDK, memory/metaspace.cpp: one reservation of CompressedClassSpaceSize, 1 GiB unless said otherwise",
    "inside one reservation of exactly {block_size}, the size of the compressed class space",
    class_space,
)
LOW_REST = Rule(
    "java.low_rest",
    Kind.JAVA_METASPACE,
    Confidence.LIKELY,
    "maps",
    "OpenJDK: besides the heap only the class space is placed where 32 bits, or 32 shifted ones, can "
    "reach it",
    "{size} in the low addresses of a JVM, beside its heap: compressed class space",
    low_rest,
    Kind.JAVA_HEAP,
)
NODES = Rule(
    "java.metaspace_node",
    Kind.JAVA_METASPACE,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, memory/metaspace: nodes of 64 MiB (JDK 16 and before 8 MiB) on root chunks of 4 MiB, "
    "committed in granules",
    "in a node of {block_size} that ends on a root chunk and is committed in whole granules: metaspace",
    nodes,
    Kind.HEAP_ARENA,
)
