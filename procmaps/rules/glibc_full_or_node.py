"""Full heaps of glibc's arenas that full nodes of a JVM's metaspace could be: both are 64 MiB of one line."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.block_gaps import beside_gaps
from procmaps.rules.glibc_full_heaps import chosen_full_heaps
from procmaps.rules.hotspot.arguments import version_of
from procmaps.rules.hotspot.jvm import LOW_BYTES
from procmaps.rules.hotspot.metaspace import NODE_BYTES, NODES_SINCE_VERSION, WRITTEN_SHARE
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64, which

# metaspace has at most so many times what the class space has: 2 to 10 in JVMs that were measured
METASPACE_PER_CLASS_SPACE_MAX: Final = 12
# if fewer than one in so many of the blocks can be a node, all of them are likely heaps
DOUBTFUL_SHARE: Final = 10

FULL_OR_NODE: Final = Rule(
    "glibc.arena_full_or_node",
    Kind.HEAP_ARENA,
    Confidence.GUESS,
    "maps, status",
    "glibc, malloc/arena.c: a heap that has grown to HEAP_MAX_SIZE has no closed rest; OpenJDK, memory/"
    "metaspace/virtualSpaceNode.cpp: nor has a node of metaspace that is full; oops/instanceKlass.hpp: "
    "only the Klass of each class lies in the class space, so its use limits metaspace",
    "{size}, exactly from one {arena_heap} boundary to the next, all writable: a full heap of an arena, or a "
    "full node of metaspace, as so much of the class space is in use that there can be more of those than "
    "were found",
    runner_up=Kind.JAVA_METASPACE,
)


def full_heaps_or_nodes(regions: Regions) -> Ranges | None:
    """Full blocks between the node in use and the code cache, where the class space leaves room for nodes."""
    if not regions.facts.libjvm:
        return None
    large = regions.unclaimed_writable & (regions.size >= NODE_BYTES)  # hardly any process has such
    return chosen_full_heaps(regions, _possible) if large.any() else None


def _possible(regions: Regions, rows: Ints64, start: Ints64, size: Ints64) -> Flags:
    """Those that flags and resident bytes do not decide, if enough of those of their JVM could be nodes."""
    process = regions.process[rows]
    nodes_in_use = regions.of_kind(Kind.JAVA_METASPACE) & ~regions.closed & (regions.start >= LOW_BYTES)
    in_use = regions.lowest(nodes_in_use)
    code = regions.lowest(regions.of_kind(Kind.JAVA_CODE) & ~regions.closed)
    resident = regions.resident_bytes(rows)
    found: Flags = (in_use[process] < start) & (start < code[process]) & ~regions.flagged("nr")[rows]
    found &= (resident < 0) | (resident * WRITTEN_SHARE >= regions.size[rows] * (WRITTEN_SHARE - 1))
    nodes = _more_nodes(regions)
    blocks = np.bincount(process[found], size[found] // NODE_BYTES, len(nodes))
    found &= (nodes * DOUBTFUL_SHARE >= blocks)[process] & (nodes > 0)[process]
    return found & ~beside_gaps(regions, rows, start, size)


def _more_nodes(regions: Regions) -> Ints64:
    """How many full nodes each process can have besides those found; before JDK 17 nodes were smaller."""
    metaspace = regions.of_kind(Kind.JAVA_METASPACE)
    rows = which(metaspace & ~regions.closed)
    # only the class space lies so low, or has more than a node above it
    in_class_space = regions.start < LOW_BYTES
    in_class_space[:-1] |= (
        regions.touches_above[:-1] & (metaspace & regions.closed)[1:] & (regions.size[1:] >= NODE_BYTES)
    )
    weight = np.where(in_class_space[rows], METASPACE_PER_CLASS_SPACE_MAX, -1)
    room = np.zeros(len(regions.facts.marks), np.int64)
    np.add.at(room, regions.process[rows], regions.size[rows] * weight)
    older = [row for row, path in regions.facts.libjvm.items() if 0 < version_of(path) < NODES_SINCE_VERSION]
    room[older] = 0
    nodes: Ints64 = np.maximum(room, 0) // NODE_BYTES
    return nodes


FULL_HEAPS_OR_NODES: Final = RegionLabeller(
    "glibc.arena_full_or_node",
    (FULL_OR_NODE,),
    full_heaps_or_nodes,
    before=(Edge("glibc.arena_full", "that labeller claims all full heaps that no gap makes doubtful"),),
)
