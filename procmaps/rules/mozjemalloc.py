"""mozjemalloc, the malloc of Firefox and Thunderbird: chunks of 1 MiB with closed pages in them."""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller
from procmaps.rules.process import MIB, PAGE_BYTES, Process, Region
from procmaps.rules.rule import Rule

CHUNK_BYTES: Final = MIB
HEADER_BYTES: Final = (
    2 * PAGE_BYTES
)  # of a chunk of an arena; a guard follows, and another one ends the chunk

CHUNK: Final = Rule(
    "mozjemalloc.chunk",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps",
    "Firefox, memory/build/mozjemalloc.cpp: chunks of 1 MiB, in arenas with a header and guards; what is "
    "larger begins on 1 MiB and is closed up to the next",
    "{size} of a chunk of 1 MiB, or of several, up to closed memory at its end, in a process of Firefox",
    runner_up=Kind.ANONYMOUS,
)


def chunks(process: Process) -> Iterator[Claim]:
    """Headers and bodies of chunks, and large allocations, with the closed memory up to the next boundary."""
    for region in process.unclaimed_writable:
        above = process.above(region)
        if above is None or not above.closed:
            continue
        start = _start(region, above)
        if start is not None:
            boundary = -(-region.end // CHUNK_BYTES) * CHUNK_BYTES
            end = min(above.end, boundary) if above.unclaimed else region.end
            yield Claim(start, max(end, region.end), CHUNK, one_block=False)


def _start(region: Region, above: Region) -> int | None:
    """Where memory of mozjemalloc begins in a region; None if none is there."""
    if region.end % CHUNK_BYTES == HEADER_BYTES:
        # data of an object can have merged with it from below
        header = region.end - HEADER_BYTES
        return header if region.start <= header else None
    body = region.start % CHUNK_BYTES == HEADER_BYTES + PAGE_BYTES and region.size < CHUNK_BYTES
    large = (
        region.start % CHUNK_BYTES == 0 and above.end % CHUNK_BYTES == 0 and region.size % CHUNK_BYTES != 0
    )
    return region.start if body or large else None


CHUNKS: Final = ProcessLabeller(
    "mozjemalloc.chunks",
    (CHUNK,),
    chunks,
    marks=("firefox",),
    before=(Edge("loaded.bss_small", "the header of a chunk merges with zeroed data below it"),),
)
