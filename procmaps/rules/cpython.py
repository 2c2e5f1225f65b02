"""CPython: arenas of its object allocator, and the nodes of the tree in which it finds them.

Arenas are mapped one by one, and the kernel merges those that touch. A chunk of malloc has a header, and so
a size of a page more.
"""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.elf import above_data
from procmaps.rules.glibc_malloc import large_chunks
from procmaps.rules.kernel_names import Name
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.process import KERNEL_ALIGNED_BYTES, KIB, MIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Bytes8, Flags, which

ARENA_BYTES: Final = 256 * KIB  # up to 3.9; from 3.10 on 1 MiB, a multiple of it
BIG_ARENA_BYTES: Final = MIB
MIXED_MIN_BYTES: Final = 8 * MIB  # of what is larger, most is not chunks alone
MERGED_MAX_BYTES: Final = 16 * MIB  # with more arenas, any size would do
NODE_MIN_BYTES: Final = 16 * KIB
NODE_MAX_BYTES: Final = 48 * KIB
STACK_CHUNK_BYTES: Final = 16 * KIB  # Python/pystate.c: DATA_STACK_CHUNK_SIZE
BSS_MAX_BYTES: Final = 16 * KIB  # of an extension module
EARLY_MIN_BYTES: Final = 132 * KIB  # an inner node
EARLY_MAX_BYTES: Final = 568 * KIB  # an inner node, a table of strings, and nodes of 16 KiB

ARENA: Final = Rule(
    "python.arena",
    Kind.PY_ARENA,
    Confidence.LIKELY,
    "maps",
    "CPython, Objects/obmalloc.c: arenas by mmap, of 256 KiB up to 3.9 and 1 MiB from 3.10",
    "{size}, a whole number of 256 KiB in a Python process: arenas of its object allocator (a malloc "
    "chunk would have a header more)",
    runner_up=Kind.HEAP_MMAP,
)
MERGED: Final = Rule(
    "python.arena_merged",
    Kind.PY_ARENA,
    Confidence.LIKELY,
    "maps",
    "CPython 3.10 and later, Objects/obmalloc.c: a radix tree over arenas",
    "{size}, whole MiB and 16 to 48 KiB more, in a Python process: arenas and a node of the tree that "
    "finds them",
    runner_up=Kind.HEAP_MMAP,
)


DATA_STACK: Final = Rule(
    "python.data_stack",
    Kind.PY_ARENA,
    Confidence.LIKELY,
    "maps",
    "CPython 3.11 and later, Python/pystate.c, push_chunk: chunks of 16 KiB and more hold the frames of a "
    "thread, and of each greenlet",
    "{size}, a whole number of 16 KiB, in a Python process with greenlets: chunks that hold the frames of "
    "each, and arenas beside them",
    runner_up=Kind.HEAP_MMAP,
)
ABOVE_BSS: Final = Rule(
    "python.arena_above_bss",
    Kind.PY_ARENA,
    Confidence.LIKELY,
    "maps",
    "CPython 3.10 and later, Objects/obmalloc.c: arenas of 1 MiB by mmap; ELF: the zeroed tail of an object "
    "lies right above its data",
    "{size}, whole arenas of 1 MiB, in a mapping that begins with the zeroed tail (.bss) of an extension "
    "module, of 1 to 4 pages",
    runner_up=Kind.HEAP_MMAP,
)
ALIGNED: Final = Rule(
    "python.arena_aligned",
    Kind.PY_ARENA,
    Confidence.GUESS,
    "maps",
    "CPython 3.10 and later, Objects/obmalloc.c: arenas of 1 MiB by mmap; Linux 6.7 and later, mm/mmap.c and "
    "mm/huge_memory.c, thp_get_unmapped_area: a mapping of whole 2 MiB begins on 2 MiB, the space above it "
    "stays free",
    "{size} from a multiple of 2 MiB on, right below other memory, in a Python process: an even number of "
    "arenas, as what is mapped at once hardly ever comes to lie right below something",
    runner_up=Kind.ANONYMOUS,
)
MIXED: Final = Rule(
    "python.mixed",
    Kind.HEAP_MMAP,
    Confidence.GUESS,
    "maps, status",
    "CPython, Objects/obmalloc.c, and glibc, malloc/malloc.c: both map memory that merges, and then neither "
    "maps nor smaps can divide it",
    "{size} of writable anonymous memory in a Python process: large chunks of malloc, or arenas of Python "
    "that have merged with a chunk",
    runner_up=Kind.PY_ARENA,
)


def arenas(regions: Regions) -> Flags | None:
    """Regions of whole arenas, unless they are aligned.

    Linux 6.7 and later align a mapping of whole 2 MiB; arenas are smaller and come to lie anywhere.
    """
    python = regions.has("python")
    if not python.any():
        return None
    aligned = is_multiple(regions.start | regions.size, KERNEL_ALIGNED_BYTES)
    whole = is_multiple(regions.size, ARENA_BYTES) & ~aligned
    return regions.unclaimed_writable & regions.spread(python) & whole


