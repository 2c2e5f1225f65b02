"""Stacks that are left of threads that have ended: status shows no thread that they could belong to.

glibc frees the stack of a thread only when the thread is joined or was detached, and keeps up to 40 MiB of
stacks for new threads. After fork, the child has the stacks of all threads of its parent, and one thread.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.flagged import more_than_threads
from procmaps.rules.glibc_stacks.guards import (
    FLAGS_SINCE,
    GUARD_MAX_BYTES,
    SAME_SIZE_MIN_COUNT,
    with_guards,
)
from procmaps.rules.glibc_stacks.threads import live_threads, missing_stacks
from procmaps.rules.kernel_release import is_since
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller, Ranges, RegionLabeller
from procmaps.rules.process import (
    KIB,
    MIB,
    PAGE_BYTES,
    SMALL_GUARD_BYTES,
    STACK_MIN_BYTES,
    Process,
    Region,
    touching,
)
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, which

FIBER_MAX_BYTES: Final = MIB  # of QEMU, the largest that is common (include/qemu/coroutine_int.h)
CHAIN_MIN_COUNT: Final = 16  # pairs in a row: a program maps fewer guarded buffers of its own, as a rule
# Sizes of stacks that are asked for are whole numbers of it, as a rule; glibc 2.27 and later add the guard.
ASKED_BYTES: Final = 64 * KIB
EVEN_BYTES: Final = 2 * PAGE_BYTES  # an odd number of pages is left of a round size by a guard within it
# they map stacks of fibers as glibc maps those of threads (PHP, Zend/zend_fibers.c), or make their own
ELSEWHERE: Final = ("php", "ruby", "luajit", "beam", "musl")
# They switch between their own small threads without guards of a page: OpenJDK keeps the frames of virtual
# threads in its heap (stackChunkOop), Go allocates stacks of goroutines there (runtime/stack.go).
WITHOUT_FIBERS: Final = ("jvm", "go")

NPTL_END: Final = (
    "glibc, nptl/pthread_create.c and allocatestack.c: a thread that nobody joins keeps its stack, and "
    "up to 40 MiB are kept for new threads; after fork the child has all stacks and one thread"
)
FLAGGED = Rule(
    "stack.left_flagged",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "smaps, status",
    f"{NPTL_END}; Linux, mm/mprotect.c: what was writable and written to keeps the flag ac; "
    "malloc/arena.c: the main thread uses the main arena, so other arenas are of other threads",
    "{size} of a stack of {block_size}, made with MAP_STACK (flag nh), its guard never written to (no flag "
    "ac): one of more than the {threads} threads can have, of a size that fibers do not have, or in a "
    "process whose threads have or had no other stacks: left of threads that ended unjoined",
    runner_up=Kind.ANONYMOUS,
)
DEFAULT = Rule(
    "stack.left",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status, limits",
    NPTL_END,
    "{size} of a stack of {block_size}: an inaccessible guard with writable memory of the default size "
    "(RLIMIT_STACK: {stack_limit}) directly above it, in a process whose threads have ended, or of a "
    "runtime that maps no such stacks itself (Java, Go)",
    runner_up=Kind.ANONYMOUS,
)
REPEATED = Rule(
    "stack.left_repeated",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status",
    f"{NPTL_END}; malloc/arena.c: the main thread uses the main arena, so other arenas are of other threads",
    "{size} of a stack of {block_size}, one of three or more of this size with a guard each: either more "
    "than is resident or swapped ({anonymous}), or in a row in a process that had other threads: left of "
    "threads that ended, or fibers of the program",
    runner_up=Kind.ANONYMOUS,
)


class _Sizes(NamedTuple):
    """Of a guard and of what is above it. In bytes."""

    guard: int
    body: int


class _Pair(NamedTuple):
    """A guard, and what is right above it."""

    guard: Region
    body: Region
    sizes: _Sizes


def left_flagged(regions: Regions) -> Ranges | None:
    """Flagged parts that are too many for the threads, if they are of threads rather than of fibers.

    A guard with the flag ac is a fiber's. One without can be either's: where nothing was written before the
    guard was closed, Linux clears that flag since 6.3, and it has shown MAP_STACK as nh only since 6.7.
    """
    if not regions.facts.smaps.any():
        return None
    found = more_than_threads(regions)
    elsewhere = regions.spread(regions.has(*ELSEWHERE, *WITHOUT_FIBERS))
    bodies = which(found & ~regions.closed & ~elsewhere)
    if not len(bodies):
        return None
    opened = regions.guarded(bodies, GUARD_MAX_BYTES) & ~regions.flagged("ac")[bodies - 1]
    opened &= (regions.size[bodies] > FIBER_MAX_BYTES) | _threads_need(regions)[regions.process[bodies]]
    stacks = np.zeros(len(regions), np.bool_)
    stacks[bodies[opened]] = True
    return with_guards(regions, stacks, regions.end)


def _threads_need(regions: Regions) -> Flags:
    """Processes whose threads have no stacks but those that are left, or had none before they ended."""
    live = live_threads(regions)
    arenas = which(regions.of_kind(Kind.HEAP_ARENA))
    had_threads = np.bincount(regions.process[arenas], minlength=len(live)) > 0
    found: Flags = np.where(live > 0, live > regions.stacks, had_threads)
    return found


def left(process: Process) -> Iterator[Claim]:
    """Guards with what is above each: of the default size if no thread lives, or several of another size."""
    if process.has(*ELSEWHERE):
        return
    pairs = [
        _Pair(guard, body, _Sizes(guard.size, body.size))
        for guard, body in touching(list(process.regions))
        if _is_pair(process, guard, body)
    ]
    in_rows = _in_rows(pairs)
    rules = {
        sizes: _rule(process, sizes, number, in_rows[sizes])
        for sizes, number in Counter([pair.sizes for pair in pairs]).items()
    }
    for pair in pairs:
        rule = rules[pair.sizes]
        if rule is not None:
            yield Claim(pair.guard.start, pair.body.end, rule)


def _rule(process: Process, sizes: _Sizes, number: int, in_row: int) -> Rule | None:
    """What so many pairs of one size are, of which so many follow one another; None if they can be fibers."""
    if _is_default(process, sizes):
        return DEFAULT
    return REPEATED if _is_left(process, sizes, number, in_row) else None


def _is_pair(process: Process, guard: Region, body: Region) -> bool:
    """A guard of the default size and memory like a stack above it, unless smaps shows that they are none."""
    like_a_stack = body.executable and body.can_be_written if process.stacks_executable else body.writable
    if not (guard.closed and like_a_stack and guard.size in {PAGE_BYTES, SMALL_GUARD_BYTES}):
        return False
    flags_stacks = process.smaps and is_since(process.release, FLAGS_SINCE)
    return not process.flagged(guard, "ac") and (process.flagged(body, "nh") or not flags_stacks)


def _in_rows(pairs: list[_Pair]) -> Counter[_Sizes]:
    """How many pairs of each size begin where one of the same size ends: glibc maps stacks downward."""
    return Counter(
        [
            upper.sizes
            for lower, upper in pairwise(pairs)
            if lower.body.end == upper.guard.start and lower.sizes == upper.sizes
        ]
    )


def _is_default(process: Process, sizes: _Sizes) -> bool:
    """Whether it is of the default size where no thread lives, or where the runtime has no other such memory.

    The guard is a part of that size up to glibc 2.26, and in fibers of Crystal, which uses Boehm's collector.
    """
    one = process.default_stack_bytes
    if process.threads == 1:
        return sizes.body == one or (sum(sizes) == one and not process.has("boehm_gc"))
    return sizes.body == one and process.has(*WITHOUT_FIBERS)


def _is_left(process: Process, sizes: _Sizes, number: int, in_row: int) -> bool:
    """Whether so many pairs of one size, of which so many follow one another, can be stacks."""
    if process.has(*WITHOUT_FIBERS):
        return sizes.body >= STACK_MIN_BYTES and in_row + 1 >= SAME_SIZE_MIN_COUNT
    if number < SAME_SIZE_MIN_COUNT or sizes.body % EVEN_BYTES:
        return False
    idle = 0 <= process.anonymous_bytes < number * sizes.body
    if idle and _is_too_large_for_fibers(process, sizes):
        return True
    if in_row + 1 < CHAIN_MIN_COUNT and not idle:
        return False
    if process.threads == 1:
        return any(process.of_kind(Kind.HEAP_ARENA))
    return in_row + 1 >= CHAIN_MIN_COUNT and _is_of_threads(process, sizes)


def _is_too_large_for_fibers(process: Process, sizes: _Sizes) -> bool:
    """Whether it is of a size that is asked for, and larger than stacks of fibers are."""
    asked = sizes.body != process.default_stack_bytes and not sizes.body % ASKED_BYTES
    return asked and sizes.body > FIBER_MAX_BYTES


def _is_of_threads(process: Process, sizes: _Sizes) -> bool:
    """Whether threads that live have such stacks, would have by default, or have no other."""
    if sizes.body == process.default_stack_bytes or (process.threads > 0 and missing_stacks(process)):
        return True
    pairs = touching(process.of_kind(Kind.THREAD_STACK))
    return any((guard.size, body.size) == sizes for guard, body in pairs)


def _around_guards(regions: Regions) -> Flags:
    """Small closed regions, those with the access of stacks right above them, and what tells of threads."""
    guard = which(regions.unclaimed_closed & regions.touches_above & (regions.size <= SMALL_GUARD_BYTES))
    guard = guard[regions.stack_like[guard + 1]]
    found = np.zeros(len(regions), np.bool_)
    found[guard] = found[guard + 1] = True
    # which are asked for only if some are alike
    several = np.bincount(regions.process[guard], minlength=len(regions.facts.marks)) >= SAME_SIZE_MIN_COUNT
    if several.any():
        of_threads = regions.of_kind(Kind.THREAD_STACK) | regions.of_kind(Kind.HEAP_ARENA)
        found |= of_threads & regions.spread(several)
    return found


LEFT_FLAGGED: Final = RegionLabeller(
    "stack.left_flagged",
    (FLAGGED,),
    left_flagged,
    before=(Edge("stack.left", "the flag of a stack is surer than its size and its guard"),),
    after=(Edge("stack.flagged", "threads that have other stacks need none of those that are left"),),
)
LEFT: Final = ProcessLabeller(
    "stack.left",
    (DEFAULT, REPEATED),
    left,
    sees=_around_guards,
    before=(Edge("stack.unseen_merged", "stacks whose guards are in view leave fewer that can have merged"),),
)
