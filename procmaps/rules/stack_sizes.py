"""Stacks whose guards cannot be seen and whose size is not the default, by how many threads lack a stack."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_UNUSED
from procmaps.rules.draft import PAGE_BYTES, Draft
from procmaps.rules.groups import among, count_alike, slices_of
from procmaps.rules.rule import Rule
from procmaps.rules.stack_pairs import live, missing_stacks
from procmaps.rules.stacks import (
    CACHE_BYTES,
    GUARD_MAX_BYTES,
    STACK_MAX_BYTES,
    STACK_MIN_BYTES,
    default_bytes,
    release_of,
    take_runs,
)
from procmaps.tables import Flags, Ints64, which

HIDES_GUARDS_SINCE: Final = (6, 13)
ALIKE_MIN_COUNT: Final = 3  # of two mappings one size or another divides both
ROUND_BYTES: Final = 64 * 2**10
ROUND_DECIMAL_BYTES: Final = 100 * 2**10
LARGE_GUARDS_BYTES: Final = (8 * 2**10, 16 * 2**10, 32 * 2**10)
LARGE_PAGE_BYTES: Final = 64 * 2**10  # a guard on aarch64
ALIKE_LIMIT_COUNT: Final = 64  # of sizes of mappings that are tried
ENDED_LIMIT_COUNT: Final = 32  # of stacks that are kept for new threads
STACKS_LIMIT_COUNT: Final = 1024  # in one mapping


def unseen_alike(draft: Draft) -> Flags | None:
    """Stacks of one other size: mappings of whole numbers of it that hold as many as threads lack a stack.

    With MAP_STACK they merge with nothing but one another.
    """
    rows, missing = _with_hidden_guards(draft, missing_stacks(draft))
    rows = rows[draft.open_rw[rows] & (draft.size[rows] >= STACK_MIN_BYTES + PAGE_BYTES)]
    one = np.zeros(len(rows), np.int64)
    for own in slices_of(draft.process[rows]):
        process = draft.process[rows[own.start]]
        budget = int(draft.facts.rss_anon_bytes[process])
        one[own] = _sizes_of_stacks(draft.size[rows[own]], int(missing[process]), budget)
    rows, one = rows[one > 0], one[one > 0]
    return take_runs(draft, rows, one, draft.size[rows] // one)


def _with_hidden_guards(draft: Draft, missing: Ints64) -> tuple[Ints64, Ints64]:
    """Rows of processes whose guards may be hidden, and threads without a stack, by process.

    A JVM's own threads have the default size, its buffers have any.
    """
    missing = np.where(draft.has("jvm"), 0, missing)
    if release_of(draft.snapshot.facts.kernel) < HIDES_GUARDS_SINCE or not missing.any():
        return np.zeros(0, np.int64), missing
    rows = which(draft.spread(missing > 0))
    missing[shows_guards(draft, rows, missing)] = 0
    return rows[missing[draft.process[rows]] > 0], missing


def shows_guards(draft: Draft, rows: Ints64, missing: Ints64) -> Flags:
    """Processes in which half of the stacks have a guard that is seen: then none is hidden."""
    closed = rows[draft.none[rows] & (draft.size[rows] <= GUARD_MAX_BYTES)]
    guards = closed[draft.open[closed] & draft.touches_above[closed]]
    guards = guards[draft.open_rw[guards + 1] & (draft.size[guards + 1] >= STACK_MIN_BYTES)]
    process, size = draft.process[guards], draft.size[guards]
    # buffers with a guard on both sides have two between them, and the lowest has them above
    single = (size == PAGE_BYTES) | (size == LARGE_PAGE_BYTES)
    above = np.minimum(guards + 2, len(draft) - 1)
    single &= ~(draft.touches_above[guards + 1] & draft.none[above] & (draft.size[above] == 2 * size))
    of_stacks = draft.process[closed[draft.kind[closed] == int(Kind.THREAD_STACK)]]
    number = np.bincount(np.concatenate((process[single], of_stacks)), minlength=len(missing))
    shown: Flags = number * 2 >= live(draft)
    left = ~shown[process]
    if left.any():
        process = process[left]
        alike = count_alike(process, draft.size[guards[left] + 1], size[left])
        shown[process[(alike == missing[process]) & (alike >= ALIKE_MIN_COUNT)]] = True
    return shown


def _sizes_of_stacks(sizes: Ints64, missing: int, budget: int) -> Ints64:
    """For each mapping the size of the stacks that it consists of, or 0."""
    used, times = (column[-ALIKE_LIMIT_COUNT:] for column in np.unique(sizes, return_counts=True))
    parts = np.arange(1, min(missing + ENDED_LIMIT_COUNT, STACKS_LIMIT_COUNT) + 1) * PAGE_BYTES
    row, part = np.nonzero(used[:, np.newaxis] % parts == 0)
    ones = np.unique(used[row] // (part + 1))
    ones = ones[ones >= STACK_MIN_BYTES + PAGE_BYTES]
    # what is larger than all that is resident must be stacks as well
    unpaid = used[(used > budget) & (budget >= 0)]
    ones = ones[(unpaid % ones[:, np.newaxis] == 0).all(axis=1)]
    whole = (used % ones[:, np.newaxis] == 0) * times
    count = (whole * (used // ones[:, np.newaxis])).sum(axis=1)
    # one mapping can be divided by any number: then the size must be round as well
    number = whole.sum(axis=1)
    several = (number > 1) & (missing >= ALIKE_MIN_COUNT)
    # with a guard of several pages, where malloc cannot own them; what the program maps itself is round
    odd = among(ones % ROUND_BYTES, LARGE_GUARDS_BYTES) & bool((unpaid % ROUND_BYTES).any())
    fit = which((count == missing) & (several | odd | _is_round(ones)))
    if not len(fit):  # with stacks of threads that ended there are more
        ended = (count > missing) & (count <= missing + CACHE_BYTES // ones) & _is_round(ones)
        fit = which(ended & (number > 1) & bool(len(unpaid)))
    if len(fit) == 1 or (len(fit) and missing >= ALIKE_MIN_COUNT):
        roundness = (ones[fit] - PAGE_BYTES) & -(ones[fit] - PAGE_BYTES)
        best = fit[np.lexsort((ones[fit], roundness, _is_round(ones[fit])))[-1]]
        return np.where(sizes % ones[best] == 0, ones[best], 0)
    # else the one mapping that holds them all, where others are whole numbers of that size by chance
    one = sizes // missing
    all_in_one = (sizes % missing == 0) & (one > ROUND_BYTES) & _is_round(one)
    return np.where(all_in_one & (all_in_one.sum() == 1), one, 0)


def _is_round(one: Ints64) -> Flags:
    """Sizes of stacks that people ask for, with a page of guard: whole numbers of 64 KiB or of 100 KiB."""
    asked = one - PAGE_BYTES
    found: Flags = (asked % ROUND_BYTES == 0) | (asked % ROUND_DECIMAL_BYTES == 0)
    return found


def unseen_round(draft: Draft) -> Flags | None:
    """Stacks of several sizes: what malloc cannot own, with no more odd pages than threads lack a stack.

    Each stack has a guard of a page, and its size is round. Other mallocs keep memory that is not resident.
    """
    missing = missing_stacks(draft)
    budget = draft.facts.rss_anon_bytes
    short = (missing > 0) & (budget >= 0) & ~draft.has(*KEEP_UNUSED)
    if not short.any():
        return None
    limit = np.where(short, budget, np.iinfo(np.int64).max)
    rows = which(draft.open_rw & (draft.size > draft.spread(limit)))
    lacking, guards = missing[draft.process[rows]], draft.size[rows] % ROUND_BYTES // PAGE_BYTES
    # larger than default ones could be: then all of them, or it is something else that has merged
    room = lacking * default_bytes(draft)[draft.process[rows]]
    fit = (guards == lacking) | ((2 * guards >= lacking) & (guards <= lacking) & (draft.size[rows] <= room))
    rows = rows[fit & (guards > 0) & (draft.size[rows] <= lacking * STACK_MAX_BYTES)]
    if not len(rows):
        return None
    _, missing = _with_hidden_guards(draft, np.where(short, missing, 0))
    found = np.zeros(len(draft), np.bool_)
    found[rows[missing[draft.process[rows]] > 0]] = True
    return found


ALIKE = Rule(
    "stack.unseen_alike",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status",
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL cannot be seen in maps",
    "{size}, of a size of which this process has mapped, alone or merged, exactly as many as of its "
    "{threads} threads have no stack else",
    unseen_alike,
    Kind.HEAP_MMAP,
)
ROUND = Rule(
    "stack.unseen_round",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status",
    "glibc 2.42 and later on Linux 6.13 and later: stacks of any sizes merge where their guards "
    "cannot be seen",
    "{size}, more than all anonymous memory that the process has resident ({rss_anon}), and not round: "
    "stacks of round sizes with a page of guard for each, of which {threads} threads lack some",
    unseen_round,
    Kind.ANONYMOUS,
)
