"""Sanitizers (ASan, LSan, TSan): their malloc takes the place of the libc's, and shadow memory describes it.

Both lie at fixed addresses, apart from large chunks, which are mapped where the kernel places them.
"""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.process import TIB
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

SHADOW_LOW_BYTES: Final = 0x7FFF_7000  # ASan; TSan's begins higher
SHADOW_HIGH_BYTES: Final = 0x4000_0000_0000  # TSan's second, of meta data, ends below it
SPACE_BYTES: Final = 4 * TIB
ASAN_SPACES: Final = (0x5000_0000_0000, 0x6000_0000_0000)  # the first from LLVM 17 and GCC 14 on
TSAN_SPACES: Final = (0x7200_0000_0000, 0x7B00_0000_0000)  # the first from LLVM 18 on
TSAN_SPACE_BYTES: Final = TIB

HEAP: Final = Rule(
    "sanitizer.heap",
    Kind.HEAP_ALLOCATOR,
    Confidence.CERTAIN,
    "maps",
    "compiler-rt, lib/asan/asan_allocator.h and lib/lsan/lsan_allocator.h: kAllocatorSpace and "
    "kAllocatorSize; lib/tsan/rtl/tsan_platform.h: kHeapMemBeg",
    "{size} at {block_start}, where the malloc of ASan, LSan or TSan keeps small and middle-sized chunks, "
    "in a process that has loaded one of them",
    runner_up=Kind.ANONYMOUS,
)
SHADOW: Final = Rule(
    "sanitizer.shadow",
    Kind.ANONYMOUS,
    Confidence.CERTAIN,
    "maps",
    "compiler-rt, lib/asan/asan_mapping.h: shadow up to 0x10007fff8000; lib/tsan/rtl/tsan_platform.h: "
    "kShadowBeg, kMetaShadowBeg",
    "{size} at {block_start}, where ASan and TSan note the state of each byte of the program, in a process "
    "that has loaded one of them: shadow memory, of which little is resident",
    runner_up=Kind.HEAP_ALLOCATOR,
)


def heap(regions: Regions) -> Flags | None:
    """What is open in the spaces of their allocators."""
    asan, tsan = regions.has("asan"), regions.has("tsan")
    if not (asan | tsan).any():
        return None
    found = regions.spread(asan) & _inside(regions, ASAN_SPACES, SPACE_BYTES)
    found |= regions.spread(tsan) & _inside(regions, TSAN_SPACES, TSAN_SPACE_BYTES)
    return found & regions.unclaimed_writable


def _inside(regions: Regions, spaces: tuple[int, ...], size: int) -> Flags:
    found = np.zeros(len(regions), np.bool_)
    for space in spaces:
        found |= (regions.start >= space) & (regions.end <= space + size)
    return found


def shadow(regions: Regions) -> Flags | None:
    """What is open below the spaces."""
    sanitized = regions.has("asan", "tsan")
    if not sanitized.any():
        return None
    low = (regions.start >= SHADOW_LOW_BYTES) & (regions.end <= SHADOW_HIGH_BYTES)
    return low & regions.unclaimed_writable & regions.spread(sanitized)


HEAP_SPACES: Final = RegionLabeller(
    "sanitizer.heap",
    (HEAP,),
    heap,
    before=(Edge("stack.repeated", "what is open of a space lies above closed memory, as a stack does"),),
)
SHADOW_MEMORY: Final = RegionLabeller(
    "sanitizer.shadow",
    (SHADOW,),
    shadow,
    before=(Edge("stack.repeated", "shadow memory can lie above closed memory, as a stack does"),),
)
