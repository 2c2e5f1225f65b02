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
from procmaps.tables import Flags, Ints64, which

BESIDE_OWN: Final = Rule(
    "glibc.mmapped_beside_own",
    Kind.HEAP_MMAP,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/malloc.c, sysmalloc_mmap: a chunk has a header, so it is no whole number of MiB, and is "
    "written to; what a program maps itself can have any size",
    "{size} that can be large chunks of malloc, in a process that maps at least as much by itself, in whole "
    "MiB or as pools of a database: chunks, or more memory of the program",
    runner_up=Kind.ANONYMOUS,
)


def chunks_beside_pools(regions: Regions) -> Flags | None:
    """What can be chunks, in processes that have as much of what cannot."""
    rows = which((regions.size >= MIB) & (regions.perms & ACCESS != 0))
    rows = rows[_is_no_chunk(regions, rows)]
    if not len(rows):
        return None
    chunks = large_chunks(regions)
    owned = np.bincount(regions.process[rows], regions.size[rows] * ~chunks[rows], len(regions.facts.marks))
    rows = which(chunks)
    chunked = np.bincount(regions.process[rows], regions.size[rows], len(owned))
    chunks[rows[(owned < chunked)[regions.process[rows]]]] = False
    return chunks


def _is_no_chunk(regions: Regions, rows: Ints64) -> Flags:
    """Whole MiB, what is known as the program's own, and in databases what is more than resident."""
    found = regions.unclaimed[rows] & is_multiple(regions.size[rows], MIB)
    known = regions.has("database_pools")
    if known.any():
        found |= regions.unclaimed[rows] & known[regions.process[rows]] & ~affordable(regions)[rows]
    own: Flags = found | (regions.kind[rows] == int(Kind.ANONYMOUS))
    return own


CHUNKS_BESIDE_POOLS: Final = RegionLabeller(
    "glibc.mmapped_beside_own",
    (BESIDE_OWN,),
    chunks_beside_pools,
    after=(Edge("pools.mapped", "a library that is known for its pools tells more"),),
)
