"""Stacks of threads by their guards: an untouchable part, a writable one right above it, within Threads."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import PAGE_BYTES, Draft
from procmaps.rules.groups import count_alike, runs_with
from procmaps.rules.rule import Rule
from procmaps.rules.stacks import (
    CACHE_BYTES,
    DEFAULT_BYTES,
    GUARD_MAX_BYTES,
    JAVA_DEFAULT_BYTES,
    MERGES_UNTIL,
    STACK_MAX_BYTES,
    STACK_MIN_BYTES,
    default_bytes,
    flag,
    release_of,
)
from procmaps.tables import Flags, Ints64, which

MUSL_GUARD_BYTES: Final = 8192
MUSL_STACK_BYTES: Final = 132 * 2**10  # 128 KiB and a page of TLS and struct pthread
MUSL_GROUP_BYTES: Final = 64 * 2**10
LARGE_GUARD_COUNT: Final = 4
MOST_FACTOR: Final = 2  # more guarded buffers than threads are no stacks, or most are not
SMALL_GUARD_BYTES: Final = 64 * 2**10  # a page, and the least that aarch64 makes of it


@dataclass(frozen=True, slots=True)
class Pairs:
    """Guards with a writable part right above each: what could be a stack; one entry a pair."""

    guard: Ints64  # row of the guard; the body is the next row
    process: Ints64
    size: Ints64
    guard_size: Ints64
    run: Ints64  # pairs that follow one another without a gap share a number


def find_pairs(draft: Draft) -> Pairs | None:
    """Open guards and bodies; where smaps shows flagged stacks, what has no flag is none."""
    flagged_processes = draft.owners(draft.of_kind(Kind.THREAD_STACK) & flag(draft, "nh"))
    guard = draft.open_none & draft.touches_above & (draft.size <= GUARD_MAX_BYTES)
    guards = which(guard & ~draft.spread(flagged_processes))
    if not len(guards):
        return None
    body = guards + 1
    size = draft.size[body]
    good = draft.open[body] & (draft.perms[body] & 0b1101 == 0b1100)
    good &= (size >= STACK_MIN_BYTES) & (size <= STACK_MAX_BYTES)
    good &= ~draft.has("musl")[draft.process[guards]] | (draft.size[guards] >= MUSL_GUARD_BYTES)
    guards = guards[good]
    if not len(guards):
        return None
    follows = np.concatenate(([False], (guards[1:] == guards[:-1] + 2) & draft.touches_below[guards[1:]]))
    process = draft.process[guards]
    return Pairs(guards, process, draft.size[guards + 1], draft.size[guards], (~follows).cumsum())


def guarded(draft: Draft) -> Flags | None:
    """Pairs of the size that a stack has by default, and those in one unbroken run with them."""
    pairs = find_pairs(draft)
    if pairs is None:
        return None
    jvm = draft.has("jvm")[pairs.process]
    musl = draft.has("musl")[pairs.process]
    default = default_bytes(draft)[pairs.process]
    sure = (pairs.size == default) | (pairs.size + pairs.guard_size == default)
    sure |= musl & (pairs.guard_size == MUSL_GUARD_BYTES)
    # JDK 11 and before add a page for glibc's guard, which glibc then adds again
    over = pairs.size - JAVA_DEFAULT_BYTES
    sure |= jvm & ((over == 0) | (over == PAGE_BYTES) | (over + pairs.guard_size == 0))
    sure &= (pairs.guard_size <= SMALL_GUARD_BYTES) | (~jvm & (pairs.size == default))
    sure &= live(draft)[pairs.process] > 0
    beside = (pairs.guard_size <= SMALL_GUARD_BYTES) & runs_with(pairs.run, sure) & ~sure
    # more of them than threads are buffers or fibers
    number = np.bincount(pairs.process[beside], minlength=len(draft.facts.threads))
    beside &= (number <= live(draft))[pairs.process]
    return _take_pairs(draft, pairs, sure | beside)


def repeated(draft: Draft) -> Flags | None:
    """Other pairs, those of a size that repeats first, as long as threads are left without a stack."""
    pairs = find_pairs(draft)
    if pairs is None:
        return None
    missing = live(draft) - draft.stacks
    alike = count_alike(pairs.process, pairs.size, pairs.guard_size)
    # a guard larger than any default was asked for: for several threads, then
    small = (pairs.guard_size <= SMALL_GUARD_BYTES) | (alike >= LARGE_GUARD_COUNT)
    small &= (missing > 0)[pairs.process]
    # where those of one size are as many as threads lack a stack, others are something else
    wanted = missing[pairs.process]
    enough = small & (alike >= wanted) & (alike < MOST_FACTOR * wanted)
    settled = np.zeros(len(missing), np.bool_)
    settled[pairs.process[enough]] = True
    small &= enough | ~settled[pairs.process]
    if not small.any():
        return None
    accepted = _accepted_runs(draft, pairs, which(small), alike)
    chosen = np.zeros(int(pairs.run[-1]) + 1, np.bool_)
    chosen[accepted] = True
    return _take_pairs(draft, pairs, small & chosen[pairs.run])


def _accepted_runs(draft: Draft, pairs: Pairs, rows: Ints64, alike: Ints64) -> list[int]:
    """Runs (pairs without a gap between them, each of one process) that threads are left for, or had."""
    missing = live(draft) - draft.stacks
    runs, first, number = np.unique(pairs.run[rows], return_index=True, return_counts=True)
    process = pairs.process[rows][first]
    size = np.add.reduceat(pairs.size[rows], first)
    budget = draft.facts.rss_anon_bytes[process]
    # stacks of threads that ended are kept, and hardly resident; so many of one size are fibers
    kept = CACHE_BYTES // pairs.size[rows] + live(draft)[pairs.process[rows]]
    fibers = np.logical_or.reduceat(alike[rows] > kept, first)
    idle = (budget >= 0) & (size > budget) & ~fibers
    order = np.lexsort((-alike[rows][first], process))
    accepted: list[int] = []
    left, cache, current = 0, 0, -1
    smallest = np.minimum.reduceat(pairs.size[rows], first)
    columns = (runs, number, process, size, idle, smallest)
    known: set[int] = set()
    for run, members, owner, total, unused, one in zip(
        *(each[order].tolist() for each in columns), strict=True
    ):
        if owner != current:
            left, cache, current, known = int(missing[owner]), CACHE_BYTES, owner, set()
        ended = total * max(members - left, 0) // members
        cached = unused and ended <= cache and (left > 0 or one in known)
        if cached or (left > 0 and left * MOST_FACTOR >= members):
            accepted.append(run)
            known.add(one)
            left, cache = max(left - members, 0), cache - ended
    return accepted


def _take_pairs(draft: Draft, pairs: Pairs, chosen: Flags) -> Flags | None:
    """Guards and bodies of the chosen pairs; musl's groups that merged above a stack are left out."""
    if not chosen.any():
        return None
    guard, process = pairs.guard[chosen], pairs.process[chosen]
    rest = pairs.size[chosen] - MUSL_STACK_BYTES
    merged = draft.has("musl")[process] & (rest > 0) & (rest <= MUSL_GROUP_BYTES)
    top = draft.end[guard + 1] - np.where(merged, rest, 0)
    over = pairs.size[chosen] - default_bytes(draft)[process]
    if release_of(draft.snapshot.facts.kernel) < MERGES_UNTIL:
        top -= np.where((over > 0) & (over < DEFAULT_BYTES), over, 0)
    return draft.take_between(guard, guard + 1, draft.start[guard], top)


