"""Stacks of threads whose guards cannot be seen, by sizes and the number of threads without a stack."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft, is_multiple
from procmaps.rules.objects import has
from procmaps.rules.rule import Rule
from procmaps.rules.stack_pairs import live, seen
from procmaps.rules.stacks import (
    DEFAULT_BYTES,
    JAVA_DEFAULT_BYTES,
    PAGE_BYTES,
    STACK_MAX_BYTES,
    default_bytes,
    take_runs,
)
from procmaps.tables import Flags, Ints64

ALIKE_COUNT: Final = 6  # of fewer a chunk of malloc is likely enough
ALIKE_FEWER_COUNT: Final = 2
CHOSEN_BYTES: Final = 64 * 2**10
CACHE_BYTES: Final = 40 * 2**20  # stacks of dead threads that glibc keeps


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
    # where far more would fit than threads are missing, sizes alone prove nothing
    wanted = np.bincount(process, count, minlength=len(missing))
    fits = (wanted <= 2 * missing)[process]
    return take_runs(draft, rows[fits], one[fits], count[fits])


def unseen_alike(draft: Draft) -> Flags | None:
    """As many stacks of one size as threads are left without one, guards inside, in one mapping.

    The size is not the default: then it is one that somebody chose, whole 64 KiB.
    """
    missing = _missing(draft)
    if not (missing >= ALIKE_COUNT).any():
        return None
    rows = np.flatnonzero(
        draft.open_rw & draft.spread(missing >= ALIKE_COUNT) & (draft.size >= DEFAULT_BYTES)
    )
    process = draft.process[rows]
    count = np.zeros(len(rows), np.int64)
    for fewer in range(ALIKE_FEWER_COUNT, -1, -1):  # threads that began early may lie elsewhere
        number = missing[process] - fewer
        one = draft.size[rows] // number
        whole = (one * number == draft.size[rows]) & is_multiple(one - PAGE_BYTES, CHOSEN_BYTES)
        count[whole & (one <= STACK_MAX_BYTES)] = number[whole & (one <= STACK_MAX_BYTES)]
    rows, count = rows[count > 0], count[count > 0]
    return take_runs(draft, rows, draft.size[rows] // np.maximum(count, 1), count)


def unseen_merged(draft: Draft) -> Flags | None:
    """Memory that malloc cannot own, in a process whose threads have no stacks else."""
    missing = _missing(draft)
    budget = draft.facts.rss_anon_bytes
    short = (missing > 0) & (missing > seen(draft)) & (budget >= 0) & (draft.facts.threads > 0)
    if not short.any():
        return None
    room = missing * default_bytes(draft) // 2  # those of the default size are known by it
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
UNSEEN_ALIKE = Rule(
    "stack.unseen_alike",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status",
    "glibc 2.42 and later on Linux 6.13 and later: stacks merge where their guards cannot be seen",
    "{size}, one of as many of this size in one mapping as of {threads} threads have no stack else, guards "
    "inside",
    unseen_alike,
    Kind.HEAP_MMAP,
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
