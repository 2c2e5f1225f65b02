"""Stacks that the kernel names: Linux 3.4 to 4.4 write [stack:TID] where a thread's stack pointer is.

The name is that of a whole mapping, in which other memory can have merged with the stack. Such mappings are
therefore unclaimed memory to all labellers, and those here claim what the others have left of them.
"""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.guards import GUARD_MAX_BYTES, with_guards
from procmaps.rules.glibc_stacks.threads import own_stack_bytes
from procmaps.rules.groups import count_alike
from procmaps.rules.kernel_names import Name
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.name_rules import NAME_RULES
from procmaps.rules.process import MIB, SMALL_GUARD_BYTES
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

MERGED = Rule(
    "stack.kernel_name_merged",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, limits",
    "Linux 3.4 to 4.4, fs/proc/task_mmu.c: the mapping that holds a thread's stack pointer has the name",
    "{size} at the low end of a larger mapping that the kernel calls the stack of a thread: {name}; the "
    "guard is right below, and this is the size of stacks in this process",
    runner_up=Kind.ANONYMOUS,
)


def whole(regions: Regions) -> Ranges | None:
    """Named mappings no larger than a stack by default, or as large as was asked for, or without a guard."""
    left = _left(regions)
    return None if left is None else _stacks(regions, left[~_is_merged(regions, left)], regions.end)


def merged(regions: Regions) -> Ranges | None:
    """The stack at the low end of each larger one."""
    left = _left(regions)
    if left is None:
        return None
    rows, end = left[_is_merged(regions, left)], regions.end.copy()
    end[rows] = regions.start[rows] + own_stack_bytes(regions)[regions.process[rows]]
    return _stacks(regions, rows, end)


def _stacks(regions: Regions, rows: Ints64, end: Ints64) -> Ranges:
    found = np.zeros(len(regions), np.bool_)
    found[rows] = True
    return with_guards(regions, found, end)


def _left(regions: Regions) -> Ints64 | None:
    """Named mappings of which nothing was claimed; None if there are none."""
    named = regions.facts.named_stacks
    if not len(named):
        return None
    rows = which(regions.unclaimed & np.isin(regions.mapping, named))
    maps = regions.snapshot.maps
    size = (maps.end - maps.start)[regions.mapping[rows]].astype(np.int64)
    found: Ints64 = rows[regions.size[rows] == size]
    return found


def _is_merged(regions: Regions, rows: Ints64) -> Flags:
    size = own_stack_bytes(regions)[regions.process[rows]]
    larger = regions.guarded(rows, GUARD_MAX_BYTES) & (regions.size[rows] > size + SMALL_GUARD_BYTES)
    # a round size, or several of one size, are what the program asked for
    asked = (regions.size[rows] % MIB == 0) | (count_alike(regions.process[rows], regions.size[rows]) > 1)
    found: Flags = larger & ~asked
    return found


NAMED: Final = RegionLabeller(
    "stack.kernel_name",
    (NAME_RULES[Name.THREAD_STACK],),
    whole,
    before=(Edge("stack.repeated", "threads whose stacks have names have no others"),),
    after=(Edge("stack.guarded", "beside a stack whose size is known, the guard tells what has merged"),),
)
NAMED_MERGED: Final = RegionLabeller(
    "stack.kernel_name_merged",
    (MERGED,),
    merged,
    before=(Edge("stack.repeated", "threads whose stacks have names have no others, merged or not"),),
    after=(Edge("stack.guarded", "stacks of Java threads have the size that -Xss says"),),
)
