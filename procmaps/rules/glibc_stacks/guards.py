"""Guards that can be seen, and what is right above them."""

from typing import Final, NamedTuple

import numpy as np

from procmaps.kinds import Kind
from procmaps.rules.glibc_stacks.threads import default_stack_bytes, live_threads
from procmaps.rules.groups import among, count_alike
from procmaps.rules.hotspot.stack_sizes import UNALIGNED_STACK_BYTES
from procmaps.rules.kernel_release import is_since, release_of
from procmaps.rules.labeller import Ranges
from procmaps.rules.process import (
    KIB,
    MIB,
    PAGE_BYTES,
    SMALL_GUARD_BYTES,
    STACK_MAX_BYTES,
    STACK_MIN_BYTES,
)
from procmaps.rules.regions import Regions
from procmaps.tables import READ, SHARED, WRITE, Flags, Ints64, which

GUARD_MAX_BYTES: Final = MIB  # that is taken for a guard at all
MUSL_GUARD_BYTES: Final = 8 * KIB
MUSL_STACK_BYTES: Final = 132 * KIB  # 128 KiB, and a page for thread-local data and struct pthread
MUSL_GROUP_BYTES: Final = 64 * KIB
MUSL_STEP_BYTES: Final = 64 * KIB  # programs ask for stacks of whole numbers of that
MUSL_OVER_BYTES: Final = (4 * KIB, 8 * KIB)  # to which musl adds a page or two
FLAGS_SINCE: Final = (6, 7)  # MAP_STACK sets a flag, so that stacks merge with nothing but stacks
OVER_MAX_BYTES: Final = 2 * MIB  # of other memory that has merged with a stack from above
SAME_SIZE_MIN_COUNT: Final = 3  # any two mappings are whole numbers of some size
UNALIGNED_FROM_BYTES: Final = 2 * MIB  # of aarch64: UNALIGNED_STACK_BYTES in newer JVMs
MUSL_EXTRA_BYTES: Final = 64 * KIB
GUARDS_LIMIT_COUNT: Final = 2  # below a stack: the JVM's zones, and glibc's guard below them


class Pairs(NamedTuple):
    """Guards, each with the writable part right above it: possibly stacks. One entry a pair, in order."""

    guard: Ints64  # row of the guard in the regions; the next row is the body
    process: Ints64  # row in the ProcessTable
    size: Ints64  # of the body
    guard_size: Ints64
    run: Ints64  # equal for pairs that follow one another without a gap


def find_pairs(regions: Regions) -> Pairs:
    """All pairs, but none in a process with stacks that have the kernel's flag: nothing else is one there."""
    flagged = regions.owners(regions.of_kind(Kind.THREAD_STACK) & regions.flagged("nh"))
    is_guard = regions.unclaimed_closed & regions.touches_above & (regions.size <= GUARD_MAX_BYTES)
    guard = which(is_guard & ~regions.spread(flagged))
    body = guard + 1
    size = regions.size[body]
    private = regions.perms[body] & (READ | WRITE | SHARED) == READ | WRITE  # executable or not
    fits = regions.unclaimed[body] & private & (size >= STACK_MIN_BYTES) & (size <= STACK_MAX_BYTES)
    # a JVM asks musl for a guard of a page
    musl = (regions.has("musl") & ~regions.has("jvm"))[regions.process[guard]]
    fits &= ~musl | (regions.size[guard] >= MUSL_GUARD_BYTES)
    guard, size = guard[fits], size[fits]
    follows = (np.diff(guard, prepend=-2) == 2) & regions.touches_below[guard]
    return Pairs(guard, regions.process[guard], size, regions.size[guard], (~follows).cumsum())


def has_usual_guard(pairs: Pairs, processes: int) -> Flags:
    """Pairs with the guard that glibc makes by itself: a page, or 64 KiB in processes that have no other.

    So it is where pages have 64 KiB, and on aarch64 (glibc, ARCH_MIN_GUARD_SIZE).
    """
    pages = np.bincount(pairs.process[pairs.guard_size == PAGE_BYTES], minlength=processes)
    usual = np.where(pages > 0, PAGE_BYTES, SMALL_GUARD_BYTES)
    found: Flags = pairs.guard_size == usual[pairs.process]
    return found


def has_default_size(size: Ints64, guard_size: Ints64, default: Ints64) -> Flags:
    """Stacks of the default size, which their guard may be a part of: up to glibc 2.26 it is."""
    found: Flags = (size == default) | (size + guard_size == default)
    return found


def merged_bytes(size: int, default: int, *, musl: bool, release: tuple[int, int]) -> int:
    """Of the `size` bytes above a guard: how many are other memory that has merged with the stack."""
    group = size - MUSL_STACK_BYTES
    if musl and group > 0 and (group <= MUSL_GROUP_BYTES or size % MUSL_STEP_BYTES not in MUSL_OVER_BYTES):
        return group  # of musl's malloc
    over = size - default
    return over if release < FLAGS_SINCE and 0 < over < OVER_MAX_BYTES else 0


