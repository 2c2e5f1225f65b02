"""Stacks without a guard, and memory that can only be stacks because malloc cannot own it."""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_UNUSED, MAP_WHOLE_MIB
from procmaps.rules.glibc_stacks.hidden import around_stacks
from procmaps.rules.glibc_stacks.threads import (
    MERGING,
    divided,
    hide_stacks,
    is_plausible,
    stacks,
    threads_without_stack,
)
from procmaps.rules.labeller import Claim, ProcessLabeller, without
from procmaps.rules.process import MIB, Process
from procmaps.rules.rule import Rule

BARE_MIN_BYTES: Final = 8 * MIB

UNGUARDED = Rule(
    "stack.unguarded",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status, limits",
    "glibc, nptl/allocatestack.c: with a guard size of 0 a stack is nothing but its size",
    "{size}, exactly the default stack (RLIMIT_STACK {stack_limit}) without a guard, and some of the "
    "{threads} threads have no other stack",
    runner_up=Kind.ANONYMOUS,
)
OF_ANY_SIZE = Rule(
    "stack.unseen_merged",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status",
    MERGING,
    "{size}, more than all anonymous memory that the process has resident ({rss_anon}), and most of its "
    "{threads} threads have no other stack",
    runner_up=Kind.ANONYMOUS,
)


def bare(process: Process) -> Iterator[Claim]:
    """First what has exactly the default size, then what malloc cannot own."""
    claims = list(_unguarded(process))
    yield from claims
    yield from _of_any_size(without(process, claims))


def _unguarded(process: Process) -> Iterator[Claim]:
    """Whole numbers of stacks of the default size: those made with a guard size of 0 merge as well."""
    lacking, one = threads_without_stack(process), process.default_stack_bytes
    # a small size without a guard page is anybody's
    if one < BARE_MIN_BYTES or process.has("jvm", *MAP_WHOLE_MIB):
        return
    found = [region for region in process.writable if not region.size % one and region.size // one <= lacking]
    number = sum(region.size // one for region in found)
    for region in found:
        if is_plausible(process, region, number, one, lacking):
            yield from divided(region, one, UNGUARDED)


def _of_any_size(process: Process) -> Iterator[Claim]:
    """Memory that malloc would have touched, in a process most of whose threads have no stack."""
    lacking, resident = threads_without_stack(process), process.rss_anon_bytes
    if resident < 0 or lacking <= stacks(process) or process.has(*KEEP_UNUSED):
        return
    limit = lacking * process.default_stack_bytes // 2  # those of the default size are known by it
    for region in process.writable:
        if resident < region.size <= limit:
            yield Claim(region.start, region.end, OF_ANY_SIZE)


BARE: Final = ProcessLabeller(
    "stack.bare", (UNGUARDED, OF_ANY_SIZE), bare, where=hide_stacks, sees=around_stacks
)
