"""OpenBLAS: a work space per thread, which it maps by itself."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.process import KERNEL_ALIGNED_BYTES, MIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

BUFFER_BYTES: Final = 32 * MIB  # of one size on x86-64: as NumPy and SciPy build it
LARGE_BUFFER_BYTES: Final = 128 * MIB  # as it is built by default

BUFFER: Final = Rule(
    "openblas.buffer",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps",
    "OpenBLAS, driver/others/memory.c: alloc_mmap of BUFFER_SIZE, kept for good; common_x86_64.h: "
    "32 << 22, which NumPy and SciPy set to 32 MiB",
    "{size}, whole buffers of 32 MiB, in a process with OpenBLAS: work space that it maps itself",
    runner_up=Kind.HEAP_MMAP,
)


def buffers(regions: Regions) -> Flags | None:
    """Whole buffers, with nothing right above them but for the highest: arenas of Python have.

    Arenas are hardly ever whole buffers of the larger size.
    """
    found = _whole(regions)
    if found is None:
        return None
    highest = highest_buffers(regions)
    kept: Flags = found & ((regions.above == 0) | is_multiple(regions.size, LARGE_BUFFER_BYTES))
    kept[highest] = True
    return kept


def highest_buffers(regions: Regions) -> Ints64:
    """Rows of the highest of what can be buffers in each process: they are mapped as OpenBLAS is loaded."""
    found = _whole(regions)
    rows = which(found) if found is not None else np.zeros(0, np.int64)
    highest: Ints64 = rows[np.diff(regions.process[rows], append=-1) != 0]
    return highest


def _whole(regions: Regions) -> Flags | None:
    """Regions of whole buffers, aligned by the kernel; OpenBLAS asks for no MAP_NORESERVE."""
    blas = regions.has("openblas")
    if not blas.any():
        return None
    whole = is_multiple(regions.size, BUFFER_BYTES) & is_multiple(regions.start, KERNEL_ALIGNED_BYTES)
    found: Flags = regions.unclaimed_writable & regions.spread(blas) & whole & ~regions.flagged("nr")
    return found


BUFFERS: Final = RegionLabeller(
    "openblas.buffer",
    (BUFFER,),
    buffers,
    before=(Edge("python.arena_aligned", "buffers are aligned, and those of several threads touch"),),
)
