"""The Go runtime: heap arenas of 64 MiB at low addresses, and the tables in which it keeps account of them.

Its page summaries span the whole address space: closed memory of hundreds of MiB, in which single pages are
opened where there is heap. In maps these are islands: a few writable pages with 128 MiB or more of closed
memory on both sides.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller, Ranges, RegionLabeller
from procmaps.rules.process import GIB, KIB, MIB, PAGE_BYTES, Process, Region
from procmaps.rules.regions import ACCESS, Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import EXECUTE, READ, SHARED, WRITE, Flags, Ints64, MapTable, which

LIBCS: Final = ("glibc", "musl")  # with one, a process has C code (cgo), which maps memory as well
ARENA_BYTES: Final = 64 * MIB
FIXED_BASE: Final = 0xC000000000  # until Go 1.25
FIXED_TOP: Final = 0xE000000000
LOW_START: Final = 4 * GIB  # of a base chosen at random
LOW_END: Final = 2**46  # neither executables nor the mmap area lie below it, but Go's heap does
ISLAND_RESERVE_BYTES: Final = 128 * MIB
ISLAND_RESERVE_MAX_BYTES: Final = GIB  # all levels together are 585 MiB; other closed memory can touch
ISLAND_BYTES: Final = 64 * KIB
INDEX_BYTES: Final = 32 * MIB  # a pointer per 64 MiB of 48 bits of addresses
BITMAP_BYTES: Final = MIB
CHUNK_MIN_BYTES: Final = 128 * KIB  # smaller chunks of malloc are not mapped alone
SMALL_SUMMARY_MIN_BYTES: Final = 128 * KIB
SMALL_SUMMARY_MAX_BYTES: Final = MIB
METADATA_UNIT_BYTES: Final = 64 * KIB
METADATA_MIN_BYTES: Final = 2 * MIB
METADATA_PER_ARENA_BYTES: Final = 4 * MIB  # up to Go 1.21: 2 MiB of bitmap, and blocks of 256 KiB

HEAP: Final = Rule(
    "go.heap",
    Kind.GO_HEAP,
    Confidence.CERTAIN,
    "maps",
    "Go, runtime/malloc.go: arenas of 64 MiB from 0xc000000000 upward, from Go 1.26 at a random base",
    "{size} of a Go process's heap, stacks of goroutines included: a run of {block_size} in 64 MiB arenas at "
    "low addresses",
    runner_up=Kind.GO_RUNTIME,
)
RUNTIME: Final = Rule(
    "go.runtime",
    Kind.GO_RUNTIME,
    Confidence.CERTAIN,
    "maps",
    "Go, runtime/mpagealloc_64bit.go, runtime/mheap.go: summaries, indexes and metadata outside the heap",
    "{size} outside the heap, in a Go process without a libc: only the runtime maps memory there",
)
INDEX: Final = Rule(
    "go.arena_index",
    Kind.GO_RUNTIME,
    Confidence.CERTAIN,
    "maps",
    "Go, runtime/malloc.go, (*mheap).sysAlloc: an index of all arenas, 32 MiB where addresses have 48 bits",
    "{size} right below the page summaries of the Go runtime: its index of the heap's arenas",
    runner_up=Kind.THREAD_STACK,
)
SUMMARIES: Final = Rule(
    "go.summaries",
    Kind.GO_RUNTIME,
    Confidence.CERTAIN,
    "maps",
    "Go, runtime/mpagealloc_64bit.go: summaries of the whole address space, of which single pages are in use",
    "{size} in a run of mappings without a gap that holds the page summaries of the Go runtime: "
    "nobody else reserves memory in this pattern",
    runner_up=Kind.RESERVED,
)
REST: Final = Rule(
    "go.rest",
    Kind.GO_RUNTIME,
    Confidence.LIKELY,
    "maps",
    "Go, runtime/malloc.go: persistentalloc, work buffers and profiles are mapped apart from the heap",
    "{size} of anonymous memory, neither stack nor arena, in a Go process with C code",
    runner_up=Kind.HEAP_MMAP,
)


def go_processes(maps: MapTable, anonymous: Flags) -> Ints64:
    """Rows of the processes that have memory at Go's fixed base, or islands; a row can occur several times.

    `anonymous` says which mappings can be Go's: those without a name, or with one that Go gives.
    """
    at_base = which(anonymous & (maps.start == np.uint64(FIXED_BASE)))
    closed = anonymous & (maps.perms & ACCESS == 0)
    size = maps.end - maps.start
    fits = (size >= np.uint64(ISLAND_RESERVE_BYTES)) & (size <= np.uint64(ISLAND_RESERVE_MAX_BYTES))
    large = which(closed & fits)
    below = large[:-1][np.diff(large) == 2]  # one mapping lies between this one and the next large one
    island, above = below + 1, below + 2
    found = anonymous[island] & (maps.perms[island] & (ACCESS | SHARED) == READ | WRITE)
    found &= maps.end[island] - maps.start[island] <= np.uint64(ISLAND_BYTES)
    found &= (maps.end[below] == maps.start[island]) & (maps.end[island] == maps.start[above])
    found &= maps.process[below] == maps.process[above]
    return np.concatenate((maps.process[at_base], maps.process[island[found]]))


def heap(regions: Regions) -> Ranges | None:
    """Runs of whole arenas; at the fixed base, which nobody else uses, any run."""
    go = regions.has("go")
    if not go.any():
        return None
    low = regions.unclaimed & regions.spread(go) & (regions.perms & EXECUTE == 0)
    low &= (regions.start >= LOW_START) & (regions.end <= LOW_END)
    first, last = regions.runs(low)
    start, end = regions.start[first], regions.end[last]
    whole = is_multiple(start, ARENA_BYTES) & is_multiple(end, ARENA_BYTES)
    start = np.where(whole, start, np.maximum(start, FIXED_BASE))
    end = np.where(whole, end, np.minimum(end, FIXED_TOP))
    found = start < end
    return Ranges(regions.process[first][found], start[found], end[found])


def runtime(regions: Regions) -> Flags | None:
    """Without a libc, all other anonymous memory: nobody else maps any."""
    go = regions.has("go") & ~regions.has(*LIBCS)
    return regions.unclaimed & regions.spread(go) if go.any() else None


def arena_index(process: Process) -> Iterator[Claim]:
    """With cgo: the index of arenas, right below the summaries, and the 1 MiB of one of their bitmaps.

    Go 1.21.2 and later keep huge pages off both (runtime/malloc.go, runtime/mpagealloc.go), which gives them
    the flag of stacks: so they merge with the stack of a thread that comes to lie below.
    """
    if not process.of_kind(Kind.GO_HEAP):
        return
    for region in process.unclaimed_writable:
        if region.size != BITMAP_BYTES or not process.flagged(region, "nh"):
            continue
        guard = process.below(region)
        if guard is None or not guard.closed:
            yield Claim(region.start, region.end, INDEX)
    for summaries in process.unclaimed_closed:
        if summaries.size < ISLAND_RESERVE_BYTES:
            continue
        index = process.below(summaries)
        if index is None or not (index.unclaimed and index.writable):
            continue
        if index.size >= INDEX_BYTES:
            rest = index.size - INDEX_BYTES - BITMAP_BYTES
            with_bitmap = rest in {0, process.default_stack_bytes}
            size = INDEX_BYTES + BITMAP_BYTES if with_bitmap else INDEX_BYTES
            yield Claim(index.end - size, index.end, INDEX)


def summaries(process: Process) -> Iterator[Claim]:
    """With cgo: the unbroken run of mappings around the summaries, which the runtime made as it started."""
    for run in process.runs(lambda region: region.unclaimed):
        if any(region.closed and region.size >= ISLAND_RESERVE_BYTES for region in run):
            yield Claim(run[0].start, run[-1].end, SUMMARIES, one_block=False)


def rest(process: Process) -> Iterator[Claim]:
    """With cgo: what the runtime maps besides its heap, by 64 KiB and no more than the heap calls for.

    Blocks for profiles and metadata have 256 KiB, bitmaps 64 KiB. What the runtime notes of an arena has a
    page more than a whole number of 64 KiB. Large chunks of C code's malloc end on any page.
    """
    heap = process.of_kind(Kind.GO_HEAP)
    if not heap:
        return
    arenas = sum(region.size for region in heap) // ARENA_BYTES
    affordable_bytes = METADATA_MIN_BYTES + arenas * METADATA_PER_ARENA_BYTES
    for region in process.unclaimed:
        if region.closed:
            continue
        pages = region.size % METADATA_UNIT_BYTES // PAGE_BYTES
        metadata = region.size <= affordable_bytes and (
            pages <= arenas or _is_above_small_summary(process, region)
        )
        if metadata or region.size < CHUNK_MIN_BYTES or not region.writable:
            yield Claim(region.start, region.end, REST)


def _is_above_small_summary(process: Process, region: Region) -> bool:
    """Memory of any size: what the runtime mapped first lies there, merged with the loader's."""
    summary = process.below(region)
    return (
        summary is not None
        and summary.closed
        and SMALL_SUMMARY_MIN_BYTES <= summary.size <= SMALL_SUMMARY_MAX_BYTES
    )


