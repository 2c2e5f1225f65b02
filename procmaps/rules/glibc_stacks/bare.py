"""Stacks without a guard, and memory that can only be stacks because malloc cannot own it."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_UNUSED, MAP_WHOLE_MIB
from procmaps.rules.glibc_stacks.threads import (
    MERGING,
    default_stack_bytes,
    divided,
    hide_stacks,
    is_plausible,
    live_threads,
    missing_stacks,
)
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller, RegionLabeller
from procmaps.rules.process import MIB, Process
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, which

BARE_MIN_BYTES: Final = 8 * MIB

UNGUARDED_SIZE = Rule(
    "stack.unguarded",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status, limits",
    "glibc, nptl/allocatestack.c: with a guard size of 0 a stack is nothing but its size",
    "{size}, exactly the default stack size (RLIMIT_STACK: {stack_limit}) without a guard; for some "
    "of the {threads} threads no stack was found otherwise",
    runner_up=Kind.ANONYMOUS,
)
ANY_SIZE = Rule(
    "stack.unseen_merged",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status",
    MERGING,
    "{size}, more than all anonymous memory of the process that is resident or swapped ({anonymous}); "
    "for most of its {threads} threads no stack was found otherwise",
    runner_up=Kind.ANONYMOUS,
)


def unguarded(process: Process) -> Iterator[Claim]:
    """Whole numbers of stacks of the default size: those made with a guard size of 0 merge as well."""
    missing, one = missing_stacks(process), process.default_stack_bytes
    found = [
        region for region in process.stack_like if not region.size % one and region.size // one <= missing
    ]
    number = sum(region.size // one for region in found)
    for region in found:
        if is_plausible(process, region, number, one, missing):
            yield from divided(region, one, UNGUARDED_SIZE)


def _can_be_unguarded(regions: Regions) -> Flags:
    """Not in a JVM. Many programs map small round sizes, and some mallocs map whole MiB."""
    sizes = np.where(regions.has("jvm", *MAP_WHOLE_MIB), 0, default_stack_bytes(regions))
    rows = which(regions.stack_like & regions.spread(hide_stacks(regions) & (sizes >= BARE_MIN_BYTES)))
    found = np.zeros(len(regions), np.bool_)
    found[rows] = regions.size[rows] % sizes[regions.process[rows]] == 0
    return found


def _with_unguarded(regions: Regions) -> Flags:
    return regions.owners(_can_be_unguarded(regions))


def _unguarded_or_stacks(regions: Regions) -> Flags:
    """The stacks that were found say how many threads have none."""
    return _can_be_unguarded(regions) | regions.of_kind(Kind.THREAD_STACK)


def of_any_size(regions: Regions) -> Flags | None:
    """Memory that malloc would have touched, in processes most of whose threads have no stack."""
    resident = regions.facts.anonymous_bytes
    missing = live_threads(regions) - regions.stacks
    short = hide_stacks(regions) & (missing > regions.stacks) & (resident >= 0) & ~regions.has(*KEEP_UNUSED)
    if not short.any():
        return None
    limit = missing * default_stack_bytes(regions) // 2  # those of the default size are known by it
    found = regions.stack_like & regions.spread(short)
    return found & (regions.size > regions.spread(resident)) & (regions.size <= regions.spread(limit))


UNGUARDED: Final = ProcessLabeller(
    "stack.unguarded",
    (UNGUARDED_SIZE,),
    unguarded,
    where=_with_unguarded,
    sees=_unguarded_or_stacks,
    after=(Edge("beam.carriers", "carriers can have the size of stacks"),),
)
OF_ANY_SIZE: Final = RegionLabeller(
    "stack.unseen_merged",
    (ANY_SIZE,),
    of_any_size,
    before=(
        Edge("go.summaries", "a stack can touch the run, and is no part of it"),
        Edge("hotspot.rest", "a stack whose guard cannot be seen can be as large as a table"),
        Edge("mono.heap", "a stack can have the size of whole blocks"),
        Edge("ruby.heap", "a stack can have the size of whole pages"),
    ),
    after=(Edge("stack.unguarded", "it is for threads that have no stack of the default size either"),),
)
