"""What nobody has claimed of a JVM, and malloc cannot have mapped."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_UNUSED, MAP_WHOLE_MIB
from procmaps.rules.glibc_malloc import could_be_chunks
from procmaps.rules.hotspot.arguments import version_of
from procmaps.rules.hotspot.metaspace import NODE_BYTES, NODES_SINCE_VERSION
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.libc_malloc import affordable
from procmaps.rules.process import MIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

NO_LIMIT_BYTES: Final = np.iinfo(np.int64).max
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


UNTOUCHED_CHUNKS = Rule(
    "java.untouched_chunks",
    Kind.HEAP_MMAP,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/malloc.c, sysmalloc_mmap; OpenJDK, prims/unsafe.cpp: allocateMemory does not write to "
    "what it allocates, and Netty makes its pools so",
    "{size} in a JVM, more than is resident or swapped ({anonymous}) and more than the tables of its "
    "collector have: chunks of malloc that are hardly written, as native pools are",
    runner_up=Kind.ANONYMOUS,
)


def untouched(regions: Regions) -> Flags | None:
    """Writable regions of whole MiB, and those larger than all that is resident; a mask over regions.

    None larger than all tables of the process together, which the program has mapped itself.
    """
    jvms = _jvms(regions)
    if not jvms.any():
        return None
    whole = is_multiple(regions.size, MIB) & is_multiple(regions.start, MIB)
    found = regions.unclaimed_writable & regions.spread(jvms) & (whole | ~affordable(regions))
    most = _tables_bytes(regions)
    found &= regions.size <= np.where(
        whole, regions.spread(_whole_bytes(regions, most)), regions.spread(most)
    )
    return found


def untouched_chunks(regions: Regions) -> Flags | None:
    """What is larger than all that is resident and than all tables, and no whole MiB; a mask over regions.

    A JVM maps nothing else of this size, while a program in it that maps memory itself maps whole MiB.
    """
    jvms = _jvms(regions) & regions.owners(regions.of_kind(Kind.JAVA_HEAP))
    if not jvms.any():
        return None
    found = regions.unclaimed_writable & regions.spread(jvms)
    found &= ~is_multiple(regions.size, MIB) & ~affordable(regions)
    return found & could_be_chunks(regions) if found.any() else None


def _jvms(regions: Regions) -> Flags:
    """JVMs with a malloc that maps what it gives, no more."""
    found: Flags = regions.has("jvm") & ~regions.has(*KEEP_UNUSED, *MAP_WHOLE_MIB)
    return found


def _tables_bytes(regions: Regions) -> Ints64:
    """What the tables of each process, or a node of its metaspace, have at most; without a heap no limit."""
    heap = which(regions.of_kind(Kind.JAVA_HEAP))
    total = np.zeros(len(regions.facts.marks), np.int64)
    np.add.at(total, regions.process[heap], regions.size[heap])
    return np.where(total > 0, total // TABLES_SHARE + NODE_BYTES, NO_LIMIT_BYTES)


def _whole_bytes(regions: Regions, tables: Ints64) -> Ints64:
    """The same of what can be nodes of metaspace that merged: before JDK 17 nothing limits that."""
    limited = [row for row, path in regions.facts.libjvm.items() if version_of(path) >= NODES_SINCE_VERSION]
    found = np.full(len(tables), NO_LIMIT_BYTES)
    found[limited] = tables[limited]
    return found


LEFTOVERS: Final = RegionLabeller(
    "hotspot.leftovers",
    (UNTOUCHED,),
    untouched,
    before=(
        Edge("openblas.buffer", "what malloc cannot have mapped has sizes of whole MiB, as buffers have"),
        Edge("python.arena", "what malloc cannot have mapped has sizes of whole MiB, as arenas have"),
        Edge("python.arena_merged", "what malloc cannot have mapped can have a size of arenas that merged"),
    ),
)
CHUNKS: Final = RegionLabeller(
    "hotspot.untouched_chunks",
    (UNTOUCHED_CHUNKS,),
    untouched_chunks,
    before=(
        Edge(
            "rest.unpaid", "memory of a program of any other sort that it maps and does not touch is its own"
        ),
    ),
    after=(Edge("rest.vast", "what is many times the resident memory was set aside, in a JVM too"),),
)
