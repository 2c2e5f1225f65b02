"""Metaspace, the compressed class space, archives of classes (CDS)."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft, Spans, is_multiple
from procmaps.rules.jvm import (
    CANDIDATE_LIMIT_COUNT,
    CLASS_SPACE_BYTES,
    COMPRESSED_OOPS_BYTES,
    KIB,
    LOW_BYTES,
    MIB,
    Jvm,
)
from procmaps.rules.names import Name
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64

NODE_BYTES: Final = 64 * MIB  # JDK 17 and later
OLD_NODE_BYTES: Final = 8 * MIB  # the first node of JDK 8 to 15, any of JDK 16
OLD_ALIGNMENT_BYTES: Final = 2 * MIB  # the kernel's, for mappings of whole 2 MiB, since Linux 6.7
ROOT_CHUNK_BYTES: Final = 4 * MIB
GRANULE_BYTES: Final = 64 * KIB
CLOSED_LIMIT_COUNT: Final = 32  # of closed parts large enough for a class space
ARENA_BYTES: Final = 64 * MIB
ARCHIVE_ALIGNMENT_BYTES: Final = 16 * MIB


def archives(draft: Draft) -> Flags | None:
    """What is mapped of archives outside the heap, and the closed rest up to where the class space begins."""
    jsa = (draft.code == Name.JSA) & (draft.kind == 255)
    if not jsa.any():
        return None
    rests = np.zeros(len(draft), np.bool_)
    rests[1:] = jsa[:-1]
    rests &= draft.open_none & ~is_multiple(draft.start, ARCHIVE_ALIGNMENT_BYTES)
    rests &= draft.below == Name.JSA + 1
    rows = np.flatnonzero(rests)
    top = -(-draft.start[rows] // ARCHIVE_ALIGNMENT_BYTES) * ARCHIVE_ALIGNMENT_BYTES
    spans = (draft.process[rows], draft.start[rows], np.minimum(top, draft.end[rows]))
    tails = draft.take(*spans)
    found: Flags = tails | ((draft.code == Name.JSA) & (draft.kind == 255))
    return found


def class_space(draft: Draft) -> Flags | None:
    """One reservation of CompressedClassSpaceSize: above the archive, above the heap, or on its own."""
    spans: Spans = []
    for jvm in draft.jvms:
        if jvm.heap[1] > COMPRESSED_OOPS_BYTES and 0 < jvm.version < 15:
            continue  # class pointers are then not compressed either
        size = jvm.arguments.class_space or CLASS_SPACE_BYTES
        spans += _reservations(draft, jvm, size)
    return draft.take_spans(spans)


def _reservations(draft: Draft, jvm: Jvm, size: int) -> Spans:
    """The run of open parts of exactly `size`, most of it its closed end; above an archive or low first."""
    own = draft.rows_of(jvm.process)
    start, end, none = draft.start[own], draft.end[own], draft.none[own]
    usable = draft.open[own]
    cds = end[draft.kind[own] == Kind.JAVA_CDS]
    closed = np.flatnonzero(usable & none & (draft.size[own] >= size // 2) & (draft.size[own] <= size * 3))
    found: list[tuple[bool, bool, int]] = []
    for row in closed[:CLOSED_LIMIT_COUNT]:
        for low in start[: row + 1][::-1][:24]:
            begin, high = int(low), int(low) + size
            # the closed end may be merged with a later reserve; then only the archive below tells the place
            above_archive = begin % ARCHIVE_ALIGNMENT_BYTES == 0 and bool((cds == begin).any())
            if high > int(end[row]) or high <= int(start[row]) or begin % MIB:
                continue
            if high < int(end[row]) and not above_archive:
                continue
            inside = (start >= begin) & (start < high)
            unbroken = int((end[inside] - start[inside]).sum()) == int(end[row]) - begin
            placed = above_archive or high <= LOW_BYTES
            if (
                unbroken
                and bool(usable[inside].all())
                and (placed or not _arenas(end[inside], none[inside], size))
            ):
                found.append((above_archive, high <= LOW_BYTES, begin))
    return [(jvm.process, max(found)[2], max(found)[2] + size)] if found else []


def _arenas(end: Ints64, none: Flags, size: int) -> bool:
    """Whether a span could as well be a row of arenas: closed parts that end on their boundaries."""
    return size <= ARENA_BYTES or int((none & (end % ARENA_BYTES == 0)).sum()) > 1


def low_rest(draft: Draft) -> Flags | None:
    """What else is anonymous in the low addresses of a JVM is class space: nothing else goes there."""
    if not draft.jvms:
        return None
    jvm = np.zeros(len(draft.facts.marks), np.bool_)
    jvm[[one.process for one in draft.jvms if one.heap[1] and one.heap[1] <= LOW_BYTES]] = True
    return draft.open & draft.spread(jvm) & (draft.end <= LOW_BYTES) & (draft.size >= 2 * GRANULE_BYTES)


def nodes(draft: Draft) -> Flags | None:
    """Nodes: closed ends whose run downward makes a whole node, in granules, and is no arena's."""
    spans: Spans = []
    for jvm in draft.jvms:
        spans += _nodes(draft, jvm)
    return draft.take_spans(spans)


