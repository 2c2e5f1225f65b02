"""Anonymous memory that belongs to loaded objects: .bss, the dynamic loader's own, static TLS."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import ALLOCATORS
from procmaps.rules.draft import PAGE_BYTES, Draft
from procmaps.rules.names import Name
from procmaps.rules.rule import Rule
from procmaps.tables import SHARED, WRITE, Flags, Ints64, which

BSS_CERTAIN_BYTES: Final = 64 * 2**10
BSS_MAX_BYTES: Final = 64 * 2**20
# where objects are loaded late, below memory that was mapped before; libjvm.so of JDK 26 has 528 KiB
LATE_BSS_MAX_BYTES: Final = 640 * 2**10
RUBY_BSS_MAX_BYTES: Final = 128 * 2**10  # its extensions have next to none, and malloc maps from there on
ROUND_BYTES: Final = 64 * 2**10
LIBRARIES_LOW: Final = 0x7000_0000_0000  # executables lie below it
LOADER_MAX_BYTES: Final = 64 * 2**10


def _above_data(draft: Draft) -> Flags:
    """What is right above writable data of a file that is mapped privately, as objects are."""
    rows = which(draft.open_rw & (draft.below == Name.FILE_DATA + 1))
    private = draft.snapshot.maps.perms[draft.mapping[rows] - 1] & SHARED == 0
    found = np.zeros(len(draft), np.bool_)
    found[rows[private]] = True
    return found


def _above_closed_data(draft: Draft) -> Ints64:
    """Rows right above pages of a file that were closed to writing, but that lie above writable ones."""
    rows = which(draft.open_rw & (draft.below == Name.FILE_RODATA + 1))
    maps = draft.snapshot.maps
    below = np.maximum(draft.mapping[rows] - 1, 1)
    same = (maps.inode[below] == maps.inode[below - 1]) & (maps.end[below - 1] == maps.start[below])
    closed: Ints64 = rows[same & (maps.perms[below - 1] & WRITE != 0)]
    return closed


def bss(draft: Draft) -> Flags:
    """Anonymous memory right above the writable data of a file, with a gap or a file above it.

    An object that is loaded late comes to lie right below memory that was mapped before: that is no .bss.
    """
    late = np.full(len(draft.facts.marks), LATE_BSS_MAX_BYTES)
    for allocator in ALLOCATORS:
        if allocator.bss_max_bytes:
            late[draft.has(allocator.mark)] = allocator.bss_max_bytes
    late = np.where(draft.has("ruby"), RUBY_BSS_MAX_BYTES, late)
    largest = np.where(draft.has("python", "jvm", "ruby"), late, BSS_MAX_BYTES)
    above = _above_data(draft)
    above[_above_closed_data(draft)] = True
    # the loader maps one object right below the other: below a gap other memory was mapped before the object;
    # and a page more than round is a chunk with its header
    doubtful = (draft.above == 0) | (draft.size % ROUND_BYTES == PAGE_BYTES)
    doubtful &= draft.start >= LIBRARIES_LOW
    fits = draft.size <= np.where(doubtful, draft.spread(late), draft.spread(largest))
    return above & fits & ~draft.touches_above


def small_bss(draft: Draft) -> Flags:
    """The same, small: too small to hold a malloc chunk of its own as well."""
    return _above_data(draft) & (draft.size <= BSS_CERTAIN_BYTES)


def loader(draft: Draft) -> Flags:
    """Small anonymous memory below an object or the vDSO: link maps, static TLS, the loader's malloc."""
    beside = (
        (draft.above > Name.JAVA_HEAP + 1)
        | (draft.below == Name.FILE_RODATA + 1)
        | (draft.below == Name.FILE_CODE + 1)
    )
    found: Flags = draft.open_rw & beside & (draft.size <= LOADER_MAX_BYTES)
    return found


_ELF = (
    "ELF: p_memsz beyond p_filesz is anonymous, right above the data (glibc elf/dl-map-segments.h,"
    " Linux fs/binfmt_elf.c)"
)

SMALL_BSS = Rule(
    "loaded.bss_small",
    Kind.FILE_BSS,
    Confidence.CERTAIN,
    "maps",
    _ELF,
    "{size} right above the writable data of a file: the zeroed tail (.bss) of that object",
    small_bss,
    Kind.LOADER,
)
BSS = Rule(
    "loaded.bss",
    Kind.FILE_BSS,
    Confidence.LIKELY,
    "maps",
    _ELF,
    "{size} right above the writable data of a file: the zeroed tail (.bss) of that object, perhaps "
    "merged with memory above it",
    bss,
    Kind.HEAP_MMAP,
)
LOADER = Rule(
    "loaded.loader",
    Kind.LOADER,
    Confidence.LIKELY,
    "maps",
    "glibc, elf/dl-minimal-malloc.c and sysdeps/nptl/dl-tls_init_tp.c: mapped while objects are loaded",
    "{size} beside loaded objects, too small for malloc to have mapped it: link maps and static TLS "
    "of the dynamic loader",
    loader,
    Kind.ANONYMOUS,
)
