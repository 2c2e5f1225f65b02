"""Stacks of threads whose guards cannot be seen, by sizes and the number of threads without a stack."""

from itertools import pairwise
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft
from procmaps.rules.groups import count_alike
from procmaps.rules.objects import has
from procmaps.rules.rule import Rule
from procmaps.rules.stack_pairs import find_pairs, live, seen
from procmaps.rules.stacks import (
    DEFAULT_BYTES,
    JAVA_DEFAULT_BYTES,
    PAGE_BYTES,
    STACK_MAX_BYTES,
    STACK_MIN_BYTES,
    default_bytes,
    release_of,
    take_runs,
)
from procmaps.tables import Flags, Ints64

CACHE_BYTES: Final = 40 * 2**20  # stacks of dead threads that glibc keeps
HIDES_GUARDS_SINCE: Final = (6, 13)
ALIKE_MIN_COUNT: Final = 3  # of two mappings one size or another divides both
ROUND_BYTES: Final = 64 * 2**10
LARGE_PAGE_BYTES: Final = 64 * 2**10  # a guard on aarch64
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
    rows = np.flatnonzero(draft.open_rw & draft.spread(missing > 0) & (draft.size >= DEFAULT_BYTES // 2))
    if not len(rows):
        return None
    process = draft.process[rows]
    default = np.where(has(draft.facts.marks, "jvm"), JAVA_DEFAULT_BYTES, default_bytes(draft))[process]
    one = default + guard
    count = draft.size[rows] // one
    good = (draft.size[rows] == count * one) & (count <= missing[process] + CACHE_BYTES // one)
    if not guard:  # a size without an odd page is anybody's
        good &= (default >= 4 * DEFAULT_BYTES) & (count <= missing[process])
    rows, one, count, process = rows[good], one[good], count[good], process[good]
    if not len(rows):
        return None
    wanted = np.bincount(process, count, minlength=len(missing))
    if guard:  # one mapping that holds just as many as are too many: chunks of that size
        surplus = np.flatnonzero((count == (wanted - missing)[process]) & (count > 1))
        alone = surplus[np.bincount(process[surplus], minlength=len(missing))[process[surplus]] == 1]
        rows, one, count, process = (np.delete(each, alone) for each in (rows, one, count, process))
        wanted = np.bincount(process, count, minlength=len(missing))
    # where far more would fit than threads are missing, sizes alone prove nothing
    unpaid = draft.size[rows] > draft.facts.rss_anon_bytes[process]
    unpaid &= draft.facts.rss_anon_bytes[process] >= 0
    fits = (wanted <= 2 * missing)[process] | unpaid & (
        wanted[process] <= missing[process] + CACHE_BYTES // one
    )
    return take_runs(draft, rows[fits], one[fits], count[fits])


def unseen_alike(draft: Draft) -> Flags | None:
    """Stacks of one other size: mappings of whole numbers of it that hold as many as threads lack a stack.

    With MAP_STACK they merge with nothing but one another.
    """
    if release_of(draft.snapshot.facts.kernel) < HIDES_GUARDS_SINCE:
        return None
    missing = _missing(draft)
    if not missing.any():
        return None
    missing = np.where(_shows_guards(draft, missing), 0, missing)
    large = draft.open_rw & (draft.size >= STACK_MIN_BYTES + PAGE_BYTES)
    rows = np.flatnonzero(large & draft.spread(missing > 0))
    edges = np.flatnonzero(np.diff(draft.process[rows], prepend=-1, append=-1))
    one = np.zeros(len(rows), np.int64)
    for own in (slice(low, high) for low, high in pairwise(edges.tolist())):
        process = draft.process[rows[own.start]]
        budget = int(draft.facts.rss_anon_bytes[process])
        one[own] = _sizes_of_stacks(draft.size[rows[own]], int(missing[process]), budget)
    rows, one = rows[one > 0], one[one > 0]
    return take_runs(draft, rows, one, draft.size[rows] // one)


def _shows_guards(draft: Draft, missing: Ints64) -> Flags:
    """Where guards are seen none is hidden; a JVM's own threads have the default size, its buffers any."""
    shown = draft.owners((draft.kind == Kind.THREAD_STACK) & draft.none) | has(draft.facts.marks, "jvm")
    pairs = find_pairs(draft)
    if pairs is not None:
        # buffers with a guard on both sides have two between them
        single = (pairs.guard_size == PAGE_BYTES) | (pairs.guard_size == LARGE_PAGE_BYTES)
        shown |= np.bincount(pairs.process[single], minlength=len(missing)) >= missing
        alike = count_alike(pairs.process, pairs.size, pairs.guard_size)
        shown[pairs.process[alike == missing[pairs.process]]] = True
    return shown


def _sizes_of_stacks(sizes: Ints64, missing: int, budget: int) -> Ints64:
    """For each mapping the size of the stacks that it consists of, or 0."""
    used = np.unique(sizes)[-ALIKE_LIMIT_COUNT:]
    parts = np.arange(1, min(missing + ENDED_LIMIT_COUNT, STACKS_LIMIT_COUNT) + 1) * PAGE_BYTES
    which, part = np.nonzero(used[:, np.newaxis] % parts == 0)
    ones = np.unique(used[which] // (part + 1))
    ones = ones[ones >= STACK_MIN_BYTES + PAGE_BYTES]
    # what is larger than all that is resident must be stacks as well
    unpaid = sizes[(sizes > budget) & (budget >= 0)]
    ones = ones[(unpaid % ones[:, np.newaxis] == 0).all(axis=1)]
    whole = sizes % ones[:, np.newaxis] == 0
    count = (whole * (sizes // ones[:, np.newaxis])).sum(axis=1)
    # one mapping can be divided by any number: then the size must be round as well
    is_round = (ones - PAGE_BYTES) % ROUND_BYTES == 0
    several = (whole.sum(axis=1) > 1) & (missing >= ALIKE_MIN_COUNT)
    fit = np.flatnonzero((count == missing) & (several | is_round))
    if not len(fit) and len(unpaid):  # with stacks of threads that ended there are more
        fit = np.flatnonzero((count > missing) & (count <= missing + CACHE_BYTES // ones) & is_round)
    if len(fit) == 1 or (len(fit) and missing >= ALIKE_MIN_COUNT):
        roundness = (ones[fit] - PAGE_BYTES) & -(ones[fit] - PAGE_BYTES)
        best = fit[np.lexsort((ones[fit], roundness))[-1]]
        return np.where(whole[best], ones[best], 0)
    # else the one mapping that holds them all, where others are whole numbers of that size by chance
    all_in_one = (sizes % missing == 0) & ((sizes // missing - PAGE_BYTES) % ROUND_BYTES == 0)
    all_in_one &= sizes // missing > ROUND_BYTES
    return np.where(all_in_one & (all_in_one.sum() == 1), sizes // missing, 0)


def unseen_round(draft: Draft) -> Flags | None:
    """Stacks of several sizes: what malloc cannot own, with no more odd pages than threads lack a stack.

    Each stack has a guard of a page, and its size is round.
    """
    missing = _missing(draft)
    if not missing.any():
        return None
    missing = np.where(_shows_guards(draft, missing), 0, missing)
    budget = draft.spread(draft.facts.rss_anon_bytes)
    guards = draft.size % ROUND_BYTES // PAGE_BYTES
    found = draft.open_rw & (budget >= 0) & (draft.size > budget) & (draft.size <= STACK_MAX_BYTES)
    return found & (guards > 0) & (guards <= draft.spread(missing))


def unseen_merged(draft: Draft) -> Flags | None:
    """Memory that malloc cannot own, in a process whose threads have no stacks else."""
    missing = _missing(draft)
    budget = draft.facts.rss_anon_bytes
    short = (missing > 0) & (missing > seen(draft)) & (budget >= 0) & (draft.facts.threads > 0)
    if not short.any():
        return None
    room = missing * default_bytes(draft)
    own = draft.open_rw & draft.spread(short)
    return own & (draft.size > draft.spread(budget)) & (draft.size <= draft.spread(room))


def _missing(draft: Draft) -> Ints64:
    """Threads without a stack so far, by process; 0 where smaps has shown them all."""
    return np.where(draft.facts.smaps, 0, np.maximum(live(draft) - seen(draft), 0)) * (
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