def aligned_arenas(regions: Regions) -> Flags | None:
    """Whole MiB that the kernel could have aligned, but that lie right below other memory as arenas do."""
    python = regions.has("python")
    if not python.any():
        return None
    aligned = is_multiple(regions.start | regions.size, KERNEL_ALIGNED_BYTES)
    found: Flags = regions.unclaimed_writable & regions.spread(python) & aligned & ~regions.flagged("nr")
    # another mapping, or what was cut off from the same one: the head of a heap, as a rule
    found &= (regions.above != 0) | regions.touches_above
    return found


def merged_arenas(regions: Regions) -> Flags | None:
    """Arenas that have merged with nodes of the tree, and nodes alone.

    The first arenas are mapped while objects are still being loaded: between files, and merged with a chunk
    or two of malloc and with more nodes.
    """
    python = regions.has("python")
    if not python.any():
        return None
    rows = which(regions.unclaimed_writable & regions.spread(python) & (regions.size < MERGED_MAX_BYTES))
    size = regions.size[rows]
    over = size % BIG_ARENA_BYTES
    nodes = (over >= NODE_MIN_BYTES) & (over <= NODE_MAX_BYTES)
    beside_file = _is_file(regions.below[rows]) | _is_file(regions.above[rows])
    early = beside_file & (size >= BIG_ARENA_BYTES) & (over >= EARLY_MIN_BYTES) & (over <= EARLY_MAX_BYTES)
    found = np.zeros(len(regions), np.bool_)
    found[rows[nodes | early]] = True
    return found


def data_stacks(regions: Regions) -> Flags | None:
    """Whole numbers of a chunk of frames, in processes with greenlets."""
    greenlets = regions.has("greenlet")
    if not greenlets.any():
        return None
    whole = is_multiple(regions.size, STACK_CHUNK_BYTES)
    return regions.unclaimed_writable & regions.spread(greenlets) & whole


def arenas_above_bss(regions: Regions) -> Ranges | None:
    """Whole arenas above the first pages of memory that lies right above an extension module's data."""
    python = regions.has("python")
    if not python.any():
        return None
    rows = which(above_data(regions) & regions.spread(python) & (regions.size > BIG_ARENA_BYTES))
    bss = regions.size[rows] % BIG_ARENA_BYTES
    good = (bss > 0) & (bss <= BSS_MAX_BYTES) & (regions.size[rows] < MERGED_MAX_BYTES)
    rows, bss = rows[good], bss[good]
    if not len(rows):
        return None
    return Ranges(regions.process[rows], regions.start[rows] + bss, regions.end[rows])


def mixed(regions: Regions) -> Flags | None:
    """What would be large chunks of malloc, but is so large that arenas have likely merged with it."""
    python = regions.has("python")
    if not python.any():
        return None
    large = regions.unclaimed_writable & regions.spread(python) & (regions.size > MIXED_MIN_BYTES)
    return large & large_chunks(regions) if large.any() else None


def _is_file(neighbour: Bytes8) -> Flags:
    found: Flags = (neighbour > Name.FILE_CODE) & (neighbour <= Name.FILE_DATA + 1)
    return found


# Columns, as every region of a Python process must be asked, and there can be 60,000.
ARENAS: Final = RegionLabeller(
    "python.arena",
    (ARENA,),
    arenas,
    before=(Edge("rest.guarded", "arenas between two closed regions look like a guarded buffer"),),
)
MERGED_ARENAS: Final = RegionLabeller(
    "python.arena_merged",
    (MERGED,),
    merged_arenas,
    before=(Edge("python.mixed", "arenas and a node of their tree have the size of a large chunk"),),
    after=(Edge("loaded.loader", "the loader's memory is as small as a node"),),
)
DATA_STACKS: Final = RegionLabeller(
    "python.data_stack",
    (DATA_STACK,),
    data_stacks,
    before=(Edge("python.mixed", "chunks of malloc can have the same sizes"),),
    after=(Edge("loaded.loader", "the loader's memory is as small as chunks of frames"),),
)
ARENAS_ABOVE_BSS: Final = RegionLabeller(
    "python.arena_above_bss",
    (ABOVE_BSS,),
    arenas_above_bss,
    before=(Edge("loaded.bss_small", "what is left below the arenas is the zeroed data"),),
)
MIXED_CHUNKS: Final = RegionLabeller(
    "python.mixed",
    (MIXED,),
    mixed,
    before=(Edge("reserve.opened", "arenas can lie right below closed memory, as what was opened does"),),
)
ALIGNED_ARENAS: Final = RegionLabeller(
    "python.arena_aligned",
    (ALIGNED,),
    aligned_arenas,
    before=(Edge("rest.guarded", "arenas between two closed regions look like a guarded buffer"),),
)
