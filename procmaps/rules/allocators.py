"""What is known of each malloc besides glibc's: one row an allocator, which the rules of all others ask.

A new allocator takes a row here, the names of its files in procmaps.rules.marks, and a file with its rules.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from procmaps.rules.process import KIB, MIB, TIB


class Allocator(NamedTuple):
    """A malloc, and how memory that it maps can be told from other memory. Sizes in bytes."""

    mark: str
    replaces_malloc: bool = False  # comes before the libc's malloc, which is then not called
    maps_whole_mib: bool = False  # as programs do, so a size of whole MiB does not tell whose memory it is
    keeps_unused: bool = (
        False  # keeps memory that is not resident, so more than is resident or swapped can be malloc's
    )
    keeps_closed: bool = False  # sets aside 1 GiB and more without access, and opens it bit by bit
    sets_stack_flag: bool = (
        False  # sets nh (no huge pages) on its memory, which otherwise MAP_STACK alone sets
    )
    flag: str = ""  # in smaps on all that it maps, if it is on anything that it maps
    grows_brk: bool = False  # takes memory from [heap], and maps some only where that cannot grow
    hints_low_bytes: int = 0  # asks for addresses from here on, unless it asks for less than 1 MiB
    hints_high_bytes: int = 0
    reserves_as_go: bool = False  # sets aside hundreds of MiB and opens little of them, as Go does
    step_bytes: int = 0  # without smaps only whole numbers of this are taken for its own; 0: any size
    bss_max_bytes: int = 0  # of its library, where that is more than other libraries have


ALLOCATORS: Final = (
    Allocator("musl"),  # is the malloc of its libc
    # From version 5 on it keeps what it has mapped, and asks for more in steps of 512 KiB from 2 MiB on;
    # before, it mapped chunks of 2 or 4 MiB. Its .bss holds tables of up to 2 MiB.
    Allocator(
        "jemalloc",
        replaces_malloc=True,
        maps_whole_mib=True,
        keeps_unused=True,
        sets_stack_flag=True,
        flag="nr",
        step_bytes=512 * KIB,
        bss_max_bytes=3 * MIB,
    ),
    Allocator(
        "tcmalloc",
        replaces_malloc=True,
        maps_whole_mib=True,
        keeps_unused=True,
        sets_stack_flag=True,
        grows_brk=True,  # that of gperftools, src/system-alloc.cc; Google's newer one has no [heap]
        bss_max_bytes=3 * MIB,
    ),
    # Arenas of 1 GiB, closed at first; src/os.c: MI_HINT_BASE, MI_HINT_MAX, and an arena beyond that.
    Allocator(
        "mimalloc",
        replaces_malloc=True,
        maps_whole_mib=True,
        keeps_unused=True,
        keeps_closed=True,
        hints_low_bytes=2 * TIB,
        hints_high_bytes=31 * TIB,
    ),
    # Scudo sets aside 256 MiB to 8 GiB per size class, rpmalloc spans of 256 MiB, snmalloc half of the
    # address space.
    Allocator(
        "other_malloc",
        replaces_malloc=True,
        maps_whole_mib=True,
        keeps_unused=True,
        keeps_closed=True,
        reserves_as_go=True,
    ),
    Allocator("asan", replaces_malloc=True, maps_whole_mib=True, keeps_unused=True, reserves_as_go=True),
    Allocator("tsan", replaces_malloc=True, maps_whole_mib=True, keeps_unused=True, reserves_as_go=True),
    # Linked into Chromium, which maps more than malloc does: what is not in its pools is not malloc's.
    Allocator("partition_alloc"),
)


def is_hinted(allocator: Allocator, start: int, end: int) -> bool:
    """Whether memory lies where this allocator asks for it, and the kernel places none by itself."""
    return allocator.hints_low_bytes <= start and end <= allocator.hints_high_bytes


def _marks(asked: Callable[[Allocator], bool]) -> tuple[str, ...]:
    return tuple(allocator.mark for allocator in ALLOCATORS if asked(allocator))


# marks, for Regions.has and Process.has
REPLACE_MALLOC: Final = _marks(lambda allocator: allocator.replaces_malloc)
NOT_GLIBC: Final = _marks(lambda _: True)  # glibc's malloc is not called: it has no arenas and no chunks
MAP_WHOLE_MIB: Final = _marks(lambda allocator: allocator.maps_whole_mib)
KEEP_UNUSED: Final = _marks(lambda allocator: allocator.keeps_unused)
SET_STACK_FLAG: Final = _marks(lambda allocator: allocator.sets_stack_flag)
ASK_FOR_ADDRESSES: Final = _marks(lambda allocator: allocator.hints_high_bytes > 0)
RESERVING_AS_GO: Final = _marks(lambda allocator: allocator.reserves_as_go)
