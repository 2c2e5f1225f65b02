"""PHP's allocator: chunks of 2 MiB and huge blocks, mapped beside malloc."""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller
from procmaps.rules.process import MIB, SMALL_GUARD_BYTES, Process, Region
from procmaps.rules.rule import Rule

CHUNK_BYTES: Final = 2 * MIB

CHUNK: Final = Rule(
    "php.zend_chunk",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps",
    "PHP, Zend/zend_alloc.c: chunks of 2 MiB and huge blocks of whole pages, all aligned to 2 MiB",
    "{size} on a 2 MiB boundary in a PHP process: chunks of its allocator, or a block that is larger",
    runner_up=Kind.ANONYMOUS,
)


def chunks(process: Process) -> Iterator[Claim]:
    """Writable memory from a 2 MiB boundary on; huge blocks end on any page.

    A chunk of malloc right below merges with them. It is cut off if they end on 2 MiB, as chunks do.
    """
    for region in process.unclaimed_writable:
        base = -(-region.start // CHUNK_BYTES) * CHUNK_BYTES
        aligned = base == region.start or region.end % CHUNK_BYTES == 0
        long_enough = region.end - base >= CHUNK_BYTES
        if aligned and long_enough and not _is_arena(process, region) and not _is_fiber(process, region):
            yield Claim(base, region.end, CHUNK, one_block=False)


def _is_arena(process: Process, region: Region) -> bool:
    """A heap of a glibc arena has the closed rest of its block above it; a guard is smaller."""
    above = process.above(region)
    return above is not None and above.closed and above.size > SMALL_GUARD_BYTES


def _is_fiber(process: Process, region: Region) -> bool:
    """The stack of a fiber has a guard right below it, and is 2 MiB unless the program asks otherwise."""
    below = process.below(region)
    return below is not None and below.closed and region.size == CHUNK_BYTES


CHUNKS: Final = ProcessLabeller(
    "php.zend_chunk",
    (CHUNK,),
    chunks,
    marks=("php",),
    before=(
        Edge("loaded.bss_small", "the boundary of a chunk shows where the .bss ends that merged with it"),
    ),
)
