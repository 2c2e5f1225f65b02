""".NET: its collector's memory, and compiled code.

From .NET 7 on the collector reserves one range and opens it bit by bit (regions); before, it maps segments
of a whole number of 128 MiB.
"""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.threads import likely_stacks
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller
from procmaps.rules.process import GIB, KIB, MIB, Process, Region
from procmaps.rules.rule import Rule

RESERVE_BYTES: Final = GIB
SEGMENT_BYTES: Final = 128 * MIB  # of large objects; those of small ones are a multiple
SEGMENT_EXTRA_BYTES: Final = 8 * KIB  # a page at either end of what is reserved at once
ARENA_ALIGNMENT_BYTES: Final = 64 * MIB  # whole arenas of glibc lie on it, segments do not

HEAP: Final = Rule(
    "dotnet.heap",
    Kind.DOTNET_HEAP,
    Confidence.LIKELY,
    "maps",
    ".NET 7 and later, gc/gc.cpp: regions in one range of 256 GiB or twice the memory",
    "{size} in an unbroken range with a reserve of 1 GiB or more, in a .NET process: its collector's heap",
    runner_up=Kind.RESERVED,
)
SEGMENT: Final = Rule(
    "dotnet.segment",
    Kind.DOTNET_HEAP,
    Confidence.LIKELY,
    "maps",
    ".NET up to 6, and with DOTNET_GCName=libclrgc.so, gc/gc.cpp: segments of 128 and 256 MiB and more",
    "{size} of a segment whose size is a multiple of 128 MiB, in use from its low end, in a .NET "
    "process: its collector's heap",
    runner_up=Kind.HEAP_MMAP,
)
CODE: Final = Rule(
    "dotnet.code",
    Kind.DOTNET_CODE,
    Confidence.LIKELY,
    "maps",
    ".NET, ExecutableAllocator without W^X",
    "{size} of executable anonymous memory in a .NET process: compiled code",
)


def memory(process: Process) -> Iterator[Claim]:
    """The range, segments outside it, and code that is compiled without W^X."""
    stacks = likely_stacks(process)  # they can touch the range
    ranges = list(_ranges(process, stacks))
    for run in ranges:
        yield Claim(run[0].start, run[-1].end, HEAP, one_block=False)
    in_ranges = {region.position for run in ranges for region in run}
    for region in process.unclaimed:
        if region.executable and region.position not in stacks:
            yield Claim(region.start, region.end, CODE)
        elif region.position not in in_ranges:
            yield from _segment(process, region, in_ranges)


def _ranges(process: Process, stacks: frozenset[int]) -> Iterator[list[Region]]:
    """What the collector reserves at once, with what is in use of it."""
    others = process.in_glibc_heaps | stacks

    def belongs(region: Region) -> bool:
        return region.unclaimed and not region.executable and region.position not in others

    for run in process.runs(belongs):
        if any(region.closed and region.size >= RESERVE_BYTES for region in run):
            yield run


def _segment(process: Process, used: Region, in_ranges: set[int]) -> Iterator[Claim]:
    """The used part of a segment, unless it is on the boundary of an arena, and the closed rest above it."""
    if not used.writable or used.start % ARENA_ALIGNMENT_BYTES == 0:
        return
    if _is_whole(used.size):
        yield Claim(used.start, used.end, SEGMENT)
        return
    rest = process.above(used)
    if rest is None or rest.position in in_ranges or not (rest.unclaimed and rest.closed):
        return
    if _is_whole(rest.end - used.start):
        yield Claim(used.start, rest.end, SEGMENT, one_block=False)


def _is_whole(size: int) -> bool:
    return size >= SEGMENT_BYTES and size % SEGMENT_BYTES in {0, SEGMENT_EXTRA_BYTES}


MEMORY: Final = ProcessLabeller(
    "dotnet.memory",
    (HEAP, SEGMENT, CODE),
    memory,
    marks=("dotnet",),
    before=(
        Edge(
            "glibc.arena", "cut at 64 MiB, the used part and the closed rest of a segment look like an arena"
        ),
    ),
)
