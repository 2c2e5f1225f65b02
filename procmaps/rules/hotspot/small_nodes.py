"""Nodes of metaspace of 2 MiB, as JDK 8 to 15 have them besides the first."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.labeller import Claim
from procmaps.rules.process import MIB, Process, Region
from procmaps.rules.rule import Rule

SMALL_NODE_BYTES: Final = 2 * MIB
ONE_SIZE_SINCE_VERSION: Final = 16  # of all nodes
NODES_MIN_COUNT: Final = 4  # G1 has three tables of this size over a heap of 1 GiB
FULL_SHARE: Final = 2  # if at least half are full, they are no stacks of 2 MiB with their guards
REST_SIZES_MIN_COUNT: Final = 3  # guards of stacks have two sizes, the JVM's and pthread's

SMALL_NODES: Final = Rule(
    "java.metaspace_small_node",
    Kind.JAVA_METASPACE,
    Confidence.LIKELY,
    "maps",
    "OpenJDK 8 to 15, memory/metaspace/virtualSpaceList.cpp: VirtualSpaceSize is 256 Ki words; Linux, "
    "mm/vma.c: can_vma_merge_before, is_mergeable_anon_vma",
    "part of one of several ranges of {block_size}, each right above another; Linux did not merge them, so "
    "each was reserved, and then opened step by step: metaspace",
    runner_up=Kind.JAVA_GC,
)


def small_nodes(jvm: Jvm, process: Process) -> list[Claim]:
    """Ranges of 2 MiB without a gap: each one writable region, or one and a closed end.

    Chunks of malloc and tables of the collector are mapped as they will be used: Linux merges them.
    """
    if jvm.version >= ONE_SIZE_SINCE_VERSION:
        return []
    claims = [claim for chain in _chains(process) for claim in chain]
    jvm.small_nodes_end = max((claim.end for claim in claims), default=0)
    return claims


def _chains(process: Process) -> Iterator[list[Claim]]:
    """Nodes, each of which begins where the one before it ends."""
    chain: list[Region] = []  # the writable region of each
    beyond = 0
    for region, above in zip_longest(process.regions, process.regions[1:]):
        if region.start < beyond:
            continue
        is_node = _is_node(region, above)
        if chain and (region.start > beyond or not is_node):
            yield from _long(chain)
            chain = []
        if is_node:
            chain.append(region)
            beyond = region.start + SMALL_NODE_BYTES
    yield from _long(chain)


def _is_node(region: Region, above: Region | None) -> bool:
    """Whether a node begins here: one writable region, or one and the closed rest."""
    if not region.unclaimed or not region.writable:
        return False
    if region.size == SMALL_NODE_BYTES:
        return True
    if above is None or not (above.unclaimed and above.closed and region.touches_above):
        return False
    return region.size + above.size == SMALL_NODE_BYTES


def _long(chain: list[Region]) -> Iterator[list[Claim]]:
    """The claims of a chain that is long enough, unless it can be stacks."""
    used = [region.size for region in chain]
    no_stacks = (
        used.count(SMALL_NODE_BYTES) * FULL_SHARE >= len(used)
        or len({*used} - {SMALL_NODE_BYTES}) >= REST_SIZES_MIN_COUNT
    )
    if len(chain) >= NODES_MIN_COUNT and no_stacks:
        yield [Claim(region.start, region.start + SMALL_NODE_BYTES, SMALL_NODES) for region in chain]
