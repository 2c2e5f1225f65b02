"""What no labeller knows: shown as it is."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_malloc import can_be_chunks
from procmaps.rules.groups import count_alike
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.libc_malloc import foreign
from procmaps.rules.process import GIB, SMALL_GUARD_BYTES
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, which

VAST_FACTOR: Final = 16  # more than what is resident or swapped: mapped to be written here and there
VAST_MIN_BYTES: Final = GIB
GUARDED_MIN_COUNT: Final = 4  # of one size: a ring of buffers, or a pool of fibers

RESERVED: Final = Rule(
    "rest.reserved",
    Kind.RESERVED,
    Confidence.LIKELY,
    "maps",
    "Linux: memory without any access cannot be touched, so it costs address space and nothing else",
    "{size} without any access, of no known owner: a guard, or address space set aside",
    runner_up=Kind.ANONYMOUS,
)
VAST: Final = Rule(
    "rest.vast",
    Kind.ANONYMOUS,
    Confidence.CERTAIN,
    "maps, status",
    "Linux, RssAnon and VmSwap in status",
    "{size} that the program mapped itself: many times what it has resident or swapped ({anonymous})",
)
FOREIGN: Final = Rule(
    "rest.foreign",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "smaps",
    "Linux, fs/proc/task_mmu.c: MAP_NORESERVE, MADV_DONTDUMP, mlock in VmFlags, for which no libc's malloc "
    "asks; runtimes do, for heaps and stacks too",
    "{size} with flags for which no libc's malloc asks, of no known owner: mapped by the program directly",
    runner_up=Kind.HEAP_ALLOCATOR,
)
GUARDED: Final = Rule(
    "rest.guarded",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps, status",
    "glibc and other allocators put no guard below a chunk; programs put one below buffers and fibers",
    "{size}, one of four or more regions of this size with a guard directly below each, while the "
    "{threads} threads have their stacks elsewhere: buffers or fibers of the program",
    runner_up=Kind.THREAD_STACK,
)
UNPAID: Final = Rule(
    "rest.unpaid",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps, status",
    "Linux, RssAnon and VmSwap in status: malloc writes a header into each chunk and reuses what is "
    "freed, so it touches what it maps",
    "{size}, more than all anonymous memory of the process that is resident or swapped ({anonymous}), "
    "so it is not all in use, and of no known owner: mapped by the program directly",
    runner_up=Kind.HEAP_MMAP,
)
UNPAID_ODD: Final = Rule(
    "rest.unpaid_odd",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/malloc.c, sysmalloc_mmap: a chunk has a header, so it is no whole number of MiB, and "
    "neighbours merge with it; __libc_calloc does not write what was just mapped",
    "{size}, more than all anonymous memory of the process that is resident or swapped ({anonymous}), and no "
    "whole number of MiB, in a program that maps pools or tables itself: these, or chunks of malloc that "
    "were not written yet",
    runner_up=Kind.HEAP_MMAP,
)
ANONYMOUS: Final = Rule(
    "rest.anonymous",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps",
    "nothing: no rule applies",
    "{size} of anonymous memory ({perms}) that fits no known owner",
    runner_up=Kind.HEAP_MMAP,
)


def closed(regions: Regions) -> Flags:
    """All that has no access."""
    found: Flags = regions.free & regions.closed
    return found


def guarded(regions: Regions) -> Flags | None:
    """Writable regions of one size, each right above a small closed one: rings of guarded buffers, fibers."""
    rows = which(regions.unclaimed_writable & regions.touches_below)
    rows = rows[regions.unclaimed_closed[rows - 1] & (regions.size[rows - 1] <= SMALL_GUARD_BYTES)]
    if not len(rows):
        return None
    mask = np.zeros(len(regions), np.bool_)
    mask[rows[count_alike(regions.process[rows], regions.size[rows]) >= GUARDED_MIN_COUNT]] = True
    return mask


def vast(regions: Regions) -> Flags:
    """Many times what is resident or swapped."""
    budget = regions.spread(regions.facts.anonymous_bytes)
    far = (budget >= 0) & (regions.size > budget * VAST_FACTOR) & (regions.size >= VAST_MIN_BYTES)
    found: Flags = regions.free & ~regions.closed & far
    return found


def with_foreign_flags(regions: Regions) -> Flags | None:
    """With flags that no libc's malloc asks for."""
    return regions.free & ~regions.closed & foreign(regions) if regions.facts.smaps.any() else None


def unpaid(regions: Regions) -> Flags:
    """More than all anonymous memory that is resident or swapped."""
    budget = regions.spread(regions.facts.anonymous_bytes)
    found: Flags = regions.free & (budget >= 0) & (regions.size > budget)
    return found


def unpaid_odd(regions: Regions) -> Flags | None:
    """The same, of a size that chunks of glibc's malloc can have."""
    found = unpaid(regions)
    return found & can_be_chunks(regions) if found.any() else None


def everything(regions: Regions) -> Flags:
    """All that is left."""
    return regions.free.copy()


GUARDED_BUFFERS: Final = RegionLabeller(
    "rest.guarded",
    (GUARDED,),
    guarded,
    before=(Edge("python.mixed", "a guarded buffer would otherwise count as a large chunk"),),
)
CLOSED_REST: Final = RegionLabeller(
    "rest.reserved",
    (RESERVED,),
    closed,
    before=(
        Edge(
            "rest.unpaid", "closed memory is a reserve, however little of the process is resident or swapped"
        ),
    ),
)
VAST_REST: Final = RegionLabeller(
    "rest.vast",
    (VAST,),
    vast,
    before=(Edge("rest.foreign", "what is many times the budget is nobody's but the program's"),),
)
FOREIGN_REST: Final = RegionLabeller(
    "rest.foreign",
    (FOREIGN,),
    with_foreign_flags,
    before=(Edge("rest.unpaid", "the flags tell more than the budget"),),
)
UNPAID_REST: Final = RegionLabeller(
    "rest.unpaid",
    (UNPAID,),
    unpaid,
    before=(Edge("rest.anonymous", "that labeller claims all that is left"),),
)
UNPAID_ODD_REST: Final = RegionLabeller(
    "rest.unpaid_odd",
    (UNPAID_ODD,),
    unpaid_odd,
    before=(Edge("rest.unpaid", "what can be chunks is less sure to be the program's"),),
)
ALL_REST: Final = RegionLabeller("rest.anonymous", (ANONYMOUS,), everything)
