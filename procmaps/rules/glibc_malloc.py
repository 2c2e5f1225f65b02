"""glibc's malloc: heaps of its arenas, and large chunks.

A heap is a block of 64 MiB (1 MiB where pointers have 32 bits), aligned to its size. It is mapped whole
without access and made writable from its base upward as it grows (glibc, malloc/arena.c: new_heap,
grow_heap), so its closed rest always ends on the next boundary. The kernel merges neighbours: the head with
memory below it, the rest with a guard above it. The boundaries tell where to cut both off again.
"""

from typing import Final, NamedTuple

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import NOT_GLIBC
from procmaps.rules.draft import Draft, is_multiple
from procmaps.rules.groups import ranges
from procmaps.rules.kernel_names import Name
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.libc_malloc import affordable, foreign
from procmaps.rules.process import ARENA_HEAP_32_BYTES, ARENA_HEAP_BYTES, GIB, KIB, MIB, PAGE_BYTES
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

RESIDENT_SHARE: Final = 8  # a full heap was written once: with less than an eighth resident it is none
BUDGET_SLACK: Final = 1.5  # heaps that were emptied stay writable
GUARD_MAX_BYTES: Final = 64 * KIB
CHUNK_MIN_BYTES: Final = 128 * KIB  # M_MMAP_THRESHOLD begins there
MMAP_LOW_BYTES: Final = 4 * GIB  # mmap comes nowhere near the executable's addresses by itself

ARENA: Final = Rule(
    "glibc.arena",
    Kind.HEAP_ARENA,
    Confidence.CERTAIN,
    "maps",
    "glibc, malloc/arena.c: HEAP_MAX_SIZE 64 MiB, 1 MiB where pointers have 32 bits",
    "{size} of a heap of a malloc arena, which begins on the {arena_heap} boundary at {block_start}, is "
    "writable up to some page, and closed from there to the next boundary",
    runner_up=Kind.HEAP_MMAP,
)
FULL: Final = Rule(
    "glibc.arena_full",
    Kind.HEAP_ARENA,
    Confidence.LIKELY,
    "maps, status",
    "glibc, malloc/arena.c: a heap that has grown to HEAP_MAX_SIZE has no closed rest",
    "{size} between two {arena_heap} boundaries, all writable, in a process that has arenas, and no more "
    "than RssAnon ({rss_anon}): a full heap of an arena",
    runner_up=Kind.HEAP_MMAP,
)
MMAPPED: Final = Rule(
    "glibc.mmapped",
    Kind.HEAP_MMAP,
    Confidence.LIKELY,
    "maps, status",
    "glibc, malloc/malloc.c, sysmalloc_mmap: chunks above the threshold (128 KiB to 32 MiB) are "
    "mapped alone; neighbours merge",
    "{size} of writable anonymous memory of no other known owner in this process, and at least the 128 KiB "
    "from which malloc maps a chunk alone: large chunks",
    runner_up=Kind.ANONYMOUS,
)


class _Blocks(NamedTuple):
    """Blocks that may be heaps, as columns: a writable region, and a closed one to the top of the block."""

    heads: Ints64  # rows of the writable regions
    rests: Ints64  # rows of the closed regions right above
    base: Ints64  # addresses, on a boundary
    size: Ints64

    @property
    def top(self) -> Ints64:
        return self.base + self.size

    def only(self, good: Flags) -> "_Blocks":
        return _Blocks(*(column[good] for column in self))


def arena_heaps(draft: Draft) -> Ranges | None:
    """A writable region that begins on a boundary or below it, and the closed rest up to the next one."""
    blocks = _blocks(draft)
    if not len(blocks.rests):
        return None
    heads = blocks.heads
    # a name covers the first 132 KiB of a heap alone: what has grown since is a region of its own
    named = draft.code[heads] == int(Name.GLIBC_ARENA)
    below_named = (draft.code[heads - 1] == int(Name.GLIBC_ARENA)) & draft.touches_below[heads]
    start = np.where(below_named, draft.start[heads - 1], draft.start[heads])
    naming = draft.owners(draft.named(Name.GLIBC_ARENA))[draft.process[heads]]
    good = (start <= blocks.base) & (draft.open[heads] | named) & (named | below_named | ~naming)
    spill = draft.end[blocks.rests] - blocks.top
    good &= (spill <= GUARD_MAX_BYTES) | _follows(draft, heads, start == blocks.base)
    blocks = blocks.only(good)
    blocks = blocks.only(~_is_stack(draft, blocks))
    return Ranges(draft.process[blocks.heads], blocks.base, blocks.top) if len(blocks.heads) else None


def _blocks(draft: Draft) -> _Blocks:
    """Blocks in which a closed region begins right above a writable one, and reaches the top of the block."""
    closed = draft.open_none & draft.touches_below & ~draft.spread(draft.has(*NOT_GLIBC))
    rests = which(closed)
    rests = rests[draft.writable[rests - 1]]
    size = _heap_bytes(draft, rests)
    base = draft.start[rests] & -size
    reaches = (draft.start[rests] > base) & (draft.end[rests] >= base + size)
    return _Blocks(rests - 1, rests, base, size).only(reaches)


def _heap_bytes(draft: Draft, rows: Ints64) -> Ints64:
    """HEAP_MAX_SIZE of the process of each of these regions."""
    return np.where(draft.facts.thirty_two_bit[draft.process[rows]], ARENA_HEAP_32_BYTES, ARENA_HEAP_BYTES)


