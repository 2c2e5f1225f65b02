"""Threads that have no stack yet, and how memory is divided among them."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.kinds import Kind
from procmaps.rules.labeller import Claim
from procmaps.rules.process import (
    DEFAULT_STACK_BYTES,
    MIB,
    PAGE_BYTES,
    SMALL_GUARD_BYTES,
    STACK_MAX_BYTES,
    STACK_MIN_BYTES,
    Process,
    Region,
)
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64

CACHE_BYTES: Final = 40 * MIB  # glibc keeps so much of the stacks of threads that ended
MOST_FACTOR: Final = 2  # more than that for each thread without a stack: most are no stacks
HIDDEN_LIMIT_COUNT: Final = 2**18  # threads of one host whose stacks are looked for without guards and flags
UNKNOWN_COUNT: Final = 2**31  # threads, if their number was not sent

NPTL: Final = (
    "glibc, nptl/allocatestack.c: a stack and its guard are one mapping, of which the guard is closed again"
)
HIDING: Final = (
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL cannot be seen in maps"
)
MERGING: Final = (
    "glibc 2.42 and later on Linux 6.13 and later: stacks of any sizes merge if their guards cannot be seen"
)


def stacks(process: Process) -> int:
    """How many stacks of threads were claimed so far. Guards do not count."""
    return sum(not region.closed for region in process.of_kind(Kind.THREAD_STACK))


def missing_stacks(process: Process) -> int:
    """How many threads, besides the main one, have no stack so far; very many if the number is unknown."""
    return max(process.live_threads - stacks(process), 0)


def live_threads(regions: Regions) -> Ints64:
    """Process.live_threads of each process."""
    threads = regions.facts.threads
    return np.where(threads > 0, threads - 1, np.int64(UNKNOWN_COUNT))


def default_stack_bytes(regions: Regions) -> Ints64:
    """Process.default_stack_bytes of each process."""
    limit = regions.facts.stack_limit_bytes
    usable = np.where((limit > 0) & (limit <= STACK_MAX_BYTES), limit, DEFAULT_STACK_BYTES)
    found: Ints64 = np.maximum(-(-usable // PAGE_BYTES) * PAGE_BYTES, STACK_MIN_BYTES)
    return found


def own_stack_bytes(regions: Regions) -> Ints64:
    """The size of stacks that nobody asked for, in each process: a JVM has its own."""
    return np.where(regions.has("jvm"), regions.facts.java_stack_bytes, default_stack_bytes(regions))


def hide_stacks(regions: Regions, limit_count: int = HIDDEN_LIMIT_COUNT) -> Flags:
    """Processes that are known to have threads without a stack, and no flags to find stacks by.

    If there are too many such threads on a host, the processes that have most of them are left out.
    """
    known = (regions.facts.threads > 0) & ~regions.facts.smaps
    missing = np.where(known, np.maximum(live_threads(regions) - regions.stacks, 0), 0)
    order = np.argsort(missing, kind="stable")
    within = np.empty(len(missing), np.bool_)
    within[order] = missing[order].cumsum() <= limit_count
    found: Flags = within & (missing > 0)
    return found


def likely_stacks(process: Process) -> frozenset[int]:
    """Positions of stacks and their guards, for owners whose memory they can touch or look like.

    By flag, or of the default size above a small guard. Where stacks are executable also several in one
    mapping, whose guards cannot be seen, as nothing else tells them from code.
    """
    found = {region.position for region in process.regions if process.flagged(region, "nh")}
    one = process.default_stack_bytes
    for region in process.stack_like if process.stacks_executable else process.regions:
        guard = process.below(region)
        if (
            guard is not None
            and guard.closed
            and guard.size <= SMALL_GUARD_BYTES
            and (region.writable or process.stacks_executable)
            and region.size == one
        ):
            found |= {guard.position, region.position}
        elif (
            process.stacks_executable
            and region.executable
            and one >= MIB
            and region.size % (one + PAGE_BYTES) == 0
        ):
            found.add(region.position)
    return frozenset(found)


def is_plausible(process: Process, region: Region, number: int, one: int, missing: int) -> bool:
    """Whether a region can be stacks of `one` bytes each: `number` were found, `missing` are looked for.

    If far more were found, sizes alone prove nothing. Stacks of threads that ended are hardly resident.
    """
    if number <= MOST_FACTOR * missing:
        return True
    return 0 <= process.anonymous_bytes < region.size and number <= missing + CACHE_BYTES // one


def divided(region: Region, one: int, rule: Rule) -> Iterator[Claim]:
    """The region as stacks of `one` bytes each."""
    for start in range(region.start, region.end, one):
        yield Claim(start, start + one, rule)