def stacks_of(regions: Regions, pairs: Pairs, chosen: Ints64) -> Ranges:
    """The chosen pairs as stacks, without other memory that has merged with them."""
    guard, process, size = pairs.guard[chosen], pairs.process[chosen], pairs.size[chosen]
    default, musl = default_stack_bytes(regions)[process], regions.has("musl")[process]
    release = release_of(regions.snapshot.facts.kernel)
    end = regions.end[guard + 1]
    jvm = regions.has("jvm")[process]
    for at in which(~jvm & (musl | (size > default))).tolist():  # few: most have the default size
        end[at] -= merged_bytes(int(size[at]), int(default[at]), musl=bool(musl[at]), release=release)
    if jvm.any() and not is_since(release, FLAGS_SINCE):
        end -= np.where(jvm, _merged_in_jvm(regions, pairs)[chosen], 0)
    return Ranges(process, regions.start[guard], end)


def _merged_in_jvm(regions: Regions, pairs: Pairs) -> Ints64:
    """Bytes of other memory at the upper end of each pair of a JVM: beyond the largest stack that fits.

    A size is one of stacks if a pair has it, or a stack that was found before: of the JVM's own threads, or
    the default for those of libraries. Several of any one size are stacks as well.
    """
    stacks = which(regions.of_kind(Kind.THREAD_STACK) & ~regions.closed & regions.touches_below)
    # not those of Java threads, whose guards are zones
    stacks = stacks[among(regions.size[stacks - 1], (PAGE_BYTES, SMALL_GUARD_BYTES))]
    process = np.concatenate((pairs.process, regions.process[stacks]))
    size = np.concatenate((pairs.size, regions.size[stacks]))
    guard = np.concatenate((pairs.guard_size, regions.size[stacks - 1]))
    default = default_stack_bytes(regions)[process]
    merged = np.maximum(pairs.size - regions.facts.java_stack_bytes[pairs.process], 0)
    for known in (is_of_jvm(regions, process, size, guard), has_default_size(size, guard, default)):
        largest = np.zeros(len(regions.facts.marks), np.int64)
        np.maximum.at(largest, process, np.where(known, size, 0))
        stack = largest[pairs.process]
        merged = np.where((stack > 0) & (pairs.size >= stack), pairs.size - stack, merged)
    several = count_alike(pairs.process, pairs.guard_size, pairs.size) >= SAME_SIZE_MIN_COUNT
    return np.where(several, 0, merged)


def is_of_jvm(regions: Regions, process: Ints64, size: Ints64, guard_size: Ints64) -> Flags:
    """As large as the stack of a JVM's own thread, which is not a Java thread: one entry a pair."""
    own = regions.facts.java_stack_bytes[process]
    found = np.zeros(len(process), np.bool_)
    for usual in (own, np.where(own == UNALIGNED_FROM_BYTES, UNALIGNED_STACK_BYTES, own)):
        over = size - usual
        # JDK 11 and before add a page for glibc's guard, which glibc then adds again
        found |= (over == 0) | (over == PAGE_BYTES) | (over == -guard_size)
        # musl adds thread-local data and struct pthread (src/thread/pthread_create.c)
        found |= regions.has("musl")[process] & (over > 0) & (over <= MUSL_EXTRA_BYTES)
    return found & (own > 0) & (guard_size <= SMALL_GUARD_BYTES)


def with_guards(regions: Regions, stacks: Flags, end: Ints64) -> Ranges:
    """These parts, each up to its `end`, as blocks with the guards right below them."""
    found = stacks.copy()
    is_guard = regions.unclaimed_closed & (regions.size <= GUARD_MAX_BYTES)
    for _ in range(GUARDS_LIMIT_COUNT):
        found[:-1] |= found[1:] & regions.touches_below[1:] & is_guard[:-1]
    rows = which(found)
    ends = np.ones(len(rows), np.bool_)  # a body, or a guard without one
    ends[:-1] = ~regions.closed[rows[:-1]] | (np.diff(rows) != 1) | ~regions.touches_above[rows[:-1]]
    last = which(ends)
    first = np.concatenate(([0], last + 1))[:-1]
    return Ranges(regions.process[rows[first]], regions.start[rows[first]], end[rows[last]])


def show_guards(regions: Regions) -> Flags:
    """Processes in which the guards of half of the stacks are seen: then none is hidden.

    Or of as many of one size as the number of threads without a stack.
    """
    is_small = regions.closed & (regions.size <= GUARD_MAX_BYTES)
    guard = which(is_small & regions.unclaimed & regions.touches_above)
    guard = guard[regions.stack_like[guard + 1] & (regions.size[guard + 1] >= STACK_MIN_BYTES)]
    process, size, body = regions.process[guard], regions.size[guard], regions.size[guard + 1]
    # between buffers that have a guard on both sides there are two guards, which have merged
    above = np.minimum(guard + 2, len(regions) - 1)
    double = regions.touches_above[guard + 1] & regions.closed[above] & (regions.size[above] == 2 * size)
    of_stacks = ((size == PAGE_BYTES) | (size == SMALL_GUARD_BYTES)) & ~double
    known = regions.process[is_small & regions.of_kind(Kind.THREAD_STACK)]
    live = live_threads(regions)
    number = np.bincount(np.concatenate((process[of_stacks], known)), minlength=len(live))
    shown: Flags = number * 2 >= live
    missing = (live - regions.stacks)[process]
    shown[process[(count_alike(process, body, size) == missing) & (missing >= SAME_SIZE_MIN_COUNT)]] = True
    return shown
