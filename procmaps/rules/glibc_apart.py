"""Blocks of 64 MiB that look like heaps of more arenas than there are threads: heaps, or a program's own.

glibc leaves such gaps where threads make their arenas at once. Then there were as many threads, and glibc
keeps the stacks of those that ended, up to 40 MiB (nptl/nptl-stack.c). If none is left, the blocks are not
glibc's.
"""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import NOT_GLIBC
from procmaps.rules.block_gaps import beside_gaps, no_thread_ended
from procmaps.rules.glibc_malloc import Blocks, heap_bytes, heaps
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.process import ARENA_HEAP_32_BYTES, SMALL_GUARD_BYTES
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import which

_SOURCE: Final = (
    "glibc, malloc/arena.c: new_heap fills the gaps that it leaves, unless threads race; arena_get2: no more "
    "arenas than threads; nptl/nptl-stack.c: stacks of ended threads are kept"
)
OWN: Final = Rule(
    "pools.blocks",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps, status",
    _SOURCE,
    "{size} of a block on a {arena_heap} boundary, like the heap of a malloc arena; but a gap of one block "
    "lies between it and the next, and there are more such blocks than the {threads} threads, none of which "
    "has ended: arenas of the program",
    runner_up=Kind.HEAP_ARENA,
)
APART: Final = Rule(
    "glibc.arena_apart",
    Kind.HEAP_ARENA,
    Confidence.GUESS,
    "maps, status",
    _SOURCE,
    "{size} of what looks like the heap of a malloc arena; but there are more such blocks than the {threads} "
    "threads, with gaps between them or without a stack of a thread that has ended: heaps that were made for "
    "threads which have ended, or blocks of the program",
    runner_up=Kind.ANONYMOUS,
)


def own_blocks(regions: Regions) -> Ranges | None:
    """Those at gaps, in processes none of whose threads has ended."""
    blocks = _left(regions)
    if blocks is None:
        return None
    apart = beside_gaps(regions, blocks.rests, blocks.base, blocks.size)
    return _ranges(regions, blocks.only(apart & no_thread_ended(regions)[regions.process[blocks.heads]]))


def apart_heaps(regions: Regions) -> Ranges | None:
    """All that are left of them."""
    blocks = _left(regions)
    return None if blocks is None else _ranges(regions, blocks)


def _left(regions: Regions) -> Blocks | None:
    """Such blocks, or None: the labeller of heaps has claimed all that do not outnumber the threads."""
    rests = which(regions.unclaimed_closed & (regions.size >= ARENA_HEAP_32_BYTES // 2))
    rests = rests[regions.touches_below[rests]]
    rests = rests[regions.writable[rests - 1]]
    block = heap_bytes(regions, rests)
    base = regions.start[rests] & -block
    can_be = (regions.start[rests - 1] == base) & (regions.end[rests] >= base + block)
    can_be &= regions.end[rests] <= base + block + SMALL_GUARD_BYTES
    can_be &= ~regions.has(*NOT_GLIBC)[regions.process[rests]]
    return heaps(regions) if can_be.any() else None


def _ranges(regions: Regions, blocks: Blocks) -> Ranges:
    return Ranges(regions.process[blocks.heads], blocks.base, blocks.top)


OWN_BLOCKS: Final = RegionLabeller(
    "pools.blocks",
    (OWN,),
    own_blocks,
    before=(Edge("glibc.arena_apart", "that labeller claims all such blocks that are left"),),
    after=(Edge("glibc.arena", "blocks that threads account for are heaps of arenas"),),
)
APART_HEAPS: Final = RegionLabeller(
    "glibc.arena_apart",
    (APART,),
    apart_heaps,
    before=(Edge("glibc.arena_full", "the lowest heap that is not full tells which blocks are no heaps"),),
)
