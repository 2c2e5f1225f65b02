"""glibc's malloc: heaps of its arenas, and large chunks. Full heaps are in glibc_full_heaps.

A heap is a block of 64 MiB (1 MiB where pointers have 32 bits), aligned to its size. It is mapped whole
without access and made writable from its base upward as it grows (glibc, malloc/arena.c: new_heap,
grow_heap), so its closed rest always ends on the next boundary. The kernel merges neighbours: the head with
memory below it, the rest with a guard above it. The boundaries tell where to cut both off again.
"""

from typing import Final, NamedTuple

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import NOT_GLIBC
from procmaps.rules.block_gaps import outnumber_threads
from procmaps.rules.glibc_stacks.java_zones import ZONES_BYTES
from procmaps.rules.groups import among
from procmaps.rules.kernel_names import Name
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.libc_malloc import affordable, foreign
from procmaps.rules.process import (
    ARENA_HEAP_32_BYTES,
    ARENA_HEAP_BYTES,
    GIB,
    KIB,
    MIB,
    PAGE_BYTES,
    SMALL_GUARD_BYTES,
)
from procmaps.rules.regions import PAGE_SHIFT, Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

GRANULE_BYTES: Final = 64 * KIB  # in which the JVM commits metaspace
NODE_ALIGNMENT_BYTES: Final = 4 * MIB  # of nodes of metaspace
CHUNK_MIN_BYTES: Final = 128 * KIB  # M_MMAP_THRESHOLD begins there
MMAP_LOW_BYTES: Final = 4 * GIB  # mmap comes nowhere near the executable's addresses by itself

ARENA: Final = Rule(
    "glibc.arena",
    Kind.HEAP_ARENA,
    Confidence.CERTAIN,
    "maps",
    "glibc, malloc/arena.c: HEAP_MAX_SIZE 64 MiB, 1 MiB where pointers have 32 bits",
    "{size} of the heap of a malloc arena: it begins on the {arena_heap} boundary at {block_start}, "
    "is writable from there on, and inaccessible up to the next boundary",
    runner_up=Kind.HEAP_MMAP,
)
MMAPPED: Final = Rule(
    "glibc.mmapped",
    Kind.HEAP_MMAP,
    Confidence.LIKELY,
    "maps, status",
    "glibc, malloc/malloc.c, sysmalloc_mmap: chunks above the threshold (128 KiB to 32 MiB) are "
    "mapped alone; neighbours merge",
    "{size} of writable anonymous memory that no other owner in this process accounts for, and at "
    "least 128 KiB, the size from which malloc gives a chunk its own mapping: large chunks",
    runner_up=Kind.ANONYMOUS,
)


class Blocks(NamedTuple):
    """Blocks that may be heaps, as columns: a writable region, and a closed one to the top of the block."""

    heads: Ints64  # rows of the writable regions
    rests: Ints64  # rows of the closed regions right above
    base: Ints64  # addresses, on a boundary
    size: Ints64

    @property
    def top(self) -> Ints64:
        return self.base + self.size

    def only(self, good: Flags) -> "Blocks":
        return Blocks(*(column[good] for column in self))


def arena_heaps(regions: Regions) -> Ranges | None:
    """A writable region that begins on a boundary or below it, and the closed rest up to the next one."""
    return heaps_of_threads(regions, like_metaspace=False)


def heaps_of_threads(regions: Regions, *, like_metaspace: bool) -> Ranges | None:
    """Unclaimed heaps that threads account for: those that a node of metaspace looks like, or the others."""
    blocks = heaps(regions)
    blocks = blocks.only(~outnumber_threads(regions, blocks.rests, blocks.base, blocks.size))
    if not len(blocks.heads):
        return None
    jvm = regions.has("jvm") & ~_node_in_use(regions)
    granules = is_multiple(regions.start[blocks.rests], GRANULE_BYTES) & jvm[regions.process[blocks.heads]]
    granules &= (blocks.size == ARENA_HEAP_BYTES) & ~regions.flagged("nr")[blocks.heads]
    blocks = blocks.only(granules == like_metaspace)
    return Ranges(regions.process[blocks.heads], blocks.base, blocks.top)


