"""The Go runtime: heap arenas of 64 MiB, and what it sets aside to keep account of them."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import PAGE_BYTES, Draft, is_multiple
from procmaps.rules.groups import runs_with
from procmaps.rules.rule import Rule
from procmaps.rules.stacks import default_bytes, flag
from procmaps.tables import EXECUTE, Flags, which

ARENA_BYTES: Final = 64 * 2**20
OTHERS: Final = ("jvm", "v8", "dotnet", "beam")
FIXED_BASE: Final = 0xC000000000
FIXED_TOP: Final = 0xE000000000
ISLAND_RESERVE_BYTES: Final = 128 * 2**20  # closed on both sides of a page of the page allocator's summary
ISLAND_BYTES: Final = 64 * 2**10
INDEX_BYTES: Final = 32 * 2**20  # a pointer for each 64 MiB of 48 bits of addresses
BITMAP_BYTES: Final = 2**20
CHUNK_MIN_BYTES: Final = 128 * 2**10  # smaller chunks of malloc are not mapped alone
SMALL_SUMMARY_BYTES: Final = (128 * 2**10, 2**20)
METADATA_UNIT_BYTES: Final = 64 * 2**10
METADATA_MIN_BYTES: Final = 2 * 2**20
METADATA_BYTES_AN_ARENA: Final = 4 * 2**20  # up to Go 1.21 2 MiB of bitmap, and blocks of 256 KiB
MMAP_AREA_BYTES: Final = 2**44  # neither executables nor the mmap area lie below it, but Go's heap does


def processes(draft: Draft) -> Flags:
    """Processes with memory at Go's fixed base, or with the islands that only its page summaries make."""
    found = draft.owners(draft.open & (draft.start == FIXED_BASE))
    large = draft.open_none & (draft.size >= ISLAND_RESERVE_BYTES)
    if len(draft) < 3 or not large.any():
        return found & ~draft.has(*OTHERS)
    small = draft.writable[1:-1] & (draft.size[1:-1] <= ISLAND_BYTES)
    island = small & large[:-2] & large[2:] & draft.touches_below[1:-1] & draft.touches_above[1:-1]
    found[draft.process[1:-1][island]] = True
    return found & ~draft.has(*OTHERS)


def heap(draft: Draft) -> Flags | None:
    """Runs of whole 64 MiB arenas in the low addresses of a Go process."""
    go = processes(draft)
    if not go.any():
        return None
    low = draft.open & draft.spread(go) & (draft.perms & EXECUTE == 0)
    fixed = low & (draft.start >= FIXED_BASE) & (draft.end <= FIXED_TOP)
    low &= (draft.end <= MMAP_AREA_BYTES * 4) & (draft.start >= 2**32)
    rows = which(low)
    mask: Flags = fixed
    if not len(rows):
        return mask
    breaks = np.concatenate(([True], ~draft.touches_below[rows[1:]] | (np.diff(rows) != 1)))
    run = breaks.cumsum() - 1
    first, last = rows[breaks], rows[np.concatenate((breaks[1:], [True]))]
    whole = is_multiple(draft.start[first], ARENA_BYTES) & is_multiple(draft.end[last], ARENA_BYTES)
    mask[rows[whole[run]]] = True
    draft.join(which(mask), run[rows.searchsorted(which(mask))])
    return mask


def runtime(draft: Draft) -> Flags | None:
    """All other anonymous memory of a Go process that has no libc."""
    go = processes(draft) | _with_heap(draft)
    pure = go & ~draft.has("glibc", "musl")
    return draft.open & draft.spread(pure) if pure.any() else None


def arena_index(draft: Draft) -> Flags | None:
    """With cgo: the index of arenas, 32 MiB right below the summaries, and the 1 MiB of one of their bitmaps.

    Go 1.21.2 and later keep huge pages off both (runtime/malloc.go, runtime/mpagealloc.go), which gives them
    the flag of stacks: so they merge with the stack of a thread that comes to lie below.
    """
    go = _with_heap(draft) & draft.has("glibc", "musl")
    if not go.any():
        return None
    bitmaps = draft.open_rw & draft.spread(go) & (draft.size == BITMAP_BYTES) & flag(draft, "nh")
    bitmaps[1:] &= ~(draft.none[:-1] & draft.touches_below[1:])  # a guard: then it is a stack
    summaries = which(
        draft.open_none & draft.spread(go) & draft.touches_below & (draft.size >= ISLAND_RESERVE_BYTES)
    )
    summaries = summaries[draft.open_rw[summaries - 1] & (draft.size[summaries - 1] >= INDEX_BYTES)]
    rest = draft.size[summaries - 1] - INDEX_BYTES - BITMAP_BYTES
    process = draft.process[summaries]
    with_bitmap = (rest == 0) | (rest == default_bytes(draft)[process])
    size = np.where(with_bitmap, INDEX_BYTES + BITMAP_BYTES, INDEX_BYTES)
    rows = which(bitmaps)
    low = np.concatenate((draft.start[summaries] - size, draft.start[rows]))
    high = np.concatenate((draft.start[summaries], draft.end[rows]))
    owner = np.concatenate((process, draft.process[rows]))
    return draft.take(owner, low, high, block=False) if len(low) else None


