"""Heaps of glibc's arenas that have grown to the top: there is no closed rest to know them by."""

from typing import Final, NamedTuple

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import NOT_GLIBC
from procmaps.rules.glibc_malloc import heap_bytes, other_mmap
from procmaps.rules.groups import ranges
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.process import ARENA_HEAP_32_BYTES
from procmaps.rules.regions import PAGE_SHIFT, Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

RESIDENT_SHARE: Final = 8  # a full heap was written once: with less than an eighth resident it is none
ROOM_SHARE: Final = 2  # of what could be full heaps, where memory is not in pieces
BUDGET_SLACK: Final = 1.5  # heaps that were emptied stay writable

FULL: Final = Rule(
    "glibc.arena_full",
    Kind.HEAP_ARENA,
    Confidence.LIKELY,
    "maps, status",
    "glibc, malloc/arena.c: a heap that has grown to HEAP_MAX_SIZE has no closed rest",
    "{size}, exactly from one {arena_heap} boundary to the next, all writable, in a process that has "
    "arenas and enough memory resident or swapped ({anonymous}) to fill it: a full heap of an arena",
    runner_up=Kind.HEAP_MMAP,
)

OWN: Final = Rule(
    "glibc.arena_none",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/arena.c: sysmalloc maps a new heap when one is full, right above the last one if it can "
    "(aligned_heap_area), and Linux maps downward",
    "{size}, exactly from one {arena_heap} boundary to the next, all writable; but the heap that continues a "
    "full one is neither lower nor right above, where there is room for it: blocks of the program's own",
    runner_up=Kind.HEAP_ARENA,
)
NOT_CONTINUED: Final = Rule(
    "glibc.arena_full_last",
    Kind.HEAP_ARENA,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/arena.c: sysmalloc maps a new heap when one is full, right above the last one if it can "
    "(aligned_heap_area), and Linux maps downward",
    "{size}, exactly from one {arena_heap} boundary to the next, all writable, in a process that has "
    "arenas; but no heap in use is lower or right above, as one that continues a full heap is: a full heap "
    "of an arena, or blocks of the program's own",
    runner_up=Kind.ANONYMOUS,
)


def full_heaps(regions: Regions) -> Ranges | None:
    """Whole blocks where a heap that is not full can be newer."""
    blocks = _whole_blocks(regions)
    return None if blocks is None else _ranges(regions, blocks.only(_is_continued(regions, blocks)))


def own_blocks(regions: Regions) -> Ranges | None:
    """The others in processes where half of them have room right above for the next heap."""
    blocks = _whole_blocks(regions)
    if blocks is None:
        return None
    process, room = regions.process[blocks.rows], _has_room_above(regions, blocks)
    every = np.bincount(process)
    alone = np.bincount(process[room], minlength=len(every)) * ROOM_SHARE >= every
    return _ranges(regions, blocks.only(alone[process]))


def last_heaps(regions: Regions) -> Ranges | None:
    """What is left: the last heap of an arena is hardly ever full to the byte."""
    blocks = _whole_blocks(regions)
    return None if blocks is None else _ranges(regions, blocks)


class _Blocks(NamedTuple):
    """Regions that fill blocks, as columns."""

    rows: Ints64
    size: Ints64  # bytes of all blocks that begin here
    block: Ints64  # bytes of one

    def only(self, good: Flags) -> "_Blocks":
        return _Blocks(*(column[good] for column in self))


def _whole_blocks(regions: Regions) -> _Blocks | None:
    """Writable regions of whole blocks, mapped as other heaps are, within what is resident or swapped.

    A chunk or a table that merely lies over a boundary begins or ends elsewhere.
    """
    allowed = regions.owners(regions.of_kind(Kind.HEAP_ARENA)) & ~regions.has(*NOT_GLIBC)
    rows = which(regions.unclaimed_writable & regions.spread(allowed))
    rows = rows[is_multiple(regions.start[rows], ARENA_HEAP_32_BYTES)]
    block = heap_bytes(regions, rows)
    size = np.where(regions.size[rows] < block, _divided(regions, rows, block), regions.size[rows])
    whole = (size >= block) & is_multiple(regions.start[rows] | size, block)
    rows, block, size = rows[whole], block[whole], size[whole]
    if not len(rows):
        return None
    budget = regions.facts.anonymous_bytes[regions.process[rows]]
    resident = regions.resident_bytes(rows)
    good = (budget < 0) | (size <= budget)
    good &= (resident < 0) | (resident * RESIDENT_SHARE >= regions.size[rows])
    heads = _heads(regions)
    good &= _mapped_as(regions, rows, heads)
    # nor can all heaps of a process together have more than it
    heaps = np.bincount(regions.process[heads], regions.size[heads], len(regions.facts.marks))
    wanted = heaps + np.bincount(regions.process[rows][good], size[good], len(heaps))
    good &= (budget < 0) | (wanted[regions.process[rows]] <= budget * BUDGET_SLACK)
    return _Blocks(rows, size, block).only(good)


