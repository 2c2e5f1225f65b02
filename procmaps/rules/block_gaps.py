"""What tells blocks that a program maps on boundaries from heaps of arenas: gaps between them, and threads.

A gap is exactly one block, unmapped between one block and the next. Who asks for twice the size and returns
what is not on a boundary leaves one below the first block, as Linux maps downward. glibc puts every second
heap into the gap (malloc/arena.c, new_heap: aligned_heap_area), unless threads race there, so it leaves few,
or as many as threads made their arenas at once.
"""

from typing import Final

import numpy as np

from procmaps.rules.process import SMALL_GUARD_BYTES
from procmaps.rules.regions import Regions
from procmaps.tables import Flags, Ints64, which

GAPS_MIN_COUNT: Final = 2  # one is the place of glibc's next heap


def beside_gaps(regions: Regions, last: Ints64, base: Ints64, size: Ints64) -> Flags:
    """Which of these blocks lie at such a gap, in processes that have several; ascending, one entry a block.

    `last` is the row of the region that ends a block.
    """
    found = np.zeros(len(last), np.bool_)
    if len(last) <= GAPS_MIN_COUNT:
        return found
    maps, mapping, process = regions.snapshot.maps, regions.mapping[last], regions.process[last]
    after = np.minimum(mapping + 1, len(maps) - 1)
    gap = (regions.end[last] == base + size) & (maps.process[after] == maps.process[mapping])
    gap &= maps.start[after].astype(np.int64) == base + 2 * size
    gap[:-1] &= (base[1:] == (base + 2 * size)[:-1]) & (process[1:] == process[:-1])
    gap[-1] = False
    several = np.bincount(process[gap], minlength=len(regions.facts.marks)) >= GAPS_MIN_COUNT
    gap &= several[process]
    found |= gap
    found[1:] |= gap[:-1]
    return found


def outnumber_threads(regions: Regions, rests: Ints64, base: Ints64, size: Ints64) -> Flags:
    """Which of these blocks cannot all be heaps, as there are more arenas than threads; one entry a block.

    A heap that is less than half full is the last one of an arena: malloc goes on to another heap when the
    next chunk does not fit, and maps a chunk as large as half a heap alone. An arena is made for a thread
    that has none (malloc/arena.c, arena_get2). So threads must have ended, unless blocks are the program's:
    all are doubtful if none has, otherwise those at gaps. `rests` are the closed regions that end the blocks.
    """
    process, threads = regions.process[rests], regions.facts.threads
    last = base + size - regions.start[rests] > size // 2
    many = (threads > 0) & (np.bincount(process[last], minlength=len(threads)) > threads)
    if not many.any():
        return np.zeros(len(rests), np.bool_)
    doubtful: Flags = beside_gaps(regions, rests, base, size) | no_thread_ended(regions)[process]
    return doubtful & many[process]


def no_thread_ended(regions: Regions) -> Flags:
    """Processes with as many stacks that have a guard as there are threads, which need one each.

    glibc keeps the stacks of threads that ended, up to 40 MiB (nptl/nptl-stack.c). With a single thread it is
    not known whether guards can be seen.
    """
    threads = regions.facts.threads
    rows = which(regions.closed & (regions.size <= SMALL_GUARD_BYTES) & regions.touches_above)
    rows = rows[regions.open_as_stacks[rows + 1]]
    guards = np.bincount(regions.process[rows], minlength=len(threads))
    found: Flags = (guards == threads - 1) & (threads > 1)
    return found