def _with_libc(regions: Regions) -> Flags:
    return regions.has(*LIBCS)


# Columns, as there are many small Go programs on some hosts, and all their memory is claimed here.
HEAP_ARENAS: Final = RegionLabeller(
    "go.heap",
    (HEAP,),
    heap,
    before=(
        Edge("go.arena_index", "only a process with a heap has an index of it"),
        Edge("go.runtime", "without a libc, all that is not heap is the runtime's"),
    ),
)
ALL_ELSE: Final = RegionLabeller(
    "go.runtime",
    (RUNTIME,),
    runtime,
    before=(
        Edge(
            "glibc.arena",
            "without a libc there are no arenas, so memory that looks like a heap of one is the runtime's",
        ),
    ),
    after=(Edge("loaded.bss", "without a libc, all other memory is the runtime's, but .bss is not"),),
)
ARENA_INDEX: Final = ProcessLabeller(
    "go.arena_index",
    (INDEX,),
    arena_index,
    marks=("go",),
    where=_with_libc,
    before=(Edge("stack.flagged", "the index has the flag of stacks, and can have merged with one"),),
)
PAGE_SUMMARIES: Final = ProcessLabeller(
    "go.summaries",
    (SUMMARIES,),
    summaries,
    marks=("go",),
    where=_with_libc,
    before=(Edge("go.rest", "what is in the run is certain, and the rest is told by its size alone"),),
)
METADATA: Final = ProcessLabeller(
    "go.rest",
    (REST,),
    rest,
    marks=("go",),
    where=_with_libc,
    before=(
        Edge(
            "allocator.no_brk",
            "in a Go program without [heap], metadata would count as memory of another malloc",
        ),
    ),
    after=(Edge("loaded.loader", "the loader's memory is as small as metadata can be"),),
)