def live(draft: Draft) -> Ints64:
    """Threads that have a stack of their own besides the main one, by process; very many where unknown."""
    threads = draft.facts.threads
    return np.where(threads > 0, threads - 1, np.int64(2**31))


def missing_stacks(draft: Draft) -> Ints64:
    """Threads without a stack so far, by process; 0 where smaps has shown them all."""
    return np.where(draft.facts.smaps, 0, np.maximum(live(draft) - draft.stacks, 0)) * (
        draft.facts.threads > 0
    )


_NPTL = (
    "glibc, nptl/allocatestack.c: a stack and its guard are one mapping, of which the guard is closed again"
)
GUARDED = Rule(
    "stack.guarded",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "maps, status, limits",
    _NPTL,
    "{size} of a stack of {block_size}: an untouchable guard with writable memory right above it, of a "
    "default size (1 MiB in a JVM, else RLIMIT_STACK: {stack_limit}) or beside such a one, and "
    "{threads} threads to own them",
    guarded,
    Kind.ANONYMOUS,
)
REPEATED = Rule(
    "stack.repeated",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status",
    _NPTL,
    "{size} of a stack of {block_size}: an untouchable guard with writable memory right above it, one "
    "of several alike, and of {threads} threads some have no stack else",
    repeated,
    Kind.ANONYMOUS,
)
