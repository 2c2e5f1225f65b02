"""Stacks of threads whose guards cannot be seen, by sizes and the number of threads without a stack."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft
from procmaps.rules.groups import among, count_alike, slices_of
from procmaps.rules.rule import Rule
from procmaps.rules.stack_pairs import live
from procmaps.rules.stacks import (
    DEFAULT_BYTES,
    GUARD_MAX_BYTES,
    JAVA_DEFAULT_BYTES,
    PAGE_BYTES,
    STACK_MAX_BYTES,
    STACK_MIN_BYTES,
    default_bytes,
    release_of,
    take_runs,
)
from procmaps.tables import Flags, Ints64, which

CACHE_BYTES: Final = 40 * 2**20  # stacks of dead threads that glibc keeps
HIDES_GUARDS_SINCE: Final = (6, 13)
ALIKE_MIN_COUNT: Final = 3  # of two mappings one size or another divides both
ROUND_BYTES: Final = 64 * 2**10
ROUND_DECIMAL_BYTES: Final = 100 * 2**10
LARGE_GUARDS_BYTES: Final = (8 * 2**10, 16 * 2**10, 32 * 2**10)
LARGE_PAGE_BYTES: Final = 64 * 2**10  # a guard on aarch64
NEIGHBOURS_LIMIT_COUNT: Final = 8
ALIKE_LIMIT_COUNT: Final = 64  # of sizes of mappings that are tried
ENDED_LIMIT_COUNT: Final = 32  # of stacks that are kept for new threads
STACKS_LIMIT_COUNT: Final = 1024  # in one mapping


def unseen(draft: Draft) -> Flags | None:
    """Whole numbers of default-sized stacks, guards inside, where threads are left without a stack."""
    return _runs_of(draft, PAGE_BYTES)


def bare(draft: Draft) -> Flags | None:
    """The same without guards: stacks made with a guard size of 0 merge as well."""
    return _runs_of(draft, 0)


def _runs_of(draft: Draft, guard: int) -> Flags | None:
    missing = _missing(draft)
    rows = which(draft.open_rw & draft.spread(missing > 0) & (draft.size >= DEFAULT_BYTES // 2))
    if not len(rows):
        return None
    process = draft.process[rows]
    default = np.where(draft.has("jvm"), JAVA_DEFAULT_BYTES, default_bytes(draft))
    for jvm in draft.jvms:
        default[jvm.process] = jvm.arguments.vm_stack or JAVA_DEFAULT_BYTES
    default = default[process]
    one = default + guard
    count = draft.size[rows] // one
    good = (draft.size[rows] == count * one) & (count <= missing[process] + CACHE_BYTES // one)
    if not guard:  # a size without an odd page is anybody's
        good &= (default >= 4 * DEFAULT_BYTES) & (count <= missing[process])
    if guard and good.any():
        asked = np.zeros(len(missing), np.bool_)
        asked[process[good]] = True
        asked &= ~draft.has("jvm")
        shown = asked & _shows_guards(draft, which(draft.spread(asked)), missing)
        good &= ~shown[process]
    rows, one, count, process = rows[good], one[good], count[good], process[good]
    if not len(rows):
        return None
    wanted = np.bincount(process, count, minlength=len(missing))
    doubtful = which((wanted > missing)[process]) if guard else rows[:0]
    if len(doubtful):
        others = doubtful[_beside_stacks(draft, rows[doubtful], one[doubtful])]
        rows, one, count, process = (np.delete(each, others) for each in (rows, one, count, process))
        wanted = np.bincount(process, count, minlength=len(missing))
    # where far more would fit than threads are missing, sizes alone prove nothing
    unpaid = draft.size[rows] > draft.facts.rss_anon_bytes[process]
    unpaid &= draft.facts.rss_anon_bytes[process] >= 0
    fits = (wanted <= 2 * missing)[process] | unpaid & (
        wanted[process] <= missing[process] + CACHE_BYTES // one
    )
    return take_runs(draft, rows[fits], one[fits], count[fits])


def _beside_stacks(draft: Draft, rows: Ints64, one: Ints64) -> Flags:
    """What touches a stack and yet is a mapping of its own: it would have merged if it were one as well.

    In a row of such mappings every other one is of stacks; what is no whole number of them tells which.
    """
    found = np.zeros(len(rows), np.bool_)
    for at, (row, size) in enumerate(zip(rows.tolist(), one.tolist(), strict=True)):
        for step in (1, -1):
            here, apart = row, 0
            while apart < NEIGHBOURS_LIMIT_COUNT:
                touches = draft.touches_above if step > 0 else draft.touches_below
                if not touches[here] or not draft.writable[here + step]:
                    break
                here += step
                apart += draft.mapping[here] != draft.mapping[here - step]
                stack = draft.kind[here] == int(Kind.THREAD_STACK)
                if stack or not draft.open[here] or draft.size[here] % size:
                    found[at] |= bool(apart % 2) == stack and apart > 0
                    break
    return found


def unseen_alike(draft: Draft) -> Flags | None:
    """Stacks of one other size: mappings of whole numbers of it that hold as many as threads lack a stack.

    With MAP_STACK they merge with nothing but one another.
    """
    rows, missing = _with_hidden_guards(draft, _missing(draft))
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
    missing[_shows_guards(draft, rows, missing)] = 0
    return rows[missing[draft.process[rows]] > 0], missing


def _shows_guards(draft: Draft, rows: Ints64, missing: Ints64) -> Flags:
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

    Each stack has a guard of a page, and its size is round.
    """
    missing = _missing(draft)
    budget = draft.facts.rss_anon_bytes
    short = (missing > 0) & (budget >= 0)
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


def unseen_merged(draft: Draft) -> Flags | None:
    """Memory that malloc cannot own, in a process whose threads have no stacks else."""
    missing = _missing(draft)
    budget = draft.facts.rss_anon_bytes
    short = (missing > 0) & (missing > draft.stacks) & (budget >= 0) & (draft.facts.threads > 0)
    if not short.any():
        return None
    room = missing * default_bytes(draft) // 2  # those of the default size are known by it
    own = draft.open_rw & draft.spread(short)
    return own & (draft.size > draft.spread(budget)) & (draft.size <= draft.spread(room))


def _missing(draft: Draft) -> Ints64:
    """Threads without a stack so far, by process; 0 where smaps has shown them all."""
    return np.where(draft.facts.smaps, 0, np.maximum(live(draft) - draft.stacks, 0)) * (
        draft.facts.threads > 0
    )


UNSEEN = Rule(
    "stack.unseen_guard",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status, limits",
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL cannot be seen in maps",
    "{size}, exactly a default stack (1 MiB in a JVM, else RLIMIT_STACK: {stack_limit}) with its guard "
    "inside, and of {threads} threads some have no stack else",
    unseen,
    Kind.HEAP_MMAP,
)
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
BARE = Rule(
    "stack.unguarded",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status, limits",
    "glibc, nptl/allocatestack.c: with a guard size of 0 a stack is nothing but its size",
    "{size}, exactly the default stack (RLIMIT_STACK {stack_limit}) without a guard, and of {threads} "
    "threads some have no stack else",
    bare,
    Kind.ANONYMOUS,
)
UNSEEN_MERGED = Rule(
    "stack.unseen_merged",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status",
    "glibc 2.42 and later on Linux 6.13 and later: stacks of any sizes merge where their guards "
    "cannot be seen",
    "{size}, more than all anonymous memory that the process has resident ({rss_anon}), where {threads} "
    "threads must have stacks",
    unseen_merged,
    Kind.ANONYMOUS,
)
