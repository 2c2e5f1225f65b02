"""Metaspace, the compressed class space, archives of classes (CDS)."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import ARCHIVE, COMPRESSED_OOPS_BYTES, LOW_BYTES, Jvm
from procmaps.rules.hotspot.whole_tables import whole_sizes
from procmaps.rules.labeller import Claim
from procmaps.rules.process import ARENA_HEAP_BYTES, BY_END, KIB, MIB, Process, Region
from procmaps.rules.rule import Rule

NODES_SINCE_VERSION: Final = 17  # nodes have one size, and a full one can be left, too
NODE_BYTES: Final = 64 * MIB
OLD_NODE_BYTES: Final = 8 * MIB  # the first node of JDK 8 to 15, any of JDK 16
OLD_ALIGNMENT_BYTES: Final = 2 * MIB  # the kernel's, for mappings of whole 2 MiB, since Linux 6.7
ROOT_CHUNK_BYTES: Final = 4 * MIB
GRANULE_BYTES: Final = 64 * KIB
HOLE_MIN_BYTES: Final = MIB  # of a node that merged with what is below it; guards of stacks are smaller
WRITTEN_SHARE: Final = 8  # metaspace is committed as it is used: all but an eighth of a full node is resident
NODE_ENDS_LIMIT_COUNT: Final = 4096  # of a JVM's closed regions that could end a node
RESERVES_LIMIT_COUNT: Final = 4096  # of a JVM's closed regions large enough for a class space
CLASS_SPACE_LIMIT_COUNT: Final = 24  # of the regions that a class space can consist of
ARCHIVE_ALIGNMENT_BYTES: Final = 16 * MIB

ARCHIVES = Rule(
    "java.cds",
    Kind.JAVA_CDS,
    Confidence.CERTAIN,
    "maps",
    "OpenJDK, cds/filemap.cpp: archives are mapped privately; JDK 16 and later reserve up to the "
    "class space above",
    "{size} of an archive of classes (class data sharing) that the JVM maps, or that it reserves for one",
)
CLASS_SPACE = Rule(
    "java.class_space",
    Kind.JAVA_METASPACE,
    Confidence.CERTAIN,
    "maps, cmdline",
    "OpenJDK, memory/metaspace.cpp: one reservation of CompressedClassSpaceSize, 1 GiB by default",
    "inside one reservation of exactly {block_size}, the size of the compressed class space",
)
LOW_REST = Rule(
    "java.low_rest",
    Kind.JAVA_METASPACE,
    Confidence.LIKELY,
    "maps",
    "OpenJDK: besides the heap only the class space is placed so low that 32 bits, shifted or not, reach it",
    "{size} in the low addresses of a JVM, beside its heap: compressed class space",
    runner_up=Kind.JAVA_HEAP,
)
NODES = Rule(
    "java.metaspace_node",
    Kind.JAVA_METASPACE,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, memory/metaspace: nodes of 64 MiB (JDK 16 and before 8 MiB) on root chunks of 4 MiB, "
    "committed in granules",
    "part of a reservation of {block_size} that ends where nodes of metaspace end (on 4 MiB, up to "
    "JDK 16 on 2 MiB) and is committed in whole granules of 64 KiB: metaspace",
    runner_up=Kind.HEAP_ARENA,
)


def archives(_jvm: Jvm, process: Process) -> Iterator[Claim]:
    """What is mapped of archives outside the heap, and the closed rest up to where the class space begins."""
    for region in process.regions:
        if region.name == ARCHIVE and not region.claimed:
            yield Claim(region.start, region.end, ARCHIVES)
            rest = process.above(region)
            if rest is not None and rest.unclaimed and rest.closed and rest.start % ARCHIVE_ALIGNMENT_BYTES:
                top = -(-rest.start // ARCHIVE_ALIGNMENT_BYTES) * ARCHIVE_ALIGNMENT_BYTES
                yield Claim(rest.start, min(top, rest.end), ARCHIVES)


def class_space(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """One reservation of CompressedClassSpaceSize: above the archive, above the heap, or on its own.

    Of the runs of regions that have this size, most of it in the closed region at the end, those above an
    archive come first, then those in the low addresses, then the highest.
    """
    if process.thirty_two_bit or (jvm.heap[1] > COMPRESSED_OOPS_BYTES and 0 < jvm.version < 15):
        return  # class pointers are not compressed
    size = jvm.class_space_bytes
    half, most = size // 2, size * 3
    reserves = [region for region in process.unclaimed_closed if half <= region.size <= most]
    best = max(
        (
            (above_archive, start + size <= LOW_BYTES, start)
            for reserve in reserves[:RESERVES_LIMIT_COUNT]
            for start, above_archive in _class_spaces(process, reserve, size)
        ),
        default=None,
    )
    if best is not None:
        yield Claim(best[2], best[2] + size, CLASS_SPACE)


def _class_spaces(process: Process, reserve: Region, size: int) -> Iterator[tuple[int, bool]]:
    """Where a class space that ends in this closed region can begin, and whether right above an archive."""
    arena_tails = 0
    for region in _downward(process, reserve):
        end = region.start + size
        if end <= reserve.start:
            return
        arena_tails += region.closed and region.end % ARENA_HEAP_BYTES == 0
        if end > reserve.end or region.start % MIB:
            continue
        below = process.below(region)
        above_archive = (
            region.start % ARCHIVE_ALIGNMENT_BYTES == 0 and below is not None and below.is_kind(Kind.JAVA_CDS)
        )
        # heaps of arenas look like it, too
        arenas = arena_tails > 1 or reserve.end - region.start <= ARENA_HEAP_BYTES
        # the reserve may be merged with a later one; then only the archive tells the place
        if above_archive or (end == reserve.end and (end <= LOW_BYTES or not arenas)):
            yield region.start, above_archive


def _downward(process: Process, top: Region) -> Iterator[Region]:
    """This region and the unclaimed ones below it without a gap, up to a limit."""
    region: Region | None = top
    for _ in range(CLASS_SPACE_LIMIT_COUNT):
        if region is None or not region.unclaimed:
            return
        yield region
        region = process.below(region)


def low_rest(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """What is left in the low addresses, if the heap is there: nothing else goes there.

    Where pointers have 32 bits, everything lies there, and there is no class space.
    """
    if not jvm.has_heap or jvm.heap[1] > LOW_BYTES or process.thirty_two_bit:
        return
    for region in process.unclaimed:
        if region.end <= LOW_BYTES and region.size >= 2 * GRANULE_BYTES:
            yield Claim(region.start, region.end, LOW_REST)


def nodes(jvm: Jvm, process: Process) -> Iterable[Claim]:
    """Metaspace that is not in the class space, in nodes of a fixed size."""
    claims = _nodes_of_version(jvm, process)
    jvm.nodes = [(claim.start, claim.end) for claim in claims]
    return claims


def _nodes_of_version(jvm: Jvm, process: Process) -> list[Claim]:
    current: list[Claim] = []
    if not 0 < jvm.version < NODES_SINCE_VERSION and not jvm.small_nodes_end:
        # a table that was touched as the JVM started looks like a full node
        alone = NODE_BYTES not in whole_sizes(jvm, process)
        current = _nodes(process, NODE_BYTES, ROOT_CHUNK_BYTES, full=jvm.has_heap, full_alone=alone)
    if current or jvm.version >= NODES_SINCE_VERSION:
        return current + _last_node(process, current)
    # the first node is the largest and highest
    return [
        claim
        for claim in _nodes(process, OLD_NODE_BYTES, OLD_ALIGNMENT_BYTES)
        if claim.start >= jvm.small_nodes_end
    ]


def _last_node(process: Process, found: list[Claim]) -> list[Claim]:
    """The node that is in use, if it lies where a heap of an arena could.

    There is one that is not committed up to its end. If it was not found, it is among what looks like heaps:
    its head is whole granules, while most heads are not, as a heap grows by pages. It is the lowest one,
    since it is mapped late. Only where no flag says whether a reserve was opened by mprotect.
    """
    tops = {claim.end for claim in found}
    if any(closed.end in tops or process.flagged(closed, "nr") for closed in process.unclaimed_closed):
        return []
    tails = [rest for rest in process.unclaimed_closed if _fills_block(process, rest)]
    possible = [rest for rest in tails if rest.start % GRANULE_BYTES == 0]
    if not possible or len(possible) == len(tails):
        return []
    return [Claim(possible[0].end - ARENA_HEAP_BYTES, possible[0].end, NODES)]


def _fills_block(process: Process, rest: Region) -> bool:
    """Whether closed memory is the rest of what looks like a heap of an arena, perhaps merged downward."""
    base = rest.end - ARENA_HEAP_BYTES
    if base % ARENA_HEAP_BYTES or rest.start <= base:
        return False
    head = process.below(rest)
    return head is not None and head.unclaimed and head.writable and head.start <= base


def _nodes(
    process: Process, size: int, alignment: int, *, full: bool = False, full_alone: bool = False
) -> list[Claim]:
    """Runs of regions that make a whole node: each ends with a closed region, on the alignment.

    With `full`, also those whose last granule is committed, if they end with a region, and begin with one or
    have a hole (then a chunk can have merged with the first): several regions, or with `full_alone` one that
    is written as metaspace is, and not mapped as heaps of arenas are.
    """
    full_alone = full_alone and any(process.flagged(heap.head, "nr") for heap in process.glibc_heaps)
    ends = [
        region
        for region in process.unclaimed
        if not region.end & (alignment - 1)
        and ((region.closed and not _ends_arena(process, region, size)) or (full and region.writable))
    ]
    inside: list[tuple[int, Region, Region]] = []  # where each possible node begins, its outer regions
    for last in ends[:NODE_ENDS_LIMIT_COUNT]:
        start = last.end - size
        first = process.regions[bisect_right(process.regions, start, key=BY_END)]
        several = first is not last or (full_alone and is_written(process, last))
        if last.closed or (several and (first.start == start or _has_hole(process, first, last))):
            inside.append((start, first, last))
    # a hole that ends on the alignment also ends what begins in the memory below its node: what begins with a
    # region comes first, then the higher one
    inside.sort(key=lambda node: (node[1].start != node[0], -node[0]))
    found: list[int] = []
    for start, first, last in inside:
        at = bisect_right(found, start)
        apart = (at == 0 or found[at - 1] + size <= start) and (at == len(found) or start + size <= found[at])
        if apart and _is_node(process, process.regions[first.position : last.position + 1], start):
            insort(found, start)
    return [Claim(start, start + size, NODES) for start in found]


def _has_hole(process: Process, first: Region, last: Region) -> bool:
    """Whether a closed region between the two is larger than guards are, and none is the rest of a heap."""
    closed = [region for region in process.regions[first.position + 1 : last.position] if region.closed]
    return max((region.size for region in closed), default=0) >= HOLE_MIN_BYTES and all(
        region.end % ARENA_HEAP_BYTES for region in closed
    )


def is_written(process: Process, region: Region) -> bool:
    """Whether nearly all of it is resident, while a collector's table of its size hardly is."""
    return process.resident_bytes[region.position] * WRITTEN_SHARE >= region.size * (WRITTEN_SHARE - 1)


