"""Heaps of glibc's arenas: blocks of 64 MiB (1 MiB where pointers have 32 bits), aligned to their size.

A heap is mapped whole without access and made writable from its base upward as it grows (glibc,
malloc/arena.c: new_heap, grow_heap), so its reserve always ends on the next boundary. The kernel merges:
the head with memory below, the reserve with a guard above. Anchored on the boundary, both are cut off
again.
"""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import WITHOUT_GLIBC_ARENAS
from procmaps.rules.draft import PAGE_BYTES, Draft
from procmaps.rules.groups import ranges
from procmaps.rules.names import Name
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

ARENA_BYTES: Final = 64 * 2**20
ARENA_32_BYTES: Final = 2**20
MIB: Final = 2**20
RESIDENT_SHARE: Final = (
    8  # a full heap was written once; of less than an eighth resident something else is likelier
)
BUDGET_SLACK: Final = 1.5  # heaps that were emptied stay writable
SPILL_BYTES: Final = 64 * 2**10  # what a merged guard may add above a heap's reserve


def uses_arenas(draft: Draft) -> Flags:
    """Processes that can have arenas: glibc is the libc, or none is seen, and no other malloc is loaded."""
    return ~draft.has(*WITHOUT_GLIBC_ARENAS)


def names_arenas(draft: Draft) -> Flags:
    """Processes in which glibc names the heaps of arenas."""
    return draft.owners(draft.named(Name.GLIBC_ARENA))


def heap_bytes(draft: Draft, rows: Ints64) -> Ints64:
    """HEAP_MAX_SIZE of the process of each of these parts."""
    return np.where(draft.facts.thirty_two_bit[draft.process[rows]], ARENA_32_BYTES, ARENA_BYTES)


def partly_used(draft: Draft) -> Flags | None:
    """A writable part over a boundary and the untouchable rest up to the next one."""
    tails = which(draft.open_none & draft.touches_below & draft.spread(uses_arenas(draft)))
    if not len(tails):
        return None
    tails = tails[draft.writable[tails - 1]]
    base = draft.start[tails] & -heap_bytes(draft, tails)
    within = (draft.start[tails] > base) & (draft.end[tails] >= base + heap_bytes(draft, tails))
    tails, base = tails[within], base[within]
    size = heap_bytes(draft, tails)
    heads = tails - 1
    # a name, where there is one, covers the first 132 KiB alone: the rest of the head is a mapping of its own
    named = (draft.code[heads - 1] == int(Name.GLIBC_ARENA)) & draft.touches_below[heads]
    head_start = np.where(named, draft.start[heads - 1], draft.start[heads])
    spill = draft.end[tails] - (base + size)
    good = (draft.open[heads] | (draft.code[heads] == int(Name.GLIBC_ARENA))) & (head_start <= base)
    # more than a guard above: another's reserve. The heap then begins where the one below it ends, and has
    # grown by pages, not by the MiB in which others commit
    follows = (head_start == base) & draft.touches_below[heads] & draft.none[heads - 1]
    follows &= draft.size[heads] % MIB != 0
    good &= (spill <= SPILL_BYTES) | follows
    # a stack of whole MiB with a guard on both sides
    below = draft.touches_below[heads] & draft.none[heads - 1] & (draft.size[heads - 1] <= SPILL_BYTES)
    both = (draft.size[heads] + draft.size[heads - 1]) % MIB  # JDK 11 to 17 add a page to -Xss
    stack = (draft.size[heads] % MIB == 0) | (both == 0) | (both == PAGE_BYTES)
    good &= ~(below & stack & (draft.size[tails] <= SPILL_BYTES) & (size == ARENA_BYTES))
    # where glibc names its heaps, what has no name is not one
    good &= named | (draft.code[heads] == int(Name.GLIBC_ARENA)) | ~names_arenas(draft)[draft.process[tails]]
    if not good.any():
        return None
    first = np.where(base < draft.start[heads], heads - 1, heads)
    return draft.take_between(first[good], tails[good], base[good], (base + size)[good])


def full(draft: Draft) -> Flags | None:
    """Whole blocks that are writable to their end: heaps that are full, where RssAnon can pay for them."""
    allowed = uses_arenas(draft) & _has_arenas(draft)
    rows = which(draft.open_rw & draft.spread(allowed) & (draft.size >= ARENA_32_BYTES))
    rows = rows[draft.size[rows] >= heap_bytes(draft, rows)]
    if not len(rows):
        return None
    size = heap_bytes(draft, rows)
    low = -(-draft.start[rows] // size) * size
    high = draft.end[rows] & -size
    budget = draft.facts.rss_anon_bytes[draft.process[rows]]
    good = (high > low) & ((budget < 0) | (draft.size[rows] <= budget))
    # a full heap ends where the next one could begin: a chunk or table that merely spans a boundary does not
    good &= (high == draft.end[rows]) & (low == draft.start[rows])
    resident = draft.resident_bytes(rows)
    good &= (resident < 0) | (resident * RESIDENT_SHARE >= draft.size[rows])
    # all heaps of a process together must be paid for
    heads = which(draft.of_kind(Kind.HEAP_ARENA) & ~draft.none)
    heaps = np.bincount(draft.process[heads], draft.size[heads], len(draft.facts.marks))
    wanted = heaps + np.bincount(draft.process[rows][good], draft.size[rows][good], len(heaps))
    good &= (budget < 0) | (wanted[draft.process[rows]] <= budget * BUDGET_SLACK)
    rows, low, high, size = rows[good], low[good], high[good], size[good]
    if not len(rows):
        return None
    # each heap is a block of its own
    count = (high - low) // size
    owner = rows.repeat(count)
    first = low.repeat(count) + size.repeat(count) * ranges(np.zeros(len(count), np.int64), count)
    return draft.take_between(owner, owner, first, first + size.repeat(count))


def _has_arenas(draft: Draft) -> Flags:
    return draft.owners(draft.of_kind(Kind.HEAP_ARENA))


PARTLY_USED = Rule(
    "glibc.arena",
    Kind.HEAP_ARENA,
    Confidence.CERTAIN,
    "maps",
    "glibc, malloc/arena.c: HEAP_MAX_SIZE 64 MiB, 1 MiB where pointers have 32 bits",
    "a heap of a malloc arena: from its {arena_heap} boundary at {block_start} it is writable up to "
    "some page, and closed up to the next boundary; these are {size} of it",
    partly_used,
    Kind.HEAP_MMAP,
)
FULL = Rule(
    "glibc.arena_full",
    Kind.HEAP_ARENA,
    Confidence.LIKELY,
    "maps, status",
    "glibc, malloc/arena.c: a heap that has grown to HEAP_MAX_SIZE has no reserve left",
    "{size} between two {arena_heap} boundaries, all writable, in a process that has arenas and RssAnon "
    "({rss_anon}) enough for it: a full heap of one",
    full,
    Kind.HEAP_MMAP,
)