def _heads(regions: Regions) -> Ints64:
    return which(regions.of_kind(Kind.HEAP_ARENA) & ~regions.closed)


def _ranges(regions: Regions, blocks: _Blocks) -> Ranges | None:
    """Each block by itself."""
    count = blocks.size // blocks.block
    owner, block = blocks.rows.repeat(count), blocks.block.repeat(count)
    start = regions.start[owner] + block * ranges(np.zeros(len(count), np.int64), count)
    return Ranges(regions.process[owner], start, start + block) if len(owner) else None


def _divided(regions: Regions, rows: Ints64, block: Ints64) -> Ints64:
    """The block's size for regions that begin one, if the writable ones above them fill it exactly; or 0."""
    after = regions.key.searchsorted(regions.key[rows] + (block >> PAGE_SHIFT))
    last = after - 1
    apart = ~(regions.touches_below & regions.unclaimed_writable) | other_mmap(regions)
    breaks = apart.cumsum()
    fills = (breaks[last] == breaks[rows]) & (regions.end[last] == regions.start[rows] + block)
    return np.where(fills, block, 0)


def _mapped_as(regions: Regions, rows: Ints64, heads: Ints64) -> Flags:
    """Whether these regions have, or lack, MAP_NORESERVE as one of the heads of their process does."""
    noreserve = regions.flagged("nr")
    known = np.zeros((2, len(regions.facts.marks)), np.bool_)
    known[noreserve[heads].astype(np.int64), regions.process[heads]] = True
    found: Flags = known[noreserve[rows].astype(np.int64), regions.process[rows]]
    return found


def _is_continued(regions: Regions, blocks: _Blocks) -> Flags:
    """Whether a heap in use lies lower in the same process, or begins right above."""
    heads = _heads(regions)
    process = regions.process[blocks.rows]
    lowest = heads[np.minimum(regions.process[heads].searchsorted(process), len(heads) - 1)]
    above = regions.key.searchsorted(regions.key[blocks.rows] + (blocks.size >> PAGE_SHIFT))
    above = np.minimum(above, len(regions) - 1)
    is_head = np.zeros(len(regions), np.bool_)
    is_head[heads] = True
    touches = is_head[above] & (regions.start[above] == regions.start[blocks.rows] + blocks.size)
    found: Flags = touches | (regions.start[lowest] < regions.start[blocks.rows])
    return found


def _has_room_above(regions: Regions, blocks: _Blocks) -> Flags:
    """Whether nothing is mapped in the block above."""
    maps, row = regions.snapshot.maps, regions.mapping[blocks.rows]
    end = regions.end[blocks.rows]
    after = np.minimum(row + 1, len(maps) - 1)
    same = (maps.process[after] == maps.process[row]) & (after != row)
    distance = np.where(same, maps.start[after].astype(np.int64) - end, blocks.block)
    found: Flags = (maps.end[row].astype(np.int64) == end) & (distance >= blocks.block)
    return found


FULL_HEAPS: Final = RegionLabeller(
    "glibc.arena_full",
    (FULL,),
    full_heaps,
)
OWN_BLOCKS: Final = RegionLabeller(
    "glibc.arena_none",
    (OWN,),
    own_blocks,
    after=(Edge("glibc.arena_full", "what a newer heap can continue is a full heap"),),
)
LAST_HEAPS: Final = RegionLabeller(
    "glibc.arena_full_last",
    (NOT_CONTINUED,),
    last_heaps,
    before=(Edge("hotspot.leftovers", "a full heap of an arena is whole MiB on a MiB boundary too"),),
    after=(Edge("glibc.arena_none", "that labeller sees where another heap would have been mapped"),),
)
