"""Stacks of the default size below which a guard is seen, and stacks beside them."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.guards import (
    MUSL_GUARD_BYTES,
    Pairs,
    find_pairs,
    has_default_size,
    has_usual_guard,
    is_of_jvm,
    stacks_of,
)
from procmaps.rules.glibc_stacks.threads import CACHE_BYTES, NPTL, default_stack_bytes, live_threads
from procmaps.rules.groups import runs_with
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.process import SMALL_GUARD_BYTES
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
    default, live = default_stack_bytes(regions)[pairs.process], live_threads(regions)
    of_owner = is_of_jvm(regions, pairs.process, pairs.size, pairs.guard_size) | _is_of_musl(regions, pairs)
    other = _counts_guards_otherwise(regions, pairs, default) & ~of_owner
    sure = (of_owner | _is_of_default_size(regions, pairs, default)) & (live > 0)[pairs.process] & ~other
    sure &= of_owner | ~(_has_other_guard(pairs, live) | _too_many(pairs, sure & ~of_owner, default, live))
    beside = (pairs.guard_size <= SMALL_GUARD_BYTES) & runs_with(pairs.run, sure)
    beside = (beside | _is_above_java_stack(regions, pairs)) & ~sure & ~other
    # more of them than threads without a stack are buffers or fibers
    number, found = (np.bincount(pairs.process[each], minlength=len(live)) for each in (beside, sure))
    beside &= (number <= live - found)[pairs.process]
    return stacks_of(regions, pairs, which(sure | beside))


def _is_of_default_size(regions: Regions, pairs: Pairs, default: Ints64) -> Flags:
    """Of the size of RLIMIT_STACK, which the guard may be a part of."""
    jvm = regions.has("jvm")[pairs.process]
    found = has_default_size(pairs.size, pairs.guard_size, default)
    # a larger guard was asked for, but not by a JVM
    found &= (pairs.guard_size <= SMALL_GUARD_BYTES) | (~jvm & (pairs.size == default))
    return found


def _is_of_musl(regions: Regions, pairs: Pairs) -> Flags:
    """With the guard that musl makes, whatever the size."""
    found: Flags = regions.has("musl")[pairs.process] & (pairs.guard_size == MUSL_GUARD_BYTES)
    return found


def _has_other_guard(pairs: Pairs, live: Ints64) -> Flags:
    """Pairs with a guard that glibc makes only if asked, if there are too many beside those with its own."""
    usual = has_usual_guard(pairs, len(live))
    number, other = (np.bincount(pairs.process[each], minlength=len(live)) for each in (usual, ~usual))
    found: Flags = ~usual & (other > live - number)[pairs.process]
    return found


def _too_many(pairs: Pairs, chosen: Flags, default: Ints64, live: Ints64) -> Flags:
    """Chosen pairs that are more than live threads and ended ones, whose stacks glibc keeps, can have."""
    number = np.bincount(pairs.process[chosen], minlength=len(live))[pairs.process]
    found: Flags = chosen & (number > live[pairs.process] + CACHE_BYTES // default)
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
    return found


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
