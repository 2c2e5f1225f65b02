"""Libraries that keep their memory in pools which they map by themselves, beside malloc's."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_malloc import large_chunks
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.process import KIB, MIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import UNKNOWN, Flags, Ints64, which

GC_STEP_BYTES: Final = 64 * KIB  # of its own tables: 16 blocks of 4 KiB
APR_STEP_BYTES: Final = 8 * KIB  # its smallest and most frequent node
CACHE_MIN_BYTES: Final = 8 * MIB  # of a database's pages
CACHE_UNWRITTEN_SHARE: Final = 16  # a cache is written as pages come in

POOL: Final = Rule(
    "pools.mapped",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps, status",
    "ClamAV, libclamav/mpool.c: maps of its own for signatures; Boehm GC, os_dep.c, GC_unix_mmap_get_mem: "
    "tables in steps of MINHINCR (16) blocks, and where no sbrk is used a heap that grows by any number of "
    "pages (alloc.c, GC_expand_hp_inner); D, core/internal/gc/os.d, os_mem_map: pools by mmap; APR, "
    "memory/unix/apr_pools.c: nodes of 8 KiB and more by mmap; MariaDB, mysys/my_largepage.c, "
    "my_large_malloc: caches of pages by mmap (storage/maria/ma_pagecache.c, mysys/mf_keycache.c)",
    "{size} of writable anonymous memory in a process that maps most of its memory itself (libclamav, libgc, "
    "druntime, libapr, caches of a database that are hardly used yet); large chunks of malloc look the same",
    runner_up=Kind.HEAP_MMAP,
)


def pools(regions: Regions) -> Flags | None:
    """What would be large chunks: all of it with ClamAV, and with a collector unless it uses [heap].

    Otherwise whole steps of Boehm's collector, and of APR, and caches of databases that are hardly written.
    """
    if not regions.has("clamav", "boehm_gc", "d_runtime", "apr", "database_pools").any():
        return None
    chunks = large_chunks(regions)
    found = regions.spread(regions.has("clamav") | _collected(regions, chunks))
    found |= regions.spread(regions.has("boehm_gc")) & is_multiple(regions.size, GC_STEP_BYTES)
    found |= regions.spread(regions.has("apr")) & is_multiple(regions.size, APR_STEP_BYTES)
    found &= chunks
    rows = which(chunks & regions.spread(regions.has("database_pools")) & (regions.size >= CACHE_MIN_BYTES))
    found[rows] |= _hardly_written(regions, rows)
    return found


def _hardly_written(regions: Regions, rows: Ints64) -> Flags:
    """Which of these are hardly resident by smaps, or more than is resident or swapped of all the process."""
    resident = regions.resident_bytes(rows)
    maps, mapping = regions.snapshot.maps, regions.mapping[rows]
    there = resident + np.maximum(maps.swap_bytes[mapping], 0)
    few = (resident != UNKNOWN) & (
        there * CACHE_UNWRITTEN_SHARE < (maps.end - maps.start)[mapping].astype(np.int64)
    )
    budget = regions.facts.anonymous_bytes[regions.process[rows]]
    found: Flags = few | ((budget >= 0) & (regions.size[rows] > budget))
    return found


def _collected(regions: Regions, chunks: Flags) -> Flags:
    """Processes with Boehm's collector, or D's, that have more mapped than malloc has in [heap]."""
    mapped = np.bincount(regions.process, regions.size * chunks, len(regions.facts.marks))
    found: Flags = regions.has("boehm_gc", "d_runtime") & (mapped > regions.facts.brk_heap_bytes)
    return found


POOLS: Final = RegionLabeller(
    "pools.mapped",
    (POOL,),
    pools,
    after=(Edge("rest.guarded", "what has a guard is a stack or a buffer, and no pool"),),
)
