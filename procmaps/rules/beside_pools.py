"""Large chunks in a process that maps as much by itself: nothing tells its pools of odd sizes from chunks."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_malloc import large_chunks
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.libc_malloc import affordable
from procmaps.rules.process import MIB
from procmaps.rules.regions import ACCESS, Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

BESIDE_OWN: Final = Rule(
    "glibc.mmapped_beside_own",
    Kind.HEAP_MMAP,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/malloc.c, sysmalloc_mmap: a chunk has a header, so it is no whole number of MiB, and is "
    "written to; what a program maps itself can have any size",
    "{size} of the sort of large chunks, in a process that has as much memory that no malloc maps: whole "
    "MiB, or pools of a database; it can be the program's own as well",
    runner_up=Kind.ANONYMOUS,
)


def chunks_beside_pools(regions: Regions) -> Flags | None:
    """What can be chunks, in processes that have as much of what cannot."""
    own = (regions.perms & ACCESS != 0) & (regions.size >= MIB)
    own &= (regions.unclaimed & _is_no_chunk(regions)) | regions.of_kind(Kind.ANONYMOUS)
    if not own.any():
        return None
    chunks = large_chunks(regions)
    own &= ~chunks
    number = len(regions.facts.marks)
    owned, chunked = (
        np.bincount(regions.process[each], regions.size[each], number) for each in (own, chunks)
    )
    return chunks & regions.spread(owned >= np.maximum(chunked, 1))


def _is_no_chunk(regions: Regions) -> Flags:
    """Whole MiB; in databases that are known for their pools also what is more than resident or swapped."""
    found = is_multiple(regions.size, MIB)
    known = regions.has("database_pools")
    return found | (regions.spread(known) & ~affordable(regions)) if known.any() else found


CHUNKS_BESIDE_POOLS: Final = RegionLabeller(
    "glibc.mmapped_beside_own",
    (BESIDE_OWN,),
    chunks_beside_pools,
    before=(Edge("glibc.mmapped", "that labeller would be surer of the same memory"),),
    after=(Edge("pools.mapped", "a library that is known for its pools tells more"),),
)
