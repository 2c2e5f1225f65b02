"""Native images of GraalVM: the heap of a program that was compiled ahead of time.

With compressed references SubstrateVM reserves 32 GiB at once, maps the image's own heap (a part of the
program's file) to its low end, and opens chunks of 512 KiB or 1 MiB above it as they are needed.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.kernel_names import Name
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller
from procmaps.rules.process import GIB, KIB, Process, Region
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

SPACE_BYTES: Final = 32 * GIB
IMAGE_MAX_BYTES: Final = 2 * GIB  # of the program's file
RESERVE_MIN_BYTES: Final = 16 * GIB  # most of the space is never used
ALIGNMENT_BYTES: Final = 512 * KIB
FILES: Final = frozenset((Name.FILE_DATA + 1, Name.FILE_RODATA + 1))  # `below` is the name plus 1

HEAP: Final = Rule(
    "native_image.heap",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps",
    "GraalVM, substratevm: AbstractImageHeapProvider and AddressRangeCommittedMemoryProvider; "
    "ReservedAddressSpaceSize is 32 GiB",
    "{size} in a reservation of 32 GiB whose low end is a part of a file: the heap of a native image, "
    "which is Java's and no malloc's",
    runner_up=Kind.HEAP_MMAP,
)


def heap(process: Process) -> Iterator[Claim]:
    """Unbroken runs between a file, which is not shown here, and the end of a space of this size."""
    for run in process.runs(lambda region: region.unclaimed):
        start = run[0].start
        for end in (region.end for region in run if _is_vast(region) and run[0].below in FILES):
            if SPACE_BYTES - IMAGE_MAX_BYTES <= end - start < SPACE_BYTES and not end % ALIGNMENT_BYTES:
                yield Claim(start, end, HEAP, one_block=False)


def _is_vast(region: Region) -> bool:
    return region.closed and region.size >= RESERVE_MIN_BYTES


def _have_vast_reserve(regions: Regions) -> Flags:
    vast = regions.unclaimed_closed & (regions.size >= RESERVE_MIN_BYTES)
    return regions.owners(vast) if vast.any() else np.zeros(len(regions.facts.marks), np.bool_)


NATIVE_IMAGE: Final = ProcessLabeller(
    "native_image.heap",
    (HEAP,),
    heap,
    where=_have_vast_reserve,
    before=(Edge("stack.guarded", "a closed chunk below open ones looks like a guard"),),
)
