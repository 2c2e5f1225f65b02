"""PartitionAlloc, the malloc of Chromium and Electron: pools, and metadata that newer ones keep elsewhere.

A pool is reserved at once and opened from its low end, by super pages: a closed page, metadata of a page or
two, closed memory up to 16 KiB, slots, and 16 KiB that stay closed. A large block is several super pages in
one piece.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller
from procmaps.rules.process import GIB, KIB, MIB, PAGE_BYTES, Process, Region, unbroken
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

POOL_BYTES: Final = 16 * GIB  # kCorePoolSize, and its alignment
SUPER_PAGE_BYTES: Final = 2 * MIB
PARTITION_PAGE_BYTES: Final = 16 * KIB
METADATA_OFFSETS: Final = (PAGE_BYTES, 2 * PAGE_BYTES)  # metadata; above it, the counts of references
OUTSIDE_MAX_BYTES: Final = 32 * KIB  # a guard and a page for each of four pools, where metadata is outside
CLOSED_MIN_BYTES: Final = GIB  # what is left of a pool; slots are rarely that many

POOL: Final = Rule(
    "partition_alloc.pool",
    Kind.HEAP_ALLOCATOR,
    Confidence.CERTAIN,
    "maps",
    "Chromium, base/allocator/partition_allocator: partition_address_space.h (kCorePoolSize) and "
    "partition_alloc_constants.h (kSuperPageSize, and the picture of a super page)",
    "{size} of a pool of 16 GiB on a boundary of its size, in which only super pages of 2 MiB with guards "
    "at both ends are accessible: PartitionAlloc, the malloc of Chromium and Electron",
    runner_up=Kind.ANONYMOUS,
)
METADATA: Final = Rule(
    "partition_alloc.metadata",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps",
    "Chromium 145 and later, partition_address_space.h (MOVE_METADATA_OUT_OF_GIGACAGE): metadata lies "
    "outside of the pool, for each super page a page as far from the start",
    "{size} of a closed range in which only single pages are accessible, near multiples of 2 MiB from "
    "its start, in a process with pools of PartitionAlloc: metadata of its super pages",
    runner_up=Kind.ANONYMOUS,
)


def pools(process: Process) -> Iterator[Claim]:
    """Pools in which all that is accessible lies as in super pages, and the metadata of such pools."""
    runs = [
        (run[0].start, run[-1].end, list(unbroken(region for region in run if region.writable)))
        for run in process.runs(lambda region: region.unclaimed and (region.closed or region.writable))
        if run[-1].end - run[0].start >= POOL_BYTES
    ]
    found = False
    for start, end, stretches in runs:
        for base, inside in groupby(stretches, lambda stretch: stretch[0].start // POOL_BYTES * POOL_BYTES):
            if start <= base and base + POOL_BYTES <= end and _in_super_pages(list(inside), base):
                found = True
                yield Claim(base, base + POOL_BYTES, POOL)
    if found:
        for start, end, stretches in runs:
            if stretches and all(_is_metadata(stretch, start) for stretch in stretches):
                yield Claim(start, end, METADATA)


def _in_super_pages(stretches: list[list[Region]], base: int) -> bool:
    """Whether all of a pool's accessible memory lies as in super pages, and some of it opens a super page."""
    opens = any(stretch[0].start % SUPER_PAGE_BYTES <= PARTITION_PAGE_BYTES for stretch in stretches)
    return opens and stretches[-1][-1].end <= base + POOL_BYTES and all(map(_in_super_page, stretches))


def _in_super_page(stretch: list[Region]) -> bool:
    """Metadata, or slots between the first and the last 16 KiB, of one super page or several in a piece."""
    start, end = stretch[0].start, stretch[-1].end
    offset = start % SUPER_PAGE_BYTES
    if offset in METADATA_OFFSETS:
        return end <= start - offset + PARTITION_PAGE_BYTES
    slots = offset > 0 and offset % PARTITION_PAGE_BYTES == 0
    return slots and 0 < end % SUPER_PAGE_BYTES <= SUPER_PAGE_BYTES - PARTITION_PAGE_BYTES


def _is_metadata(stretch: list[Region], base: int) -> bool:
    """A page of metadata of one pool: each pool has its place in each 2 MiB of the range."""
    page = stretch[-1].end - stretch[0].start == PAGE_BYTES
    return page and 0 < (stretch[0].start - base) % SUPER_PAGE_BYTES < OUTSIDE_MAX_BYTES


def _can_have_pools(regions: Regions) -> Flags:
    """Processes with vast closed memory that holds a boundary of pools or ends there: the rest of one."""
    bounded = regions.end // POOL_BYTES > regions.start // POOL_BYTES
    return regions.owners(regions.unclaimed_closed & (regions.size >= CLOSED_MIN_BYTES) & bounded)


POOLS: Final = ProcessLabeller(
    "partition_alloc.pools",
    (POOL, METADATA),
    pools,
    where=_can_have_pools,
    before=(
        Edge("allocator.hinted", "pools come to lie where mimalloc asks for memory, and where V8's pages do"),
    ),
)
