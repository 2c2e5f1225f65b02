"""Anonymous memory of loaded objects: their zeroed data (.bss), and the dynamic loader's own."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.lazy_pattern import compiled
from procmaps.rules.allocators import ALLOCATORS
from procmaps.rules.hotspot.arguments import folder_of_java
from procmaps.rules.kernel_names import Name
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.language_runtimes import LOAD_LATE, RUNTIMES
from procmaps.rules.process import KIB, MIB, PAGE_BYTES
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import SHARED, WRITE, Flags, Ints64, which

SMALL_MAX_BYTES: Final = 64 * KIB
BSS_MAX_BYTES: Final = 64 * MIB
LIBRARY_BSS_MAX_BYTES: Final = 4 * MIB  # of 3,000 libraries of Debian 12 only the sanitizers have more
LATE_BSS_MAX_BYTES: Final = 640 * KIB  # of an object that is loaded late; libjvm.so of JDK 26 has 528 KiB
WRITTEN_SHARE: Final = 4
TABLES_MAX_BYTES: Final = 3 * MIB
WITH_TABLES: Final = compiled(rb"/[^/]*(?:duckdb|polars|chdb|arrow)[^/]*$")
ROUND_BYTES: Final = 64 * KIB
LIBRARIES_LOW: Final = 0x7000_0000_0000  # executables lie below it
LOADER_MAX_BYTES: Final = 64 * KIB
CHUNK_MIN_BYTES: Final = 128 * KIB  # that malloc maps, with a header besides

_ELF: Final = (
    "ELF: p_memsz beyond p_filesz is anonymous, right above the data (glibc elf/dl-map-segments.h,"
    " Linux fs/binfmt_elf.c)"
)
SMALL_BSS: Final = Rule(
    "loaded.bss_small",
    Kind.FILE_BSS,
    Confidence.CERTAIN,
    "maps",
    _ELF,
    "{size} right above the writable data of a file: the zeroed tail (.bss) of that object",
    runner_up=Kind.LOADER,
)
BSS: Final = Rule(
    "loaded.bss",
    Kind.FILE_BSS,
    Confidence.LIKELY,
    "maps",
    _ELF,
    "{size} right above the writable data of a file: the zeroed tail (.bss) of that object, which can have "
    "merged with memory above it",
    runner_up=Kind.HEAP_MMAP,
)
LOADER: Final = Rule(
    "loaded.loader",
    Kind.LOADER,
    Confidence.LIKELY,
    "maps",
    "glibc, elf/dl-minimal-malloc.c and sysdeps/nptl/dl-tls_init_tp.c: mapped while objects are loaded",
    "{size} beside loaded objects, too small for malloc to have mapped it: link maps and static TLS "
    "of the dynamic loader",
    runner_up=Kind.ANONYMOUS,
)


def small_zeroed_data(regions: Regions) -> Flags:
    """Right above an object's writable data, and too small to hold a chunk of malloc as well."""
    return above_data(regions) & (regions.size <= SMALL_MAX_BYTES)


def zeroed_data(regions: Regions) -> Flags:
    """Right above an object's writable data, with a gap or a file above it, and no larger than a .bss.

    An object that is loaded late comes to lie right below memory that was mapped before: that is no .bss.
    """
    late = _late_bss_bytes(regions)
    largest = np.where(regions.spread(regions.has(*LOAD_LATE)), regions.spread(late), _largest_bss(regions))
    above = above_data(regions)
    above[_above_closed_data(regions)] = True
    # The loader maps one object right below the other, so with a gap above it was another that mapped it;
    # and a page more than round is a chunk with its header.
    doubtful = (regions.above == 0) | (regions.size % ROUND_BYTES == PAGE_BYTES)
    doubtful &= regions.start >= LIBRARIES_LOW
    fits = regions.size <= np.where(doubtful, regions.spread(late), largest)
    rows = which(above & ~fits)
    fits[rows] = _hardly_written(regions, rows) | _has_tables(regions, rows) | _of_the_program(regions, rows)
    found = above & fits & ~regions.touches_above
    rows = which(found & (regions.size > CHUNK_MIN_BYTES) & regions.spread(regions.has("jvm")))
    found[rows] = ~_above_a_jdk_library(regions, rows)
    return found


def _above_a_jdk_library(regions: Regions, rows: Ints64) -> Flags:
    """Which of these lie above a library of a JDK other than libjvm.so: none of them has a large .bss.

    The JVM loads most of them as classes ask for them, and so below chunks that malloc had mapped before.
    """
    maps, libjvm = regions.snapshot.maps, regions.facts.libjvm
    found = np.zeros(len(rows), np.bool_)
    for at, row in enumerate(rows.tolist()):
        path = libjvm.get(int(regions.process[row]), b"")
        below = maps.name(int(regions.mapping[row]) - 1)
        found[at] = below != path and below.startswith(folder_of_java(path))
    return found


