"""Other allocators than glibc's, and what glibc's malloc maps for large chunks."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_CLOSED, REPLACE_MALLOC
from procmaps.rules.draft import Draft, is_multiple
from procmaps.rules.names import Name
from procmaps.rules.rule import Rule
from procmaps.smaps import VM_FLAGS
from procmaps.tables import Flags, Ints64, which

CHUNK_MIN_BYTES: Final = 128 * 2**10  # M_MMAP_THRESHOLD begins there
MIB: Final = 2**20
SLACK: Final = 4  # a quarter more
LOW_BYTES: Final = 2**32
VAST_BYTES: Final = 2**30
JEMALLOC_STEP_BYTES: Final = 512 * 2**10
ZEND_CHUNK_BYTES: Final = 2 * MIB
REST_MIN_BYTES: Final = 64 * 2**10  # what is closed above a stack or a chunk is a guard, and smaller
FOREIGN_FLAGS: Final = sum(
    VM_FLAGS[flag] for flag in ("nr", "dd", "dc", "wf", "gd", "lo", "io", "pf", "ht", "nh")
)


def foreign(draft: Draft) -> Flags:
    """Flags that no malloc of glibc or musl asks for."""
    found: Flags = (draft.flags & np.uint64(FOREIGN_FLAGS)) != 0
    return found


def affordable(draft: Draft) -> Flags:
    """Hardly larger than all anonymous memory that the process has resident; true where that is unknown.

    Malloc touches what it maps, but not all of it: the end of a group, what is allocated and not written yet.
    """
    budget = draft.spread(draft.facts.rss_anon_bytes)
    return (budget < 0) | (draft.size - budget <= budget // SLACK)


def loaded(draft: Draft) -> Flags | None:
    """Writable anonymous memory where jemalloc, tcmalloc or mimalloc stands before glibc's malloc.

    jemalloc and tcmalloc keep nothing closed: what is committed below a vast closed range is the program's,
    as InnoDB's pool is. Where smaps shows what jemalloc flags, the rest is the program's too.
    """
    other = draft.has(*REPLACE_MALLOC)
    if not other.any():
        return None
    own = draft.writable | draft.none & draft.touches_below
    rows = which(draft.open & draft.spread(other) & own)
    above = np.minimum(rows + 1, len(draft) - 1)
    vast = (draft.none[rows] & (draft.size[rows] >= VAST_BYTES)) | (
        draft.touches_above[rows] & draft.none[above] & (draft.size[above] >= VAST_BYTES)
    )
    vast &= ~draft.has(*KEEP_CLOSED)[draft.process[rows]]
    found = np.zeros(len(draft), np.bool_)
    found[rows[~vast & ~_unlike_jemalloc(draft, rows)]] = True
    return found


def _unlike_jemalloc(draft: Draft, rows: Ints64) -> Flags:
    """No MAP_NORESERVE in a process whose jemalloc maps with it; without flags: no size that it maps.

    jemalloc 5 keeps what it has mapped and asks for more in steps of 512 KiB from 2 MiB on; before, it took
    chunks of 2 or 4 MiB.
    """
    jemalloc = draft.has("jemalloc")
    process = draft.process[rows]
    noreserve = (draft.flags[rows] & np.uint64(VM_FLAGS["nr"])) != 0
    flagging = np.zeros(len(jemalloc), np.bool_)
    flagging[process[noreserve & draft.writable[rows]]] = True
    flagging &= jemalloc
    blind = jemalloc & ~draft.facts.smaps
    odd = ~is_multiple(draft.size[rows], JEMALLOC_STEP_BYTES)
    found: Flags = (flagging[process] & ~noreserve) | (blind[process] & odd)
    return found


def musl(draft: Draft) -> Flags | None:
    """Musl's malloc maps groups and large chunks; nothing in it sets a flag or runs."""
    own = draft.has("musl")
    if not own.any():
        return None
    found: Flags = (
        draft.open_rw
        & draft.spread(own)
        & ~foreign(draft)
        & affordable(draft)
        & ~is_multiple(draft.size, MIB)
    )
    return found


def static_jemalloc(draft: Draft) -> Flags | None:
    """No [heap] at all: malloc is not glibc's; jemalloc maps with MAP_NORESERVE, in large steps."""
    silent = ~draft.facts.has_brk_heap & draft.has("glibc") & ~draft.has("jvm", "v8", "dotnet", "jemalloc")
    norreserve = (draft.flags & np.uint64(VM_FLAGS["nr"])) != 0
    known = draft.spread(draft.facts.smaps)
    large = draft.size >= MIB
    found: Flags = draft.open_rw & draft.spread(silent) & large & (norreserve | ~known)
    return found


