"""The Go runtime: heap arenas of 64 MiB, and what it sets aside to keep account of them."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft, is_multiple
from procmaps.rules.groups import runs_with
from procmaps.rules.rule import Rule
from procmaps.tables import EXECUTE, Flags, which

ARENA_BYTES: Final = 64 * 2**20
OTHERS: Final = ("jvm", "v8", "dotnet", "beam")
FIXED_BASE: Final = 0xC000000000
FIXED_TOP: Final = 0xE000000000
ISLAND_RESERVE_BYTES: Final = 128 * 2**20  # closed on both sides of a page of the page allocator's summary
ISLAND_BYTES: Final = 64 * 2**10
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
    """With cgo: what is neither stack nor arena; C code that maps much itself is rare in Go programs."""
    go = _with_heap(draft) & draft.has("glibc", "musl")
    return draft.open & draft.spread(go) & ~draft.none if go.any() else None


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
