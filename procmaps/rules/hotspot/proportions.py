"""How large the collectors' tables are: each has a fixed number of bytes of the heap to one of its own.

Mark bitmaps hold a bit for each 8 bytes, the alignment of objects: 1/64 of the heap (G1: two of them up to
JDK 17, one later; CMS; Parallel from JDK 22), or 1/32 if two lie in one reservation (Parallel up to JDK 21,
Shenandoah). Card tables, block offset tables and card counts hold a byte for each 512.
"""

from collections.abc import Iterable
from typing import Final

from procmaps.rules.hotspot.arguments import OBJECT_ALIGNMENT_BYTES
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.process import KIB, MIB, PAGE_BYTES, Process

TWO_BITMAPS: Final = 32
BITMAP: Final = 64
CARDS: Final = 512
SCALES: Final = (TWO_BITMAPS, BITMAP, CARDS)  # bytes of the heap to one of the table
TABLE_MIN_BYTES: Final = (
    128 * KIB
)  # of tables known by their size alone: smaller ones are as large as much else
ALIGNED_BYTES: Final = 2 * MIB
ALIGNED_SINCE: Final = (6, 7)  # mm/mmap.c: thp_get_unmapped_area for anonymous memory


def scale_of(nominal: int, jvm: Jvm) -> int:
    """Bytes of the heap to one of a table: a bitmap has a bit for each -XX:ObjectAlignmentInBytes."""
    return nominal if nominal == CARDS else nominal * jvm.arguments.alignment // OBJECT_ALIGNMENT_BYTES


def table_bytes(nominal: int, jvm: Jvm) -> int:
    """The size of a table over the whole heap."""
    return whole_pages(jvm.heap_bytes // scale_of(nominal, jvm))


def whole_pages(size: int) -> int:
    """A size in bytes, rounded up to pages."""
    return -(-size // PAGE_BYTES) * PAGE_BYTES


def is_aligned(size: int, process: Process) -> bool:
    """Whether the kernel aligns a mapping of this size: only whole pages of 2 MiB, since Linux 6.7."""
    return size % ALIGNED_BYTES == 0 and process.release >= ALIGNED_SINCE


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping and touching spans (start, end) joined, by address."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