def islands(draft: Draft) -> Flags | None:
    """With cgo: the unbroken run of mappings around the islands, which the runtime made as it started."""
    go = processes(draft) & draft.has("glibc", "musl")
    if not go.any():
        return None
    own = draft.open & draft.spread(go)
    breaks = ~(own & np.concatenate((np.zeros(1, np.bool_), own[:-1])) & draft.touches_below)
    run = breaks.cumsum()
    large = own & draft.none & (draft.size >= ISLAND_RESERVE_BYTES)
    return own & runs_with(run, large)


def rest(draft: Draft) -> Flags | None:
    """With cgo: what the runtime maps beside its heap, by 64 KiB and no more than the heap calls for.

    Blocks for profiles and metadata are 256 KiB, bitmaps 64 KiB; the account of an arena is one page more
    than a number of those. Large chunks of C code's malloc end on any page.
    """
    go = _with_heap(draft) & draft.has("glibc", "musl")
    if not go.any():
        return None
    rows = which(draft.open & draft.spread(go) & ~draft.none)
    heaps = which(draft.of_kind(Kind.GO_HEAP))
    heap_bytes = np.bincount(draft.process[heaps], draft.size[heaps], len(go))[draft.process[rows]]
    arenas = heap_bytes // ARENA_BYTES
    small = draft.size[rows] <= METADATA_MIN_BYTES + arenas * METADATA_BYTES_AN_ARENA
    pages = draft.size[rows] % METADATA_UNIT_BYTES // PAGE_BYTES
    found = np.zeros(len(draft), np.bool_)
    fits = ~draft.writable[rows] | (draft.size[rows] < CHUNK_MIN_BYTES) | (small & (pages <= arenas))
    # above the smallest of the summaries lies what was mapped first, merged with the loader's memory
    below = np.maximum(rows - 1, 0)
    gap = draft.touches_below[rows] & draft.none[below] & (draft.size[below] >= SMALL_SUMMARY_BYTES[0])
    fits |= gap & (draft.size[below] <= SMALL_SUMMARY_BYTES[1]) & small
    found[rows] = fits
    return found


def _with_heap(draft: Draft) -> Flags:
    return draft.owners(draft.of_kind(Kind.GO_HEAP))


HEAP = Rule(
    "go.heap",
    Kind.GO_HEAP,
    Confidence.CERTAIN,
    "maps",
    "Go, runtime/malloc.go: arenas of 64 MiB from 0xc000000000 upward, from Go 1.26 at a random base",
    "{size} of a Go process's heap, stacks of goroutines included: a run of {block_size} in 64 MiB arenas at "
    "low addresses",
    heap,
    Kind.GO_RUNTIME,
)
RUNTIME = Rule(
    "go.runtime",
    Kind.GO_RUNTIME,
    Confidence.CERTAIN,
    "maps",
    "Go, runtime/mpagealloc_64bit.go, runtime/mheap.go: summaries, indexes and metadata outside the heap",
    "{size} in a Go process without a libc: what is anonymous and not heap is the runtime's",
    runtime,
)
INDEX = Rule(
    "go.arena_index",
    Kind.GO_RUNTIME,
    Confidence.CERTAIN,
    "maps",
    "Go, runtime/malloc.go, (*mheap).sysAlloc: an index of all arenas, 32 MiB where addresses have 48 bits",
    "{size} right below the page summaries of the Go runtime: its index of the heap's arenas",
    arena_index,
    Kind.THREAD_STACK,
)
ISLANDS = Rule(
    "go.summaries",
    Kind.GO_RUNTIME,
    Confidence.CERTAIN,
    "maps",
    "Go, runtime/mpagealloc_64bit.go: summaries over all of the address space, in use in single pages",
    "{size} in the run of mappings around the page summaries, which only the Go runtime sets aside",
    islands,
    Kind.RESERVED,
)
REST = Rule(
    "go.rest",
    Kind.GO_RUNTIME,
    Confidence.LIKELY,
    "maps",
    "Go, runtime/malloc.go: persistentalloc, work buffers and profiles are mapped apart from the heap",
    "{size} of anonymous memory, neither stack nor arena, in a Go process with C code",
    rest,
    Kind.HEAP_MMAP,
)
