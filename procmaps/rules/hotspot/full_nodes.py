"""Full nodes of metaspace that look like full heaps of arenas: how many follows from the class space."""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.metaspace import NODE_BYTES, ROOT_CHUNK_BYTES, is_written
from procmaps.rules.hotspot.whole_tables import whole_sizes
from procmaps.rules.labeller import Claim
from procmaps.rules.process import ARENA_HEAP_BYTES, MIB, Process, Region
from procmaps.rules.rule import Rule

METASPACE_PER_CLASS_SPACE_MIN: Final = 2  # chunks of a loader begin at 4 KiB and 2 KiB
CHOICE_MAX: Final = 4  # of so many blocks for each missing node the nearest is still the most likely
GROWN_HEAD_BYTES: Final = 16 * MIB  # an arena's head of this size is likely to continue a full heap

FULL_NODES: Final = Rule(
    "java.metaspace_full",
    Kind.JAVA_METASPACE,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, memory/metaspace/metaspaceArenaGrowthPolicy.cpp: the chunks of a class loader begin at 4 KiB "
    "in metaspace and at 2 KiB in the class space; runtime/init.cpp: the code cache is mapped before both",
    "{size} that fill a block, as a full heap of an arena does too; but so much of the class space is in use "
    "that metaspace must have full nodes of 64 MiB, and this block is among the next above the node in use",
    runner_up=Kind.HEAP_ARENA,
)


def full_nodes(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """Writable blocks of 64 MiB, as many as the class space demands, the nearest above the node in use.

    Each loader takes at least twice as much metaspace as class space, and what was found so far is less.
    A node is mapped when the one before it is full, and Linux maps downward: all full ones lie above the
    one in use, and below the code cache. Where the one in use was not found, it can be what is missing.
    What lies apart from the boundaries of heaps is no heap. If the others are far more than are missing,
    arenas have leaked, and any choice is most likely wrong.
    """
    if not any(high - low == NODE_BYTES for low, high in jvm.nodes) or process.thirty_two_bit:
        return
    apart = NODE_BYTES not in whole_sizes(jvm, process)  # tables can be apart as well
    blocks = [region for region in process.unclaimed_writable if _could_be_node(process, region, apart=apart)]
    if not blocks:
        return
    in_use = min(jvm.nodes)[0]
    code = min((region.start for region in process.of_kind(Kind.JAVA_CODE)), default=0)
    possible = [region for region in blocks if in_use < region.start < code]
    number = _missing_nodes(jvm, process)
    surely = [region for region in possible if region.end % ARENA_HEAP_BYTES]
    others = [region for region in possible if not region.end % ARENA_HEAP_BYTES]
    if len(others) > CHOICE_MAX * max(0, number - len(surely)):
        others = []
    others.sort(key=lambda block: (_is_continued(process, block), block.start))
    for region in [*surely, *others][:number]:
        yield Claim(region.end - NODE_BYTES, region.end, FULL_NODES)


def _missing_nodes(jvm: Jvm, process: Process) -> int:
    """How many full nodes metaspace must have besides those found, by the use of the class space."""
    committed = [region for region in process.of_kind(Kind.JAVA_METASPACE) if region.writable]
    in_nodes = sum(region.size for region in committed if _in_a_node(jvm, region))
    in_class_space = sum(region.size for region in committed) - in_nodes
    missing = METASPACE_PER_CLASS_SPACE_MIN * in_class_space - in_nodes
    return max(0, -(-(missing - ROOT_CHUNK_BYTES) // NODE_BYTES))


def _in_a_node(jvm: Jvm, region: Region) -> bool:
    return any(low <= region.start < high for low, high in jvm.nodes)


def _could_be_node(process: Process, region: Region, *, apart: bool) -> bool:
    """Whether it is one block that smaps does not show to be mapped as heaps are, or hardly written.

    A chunk that was mapped right below can have merged with it. With `apart`, also what begins elsewhere.
    """
    if region.end % ARENA_HEAP_BYTES:
        block = apart and region.size == NODE_BYTES and region.end % ROOT_CHUNK_BYTES == 0
    else:
        block = NODE_BYTES <= region.size < 2 * NODE_BYTES
    return block and not (
        process.smaps and (process.flagged(region, "nr") or not is_written(process, region))
    )


def _is_continued(process: Process, region: Region) -> bool:
    """Whether a heap of an arena that has grown far begins where it ends.

    malloc/arena.c (aligned_heap_area): the next heap is mapped right above the last one where it can be.
    """
    above = process.above(region)
    return (
        above is not None
        and above.unclaimed
        and above.writable
        and GROWN_HEAD_BYTES <= above.size < NODE_BYTES
    )