def _ends_arena(process: Process, closed: Region, size: int) -> bool:
    """Whether it ends what is likelier a heap of an arena: one writable region, and the rest of its block."""
    if process.mapped_anew(closed):
        return False
    below = process.below(closed)
    start = closed.start if below is None else below.start
    of_arena, of_node = closed.end - ARENA_HEAP_BYTES, closed.end - size
    return (start <= of_arena and of_arena % ARENA_HEAP_BYTES == 0) or (
        start <= of_node and of_node % ARENA_HEAP_BYTES == 0
    )


def _is_node(process: Process, regions: Sequence[Region], start: int) -> bool:
    """Whether regions from `start` on are a node: without a gap, writable first, committed in granules."""
    first, last = regions[0], regions[-1]
    if first.start > start or first.closed:
        return False
    if not all(region.unclaimed and (region.closed or region.writable) for region in regions):
        return False
    if not all(region.touches_below for region in regions[1:]):
        return False
    # committed in granules, so what is closed between and above is whole granules too
    for region in regions:
        low = max(region.start, start)
        if (region.end - low) % GRANULE_BYTES or (not region.closed and low % GRANULE_BYTES):
            return False
        if region.writable and process.flagged(region, "nr"):
            return False
    # two writable regions that the kernel did not merge were mapped one by one, as no heap of an arena is
    return last.writable or process.mapped_anew(last) or not _is_arena(regions, start, last.end)


def _is_arena(regions: Sequence[Region], start: int, end: int) -> bool:
    """A heap of an arena looks like a node: writable from a boundary on, closed up to the next."""
    first = regions[0].start
    on_boundaries = start % ARENA_HEAP_BYTES == 0 or (
        end % ARENA_HEAP_BYTES == 0 and first <= end - ARENA_HEAP_BYTES
    )
    boundary = start & -ARENA_HEAP_BYTES
    cuts_arena = (
        first <= boundary < start and len(regions) > 1 and regions[1].end >= boundary + ARENA_HEAP_BYTES
    )
    return (len(regions) == 2 and on_boundaries) or cuts_arena
