"""V8, as in Node.js and Chromium: pages of its heap, and the range of its compiled code.

V8 keeps what it maps out of the children that a process forks (madvise MADV_DONTFORK): smaps flags it dc.
"""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller
from procmaps.rules.process import GIB, KIB, MIB, Process, Region
from procmaps.rules.rule import Rule

WORKER_STACK_BYTES: Final = 4 * MIB  # Node.js, src/node_worker.h: stack_size_ of a worker
PAGE_OF_HEAP_BYTES: Final = 256 * KIB
RANDOM_START: Final = 4 * GIB  # of the addresses at which V8 asks for pages
RANDOM_END: Final = 0x5000_0000_0000  # position-independent executables and the mmap area lie above it
_SOURCE: Final = "V8, src/heap/memory-allocator.cc and code-range.cc: pages of 256 KiB, one range for code"

CODE = Rule(
    "v8.code",
    Kind.V8_CODE,
    Confidence.CERTAIN,
    "maps",
    _SOURCE,
    "{size} in the range that V8 reserves for compiled code: the range has executable anonymous memory in it",
    runner_up=Kind.V8_HEAP,
)
HEAP = Rule(
    "v8.heap",
    Kind.V8_HEAP,
    Confidence.CERTAIN,
    "maps",
    _SOURCE,
    "{size} at a random address of its own, far from executable and libraries, in a process with V8: "
    "a page of its heap",
)


def memory(process: Process) -> Iterator[Claim]:
    """The range of code, which lies near the libraries, and pages of the heap, which do not."""
    for run in process.runs(lambda region: _fits_code(process, region)):
        if any(region.executable for region in run):
            yield from (Claim(part.start, part.end, CODE) for part in run if part.start >= RANDOM_END)
    for region in process.unclaimed:
        if region.executable and region.start >= RANDOM_END:
            yield Claim(region.start, region.end, CODE)
        elif _is_apart(region) or _is_flagged_page(process, region):
            yield Claim(region.start, region.end, HEAP)


def _fits_code(process: Process, region: Region) -> bool:
    """What the range of code can consist of. A heap of an arena can touch it, and is no part of it."""
    small = region.closed or region.executable or region.size <= PAGE_OF_HEAP_BYTES
    own = not process.smaps or process.flagged(region, "dc")
    return region.unclaimed and small and own and region.position not in process.in_glibc_heaps


def _is_apart(region: Region) -> bool:
    return region.start >= RANDOM_START and region.end <= RANDOM_END


def _is_flagged_page(process: Process, region: Region) -> bool:
    return region.start % PAGE_OF_HEAP_BYTES == 0 and process.flagged(region, "dc")


MEMORY = ProcessLabeller(
    "v8.memory",
    (CODE, HEAP),
    memory,
    marks=("v8",),
    before=(
        Edge("stack.guarded", "a page of code above a closed one looks like a stack with its guard"),
        Edge("rest.reserved", "the closed rest of the range would be a mere reserve"),
    ),
    after=(Edge("loaded.bss", ".bss of a library can touch the range"),),
)
