"""V8, as in Node.js and Chromium: pages of its heap, the range of its compiled code, memories of WebAssembly.

V8 keeps what it maps out of the children that a process forks (madvise MADV_DONTFORK): smaps flags it dc.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.threads import likely_stacks
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller, RegionLabeller
from procmaps.rules.process import GIB, KIB, Process, Region
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.smaps import VM_FLAGS
from procmaps.tables import EXECUTE, Flags, which

PAGE_BYTES: Final = 256 * KIB
RANDOM_START: Final = 4 * GIB  # of the addresses at which V8 asks for pages
RANDOM_END: Final = 0x5000_0000_0000  # position-independent executables and the mmap area lie above it
WASM_PAGE_BYTES: Final = 64 * KIB
# Any 32-bit index with any 32-bit offset stays within what is reserved from the first byte upward.
WASM_REACH_BYTES: Final = 8 * GIB
_SOURCE: Final = "V8, src/heap/memory-allocator.cc and code-range.cc: pages of 256 KiB, one range for code"

CODE: Final = Rule(
    "v8.code",
    Kind.V8_CODE,
    Confidence.CERTAIN,
    "maps",
    _SOURCE,
    "{size}, executable or not, in a run of memory that holds executable anonymous memory, in a "
    "process with V8: its range for compiled code",
    runner_up=Kind.V8_HEAP,
)
HEAP: Final = Rule(
    "v8.heap",
    Kind.V8_HEAP,
    Confidence.CERTAIN,
    "maps",
    _SOURCE,
    "{size} at a random address of its own, far from executable and libraries, in a process with V8: "
    "a page of its heap",
)
WASM: Final = Rule(
    "v8.wasm",
    Kind.V8_HEAP,
    Confidence.LIKELY,
    "maps",
    "V8, src/objects/backing-store.cc: kFullGuardSize; a memory of WebAssembly is opened from the base of "
    "its reserve upward, by pages of 64 KiB, and the rest stays closed instead of checks of bounds",
    "{size}, whole pages of WebAssembly, with closed memory above it up to 8 GiB or more from its start, in "
    "a process with V8: a memory of WebAssembly",
    runner_up=Kind.ANONYMOUS,
)


def code(process: Process) -> Iterator[Claim]:
    """Runs with executable memory in them; the closed rest of the range included."""
    stacks = likely_stacks(process) if process.stacks_executable else frozenset()
    apart = stacks | process.in_glibc_heaps  # a heap of an arena can touch the range, and is no part of it
    for run in process.runs(lambda region: _fits_code(process, region) and region.position not in apart):
        if any(region.perms & EXECUTE for region in run):
            yield Claim(run[0].start, run[-1].end, CODE, one_block=False)
    for region in process.unclaimed:
        if region.perms & EXECUTE and region.position not in stacks:
            yield Claim(region.start, region.end, CODE)


def _fits_code(process: Process, region: Region) -> bool:
    """What the range of code can consist of."""
    if not region.unclaimed or (process.smaps and not process.flagged(region, "dc")):
        return False
    return region.closed or region.executable or region.size <= PAGE_BYTES


def _mapped_near_libraries(regions: Regions) -> Flags:
    found: Flags = regions.start >= RANDOM_END
    return found


def heap(regions: Regions) -> Flags | None:
    """Pages at random addresses, or flagged dc and aligned as pages are."""
    v8 = regions.has("v8")
    if not v8.any():
        return None
    random = (regions.start >= RANDOM_START) & (regions.end <= RANDOM_END)
    flagged = (regions.vm_flags & np.uint64(VM_FLAGS["dc"])) != 0
    found: Flags = (
        regions.unclaimed & regions.spread(v8) & (random | flagged & is_multiple(regions.start, PAGE_BYTES))
    )
    return found


def wasm(regions: Regions) -> Flags | None:
    """Writable pages of 64 KiB at the low end of a reserve as large as a memory of WebAssembly needs."""
    v8 = regions.has("v8") & ~regions.has("partition_alloc")  # its pools are as large, and open as well
    if not v8.any():
        return None
    rows = which(regions.unclaimed_writable & regions.spread(v8) & regions.touches_above)
    rows = rows[is_multiple(regions.start[rows] | regions.size[rows], WASM_PAGE_BYTES)]
    rows = rows[regions.unclaimed_closed[rows + 1]]
    rows = rows[regions.end[rows + 1] - regions.start[rows] >= WASM_REACH_BYTES]
    found = np.zeros(len(regions), np.bool_)
    found[rows] = True
    return found


CODE_RANGE: Final = ProcessLabeller(
    "v8.code",
    (CODE,),
    code,
    marks=("v8",),
    sees=_mapped_near_libraries,
    before=(Edge("v8.heap", "parts of the range can begin where a page of the heap could"),),
)
# Columns, as a process has thousands of pages, and each tells alone what it is.
HEAP_PAGES: Final = RegionLabeller(
    "v8.heap",
    (HEAP,),
    heap,
    before=(Edge("glibc.arena", "closed memory above a page can end on the boundary of an arena"),),
)
WASM_MEMORIES: Final = RegionLabeller(
    "v8.wasm",
    (WASM,),
    wasm,
    before=(Edge("v8.code", "small memories, and what is closed around them, look like parts of the range"),),
)