def _node_in_use(regions: Regions) -> Flags:
    """JVMs whose node of metaspace that is not full is known: there is one, so nothing else looks like it."""
    metaspace = regions.of_kind(Kind.JAVA_METASPACE)
    rests = metaspace & regions.closed & (regions.size < ARENA_HEAP_BYTES)
    rests[:-1] &= ~(metaspace[1:] & regions.touches_above[:-1])  # a hole in a node that is full
    return regions.owners(rests & is_multiple(regions.end, NODE_ALIGNMENT_BYTES))


def heaps(regions: Regions) -> Blocks:
    """Heaps that nobody has claimed."""
    blocks = _blocks(regions)
    heads = blocks.heads
    # a name covers the first 132 KiB of a heap alone: what has grown since is a region of its own
    named = regions.code[heads] == int(Name.GLIBC_ARENA)
    below_named = (regions.code[heads - 1] == int(Name.GLIBC_ARENA)) & regions.touches_below[heads]
    start = np.where(below_named, regions.start[heads - 1], regions.start[heads])
    naming = regions.owners(regions.named(Name.GLIBC_ARENA))[regions.process[heads]]
    good = (start <= blocks.base) & (regions.unclaimed[heads] | named) & (named | below_named | ~naming)
    spill = regions.end[blocks.rests] - blocks.top
    good &= (spill <= SMALL_GUARD_BYTES) | _follows(regions, heads, start == blocks.base)
    blocks = blocks.only(good)
    return blocks.only(~_is_stack(regions, blocks))


def _blocks(regions: Regions) -> Blocks:
    """Blocks in which a closed region begins right above a writable one, and reaches the top of the block."""
    closed = regions.unclaimed_closed & regions.touches_below & ~regions.spread(regions.has(*NOT_GLIBC))
    rests = which(closed)
    rests = rests[regions.writable[rests - 1]]
    size = heap_bytes(regions, rests)
    base = regions.start[rests] & -size
    reaches = (regions.start[rests] > base) & (regions.end[rests] >= base + size)
    # both parts are of one mmap: what was mapped anew over a reserve is no heap
    noreserve = regions.flagged("nr")
    reaches &= noreserve[rests] == noreserve[rests - 1]
    blocks = Blocks(rests - 1, rests, base, size).only(reaches)
    return blocks._replace(heads=_bottoms(regions, blocks))


def _bottoms(regions: Regions, blocks: Blocks) -> Ints64:
    """The rows in which the heads begin: the same, unless a head lies in several regions.

    A heap is divided where a process forks and goes on alone in a heap of its parent's (the kernel merges
    nothing across the two), where a part of it is locked, advised (MADV_DONTFORK, MADV_DONTDUMP) or
    closed. It then begins exactly on the boundary. Zones of Java threads divide stacks, and no heap.
    """
    heads = blocks.heads.copy()
    above_base = which(regions.start[heads] > blocks.base)
    if not len(above_base):
        return heads
    offset = regions.start[heads[above_base]] - blocks.base[above_base]
    lowest = _starting_at(regions, heads[above_base], offset)
    apart = ~(regions.touches_below & regions.unclaimed & (regions.closed | regions.writable))
    apart |= other_mmap(regions)
    if regions.facts.libjvm:
        apart |= regions.closed & among(regions.size, ZONES_BYTES) & regions.spread(regions.has("jvm"))
    breaks = apart.cumsum()
    whole = (lowest >= 0) & (breaks[lowest] == breaks[blocks.rests[above_base]])
    whole &= regions.unclaimed_writable[lowest]
    # the metaspace of a JVM is committed in granules, with holes
    odd = (~is_multiple(regions.end, GRANULE_BYTES)).cumsum()
    cuts = odd[heads[above_base]] - odd[lowest] + ~is_multiple(regions.end[lowest], GRANULE_BYTES)
    whole &= (cuts > 0) | ~regions.has("jvm")[regions.process[lowest]]
    heads[above_base[whole]] = lowest[whole]
    return heads


def _starting_at(regions: Regions, rows: Ints64, below_bytes: Ints64) -> Ints64:
    """The regions that start so far below the start of these ones, in the same process; -1 if none does."""
    keys = regions.key[rows] - (below_bytes >> PAGE_SHIFT)
    found = regions.key.searchsorted(keys)
    return np.where(regions.key[np.minimum(found, len(regions) - 1)] == keys, found, -1)


