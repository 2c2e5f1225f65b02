"""What nobody has claimed of a JVM: tables of the collector, or chunks that malloc has only just mapped."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_UNUSED, MAP_WHOLE_MIB
from procmaps.rules.hotspot.arguments import version_of
from procmaps.rules.hotspot.metaspace import NODE_BYTES, NODES_SINCE_VERSION
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.libc_malloc import affordable
from procmaps.rules.process import MIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

TABLES_SHARE: Final = 16  # bitmaps have 1/32 of the heap, and three card and offset tables 1/512 each

UNTOUCHED = Rule(
    "java.gc_untouched",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, status",
    "OpenJDK, gc: tables over the whole heap are committed before they are used; neighbours merge",
    "{size} in a JVM, whole MiB on a MiB boundary or more than is resident or swapped ({anonymous}), "
    "which malloc does not map: tables of the collector",
    runner_up=Kind.ANONYMOUS,
)


UNWRITTEN: Final = Rule(
    "java.native_unwritten",
    Kind.HEAP_MMAP,
    Confidence.GUESS,
    "maps, status",
    "OpenJDK, prims/unsafe.cpp, Unsafe_AllocateMemory0: os::malloc, which writes a header alone",
    "{size} in a JVM, more than its tables can have ({java_heap} of heap) and than all that is resident or "
    "swapped ({anonymous}): chunks of malloc that were not written yet, as Unsafe.allocateMemory gives",
    runner_up=Kind.ANONYMOUS,
)


def untouched(regions: Regions) -> Flags | None:
    """Writable regions of whole MiB, and those larger than all that is resident; a mask over regions.

    None larger than all tables of the process together, without those that were found already. What is more
    than is resident is no metaspace either, as a JVM commits that when it writes to it.
    """
    possible = _of_jvms(regions)
    if possible is None:
        return None
    whole = is_multiple(regions.size | regions.start, MIB)
    written = affordable(regions)
    found = possible & (whole | ~written)
    tables, tables_or_nodes = _most_bytes(regions)
    return found & (
        regions.size <= np.where(written, regions.spread(tables_or_nodes), regions.spread(tables))
    )


def unwritten(regions: Regions) -> Flags | None:
    """Writable regions larger than all that is resident, and not of whole MiB, as a chunk has a header.

    LEFTOVERS has claimed what tables can have.
    """
    possible = _of_jvms(regions)
    return None if possible is None else possible & ~is_multiple(regions.size, MIB) & ~affordable(regions)


def _of_jvms(regions: Regions) -> Flags | None:
    """Unclaimed writable regions of JVMs that have not replaced the libc's malloc; None without any."""
    jvms = regions.has("jvm") & ~regions.has(*KEEP_UNUSED, *MAP_WHOLE_MIB)
    return regions.unclaimed_writable & regions.spread(jvms) if jvms.any() else None


def _most_bytes(regions: Regions) -> tuple[Ints64, Ints64]:
    """What tables not found yet have at most in each process, and what they or nodes of metaspace have.

    Without a heap nothing limits tables, and before JDK 17 nothing limits what nodes merge to.
    """
    total, found = _bytes_of(regions, Kind.JAVA_HEAP), _bytes_of(regions, Kind.JAVA_GC)
    left = np.maximum(total // TABLES_SHARE - found, 0) + NODE_BYTES
    tables = np.where(total > 0, left, np.iinfo(np.int64).max)
    limited = [row for row, path in regions.facts.libjvm.items() if version_of(path) >= NODES_SINCE_VERSION]
    nodes = np.full(len(total), np.iinfo(np.int64).max)
    nodes[limited] = tables[limited]
    return tables, nodes


def _bytes_of(regions: Regions, kind: Kind) -> Ints64:
    """Bytes of this kind in each process."""
    total = np.zeros(len(regions.facts.marks), np.int64)
    rows = which(regions.of_kind(kind))
    np.add.at(total, regions.process[rows], regions.size[rows])
    return total


LEFTOVERS: Final = RegionLabeller(
    "hotspot.leftovers",
    (UNTOUCHED,),
    untouched,
    before=(
        Edge("openblas.buffer", "what malloc cannot have mapped has sizes of whole MiB, as buffers have"),
        Edge("python.arena", "what malloc cannot have mapped has sizes of whole MiB, as arenas have"),
        Edge("python.arena_merged", "what malloc cannot have mapped can have a size of arenas that merged"),
    ),
    after=(Edge("glibc.arena_full_apart", "a full heap of an arena is whole MiB on a MiB boundary too"),),
)
NATIVE_UNWRITTEN: Final = RegionLabeller(
    "hotspot.native_unwritten",
    (UNWRITTEN,),
    unwritten,
    before=(
        Edge("rest.unpaid_odd", "in a JVM malloc maps what was not written yet, as little else maps at all"),
    ),
    after=(Edge("rest.vast", "what is many times the budget was mapped to be written here and there"),),
)
