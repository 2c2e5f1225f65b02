"""Mono: blocks, sections and nurseries of its collector (SGen), mapped by Mono itself and not by malloc."""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller
from procmaps.rules.process import KIB, Process
from procmaps.rules.rule import Rule

BLOCK_BYTES: Final = 16 * KIB
HEAP_MIN_BYTES: Final = 64 * KIB

HEAP: Final = Rule(
    "mono.heap",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps",
    "Mono, mono/sgen/sgen-marksweep.c: blocks of 16 KiB, aligned to their size and mapped by Mono itself",
    "{size}, whole blocks of 16 KiB on their boundaries, in a Mono process: objects",
    runner_up=Kind.HEAP_MMAP,
)


def heap(process: Process) -> Iterator[Claim]:
    """Whole blocks on boundaries of their size, as one in sixteen chunks of malloc is by chance."""
    for region in process.unclaimed_writable:
        whole = region.size % BLOCK_BYTES == 0 and region.start % BLOCK_BYTES == 0
        if whole and region.size >= HEAP_MIN_BYTES:
            yield Claim(region.start, region.end, HEAP)


BLOCKS: Final = ProcessLabeller(
    "mono.heap",
    (HEAP,),
    heap,
    marks=("mono",),
    before=(Edge("glibc.mmapped_beside_own", "a large chunk of malloc can have the size of whole blocks"),),
)