def mmapped(draft: Draft) -> Flags:
    """Large chunks: anonymous, writable, of at least the threshold, unflagged, and paid for by RssAnon."""
    chunk = (
        draft.open_rw
        & (~draft.named(Name.HUGE))
        & (draft.size >= CHUNK_MIN_BYTES)
        & ~foreign(draft)
        & affordable(draft)
    )
    named = draft.owners(draft.named(Name.GLIBC_MALLOC))  # then what has no name is no chunk
    # with jemalloc glibc's malloc is not called
    other = draft.has("musl", "jemalloc") | named
    # mmap comes nowhere near the executable's addresses by itself
    reached = (draft.start >= LOW_BYTES) | draft.spread(draft.facts.thirty_two_bit)
    found: Flags = chunk & ~draft.spread(other) & reached
    whole = which(found & is_multiple(draft.size, MIB))
    found[whole[_stand_alone(draft, whole)]] = False
    return found


def _stand_alone(draft: Draft, rows: Ints64) -> Flags:
    """Whole MiB that are not inside a run of writable memory, of which the run as a whole is none.

    madvise divides a chunk in mappings that differ in flags, where a program asks for huge pages in it.
    """
    if not len(rows):
        return np.zeros(0, np.bool_)
    breaks = np.ones(len(draft), np.bool_)
    breaks[1:] = ~(draft.open_rw[1:] & draft.open_rw[:-1] & draft.touches_below[1:])
    run = breaks.cumsum()
    first, last = run.searchsorted(run[rows]), run.searchsorted(run[rows], "right") - 1
    inside = (first < rows) & (rows < last)
    return ~inside | is_multiple(draft.end[last] - draft.start[first], MIB)


def zend(draft: Draft) -> Flags | None:
    """Chunks and huge blocks of PHP: whatever begins on 2 MiB, for huge blocks end on any page.

    A chunk of malloc that lies right below merges with them, and is cut off where they end on 2 MiB.
    """
    php = draft.has("php")
    if not php.any():
        return None
    rows = which(draft.open_rw & draft.spread(php) & (draft.size >= ZEND_CHUNK_BYTES))
    base = -(-draft.start[rows] // ZEND_CHUNK_BYTES) * ZEND_CHUNK_BYTES
    aligned = (base == draft.start[rows]) | is_multiple(draft.end[rows], ZEND_CHUNK_BYTES)
    # a heap of glibc's arenas has the closed rest of its block above it
    above = np.minimum(rows + 1, len(draft) - 1)
    rest = draft.touches_above[rows] & draft.none[above] & (draft.size[above] > REST_MIN_BYTES)
    # what has a guard right below is the stack of a fiber, 2 MiB as a rule
    below = np.maximum(rows - 1, 0)
    fiber = draft.touches_below[rows] & draft.none[below] & (draft.size[rows] == ZEND_CHUNK_BYTES)
    good = aligned & ~rest & ~fiber & (draft.end[rows] - base >= ZEND_CHUNK_BYTES)
    rows, base = rows[good], base[good]
    return draft.take(draft.process[rows], base, draft.end[rows], block=False) if len(rows) else None


LOADED = Rule(
    "allocator.loaded",
    Kind.HEAP_ALLOCATOR,
    Confidence.CERTAIN,
    "maps",
    "jemalloc, tcmalloc and mimalloc map their own extents; malloc of glibc is then not called",
    "{size} of writable anonymous memory in a process that has another malloc than glibc's loaded",
    loaded,
    Kind.ANONYMOUS,
)
ZEND = Rule(
    "php.zend_chunk",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps",
    "PHP, Zend/zend_alloc.c: chunks of 2 MiB and huge blocks of whole pages, all aligned to 2 MiB",
    "{size} on a 2 MiB boundary in a PHP process: chunks of its allocator, or a block that is larger",
    zend,
    Kind.ANONYMOUS,
)
MUSL = Rule(
    "allocator.musl",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps, status",
    "musl, src/malloc/mallocng: groups and large chunks by mmap",
    "{size} of writable anonymous memory, no more than RssAnon ({rss_anon}), in a process with musl: "
    "its malloc",
    musl,
    Kind.ANONYMOUS,
)
STATIC_JEMALLOC = Rule(
    "allocator.no_brk",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps",
    "jemalloc, src/pages.c: MAP_NORESERVE where the kernel overcommits; glibc's malloc would have "
    "made a [heap]",
    "{size} of writable memory in a process with glibc and without a [heap]: another malloc, linked in",
    static_jemalloc,
    Kind.ANONYMOUS,
)
MMAPPED = Rule(
    "glibc.mmapped",
    Kind.HEAP_MMAP,
    Confidence.LIKELY,
    "maps, status",
    "glibc, malloc/malloc.c, sysmalloc_mmap: chunks above the threshold (128 KiB to 32 MiB) are "
    "mapped alone; neighbours merge",
    "{size} of writable anonymous memory, at least the 128 KiB from which malloc maps a chunk by "
    "itself, that nothing else in this process accounts for: large chunks",
    mmapped,
    Kind.ANONYMOUS,
)
