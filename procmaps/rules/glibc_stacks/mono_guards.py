"""Stacks of Mono's threads: it closes 32 KiB inside each stack, a page above the stack's low end."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.guards import FLAGS_SINCE, GUARD_MAX_BYTES
from procmaps.rules.glibc_stacks.java_zones import merged_above
from procmaps.rules.glibc_stacks.threads import default_stack_bytes
from procmaps.rules.groups import slices_of
from procmaps.rules.kernel_release import is_since, release_of
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.process import KIB, PAGE_BYTES
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import which

CLOSED_BYTES: Final = 32 * KIB

GUARDED = Rule(
    "stack.mono_guards",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "maps",
    "Mono, mini/mini-exceptions.c, mono_setup_altstack: 8 pages without access, a page above the low end of "
    "a stack, for finding stacks that overflow",
    "{size} of the stack of a thread of Mono, {block_size} in all: a guard, a page, 32 KiB that Mono has "
    "closed, and the rest of the stack",
)


def mono_stacks(regions: Regions) -> Ranges | None:
    """A guard, a writable page, closed 32 KiB, and writable memory up to the end of the stack."""
    mono = regions.has("mono")
    if not mono.any():
        return None
    closed = which(regions.unclaimed_closed & regions.spread(mono) & (regions.size == CLOSED_BYTES))
    closed = closed[(closed >= 2) & regions.touches_below[closed] & regions.touches_above[closed]]
    page, guard = closed - 1, closed - 2
    stacks = regions.stack_like[page] & (regions.size[page] == PAGE_BYTES) & regions.touches_below[page]
    stacks &= regions.unclaimed_closed[guard] & (regions.size[guard] <= GUARD_MAX_BYTES)
    stacks &= regions.stack_like[closed + 1]
    closed, page, guard = closed[stacks], page[stacks], guard[stacks]
    end = regions.end[closed + 1].copy()
    # where the kernel flags stacks, nothing but stacks merges with them
    if not is_since(release_of(regions.snapshot.facts.kernel), FLAGS_SINCE):
        for own in slices_of(regions.process[closed]):
            default = int(default_stack_bytes(regions)[regions.process[closed[own][0]]])
            sizes = end[own] - regions.start[page[own]]
            end[own] -= np.array(merged_above(sizes.tolist(), default, graal=False), np.int64)
    return Ranges(regions.process[guard], regions.start[guard], end)


MONO_GUARDS: Final = RegionLabeller(
    "stack.mono_guards",
    (GUARDED,),
    mono_stacks,
    before=(Edge("stack.flagged_unsure", "what is surely a stack leaves fewer threads without one"),),
)