def _nodes(draft: Draft, jvm: Jvm) -> Spans:
    if 0 < jvm.version < 17:
        return _nodes_of(draft, jvm, OLD_NODE_BYTES, OLD_ALIGNMENT_BYTES)
    found = _nodes_of(draft, jvm, NODE_BYTES, ROOT_CHUNK_BYTES)
    if found or jvm.version:
        return found
    return _nodes_of(draft, jvm, OLD_NODE_BYTES, OLD_ALIGNMENT_BYTES)


def _nodes_of(draft: Draft, jvm: Jvm, size: int, alignment: int) -> Spans:
    own = draft.rows_of(jvm.process)
    start, end, none = draft.start[own], draft.end[own], draft.none[own]
    usable = draft.open[own] & (none | draft.writable[own])
    # one writable run and its closed rest up to a boundary of arenas is a heap of one of those
    lower = np.concatenate((start[:1], start[:-1]))
    arena = (lower <= end - ARENA_BYTES) & is_multiple(end, ARENA_BYTES)
    alike = arena | ((lower <= end - size) & is_multiple(end - size, ARENA_BYTES))
    candidates = np.flatnonzero(usable & none & is_multiple(end, alignment) & ~alike)
    tops = end[candidates[:CANDIDATE_LIMIT_COUNT]]
    tops = tops[_unbroken(start, end, usable, tops - size, tops)]
    # where a node has a hole, what ends there begins in a neighbour: what begins with a mapping comes first
    begins_inside = start[np.searchsorted(end, tops - size, "right")] != tops - size
    tops = tops[np.argsort(begins_inside, kind="stable")]
    found: Spans = []
    for top in tops.tolist():
        apart = all(top <= low or top - size >= high for _, low, high in found)
        if apart and _is_node(start, end, none, (top - size, top)):
            found.append((jvm.process, top - size, top))
    return sorted(found)


def _unbroken(start: Ints64, end: Ints64, usable: Flags, begin: Ints64, top: Ints64) -> Flags:
    """Which spans have usable parts without a gap from `begin` to `top`, where a part ends."""
    first = np.minimum(np.searchsorted(end, begin, "right"), len(end) - 1)
    last = np.searchsorted(start, top) - 1
    breaks = np.cumsum(np.concatenate(([True], start[1:] != end[:-1])))
    unusable = np.cumsum(~usable)
    whole: Flags = (start[first] <= begin) & (breaks[first] == breaks[last])
    whole &= usable[first] & (unusable[first] == unusable[last])
    return whole


def _is_node(start: Ints64, end: Ints64, none: Flags, span: tuple[int, int]) -> bool:
    """Whether an unbroken span begins writable, is committed in granules, and is no arena's heap."""
    begin, top = span
    inside = slice(int(np.searchsorted(end, begin, "right")), int(np.searchsorted(start, top)))
    if none[inside.start]:
        return False
    lows, highs = np.maximum(start[inside], begin), end[inside]
    bodies = ~none[inside]
    # committed in granules, so what is closed between and above is whole granules too
    if bool(((highs - lows) % GRANULE_BYTES).any()) or bool((lows[bodies] % GRANULE_BYTES).any()):
        return False
    # an arena's heap looks alike: one writable run from a boundary on, closed up to the next
    first, parts = int(start[inside.start]), len(lows)
    on_boundaries = begin % ARENA_BYTES == 0 or (top % ARENA_BYTES == 0 and first <= top - ARENA_BYTES)
    base = begin & -ARENA_BYTES
    cuts_arena = first <= base < begin and parts > 1 and int(highs[1]) >= base + ARENA_BYTES
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