def _largest_bss(regions: Regions) -> Ints64:
    """The largest .bss that the object right below each region can have: a library's is small.

    A module that is loaded late comes to lie right below a large chunk, which looks like its .bss.
    """
    tables = regions.spread(regions.has("asan", "tsan", "jemalloc_inside"))
    return np.where((regions.start < LIBRARIES_LOW) | tables, BSS_MAX_BYTES, LIBRARY_BSS_MAX_BYTES)


def _hardly_written(regions: Regions, rows: Ints64) -> Flags:
    """Which of these are hardly resident: a .bss is written where the program has been, a chunk all over.

    A JVM maps tables that are as little written, and loads objects right below them.
    """
    resident = regions.resident_bytes(rows)
    swapped = np.maximum(regions.snapshot.maps.swap_bytes[regions.mapping[rows]], 0)
    few = (resident >= 0) & ((resident + swapped) * WRITTEN_SHARE < regions.size[rows])
    found: Flags = few & (regions.size[rows] <= BSS_MAX_BYTES) & ~regions.has("jvm")[regions.process[rows]]
    return found


def _has_tables(regions: Regions, rows: Ints64) -> Flags:
    """Which of these lie above an object with an allocator inside, whose tables are in its .bss."""
    suspect = regions.has("jemalloc_inside", "arrow")[regions.process[rows]]
    suspect &= regions.size[rows] <= TABLES_MAX_BYTES
    maps = regions.snapshot.maps
    for at in which(suspect).tolist():
        suspect[at] = WITH_TABLES.search(maps.name(int(regions.mapping[rows[at]]) - 1)) is not None
    return suspect


def _of_the_program(regions: Regions, rows: Ints64) -> Flags:
    """Which of these have [heap] as the next mapping: between the program and its heap nothing is mapped."""
    maps = regions.snapshot.maps
    found = np.zeros(len(rows), np.bool_)
    for at, mapping in enumerate(regions.mapping[rows].tolist()):
        after = mapping + 1
        found[at] = (
            after < len(maps)
            and maps.process[after] == maps.process[mapping]
            and maps.name(after) == b"[heap]"
        )
    return found


def above_data(regions: Regions) -> Flags:
    """Writable memory right above writable data of a file that is mapped privately, as objects are."""
    rows = which(regions.unclaimed_writable & (regions.below == Name.FILE_DATA + 1))
    private = regions.snapshot.maps.perms[regions.mapping[rows] - 1] & SHARED == 0
    found = np.zeros(len(regions), np.bool_)
    found[rows[private]] = True
    return found


def _above_closed_data(regions: Regions) -> Ints64:
    """Rows right above pages of a file that are read-only now, but lie above writable ones of that file."""
    rows = which(regions.unclaimed_writable & (regions.below == Name.FILE_RODATA + 1))
    maps = regions.snapshot.maps
    below = np.maximum(regions.mapping[rows] - 1, 1)
    same = (maps.inode[below] == maps.inode[below - 1]) & (maps.end[below - 1] == maps.start[below])
    closed: Ints64 = rows[same & (maps.perms[below - 1] & WRITE != 0)]
    return closed


def _late_bss_bytes(regions: Regions) -> Ints64:
    """The largest .bss that an object which is loaded late can have, by process."""
    largest = np.full(len(regions.facts.marks), LATE_BSS_MAX_BYTES)
    for allocator in ALLOCATORS:
        if allocator.bss_max_bytes:
            largest[regions.has(allocator.mark)] = allocator.bss_max_bytes
    for runtime in RUNTIMES:
        if runtime.late_bss_max_bytes:
            largest[regions.has(runtime.mark)] = runtime.late_bss_max_bytes
    return largest


def loader_memory(regions: Regions) -> Flags:
    """Small, below an object or the vDSO, or right above one's code or constants: link maps, static TLS."""
    beside = (
        (regions.above > Name.JAVA_HEAP + 1)
        | (regions.below == Name.FILE_RODATA + 1)
        | (regions.below == Name.FILE_CODE + 1)
    )
    found: Flags = regions.unclaimed_writable & beside & (regions.size <= LOADER_MAX_BYTES)
    return found


SMALL_ZEROED_DATA: Final = RegionLabeller(
    "loaded.bss_small",
    (SMALL_BSS,),
    small_zeroed_data,
    before=(Edge("loaded.bss", "a small .bss is certain, and one of any size only likely"),),
)
ZEROED_DATA: Final = RegionLabeller(
    "loaded.bss",
    (BSS,),
    zeroed_data,
)
LOADER_MEMORY: Final = RegionLabeller(
    "loaded.loader",
    (LOADER,),
    loader_memory,
    before=(
        Edge(
            "allocator.loaded", "small memory of the loader beside the objects would count as the allocator's"
        ),
        Edge("allocator.musl", "small memory of the loader beside the objects would count as malloc's"),
    ),
)
