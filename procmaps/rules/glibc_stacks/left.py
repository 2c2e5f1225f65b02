"""Stacks that are left of threads that have ended: status shows no thread that they could belong to.

glibc frees the stack of a thread only when the thread is joined or was detached, and keeps up to 40 MiB of
stacks for new threads. After fork, the child has the stacks of all threads of its parent, and one thread.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.flagged import more_than_threads
from procmaps.rules.glibc_stacks.guards import (
    FLAGS_SINCE,
    GUARD_MAX_BYTES,
    SAME_SIZE_MIN_COUNT,
    with_guards,
)
from procmaps.rules.kernel_release import is_since
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller, Ranges, RegionLabeller
from procmaps.rules.process import (
    KIB,
    MIB,
    PAGE_BYTES,
    SMALL_GUARD_BYTES,
    Process,
    Region,
    touching,
)
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, which

FIBER_MAX_BYTES: Final = MIB  # of QEMU, the largest that is common (include/qemu/coroutine_int.h)
# Sizes of stacks that are asked for are whole numbers of it. glibc 2.27 and later add the guard.
ASKED_BYTES: Final = 64 * KIB
# they map stacks of fibers as glibc maps those of threads (PHP, Zend/zend_fibers.c), or make their own
ELSEWHERE: Final = ("php", "ruby", "luajit", "jvm", "go", "beam", "musl")

NPTL_END: Final = (
    "glibc, nptl/pthread_create.c and allocatestack.c: a thread that nobody joins keeps its stack, and "
    "up to 40 MiB are kept for new threads; after fork the child has all stacks and one thread"
)
FLAGGED = Rule(
    "stack.left_flagged",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "smaps, status",
    f"{NPTL_END}; Linux, mm/mprotect.c: what was writable once keeps the flag ac: guards of fibers",
    "{size} of a stack of {block_size}, made with MAP_STACK (flag nh), its guard never writable (no flag "
    "ac): one of more than the {threads} threads can have, so left of threads that ended unjoined",
    runner_up=Kind.ANONYMOUS,
)
DEFAULT = Rule(
    "stack.left",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status, limits",
    NPTL_END,
    "{size} of a stack of {block_size}: an inaccessible guard with writable memory of the default size "
    "(RLIMIT_STACK: {stack_limit}) directly above it, in a process whose threads have ended",
    runner_up=Kind.ANONYMOUS,
)
REPEATED = Rule(
    "stack.left_repeated",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status",
    NPTL_END,
    "{size} of a stack of {block_size}, one of three or more of this size with a guard each, in all more "
    "than is resident or swapped ({anonymous}): left of threads that ended, or fibers of the program",
    runner_up=Kind.ANONYMOUS,
)


def left_flagged(regions: Regions) -> Ranges | None:
    """Flagged parts that are too many for the threads, with a guard that has never been writable."""
    if not regions.facts.smaps.any():
        return None
    found = more_than_threads(regions)
    bodies = which(found & ~regions.closed & ~regions.spread(regions.has(*ELSEWHERE)))
    if not len(bodies):
        return None
    opened = regions.guarded(bodies, GUARD_MAX_BYTES) & ~regions.flagged("ac")[bodies - 1]
    stacks = np.zeros(len(regions), np.bool_)
    stacks[bodies[opened]] = True
    return with_guards(regions, stacks, regions.end)


def left(process: Process) -> Iterator[Claim]:
    """Guards with what is above each: of the default size if no thread lives, or several of another size."""
    if process.has(*ELSEWHERE):
        return
    pairs = [pair for pair in touching(list(process.regions)) if _is_pair(process, *pair)]
    one = process.default_stack_bytes
    number = Counter(body.size for _, body in pairs)
    for guard, body in pairs:
        if one in {body.size, guard.size + body.size}:
            if process.threads == 1:
                yield Claim(guard.start, body.end, DEFAULT)
        elif _is_repeated(process, body.size, number[body.size]):
            yield Claim(guard.start, body.end, REPEATED)


def _is_pair(process: Process, guard: Region, body: Region) -> bool:
    """A guard of the default size and memory like a stack above it, unless smaps shows that they are none."""
    like_a_stack = body.executable and body.can_be_written if process.stacks_executable else body.writable
    if not (guard.closed and like_a_stack and guard.size in {PAGE_BYTES, SMALL_GUARD_BYTES}):
        return False
    flags_stacks = process.smaps and is_since(process.release, FLAGS_SINCE)
    return not process.flagged(guard, "ac") and (process.flagged(body, "nh") or not flags_stacks)


def _is_repeated(process: Process, size: int, number: int) -> bool:
    """Whether so many of one size can be stacks: asked for, larger than fibers have, and not in use."""
    idle = 0 <= process.anonymous_bytes < number * size
    return number >= SAME_SIZE_MIN_COUNT and size > FIBER_MAX_BYTES and not size % ASKED_BYTES and idle


def _around_guards(regions: Regions) -> Flags:
    """Small closed regions, and those with the access of stacks right above them."""
    guard = which(regions.unclaimed_closed & regions.touches_above & (regions.size <= SMALL_GUARD_BYTES))
    guard = guard[regions.stack_like[guard + 1]]
    found = np.zeros(len(regions), np.bool_)
    found[guard] = found[guard + 1] = True
    return found


LEFT_FLAGGED: Final = RegionLabeller(
    "stack.left_flagged",
    (FLAGGED,),
    left_flagged,
    before=(Edge("stack.left", "the flag of a stack is surer than its size and its guard"),),
)
LEFT: Final = ProcessLabeller(
    "stack.left",
    (DEFAULT, REPEATED),
    left,
    sees=_around_guards,
    before=(
        Edge("python.arena", "stacks of threads that ended are whole arenas, too"),
        Edge("python.arena_aligned", "stacks of threads that ended are whole arenas, too"),
    ),
    after=(Edge("stack.repeated", "what can belong to a thread that lives is more than a guess"),),
)
