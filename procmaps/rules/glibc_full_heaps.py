"""Heaps of glibc's arenas that have grown to the top: there is no closed rest to know them by."""

from collections.abc import Callable
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import NOT_GLIBC
from procmaps.rules.block_gaps import GAPS_MIN_COUNT, beside_gaps
from procmaps.rules.glibc_malloc import heap_bytes, other_mmap
from procmaps.rules.groups import ranges
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.openblas import highest_buffers
from procmaps.rules.process import ARENA_HEAP_32_BYTES
from procmaps.rules.regions import PAGE_SHIFT, Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

RESIDENT_SHARE: Final = 8  # a full heap was written once: with less than an eighth resident it is none
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
FULL_APART: Final = Rule(
    "glibc.arena_full_apart",
    Kind.HEAP_ARENA,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/arena.c: new_heap fills the gaps that it leaves, unless threads race",
    "{size}, exactly from one {arena_heap} boundary to the next, all writable, with a gap of one block "
    "before the next such block: full heaps of arenas that threads made at once, or blocks of the program",
    runner_up=Kind.ANONYMOUS,
)
OWN_FULL: Final = Rule(
    "pools.full_blocks",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/arena.c: an arena goes on in a new heap, and Linux maps that below; new_heap fills the "
    "gaps that it leaves, unless threads race",
    "{size}, exactly from one {arena_heap} boundary to the next, all writable, with a gap of one block "
    "before the next such block, and below all heaps of arenas, where the heap that is not full would be: "
    "blocks of the program",
    runner_up=Kind.HEAP_ARENA,
)


def full_heaps(regions: Regions) -> Ranges | None:
    """Writable regions of whole blocks, mapped as other heaps are, within what is resident or swapped.

    A chunk or a table that merely lies over a boundary begins or ends elsewhere.
    """
    return chosen_full_heaps(regions, _in_place)


def full_heaps_apart(regions: Regions) -> Ranges | None:
    """Those with gaps between them that glibc would have filled."""
    return chosen_full_heaps(regions, beside_gaps) if _have_several(regions) else None


def full_blocks(regions: Regions) -> Ranges | None:
    """Those of them that are below all heaps that are not full."""
    return chosen_full_heaps(regions, _lowest) if _have_several(regions) else None


def _have_several(regions: Regions) -> bool:
    """Whether a process has so many regions of whole blocks as gaps need: hardly any has."""
    rows = which(regions.unclaimed_writable & is_multiple(regions.start | regions.end, ARENA_HEAP_32_BYTES))
    block = heap_bytes(regions, rows)
    rows = rows[is_multiple(regions.start[rows] | regions.end[rows], block)]
    return bool((np.bincount(regions.process[rows]) > GAPS_MIN_COUNT).any())


def _in_place(regions: Regions, rows: Ints64, start: Ints64, size: Ints64) -> Flags:
    return ~beside_gaps(regions, rows, start, size)


def _lowest(regions: Regions, rows: Ints64, start: Ints64, size: Ints64) -> Flags:
    lowest = regions.lowest(regions.of_kind(Kind.HEAP_ARENA) & regions.closed)
    found: Flags = beside_gaps(regions, rows, start, size) & (start < lowest[regions.process[rows]])
    return found


def chosen_full_heaps(
    regions: Regions, choose: Callable[[Regions, Ints64, Ints64, Ints64], Flags]
) -> Ranges | None:
    """What can be full heaps, as far as `choose` accepts each by its row, start and size in bytes."""
    allowed = regions.owners(regions.of_kind(Kind.HEAP_ARENA)) & ~regions.has(*NOT_GLIBC)
    possible = regions.unclaimed_writable & regions.spread(allowed)
    possible[highest_buffers(regions)] = False
    rows = which(possible)
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
    heads = which(regions.of_kind(Kind.HEAP_ARENA) & ~regions.closed)
    good &= _mapped_as(regions, rows, heads)
    # nor can all heaps of a process together have more than it
    heaps = np.bincount(regions.process[heads], regions.size[heads], len(regions.facts.marks))
    wanted = heaps + np.bincount(regions.process[rows][good], size[good], len(heaps))
    good &= (budget < 0) | (wanted[regions.process[rows]] <= budget * BUDGET_SLACK)
    rows, block, size = rows[good], block[good], size[good]
    chosen = choose(regions, rows, regions.start[rows], size)
    rows, block, size = rows[chosen], block[chosen], size[chosen]
    count = size // block
    owner, block = rows.repeat(count), block.repeat(count)
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


FULL_HEAPS: Final = RegionLabeller(
    "glibc.arena_full",
    (FULL,),
    full_heaps,
)
FULL_HEAPS_APART: Final = RegionLabeller(
    "glibc.arena_full_apart",
    (FULL_APART,),
    full_heaps_apart,
    after=(Edge("pools.full_blocks", "that labeller tells those of them that are no heaps"),),
)
FULL_BLOCKS: Final = RegionLabeller(
    "pools.full_blocks",
    (OWN_FULL,),
    full_blocks,
    after=(Edge("glibc.arena_full", "where these blocks are gone, few gaps make other full heaps doubtful"),),
)
