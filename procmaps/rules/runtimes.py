"""V8 and CPython."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft, is_multiple
from procmaps.rules.groups import runs_with
from procmaps.rules.kernel_names import Name
from procmaps.rules.process import ARENA_HEAP_BYTES
from procmaps.rules.rule import Rule
from procmaps.smaps import VM_FLAGS
from procmaps.tables import EXECUTE, Bytes8, Flags, which

V8_PAGE_BYTES: Final = 256 * 2**10
MMAP_AREA_BYTES: Final = 0x5000_0000_0000  # position-independent executables and the mmap area lie above it
PY_ARENA_BYTES: Final = 256 * 2**10  # CPython to 3.9; from 3.10 on 1 MiB, a multiple of it
PY_BIG_ARENA_BYTES: Final = 2**20
PY_RADIX_BYTES: Final = (16 * 2**10, 48 * 2**10)
PY_EARLY_BYTES: Final = (132 * 2**10, 568 * 2**10)  # an inner node, a table of strings, and 16 KiB nodes
BLAS_BUFFER_BYTES: Final = 32 * 2**20
ALIGNED_BYTES: Final = 2 * 2**20  # as the kernel aligns mappings of whole 2 MiB


def v8_code(draft: Draft) -> Flags | None:
    """Runs with executable anonymous memory: the code range, closed rest included."""
    v8 = draft.has("v8")
    if not v8.any():
        return None
    own = draft.open & draft.spread(v8)
    executable = own & (draft.perms & EXECUTE != 0)
    dontcopy = (draft.flags & np.uint64(VM_FLAGS["dc"])) != 0
    known = draft.spread(draft.facts.smaps)
    small = draft.none | (draft.size <= V8_PAGE_BYTES) | executable
    fit = own & small & (dontcopy | ~known) & ~_arenas(draft)
    breaks = ~(fit & np.concatenate((np.zeros(1, np.bool_), fit[:-1])) & draft.touches_below)
    run = breaks.cumsum()
    mask = fit & runs_with(run, executable) & (draft.start >= MMAP_AREA_BYTES)
    found: Flags = mask | (executable & (draft.start >= MMAP_AREA_BYTES))
    return found


def _arenas(draft: Draft) -> Flags:
    """A writable part and the closed rest above it that fill a block of glibc's arenas exactly."""
    rests = draft.none & (draft.end % ARENA_HEAP_BYTES == 0) & draft.touches_below
    rows = which(rests)
    rows = rows[draft.writable[rows - 1] & (draft.start[rows - 1] == draft.end[rows] - ARENA_HEAP_BYTES)]
    found = np.zeros(len(draft), np.bool_)
    found[rows] = True
    found[rows - 1] = True
    return found


def v8_heap(draft: Draft) -> Flags | None:
    """Pages at random addresses on 256 KiB, far from the executable and the libraries; or flagged dc."""
    v8 = draft.has("v8")
    if not v8.any():
        return None
    own = draft.open & draft.spread(v8)
    apart = (draft.start >= 2**32) & (draft.end <= MMAP_AREA_BYTES)
    dontcopy = (draft.flags & np.uint64(VM_FLAGS["dc"])) != 0
    found: Flags = own & (apart | (dontcopy & is_multiple(draft.start, V8_PAGE_BYTES)))
    return found


def py_arena(draft: Draft) -> Flags | None:
    """Whole arenas: a chunk of malloc's has a header and so never this size."""
    python = draft.has("python")
    if not python.any():
        return None
    # Linux 6.7 and later align a mapping of whole 2 MiB: arenas are smaller and come to lie anywhere
    aligned = is_multiple(draft.start, ALIGNED_BYTES) & is_multiple(draft.size, ALIGNED_BYTES)
    found: Flags = draft.open_rw & draft.spread(python) & is_multiple(draft.size, PY_ARENA_BYTES) & ~aligned
    return found


def py_arena_merged(draft: Draft) -> Flags | None:
    """Arenas that are merged with a node of the radix tree that finds them, and such nodes."""
    python = draft.has("python")
    if not python.any():
        return None
    rows = which(draft.open_rw & draft.spread(python) & (draft.size < 16 * PY_BIG_ARENA_BYTES))
    over = draft.size[rows] % PY_BIG_ARENA_BYTES
    fit = (over >= PY_RADIX_BYTES[0]) & (over <= PY_RADIX_BYTES[1])
    # while objects are being loaded, the first arenas merge with one or two chunks and with more nodes
    early = (draft.size[rows] >= PY_BIG_ARENA_BYTES) & (
        _is_file(draft.below[rows]) | _is_file(draft.above[rows])
    )
    fit |= early & (over >= PY_EARLY_BYTES[0]) & (over <= PY_EARLY_BYTES[1])
    found = np.zeros(len(draft), np.bool_)
    found[rows[fit]] = True
    return found


def _is_file(neighbour: Bytes8) -> Flags:
    found: Flags = (neighbour > Name.FILE_CODE) & (neighbour <= Name.FILE_DATA + 1)
    return found


def openblas(draft: Draft) -> Flags | None:
    """Work space of OpenBLAS: a buffer a thread in use, of one size on x86-64."""
    blas = draft.has("openblas")
    if not blas.any():
        return None
    buffers = (draft.size % BLAS_BUFFER_BYTES == 0) & (draft.start % ALIGNED_BYTES == 0)
    found: Flags = draft.open_rw & blas[draft.process] & buffers
    return found


_V8 = "V8, src/heap/memory-allocator.cc and code-range.cc: pages of 256 KiB, one range for code"

V8_CODE = Rule(
    "v8.code",
    Kind.V8_CODE,
    Confidence.CERTAIN,
    "maps",
    _V8,
    "{size} in the range that V8 sets aside for compiled code: the range holds anonymous memory that "
    "can be run",
    v8_code,
    Kind.V8_HEAP,
)
V8_HEAP = Rule(
    "v8.heap",
    Kind.V8_HEAP,
    Confidence.CERTAIN,
    "maps",
    _V8,
    "{size} at a random address of its own, far from executable and libraries, in a process with V8: "
    "a page of its heap",
    v8_heap,
)
PY_ARENA = Rule(
    "python.arena",
    Kind.PY_ARENA,
    Confidence.LIKELY,
    "maps",
    "CPython, Objects/obmalloc.c: arenas by mmap, of 256 KiB up to 3.9 and 1 MiB from 3.10",
    "{size}, a whole number of 256 KiB in a Python process: arenas of its object allocator (a malloc "
    "chunk would have a header more)",
    py_arena,
    Kind.HEAP_MMAP,
)
PY_MERGED = Rule(
    "python.arena_merged",
    Kind.PY_ARENA,
    Confidence.LIKELY,
    "maps",
    "CPython 3.10 and later, Objects/obmalloc.c: a radix tree over arenas",
    "{size}, whole MiB and 16 to 48 KiB more, in a Python process: arenas and a node of the tree that "
    "finds them",
    py_arena_merged,
    Kind.HEAP_MMAP,
)
OPENBLAS = Rule(
    "openblas.buffer",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps",
    "OpenBLAS, driver/others/memory.c: alloc_mmap of BUFFER_SIZE, 32 MiB on x86-64, kept for good",
    "{size}, whole buffers of 32 MiB, in a process with OpenBLAS: work space that it maps itself",
    openblas,
    Kind.HEAP_MMAP,
)
