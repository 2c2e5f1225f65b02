"""Mallocs inside a program or an extension module: they map memory beside the malloc of the libc.

jemalloc maps with MAP_NORESERVE (smaps: nr) in steps of 512 KiB. mimalloc, tcmalloc of Google and LuaJIT ask
for addresses of their own, far from the executable and the libraries.
"""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import NOT_GLIBC, REPLACE_MALLOC
from procmaps.rules.groups import count_alike, ranges
from procmaps.rules.kernel_release import is_since, release_of
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.language_runtimes import MAP_TABLES, RESERVE_AS_GO
from procmaps.rules.libc_malloc import FOREIGN_FLAGS
from procmaps.rules.openblas import highest_buffers
from procmaps.rules.process import GIB, KERNEL_ALIGNED_BYTES, KIB, MIB, TIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.smaps import VM_FLAGS
from procmaps.tables import Flags, Ints64, which

HINT_LOW_BYTES: Final = TIB  # Go, GHC, SBCL and the heaps of JVMs begin below it
HINT_HIGH_BYTES: Final = 0x5000_0000_0000  # position-independent executables and the mmap area lie above
LIBRARIES_LOW_BYTES: Final = 0x7800_0000_0000  # the kernel places libraries above it
FILE_FAR_BYTES: Final = TIB  # mmap by itself comes closer to a file than that
VAST_FACTOR: Final = 16  # shadow memory of sanitizers has far more addresses than resident bytes
ARENA_BYTES: Final = GIB  # mimalloc opens an arena of that size at once, however little it uses
STEP_BYTES: Final = 512 * KIB
MIMALLOC_STEP_BYTES: Final = 64 * KIB  # what it maps besides its arenas is made of slices of that size
GROWTH_MIN_BYTES: Final = 2 * MIB  # jemalloc asks for no less
SURE_MIN_BYTES: Final = 4 * MIB  # without flags, smaller memory in Python is rather its arenas
RESIDENT_SHARE: Final = 16  # a table that is hardly used is a program's own
ALIKE_MIN_COUNT: Final = 3  # jemalloc asks for more each time; a program's blocks are all of one size
ALIGNS_SINCE: Final = (6, 7)  # Linux aligns whole multiples of 2 MiB, and so what lies below them

HINTED: Final = Rule(
    "allocator.hinted",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps, status",
    "mimalloc, src/os.c: MI_HINT_BASE 2 TiB; tcmalloc of Google, system_allocator.h: a tag from bit 42 on, "
    "regions of 1 GiB; LuaJIT, src/lj_alloc.c: mmap_probe",
    "{size} at {block_start}, far from all files, where the kernel places nothing unless it is asked: "
    "memory of an allocator that chooses its addresses (mimalloc, tcmalloc, LuaJIT)",
    runner_up=Kind.ANONYMOUS,
)
EXTENSION: Final = Rule(
    "allocator.extension",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps, smaps",
    "jemalloc 5, src/pages.c: MAP_NORESERVE; src/extent.c: growth by size classes from 2 MiB on, which are "
    "multiples of 512 KiB",
    "{size}, a whole number of 512 KiB, or of 64 KiB with mimalloc, in a process with a program or library "
    "that has jemalloc or mimalloc inside",
    runner_up=Kind.PY_ARENA,
)
NORESERVE: Final = Rule(
    "allocator.noreserve",
    Kind.HEAP_ALLOCATOR,
    Confidence.GUESS,
    "smaps",
    "jemalloc 5, src/pages.c: MAP_NORESERVE; src/extent.c: growth by size classes from 2 MiB on, which are "
    "multiples of 512 KiB",
    "{size}, a whole number of 512 KiB, in use and made with MAP_NORESERVE (flag nr), as jemalloc maps; "
    "programs can map tables so as well",
    runner_up=Kind.ANONYMOUS,
)
_OTHERS: Final = np.uint64(FOREIGN_FLAGS & ~(VM_FLAGS["nr"] | VM_FLAGS["lo"] | VM_FLAGS["nh"]))


def hinted(regions: Regions) -> Flags | None:
    """Writable memory far from all files, with the closed memory that it touches; LuaJIT's below 2 GiB."""
    luajit = regions.has("luajit") & ~regions.facts.thirty_two_bit
    far = (regions.start >= HINT_LOW_BYTES) & (regions.end <= LIBRARIES_LOW_BYTES) & regions.unclaimed
    far &= ~regions.spread(regions.has("jvm", "go", *REPLACE_MALLOC))
    if not (luajit.any() or far.any()):
        return None
    rows = which(far)
    far[rows] = _fits_allocators(regions, rows) & _far_from_files(regions, rows)
    found = (regions.start >= GIB) & (regions.end <= 2 * GIB) & regions.unclaimed_writable
    found &= regions.spread(luajit)
    first, last = regions.runs(far)
    chosen = _chosen_by_allocators(regions, first, last)
    first, last = first[chosen], last[chosen]
    found[ranges(first, last - first + 1)] = True
    return found


def _fits_allocators(regions: Regions, rows: Ints64) -> Flags:
    """Closed, or writable without flags of others, and an arena or within what is in use many times over."""
    budget, size = regions.facts.anonymous_bytes[regions.process[rows]], regions.size[rows]
    paid = np.where(budget < 0, size < TIB, size <= np.maximum(budget * VAST_FACTOR, ARENA_BYTES))
    own = regions.writable[rows] & ((regions.vm_flags[rows] & _OTHERS) == 0)
    found: Flags = regions.closed[rows] | (own & paid)
    return found


