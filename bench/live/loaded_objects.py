"""Where the zeroed tails (.bss) of loaded ELF objects lie, from their program headers."""

import struct
from pathlib import Path
from typing import Final

from bench.live.ranges import Range

PAGE_BYTES: Final = 4096
HEADERS_BYTES: Final = 2**16
PT_LOAD: Final = 1
HEADER: Final = struct.Struct("<16sHHIQQQIHHH")
SEGMENT: Final = struct.Struct("<IIQQQQQQ")


def bss(path: Path, start: int) -> list[Range]:
    """The tails of one 64-bit object whose first mapping begins at `start`; empty for what is no ELF."""
    try:
        with path.open("rb") as file:
            content = file.read(HEADERS_BYTES)
    except OSError:
        return []
    if content[:5] != b"\x7fELF\x02":
        return []
    header = HEADER.unpack_from(content)
    place, size, count = header[5], header[9], header[10]
    segments = [SEGMENT.unpack_from(content, place + index * size) for index in range(count)]
    loads = [segment for segment in segments if segment[0] == PT_LOAD]
    if not loads:
        return []
    base = start - (loads[0][3] & -PAGE_BYTES)
    found = []
    for _, _, _, address, _, in_file, in_memory, _ in loads:
        first, last = -(-(address + in_file) // PAGE_BYTES), -(-(address + in_memory) // PAGE_BYTES)
        if last > first:
            found.append(Range(base + first * PAGE_BYTES, base + last * PAGE_BYTES, "file_bss", path.name))
    return found
