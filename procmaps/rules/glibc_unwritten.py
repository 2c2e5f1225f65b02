"""Large chunks of which most was not written yet: memory of calloc, of posix_memalign, of small chunks."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_malloc import can_be_chunks
from procmaps.rules.kernel_names import Name
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.language_runtimes import MAP_TABLES
from procmaps.rules.libc_malloc import affordable
from procmaps.rules.process import MIB, PAGE_BYTES
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64

HEADERS_MAX_BYTES: Final = 16 * PAGE_BYTES  # of tables that merged: a page each
TLS_MAX_BYTES: Final = 4 * PAGE_BYTES  # static, of the main thread and its loaded objects

UNTOUCHED: Final = Rule(
    "glibc.mmapped_untouched",
    Kind.HEAP_MMAP,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/malloc.c, sysmalloc_mmap: the size, a header and the rest of a page; calloc does "
    "not write to it",
    "{size}, whole MiB and 1 to 16 pages: tables that calloc or malloc gave, hardly written yet, "
    "each with a page more for its header",
    runner_up=Kind.ANONYMOUS,
)
UNWRITTEN: Final = Rule(
    "glibc.mmapped_unwritten",
    Kind.HEAP_MMAP,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/malloc.c: __libc_calloc does not write what was just mapped, _int_memalign maps as much "
    "more as the alignment, and sysmalloc_mmap adds a header, so that no chunk is whole MiB",
    "{size}, more than all anonymous memory of the process that is resident or swapped ({anonymous}), and no "
    "whole number of MiB: chunks of malloc that were not written yet, or tables of the program",
    runner_up=Kind.ANONYMOUS,
)


def untouched_chunks(regions: Regions) -> Flags:
    """Far more than was touched, but whole MiB with a header each: what a program asks calloc for."""
    over = over_whole_mib(regions)
    chunk = regions.unclaimed_writable & (over > 0) & (over <= HEADERS_MAX_BYTES)
    tls = beside_file(regions) * (TLS_MAX_BYTES // PAGE_BYTES)
    chunk &= over // PAGE_BYTES <= regions.size // MIB + tls
    chunk &= ~regions.spread(regions.has(*MAP_TABLES))
    return chunk & can_be_chunks(regions) if chunk.any() else chunk


def unwritten(regions: Regions) -> Flags | None:
    """What can be chunks, but is more than is resident or swapped; not in programs that map pools."""
    known = ~regions.spread(regions.has("database_pools", *MAP_TABLES))
    over = known & ~affordable(regions) & regions.unclaimed_writable
    over &= over_whole_mib(regions) > 0
    return over & can_be_chunks(regions) if over.any() else None


def over_whole_mib(regions: Regions) -> Ints64:
    """Bytes beyond whole MiB; 0 if few beside a file, as static TLS of the main thread has merged with it."""
    over = regions.size & (MIB - 1)
    return np.where(beside_file(regions) & (over <= TLS_MAX_BYTES), 0, over)


def beside_file(regions: Regions) -> Flags:
    """Regions that touch a file."""
    found: Flags = (regions.below > Name.JAVA_HEAP + 1) | (regions.above > Name.JAVA_HEAP + 1)
    return found


CHUNKS_UNTOUCHED: Final = RegionLabeller(
    "glibc.mmapped_untouched",
    (UNTOUCHED,),
    untouched_chunks,
    before=(Edge("rest.vast", "a table that was hardly written is many times what is resident"),),
    after=(Edge("glibc.mmapped", "what the resident memory pays for is surer"),),
)
CHUNKS_UNWRITTEN: Final = RegionLabeller(
    "glibc.mmapped_unwritten",
    (UNWRITTEN,),
    unwritten,
    before=(Edge("rest.unpaid_odd", "a size that only chunks have tells more than the budget"),),
    after=(Edge("rest.vast", "what is many times the budget was mapped to be written here and there"),),
)