def _follows(draft: Draft, heads: Ints64, at_base: Flags) -> Flags:
    """Heads that begin where the heap below ends, so that they are heaps whatever the rest has merged with.

    A heap grows by pages; what commits whole MiB of a reserve is something else.
    """
    odd = ~is_multiple(draft.size[heads], MIB)
    found: Flags = at_base & odd & draft.touches_below[heads] & draft.none[heads - 1]
    return found


def _is_stack(draft: Draft, blocks: _Blocks) -> Flags:
    """Stacks of whole MiB over a boundary, with a guard below and one above."""
    lower = blocks.heads - 1
    guard_below = (
        draft.touches_below[blocks.heads] & draft.none[lower] & (draft.size[lower] <= GUARD_MAX_BYTES)
    )
    guard_above = draft.size[blocks.rests] <= GUARD_MAX_BYTES
    alone = draft.size[blocks.heads]
    with_guard = (alone + draft.size[lower]) % MIB  # JDK 11 to 17 add a page to -Xss
    whole = is_multiple(alone, MIB) | (with_guard == 0) | (with_guard == PAGE_BYTES)
    found: Flags = guard_below & guard_above & whole & (blocks.size == ARENA_HEAP_BYTES)
    return found


def full_heaps(draft: Draft) -> Ranges | None:
    """Writable regions of whole blocks, of no more than RssAnon.

    A chunk or a table that merely lies over a boundary begins or ends elsewhere.
    """
    allowed = draft.owners(draft.of_kind(Kind.HEAP_ARENA)) & ~draft.has(*NOT_GLIBC)
    rows = which(draft.open_rw & draft.spread(allowed) & (draft.size >= ARENA_HEAP_32_BYTES))
    block = _heap_bytes(draft, rows)
    whole = (draft.size[rows] >= block) & is_multiple(draft.start[rows] | draft.end[rows], block)
    rows, block = rows[whole], block[whole]
    if not len(rows):
        return None
    budget = draft.facts.rss_anon_bytes[draft.process[rows]]
    resident = draft.resident_bytes(rows)
    good = (budget < 0) | (draft.size[rows] <= budget)
    good &= (resident < 0) | (resident * RESIDENT_SHARE >= draft.size[rows])
    # nor can all heaps of a process together have more than it
    heads = which(draft.of_kind(Kind.HEAP_ARENA) & ~draft.none)
    heaps = np.bincount(draft.process[heads], draft.size[heads], len(draft.facts.marks))
    wanted = heaps + np.bincount(draft.process[rows][good], draft.size[rows][good], len(heaps))
    good &= (budget < 0) | (wanted[draft.process[rows]] <= budget * BUDGET_SLACK)
    rows, block = rows[good], block[good]
    count = draft.size[rows] // block
    owner, block = rows.repeat(count), block.repeat(count)
    start = draft.start[owner] + block * ranges(np.zeros(len(count), np.int64), count)
    return Ranges(draft.process[owner], start, start + block) if len(owner) else None


def large_chunks(draft: Draft) -> Flags:
    """Writable, at least as large as the threshold, hardly more than RssAnon, without flags of others."""
    chunk = draft.open_rw & ~draft.named(Name.HUGE) & (draft.size >= CHUNK_MIN_BYTES)
    chunk &= ~foreign(draft) & affordable(draft)
    # where glibc names its chunks, what has no name is none
    naming = draft.owners(draft.named(Name.GLIBC_MALLOC))
    chunk &= ~draft.spread(draft.has(*NOT_GLIBC) | naming)
    chunk &= (draft.start >= MMAP_LOW_BYTES) | draft.spread(draft.facts.thirty_two_bit)
    # a chunk has a header, so its size is odd unless madvise has divided it
    whole = which(chunk & is_multiple(draft.size, MIB))
    chunk[whole[~_inside_odd_run(draft, whole)]] = False
    return chunk


def _inside_odd_run(draft: Draft, rows: Ints64) -> Flags:
    """Regions with neighbours on both sides in a run of writable memory whose size is not whole MiB.

    madvise divides a chunk into mappings that differ in flags, if the program asks for huge pages in it.
    """
    if not len(rows):
        return np.zeros(0, np.bool_)
    breaks = np.ones(len(draft), np.bool_)
    breaks[1:] = ~(draft.open_rw[1:] & draft.open_rw[:-1] & draft.touches_below[1:])
    run = breaks.cumsum()
    first, last = run.searchsorted(run[rows]), run.searchsorted(run[rows], "right") - 1
    odd = ~is_multiple(draft.end[last] - draft.start[first], MIB)
    found: Flags = (first < rows) & (rows < last) & odd
    return found


ARENA_HEAPS: Final = RegionLabeller("glibc.arena", (ARENA,), arena_heaps)
FULL_HEAPS: Final = RegionLabeller(
    "glibc.arena_full",
    (FULL,),
    full_heaps,
    after=(Edge("glibc.arena", "a full heap is believed only in a process that has one with a closed rest"),),
    before=(Edge("glibc.mmapped", "a full heap would otherwise count as large chunks"),),
)
LARGE_CHUNKS: Final = RegionLabeller("glibc.mmapped", (MMAPPED,), large_chunks)
