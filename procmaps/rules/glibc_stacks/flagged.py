"""Stacks that the kernel flags: since Linux 6.7 MAP_STACK sets VM_NOHUGEPAGE, which smaps shows as nh."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import SET_STACK_FLAG
from procmaps.rules.glibc_stacks.guards import GUARD_MAX_BYTES, with_guards
from procmaps.rules.glibc_stacks.threads import (
    CACHE_BYTES,
    MOST_FACTOR,
    default_stack_bytes,
    live_threads,
    own_stack_bytes,
)
from procmaps.rules.groups import count_alike, ranges
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.process import PAGE_BYTES, STACK_MAX_BYTES
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

MERGED_LIMIT_COUNT: Final = 2**16  # stacks in one mapping
ALIKE_MIN_COUNT: Final = 2
HOST_LIMIT_COUNT: Final = 2**20  # stacks in such mappings of one host

MERGED = Rule(
    "stack.flagged_run",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "smaps, limits",
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL do not end a mapping, "
    "so stacks merge",
    "{size}, one of several stacks of this size in one mapping made with MAP_STACK (flag nh); their "
    "guards are inside the mapping and not visible",
)
ALONE = Rule(
    "stack.flagged",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "smaps",
    "Linux 6.7 and later: MAP_STACK sets VM_NOHUGEPAGE, which smaps shows as nh",
    "{size} of a thread's stack of {block_size}: made with MAP_STACK (flag nh without hg or nr) and with a "
    "guard, or of the default size or one that repeats; or the guard directly below",
)
UNSURE = Rule(
    "stack.flagged_unsure",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "smaps, status",
    "Linux 6.7 and later: MAP_STACK sets VM_NOHUGEPAGE, which smaps shows as nh; so does "
    "madvise(MADV_NOHUGEPAGE)",
    "{size} with the flag of MAP_STACK (nh) but without a guard, in a process in which as many of the "
    "{threads} threads have no stack elsewhere; or with a guard that was writable once, and more of them "
    "than threads: stacks, or fibers",
    runner_up=Kind.ANONYMOUS,
)


def merged(regions: Regions) -> Ranges | None:
    """Mappings that hold several stacks of the default size, with their guards inside."""
    rows = which(_has_flag(regions) & regions.stack_like)
    if not len(rows):
        return None
    process = regions.process[rows]
    size = own_stack_bytes(regions)[process]
    one = size + PAGE_BYTES
    count = regions.size[rows] // one
    whole = (count * one == regions.size[rows]) & (count >= 2) & (count <= MERGED_LIMIT_COUNT)
    whole &= np.where(whole, count, 0).cumsum() <= HOST_LIMIT_COUNT
    rows, one, count = rows[whole], one[whole], count[whole]
    number = ranges(np.zeros(len(count), np.int64), count)  # of each stack in its mapping
    start = regions.start[rows].repeat(count) + number * one.repeat(count)
    return Ranges(process[whole].repeat(count), start, start + one.repeat(count))


def alone(regions: Regions) -> Ranges | None:
    """Other flagged regions that are surely stacks, with the guards below them; not fibers."""
    found = _candidates(regions)
    if not found.any():
        return None
    bodies = which(found & ~regions.closed)
    stacks, live_ones = _are_stacks(regions, bodies)
    others = bodies[~(stacks & live_ones)]
    found[others] = found[others[regions.touches_below[others]] - 1] = False
    return with_guards(regions, found, regions.end)


def unsure(regions: Regions) -> Ranges | None:
    """Those of ended threads, and what nothing else marks if no more than threads that have none."""
    found = _candidates(regions)
    rows = which(found & ~regions.closed & (regions.size <= STACK_MAX_BYTES))
    if not len(rows):
        return None
    process = regions.process[rows]
    missing = live_threads(regions) - regions.stacks
    number = np.bincount(process, minlength=len(missing))
    found = np.zeros(len(regions), np.bool_)
    stacks, live_ones = _are_stacks(regions, rows)
    # more than twice as many as threads without a stack: most are fibers
    fibers = ~live_ones & _have_written_guard(regions, rows)
    many = np.bincount(process[fibers], minlength=len(missing)) > missing * MOST_FACTOR
    stacks &= ~(fibers & many[process])
    found[rows[stacks | (number <= missing)[process]]] = True
    return with_guards(regions, found, regions.end)


def more_than_threads(regions: Regions) -> Flags:
    """Flagged parts of one odd size, with guards, that are more than live threads and ended ones have."""
    found = _flagged_parts(regions)
    return _fibers(regions, found) & found if found.any() else found


def _candidates(regions: Regions) -> Flags:
    """Flagged regions that can be a stack of a thread, or its guard."""
    found = _flagged_parts(regions)
    return found & ~_fibers(regions, found) if found.any() else found


def _flagged_parts(regions: Regions) -> Flags:
    """Flagged regions that are no memory of a malloc that sets the flag."""
    found = _has_flag(regions)
    if not found.any():
        return found
    # what such an allocator maps itself does not count against the commit limit (ac)
    found &= ~regions.spread(regions.has(*SET_STACK_FLAG)) | regions.closed | regions.flagged("ac")
    return found & ~regions.flagged("gd")


def _are_stacks(regions: Regions, bodies: Ints64) -> tuple[Flags, Flags]:
    """Flagged regions with a guard, or of the default size or one that repeats within what glibc keeps.

    And which of them live threads can account for, or their size: fibers have guards and one size as well.
    madvise(MADV_NOHUGEPAGE) sets the flag on pools of programs and on chunks of malloc too.
    """
    process, size = regions.process[bodies], regions.size[bodies]
    guarded = regions.guarded(bodies, GUARD_MAX_BYTES) | regions.flagged("gu")[bodies]
    number = count_alike(process, size)
    jvm = regions.has("jvm")[process]
    usual = (size == default_stack_bytes(regions)[process]) | (
        jvm & (size == regions.facts.java_stack_bytes[process])
    )
    live = live_threads(regions)
    # as many as threads, live ones and ended ones together; any if their number is unknown
    fits = number <= live[process] + 1 + CACHE_BYTES // size
    stacks: Flags = guarded | (fits & (usual | (number >= ALIKE_MIN_COUNT)))
    odd = stacks & ~usual & ~jvm
    many = np.bincount(process[odd], minlength=len(live)) > live
    return stacks, ~(odd & many[process])


def _have_written_guard(regions: Regions, bodies: Ints64) -> Flags:
    """Which have a guard right below that was writable once (flag ac), as glibc makes none since 2.27.

    It maps a stack without access, and opens all but the guard (nptl/allocatestack.c). Not all guards that
    were writable keep the flag: Linux clears it where nothing was written (mm/mprotect.c).
    """
    below = bodies - 1
    found: Flags = regions.touches_below[bodies] & regions.closed[below] & regions.flagged("ac")[below]
    return found


def _has_flag(regions: Regions) -> Flags:
    """Unclaimed, and mapped with MAP_STACK: memory that has the flag for other reasons has hg or nr too."""
    flagged = regions.unclaimed & regions.flagged("nh")
    return flagged & ~regions.flagged("hg") & ~regions.flagged("nr") if flagged.any() else flagged


def _fibers(regions: Regions, flagged: Flags) -> Flags:
    """Flagged parts of one odd size, if there are more than threads, live ones and ended ones together."""
    rows = which(flagged & ~regions.closed)
    process, size = regions.process[rows], regions.size[rows]
    threads = regions.facts.threads[process]
    many = (threads > 0) & (count_alike(process, size) > threads + CACHE_BYTES // size)
    many &= (size != default_stack_bytes(regions)[process]) & ~regions.has("jvm")[process]
    fibers = np.zeros(len(regions), np.bool_)
    fibers[rows[many]] = True
    fibers[:-1] |= fibers[1:] & regions.closed[:-1] & regions.touches_below[1:]
    return fibers


FLAGGED_MERGED: Final = RegionLabeller(
    "stack.flagged_run",
    (MERGED,),
    merged,
    before=(Edge("stack.flagged", "a mapping that holds several stacks would count as one"),),
)
FLAGGED: Final = RegionLabeller(
    "stack.flagged",
    (ALONE,),
    alone,
    before=(Edge("stack.java_zones", "the flag tells where a stack ends"),),
)
FLAGGED_UNSURE: Final = RegionLabeller(
    "stack.flagged_unsure",
    (UNSURE,),
    unsure,
    before=(Edge("stack.guarded", "where the kernel flags stacks, other memory above a guard is none"),),
    after=(Edge("stack.java_zones", "what is surely a stack leaves fewer threads without one"),),
)