def other_mmap(regions: Regions) -> Flags:
    """Regions that differ from the one below in MAP_NORESERVE: another mmap made them."""
    noreserve = regions.flagged("nr")
    found = np.zeros(len(regions), np.bool_)
    found[1:] = noreserve[1:] != noreserve[:-1]
    return found


def heap_bytes(regions: Regions, rows: Ints64) -> Ints64:
    """HEAP_MAX_SIZE of the process of each of these regions."""
    return np.where(
        regions.facts.thirty_two_bit[regions.process[rows]], ARENA_HEAP_32_BYTES, ARENA_HEAP_BYTES
    )


def _follows(regions: Regions, heads: Ints64, at_base: Flags) -> Flags:
    """Heads that begin where the heap below ends, so that they are heaps whatever the rest has merged with.

    A heap grows by pages; what commits whole MiB of a reserve is something else.
    """
    odd = ~is_multiple(regions.size[heads], MIB)
    found: Flags = at_base & odd & regions.touches_below[heads] & regions.closed[heads - 1]
    return found


def _is_stack(regions: Regions, blocks: Blocks) -> Flags:
    """Stacks of whole MiB over a boundary, with a guard below and one above."""
    lower = blocks.heads - 1
    guard_below = regions.guarded(blocks.heads, SMALL_GUARD_BYTES)
    guard_above = regions.size[blocks.rests] <= SMALL_GUARD_BYTES
    alone = regions.size[blocks.heads]
    with_guard = (alone + regions.size[lower]) % MIB  # JDK 11 to 17 add a page to -Xss
    whole = is_multiple(alone, MIB) | (with_guard == 0) | (with_guard == PAGE_BYTES)
    # what begins on the boundary and ends on the next is a heap, however many of them have equal rests
    exact = (regions.start[blocks.heads] == blocks.base) & (regions.end[blocks.rests] == blocks.top)
    found: Flags = guard_below & guard_above & whole & ~exact & (blocks.size == ARENA_HEAP_BYTES)
    return found


def large_chunks(regions: Regions) -> Flags:
    """What can be chunks, and is hardly more than is resident or swapped."""
    return can_be_chunks(regions) & affordable(regions)


def can_be_chunks(regions: Regions) -> Flags:
    """Writable, at least as large as the threshold, without flags of others."""
    chunk = regions.unclaimed_writable & ~regions.named(Name.HUGE) & (regions.size >= CHUNK_MIN_BYTES)
    chunk &= ~foreign(regions)
    # where glibc names its chunks, what has no name is none
    naming = regions.owners(regions.named(Name.GLIBC_MALLOC))
    chunk &= ~regions.spread(regions.has(*NOT_GLIBC) | naming)
    # QEMU gives the program in it a brk heap of its own, which has no name
    low = regions.facts.thirty_two_bit | regions.has("qemu")
    chunk &= (regions.start >= MMAP_LOW_BYTES) | regions.spread(low)
    # a chunk has a header, so its size is odd unless madvise has divided it
    whole = which(chunk & is_multiple(regions.size, MIB))
    chunk[whole[~_inside_odd_run(regions, whole)]] = False
    return chunk


def _inside_odd_run(regions: Regions, rows: Ints64) -> Flags:
    """Regions with neighbours on both sides in a run of writable memory whose size is not whole MiB.

    madvise divides a chunk into mappings that differ in flags, if the program asks for huge pages in it.
    """
    if not len(rows):
        return np.zeros(0, np.bool_)
    breaks = np.ones(len(regions), np.bool_)
    breaks[1:] = ~(
        regions.unclaimed_writable[1:] & regions.unclaimed_writable[:-1] & regions.touches_below[1:]
    )
    run = breaks.cumsum()
    first, last = run.searchsorted(run[rows]), run.searchsorted(run[rows], "right") - 1
    odd = ~is_multiple(regions.end[last] - regions.start[first], MIB)
    found: Flags = (first < rows) & (rows < last) & odd
    return found


ARENA_HEAPS: Final = RegionLabeller(
    "glibc.arena",
    (ARENA,),
    arena_heaps,
    before=(
        Edge("stack.flagged", "the closed rest of a heap can end right below a stack, and is no guard of it"),
    ),
)
LARGE_CHUNKS: Final = RegionLabeller("glibc.mmapped", (MMAPPED,), large_chunks)
