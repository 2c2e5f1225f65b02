"""Libraries that keep their memory in pools which they map by themselves, beside malloc's."""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_malloc import large_chunks
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.process import KIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

GC_STEP_BYTES: Final = 64 * KIB  # 16 blocks of 4 KiB
APR_STEP_BYTES: Final = 8 * KIB  # its smallest and most frequent node

POOL: Final = Rule(
    "pools.mapped",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps, status",
    "ClamAV, libclamav/mpool.c: maps of its own for signatures; Boehm GC, os_dep.c, GC_unix_mmap_get_mem: "
    "a heap that grows by multiples of MINHINCR (16) blocks; APR, memory/unix/apr_pools.c: nodes of 8 KiB "
    "and more by mmap",
    "{size} of writable anonymous memory in a process with a library that maps most of its memory itself "
    "(libclamav, libgc, libapr); large chunks of malloc look the same",
    runner_up=Kind.HEAP_MMAP,
)


def pools(regions: Regions) -> Flags | None:
    """What would be large chunks: all of it with ClamAV, whole steps with Boehm's collector and with APR."""
    if not regions.has("clamav", "boehm_gc", "apr").any():
        return None
    found = regions.spread(regions.has("clamav"))
    found |= regions.spread(regions.has("boehm_gc")) & is_multiple(regions.size, GC_STEP_BYTES)
    found |= regions.spread(regions.has("apr")) & is_multiple(regions.size, APR_STEP_BYTES)
    found &= regions.unclaimed_writable
    return found & large_chunks(regions) if found.any() else None


POOLS: Final = RegionLabeller(
    "pools.mapped",
    (POOL,),
    pools,
    after=(Edge("rest.guarded", "what has a guard is a stack or a buffer, and no pool"),),
)