def _chosen_by_allocators(regions: Regions, first: Ints64, last: Ints64) -> Flags:
    """Which of these runs an allocator has placed, by their first and last rows.

    Runtimes choose addresses too, but only tcmalloc sets aside whole GiB and opens them from the top.
    """
    process = regions.process[first]
    opened = np.append(0, (~regions.closed).cumsum())
    open_count, count = opened[last + 1] - opened[first], last - first + 1
    low = (regions.end[last] <= HINT_HIGH_BYTES) & ~regions.has(*RESERVE_AS_GO)[process] & (open_count > 0)
    full = (open_count == count) & ~regions.has("v8")[process]
    whole = is_multiple(regions.start[first] | regions.end[last], GIB) & regions.writable[last]
    found: Flags = low | whole & (regions.closed[first] | full)
    return found


def _far_from_files(regions: Regions, rows: Ints64) -> Flags:
    """Which of these regions have no mapped file of their process within FILE_FAR_BYTES."""
    maps, mapping = regions.snapshot.maps, regions.mapping[rows]
    files = which(maps.inode != 0)
    far = np.ones(len(rows), np.bool_)
    if not len(files):
        return far
    after = files.searchsorted(mapping)
    for beside in (np.maximum(after - 1, 0), np.minimum(after, len(files) - 1)):
        file = files[beside]
        start, end = maps.start[file].astype(np.int64), maps.end[file].astype(np.int64)
        distance = np.maximum(start - regions.end[rows], regions.start[rows] - end)
        far &= (maps.process[file] != maps.process[mapping]) | (distance >= FILE_FAR_BYTES)
    return far


def in_extensions(regions: Regions) -> Flags | None:
    """Whole steps of jemalloc or mimalloc, in processes with a program or library that has it inside.

    With smaps only what has MAP_NORESERVE, as both map; without, what Python's arenas are hardly.
    """
    inside, arrow = (regions.has(mark) & ~regions.has(*NOT_GLIBC) for mark in ("jemalloc_inside", "arrow"))
    if not (inside | arrow).any():
        return None
    stepped = regions.spread(inside) & is_multiple(regions.size, STEP_BYTES)
    flagged = stepped | (regions.spread(arrow) & is_multiple(regions.size, MIMALLOC_STEP_BYTES))
    aligned = is_since(release_of(regions.snapshot.facts.kernel), ALIGNS_SINCE)
    placed = is_multiple(regions.start, STEP_BYTES) | (not aligned)
    smallest = np.where(regions.has("python"), SURE_MIN_BYTES, GROWTH_MIN_BYTES)
    large = stepped & (regions.size >= regions.spread(smallest)) & placed
    alone = is_multiple(regions.start | regions.size, KERNEL_ALIGNED_BYTES) & (regions.above == 0)
    large |= stepped & alone
    # arenas of Python are whole MiB since 3.10
    large |= stepped & (regions.size % MIB != 0) & (regions.size >= GROWTH_MIN_BYTES)
    large |= regions.spread(arrow) & _aligned_without_hints(regions)
    large[highest_buffers(regions)] = False
    known = regions.spread(regions.facts.smaps)
    return regions.unclaimed_writable & np.where(known, flagged & _noreserve(regions), large)


def _aligned_without_hints(regions: Regions) -> Flags:
    """What the kernel has aligned, with nothing right above it, where no allocator asks for addresses.

    Arrow has jemalloc and mimalloc inside, and uses one of them.
    """
    asked = regions.of_kind(Kind.HEAP_ALLOCATOR) & (regions.end <= HINT_HIGH_BYTES)
    aligned = is_multiple(regions.start | regions.size, KERNEL_ALIGNED_BYTES) & (regions.above == 0)
    aligned &= regions.end > HINT_HIGH_BYTES
    found: Flags = aligned & (regions.size >= SURE_MIN_BYTES) & ~regions.spread(regions.owners(asked))
    return found


def noreserve(regions: Regions) -> Flags | None:
    """Whole steps of jemalloc with MAP_NORESERVE, in use, and not all of one size."""
    if not regions.facts.smaps.any():
        return None
    found = regions.unclaimed_writable & _noreserve(regions) & is_multiple(regions.size, STEP_BYTES)
    found &= (regions.size >= GROWTH_MIN_BYTES) & ~regions.spread(regions.has(*MAP_TABLES, *NOT_GLIBC))
    rows = which(found)
    if not len(rows):
        return None
    process, size = regions.process[rows], regions.size[rows]
    number = np.bincount(process, minlength=len(regions.facts.marks))[process]
    alike = (count_alike(process, size) == number) & (number >= ALIKE_MIN_COUNT)
    unused = regions.resident_bytes(rows) * RESIDENT_SHARE < size
    found[rows[alike | unused]] = False
    return found


def _noreserve(regions: Regions) -> Flags:
    found: Flags = regions.flagged("nr") & ((regions.vm_flags & _OTHERS) == 0)
    return found


IN_EXTENSIONS: Final = RegionLabeller(
    "allocator.extension",
    (EXTENSION,),
    in_extensions,
    before=(
        Edge("stack.left", "memory of jemalloc above what it has closed looks like a stack above its guard"),
        Edge("stack.unguarded", "memory of jemalloc is as large as stacks without a guard"),
    ),
    after=(Edge("stack.repeated", "stacks are as large as memory of jemalloc can be"),),
)
BY_HINT: Final = RegionLabeller(
    "allocator.hinted",
    (HINTED,),
    hinted,
    before=(Edge("v8.heap", "V8 chooses its addresses too, but opens what it set aside from the bottom"),),
)
BY_FLAG: Final = RegionLabeller(
    "allocator.noreserve",
    (NORESERVE,),
    noreserve,
    before=(
        Edge("rest.guarded", "what an allocator maps between two closed regions looks like a guarded buffer"),
    ),
    after=(Edge("glibc.arena_full", "the heap of an arena is mapped with the same flag"),),
)
