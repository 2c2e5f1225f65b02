"""Reserves that a program opens from the base upward, as arenas of its own and growing tables are."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import NOT_GLIBC
from procmaps.rules.glibc_stacks.guards import GUARD_MAX_BYTES
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.process import ARENA_HEAP_BYTES, MIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, which

OPENED: Final = Rule(
    "reserve.opened",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps",
    "Linux, mm/mprotect.c: a mapping of which the lower part is opened becomes two that touch; glibc, "
    "malloc/malloc.c, sysmalloc_mmap: a chunk is mapped alone and open",
    "{size} at the low end of a reserve: the memory right above it has no access, and both together are a "
    "whole number of MiB, so they were mapped at once and this part was opened",
    runner_up=Kind.HEAP_MMAP,
)


def opened(regions: Regions) -> Flags | None:
    """Writable memory below closed memory too large for a guard, which together are whole MiB.

    Not what can be the upper part of a heap of an arena, of which something has divided the lower part.
    """
    closed = regions.unclaimed_closed & (regions.size > GUARD_MAX_BYTES) & regions.touches_below
    rows = which(closed) - 1
    rows = rows[regions.unclaimed_writable[rows]]
    rows = rows[is_multiple(regions.size[rows] + regions.size[rows + 1], MIB)]
    end = regions.end[rows + 1]
    inside = is_multiple(end, ARENA_HEAP_BYTES) & (regions.start[rows] > end - ARENA_HEAP_BYTES)
    opened_below = regions.touches_below[rows] & regions.writable[rows - 1]
    inside &= opened_below | regions.guarded(rows, GUARD_MAX_BYTES)
    rows = rows[~inside | regions.has(*NOT_GLIBC)[regions.process[rows]]]
    if not len(rows):
        return None
    found = np.zeros(len(regions), np.bool_)
    found[rows] = True
    return found


OPENED_RESERVES: Final = RegionLabeller(
    "reserve.opened",
    (OPENED,),
    opened,
    before=(
        Edge(
            "glibc.mmapped_beside_own", "what was opened in a reserve shows that the program maps by itself"
        ),
        Edge("rest.reserved", "the closed part above tells a reserve, as long as nobody has claimed it"),
    ),
)
