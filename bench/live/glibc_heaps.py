"""glibc's own structures in a stopped process: heaps of arenas, and chunks that malloc mapped alone.

Read from /proc/PID/mem, so that the classifier's idea of an arena is not what it is judged by.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from bench.live.ranges import Range, Truth

HEAP_BYTES: Final = 64 * 2**20
PAGE_BYTES: Final = 4096
HEAP_INFO: Final = struct.Struct("<QQQQ")  # ar_ptr, prev, size, mprotect_size (malloc/arena.c)
CHUNK: Final = struct.Struct("<QQ")  # prev_size, size and three flags (malloc/malloc.c)
IS_MMAPPED: Final = 2
HEADER_LEFT_OUT_BYTES: Final = 16  # of the size of a mapped chunk, from glibc 2.43 on
CHUNK_MIN_BYTES: Final = 8 * PAGE_BYTES


def heaps(memory: BinaryIO, writable: list[tuple[int, int]]) -> list[Range]:
    """Blocks of 64 MiB that begin with a heap_info whose arena is in a first heap, or is this one."""
    found = []
    for start, end in writable:
        for base in range(-(-start // HEAP_BYTES) * HEAP_BYTES, end, HEAP_BYTES):
            arena, previous, size, opened = HEAP_INFO.unpack(_read(memory, base, HEAP_INFO.size))
            sizes = 0 < size <= opened <= HEAP_BYTES and not (size | opened) % PAGE_BYTES
            own = previous == 0 and 0 < arena - base <= 64
            chained = previous != 0 and previous % HEAP_BYTES == 0 and 0 < arena % HEAP_BYTES <= 64
            if sizes and (own or chained):
                found.append(Range(base, base + HEAP_BYTES, "heap_arena", "glibc heap_info"))
    return found


def chunks(memory: BinaryIO, writable: list[tuple[int, int]], known: Truth) -> Iterator[Range]:
    """Chunks with the flag for mmap, whole pages long, in what nothing else owns."""
    for start, end in writable:
        for low, high in list(known.gaps(start, end)):
            yield from _chunks_in(memory, low, high)


def _chunks_in(memory: BinaryIO, low: int, high: int) -> Iterator[Range]:
    position = low
    while position < high:
        before, size = CHUNK.unpack(_read(memory, position, CHUNK.size))
        flags, size = size & 7, size & -8
        size += HEADER_LEFT_OUT_BYTES * (size % PAGE_BYTES == PAGE_BYTES - HEADER_LEFT_OUT_BYTES)
        if (
            before == 0
            and flags == IS_MMAPPED
            and size % PAGE_BYTES == 0
            and CHUNK_MIN_BYTES <= size <= high - position
        ):
            yield Range(position, position + size, "heap_mmap", "glibc chunk header")
            position += size
        else:
            position += PAGE_BYTES


def _read(memory: BinaryIO, address: int, size: int) -> bytes:
    memory.seek(address)
    try:
        return memory.read(size).ljust(size, b"\0")
    except OSError:  # a guard that cannot be seen in maps cannot be read either
        return bytes(size)
