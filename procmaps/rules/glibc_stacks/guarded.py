"""Stacks of the default size below which a guard is seen, and stacks beside them."""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft
from procmaps.rules.glibc_stacks.guards import (
    MUSL_GUARD_BYTES,
    SMALL_GUARD_BYTES,
    Pair,
    claimed,
    in_pairs,
    pairs,
    without_flagged,
)
from procmaps.rules.glibc_stacks.threads import JAVA_STACK_BYTES, NPTL
from procmaps.rules.labeller import Claim, ProcessLabeller
from procmaps.rules.process import PAGE_BYTES, Process
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

DEFAULT = Rule(
    "stack.guarded",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "maps, status, limits",
    NPTL,
    "{size} of a stack of {block_size}: a closed guard with writable memory directly above it, of a "
    "default size (1 MiB in a JVM, otherwise RLIMIT_STACK: {stack_limit}) or beside such a stack, in a "
    "process of {threads} threads",
    runner_up=Kind.ANONYMOUS,
)


def guarded(process: Process) -> Iterator[Claim]:
    """Pairs of a default size, and pairs with a small guard in one unbroken run with them."""
    every = pairs(process)
    sure = _of_default_size(process, every)
    runs, known = {pair.run for pair in sure}, {pair.guard.start for pair in sure}
    beside = [
        pair
        for pair in every
        if pair.run in runs and pair.guard.start not in known and pair.guard.size <= SMALL_GUARD_BYTES
    ]
    # more of them than threads are buffers or fibers
    return claimed(process, sure + beside if len(beside) <= process.live_threads else sure, DEFAULT)


def _of_default_size(process: Process, every: list[Pair]) -> list[Pair]:
    """Of the size of RLIMIT_STACK, which the guard may be a part of, or as a JVM or musl makes them."""
    default, jvm, musl = process.default_stack_bytes, process.has("jvm"), process.has("musl")
    return [
        pair
        for pair in every
        if (
            default in {pair.body.size, pair.body.size + pair.guard.size}
            or (jvm and _is_of_jvm(pair))
            or (musl and pair.guard.size == MUSL_GUARD_BYTES)
        )
        # a larger guard was asked for, but not by a JVM
        and (pair.guard.size <= SMALL_GUARD_BYTES or (pair.body.size == default and not jvm))
    ]


def _is_of_jvm(pair: Pair) -> bool:
    """JDK 11 and before add a page for glibc's guard, which glibc then adds again."""
    over = pair.body.size - JAVA_STACK_BYTES
    return over in {-pair.guard.size, 0, PAGE_BYTES}


def _have_threads(draft: Draft) -> Flags:
    """Processes with more than one thread, or with an unknown number."""
    several: Flags = draft.facts.threads != 1
    return several & without_flagged(draft)


GUARDED: Final = ProcessLabeller("stack.guarded", (DEFAULT,), guarded, where=_have_threads, sees=in_pairs)
