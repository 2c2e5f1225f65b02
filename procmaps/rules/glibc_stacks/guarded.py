"""Stacks of the default size below which a guard is seen, and stacks beside them."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.guards import (
    MUSL_GUARD_BYTES,
    SMALL_GUARD_BYTES,
    Pairs,
    find_pairs,
    is_of_jvm,
    stacks_of,
)
from procmaps.rules.glibc_stacks.threads import NPTL, default_stack_bytes, live_threads
from procmaps.rules.groups import runs_with
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

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
    other = _counts_guards_otherwise(regions, pairs, default)
    sure = _is_of_default_size(regions, pairs, default) & (live > 0)[pairs.process] & ~other
    beside = (pairs.guard_size <= SMALL_GUARD_BYTES) & runs_with(pairs.run, sure)
    beside = (beside | _is_above_java_stack(regions, pairs)) & ~sure & ~other
    # more of them than threads are buffers or fibers
    number = np.bincount(pairs.process[beside], minlength=len(live))
    beside &= (number <= live)[pairs.process]
    return stacks_of(regions, pairs, which(sure | beside))


def _is_of_default_size(regions: Regions, pairs: Pairs, default: Ints64) -> Flags:
    """Of the size of RLIMIT_STACK, which the guard may be a part of, or as a JVM or musl makes them."""
    jvm, musl = regions.has("jvm")[pairs.process], regions.has("musl")[pairs.process]
    found: Flags = (pairs.size == default) | (pairs.size + pairs.guard_size == default)
    found |= musl & (pairs.guard_size == MUSL_GUARD_BYTES)
    found |= is_of_jvm(regions, pairs.process, pairs.size, pairs.guard_size)
    # a larger guard was asked for, but not by a JVM
    found &= (pairs.guard_size <= SMALL_GUARD_BYTES) | (~jvm & (pairs.size == default))
    return found


def _counts_guards_otherwise(regions: Regions, pairs: Pairs, default: Ints64) -> Flags:
    """Pairs that would be of the default size if glibc counted their guard as it does not in this process.

    Up to glibc 2.26 the guard is a part of the size, from 2.27 on it is added: in one process one of both
    holds, the one by which more threads have a stack. The others are buffers that have a guard.
    """
    added, within = pairs.size == default, pairs.size + pairs.guard_size == default
    threads, count = regions.facts.threads, len(regions.facts.marks)
    live = np.where(threads > 0, threads - 1, 1)
    later, earlier = (
        np.minimum(np.bincount(pairs.process[each], minlength=count), live) for each in (added, within)
    )
    found: Flags = (within & ((later > 0) & (later >= earlier))[pairs.process]) | (
        added & (earlier > later)[pairs.process]
    )
    return found & ~is_of_jvm(regions, pairs.process, pairs.size, pairs.guard_size)


def _is_above_java_stack(regions: Regions, pairs: Pairs) -> Flags:
    """In a JVM: right above a stack that was claimed before, and no smaller than one of the JVM's own."""
    below = np.maximum(pairs.guard - 1, 0)
    size = regions.facts.java_stack_bytes[pairs.process]
    found = regions.touches_below[pairs.guard] & regions.of_kind(Kind.THREAD_STACK)[below]
    found &= (pairs.guard_size <= SMALL_GUARD_BYTES) & (size > 0) & (pairs.size >= size)
    return found


GUARDED: Final = RegionLabeller(
    "stack.guarded",
    (DEFAULT,),
    guarded,
    before=(Edge("stack.hidden", "only threads without a stack in view can have a hidden one"),),
)
