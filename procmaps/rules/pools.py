"""Libraries that keep their memory in pools which they map by themselves, beside malloc's."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_malloc import large_chunks
from procmaps.rules.labeller import RegionLabeller
from procmaps.rules.process import KIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

GC_STEP_BYTES: Final = 64 * KIB  # of its own tables: 16 blocks of 4 KiB
APR_STEP_BYTES: Final = 8 * KIB  # its smallest and most frequent node

POOL: Final = Rule(
    "pools.mapped",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps, status",
    "ClamAV, libclamav/mpool.c: maps of its own for signatures; Boehm GC, os_dep.c, GC_unix_mmap_get_mem: "
    "tables in steps of MINHINCR (16) blocks, and where no sbrk is used a heap that grows by any number of "
    "pages (alloc.c, GC_expand_hp_inner); D, core/internal/gc/os.d, os_mem_map: pools by mmap; APR, "
    "memory/unix/apr_pools.c: nodes of 8 KiB and more by mmap",
    "{size} of writable anonymous memory in a process with a library that maps most of its memory itself "
    "(libclamav, libgc, druntime, libapr); large chunks of malloc look the same",
    runner_up=Kind.HEAP_MMAP,
)


def pools(regions: Regions) -> Flags | None:
    """What would be large chunks: all of it with ClamAV, and with a collector unless it uses [heap].

    Otherwise whole steps of Boehm's collector, and of APR.
    """
    if not regions.has("clamav", "boehm_gc", "d_runtime", "apr").any():
        return None
    chunks = large_chunks(regions)
    found = regions.spread(regions.has("clamav") | _collected(regions, chunks))
    found |= regions.spread(regions.has("boehm_gc")) & is_multiple(regions.size, GC_STEP_BYTES)
    found |= regions.spread(regions.has("apr")) & is_multiple(regions.size, APR_STEP_BYTES)
    return found & chunks


def _collected(regions: Regions, chunks: Flags) -> Flags:
    """Processes with Boehm's collector, or D's, that have more mapped than malloc has in [heap]."""
    mapped = np.bincount(regions.process, regions.size * chunks, len(regions.facts.marks))
    found: Flags = regions.has("boehm_gc", "d_runtime") & (mapped > regions.facts.brk_heap_bytes)
    return found


POOLS: Final = RegionLabeller(
    "pools.mapped",
    (POOL,),
    pools,
)
