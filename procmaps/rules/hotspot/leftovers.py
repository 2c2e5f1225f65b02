"""What nobody has claimed of a JVM, and malloc cannot have mapped."""

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


def untouched(regions: Regions) -> Flags | None:
    """Writable regions of whole MiB, and those larger than all that is resident; a mask over regions.

    None larger than all tables of the process together. What is more than is resident is no metaspace either,
    as a JVM commits that when it writes to it.
    """
    jvms = regions.has("jvm") & ~regions.has(*KEEP_UNUSED, *MAP_WHOLE_MIB)
    if not jvms.any():
        return None
    whole = is_multiple(regions.size, MIB) & is_multiple(regions.start, MIB)
    written = affordable(regions)
    found = regions.unclaimed_writable & regions.spread(jvms) & (whole | ~written)
    tables, tables_or_nodes = _most_bytes(regions)
    return found & (
        regions.size <= np.where(written, regions.spread(tables_or_nodes), regions.spread(tables))
    )


def _most_bytes(regions: Regions) -> tuple[Ints64, Ints64]:
    """What the tables of each process have at most, and what they or the nodes of its metaspace have.

    Without a heap nothing limits tables, and before JDK 17 nothing limits what nodes merge to.
    """
    heap = which(regions.of_kind(Kind.JAVA_HEAP))
    total = np.zeros(len(regions.facts.marks), np.int64)
    np.add.at(total, regions.process[heap], regions.size[heap])
    tables = np.where(total > 0, total // TABLES_SHARE + NODE_BYTES, np.iinfo(np.int64).max)
    limited = [row for row, path in regions.facts.libjvm.items() if version_of(path) >= NODES_SINCE_VERSION]
    nodes = np.full(len(total), np.iinfo(np.int64).max)
    nodes[limited] = tables[limited]
    return tables, nodes


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
