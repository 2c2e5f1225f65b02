"""Stacks of the default size below which a guard is seen, and stacks beside them."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.guards import (
    FLAGS_SINCE,
    MUSL_GUARD_BYTES,
    SAME_SIZE_MIN_COUNT,
    SMALL_GUARD_BYTES,
    Pairs,
    find_pairs,
    merged_bytes,
)
from procmaps.rules.glibc_stacks.threads import NPTL, default_stack_bytes, live_threads
from procmaps.rules.groups import count_alike, runs_with
from procmaps.rules.hotspot.stack_sizes import UNALIGNED_STACK_BYTES
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.process import KIB, MIB, PAGE_BYTES, UNKNOWN_RELEASE, release_of
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

UNALIGNED_FROM_BYTES: Final = 2 * MIB  # of aarch64: UNALIGNED_STACK_BYTES in newer JVMs
MUSL_EXTRA_BYTES: Final = 64 * KIB

DEFAULT = Rule(
    "stack.guarded",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "maps, status, limits",
    NPTL,
    "{size} of a stack of {block_size}: an inaccessible guard with writable memory directly above it, "
    "of a default size (1 or 2 MiB in a JVM, otherwise RLIMIT_STACK: {stack_limit}) or next to such a "
    "stack, in a process of {threads} threads",
    runner_up=Kind.ANONYMOUS,
)


def guarded(regions: Regions) -> Ranges | None:
    """Pairs of a default size, and pairs with a small guard in one unbroken run with them."""
    pairs = find_pairs(regions)
    if not len(pairs.guard):
        return None
    default = default_stack_bytes(regions)[pairs.process]
    live = live_threads(regions)
    sure = _is_of_default_size(regions, pairs, default) & (live > 0)[pairs.process]
    beside = (pairs.guard_size <= SMALL_GUARD_BYTES) & runs_with(pairs.run, sure)
    beside = (beside | _is_above_java_stack(regions, pairs)) & ~sure
    # more of them than threads are buffers or fibers
    number = np.bincount(pairs.process[beside], minlength=len(live))
    beside &= (number <= live)[pairs.process]
    chosen = which(sure | beside)
    guard = pairs.guard[chosen]
    end = regions.end[guard + 1] - _merged(regions, pairs, chosen, default[chosen])
    return Ranges(pairs.process[chosen], regions.start[guard], end)


def _is_of_default_size(regions: Regions, pairs: Pairs, default: Ints64) -> Flags:
    """Of the size of RLIMIT_STACK, which the guard may be a part of, or as a JVM or musl makes them."""
    jvm, musl = regions.has("jvm")[pairs.process], regions.has("musl")[pairs.process]
    found: Flags = (pairs.size == default) | (pairs.size + pairs.guard_size == default)
    found |= musl & (pairs.guard_size == MUSL_GUARD_BYTES)
    found |= _is_of_jvm(regions, pairs)
    # a larger guard was asked for, but not by a JVM
    found &= (pairs.guard_size <= SMALL_GUARD_BYTES) | (~jvm & (pairs.size == default))
    return found


def _merged(regions: Regions, pairs: Pairs, chosen: Ints64, default: Ints64) -> Ints64:
    """Bytes of other memory at the upper end of each chosen pair: of few, as most have the default size."""
    musl = regions.has("musl")[pairs.process[chosen]]
    release = release_of(regions.snapshot.facts.kernel)
    jvm = regions.has("jvm")[pairs.process[chosen]]
    merged = np.zeros(len(chosen), np.int64)
    for at in which(~jvm & (musl | (pairs.size[chosen] > default))).tolist():
        size = int(pairs.size[chosen[at]])
        merged[at] = merged_bytes(size, int(default[at]), musl=bool(musl[at]), release=release)
    if release < FLAGS_SINCE or release == UNKNOWN_RELEASE:
        merged = np.where(jvm, _merged_in_jvm(regions, pairs)[chosen], merged)
    return merged


def _merged_in_jvm(regions: Regions, pairs: Pairs) -> Ints64:
    """Bytes of other memory at the upper end of each pair of a JVM: beyond the largest stack that fits.

    A size is one of stacks if a pair has it: of the JVM's own threads, or the default for those of libraries.
    Several of any one size are stacks as well.
    """
    default = default_stack_bytes(regions)[pairs.process]
    merged = np.maximum(pairs.size - regions.facts.java_stack_bytes[pairs.process], 0)
    is_default = (pairs.size == default) | (pairs.size + pairs.guard_size == default)
    for known in (_is_of_jvm(regions, pairs), is_default):
        largest = np.zeros(len(regions.facts.marks), np.int64)
        np.maximum.at(largest, pairs.process, np.where(known, pairs.size, 0))
        stack = largest[pairs.process]
        merged = np.where((stack > 0) & (pairs.size >= stack), pairs.size - stack, merged)
    several = count_alike(pairs.process, pairs.guard_size, pairs.size) >= SAME_SIZE_MIN_COUNT
    return np.where(several, 0, merged)


def _is_above_java_stack(regions: Regions, pairs: Pairs) -> Flags:
    """In a JVM: right above a stack that was claimed before, and no smaller than one of the JVM's own."""
    below = np.maximum(pairs.guard - 1, 0)
    size = regions.facts.java_stack_bytes[pairs.process]
    found = regions.touches_below[pairs.guard] & regions.of_kind(Kind.THREAD_STACK)[below]
    found &= (pairs.guard_size <= SMALL_GUARD_BYTES) & (size > 0) & (pairs.size >= size)
    return found


def _is_of_jvm(regions: Regions, pairs: Pairs) -> Flags:
    """As large as the stack of a JVM's own thread, which is not a Java thread."""
    size = regions.facts.java_stack_bytes[pairs.process]
    musl = regions.has("musl")[pairs.process]
    found = np.zeros(len(pairs.guard), np.bool_)
    for own in (size, np.where(size == UNALIGNED_FROM_BYTES, UNALIGNED_STACK_BYTES, size)):
        over = pairs.size - own
        # JDK 11 and before add a page for glibc's guard, which glibc then adds again
        found |= (over == 0) | (over == PAGE_BYTES) | (over == -pairs.guard_size)
        # musl adds thread-local data and struct pthread (src/thread/pthread_create.c)
        found |= musl & (over > 0) & (over <= MUSL_EXTRA_BYTES)
    found &= regions.has("jvm")[pairs.process] & (pairs.guard_size <= SMALL_GUARD_BYTES)
    return found


GUARDED: Final = RegionLabeller(
    "stack.guarded",
    (DEFAULT,),
    guarded,
    before=(Edge("stack.hidden", "only threads without a stack in view can have a hidden one"),),
)
