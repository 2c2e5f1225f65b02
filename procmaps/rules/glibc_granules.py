"""Heaps of glibc's arenas that metaspace of a JVM could be: both fill blocks from a boundary upward."""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_malloc import heaps_of_threads
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule

LIKE_METASPACE: Final = Rule(
    "glibc.arena_granules",
    Kind.HEAP_ARENA,
    Confidence.LIKELY,
    "maps",
    "glibc, malloc/arena.c: grow_heap rounds up to pages; OpenJDK, memory/metaspace: granules of 64 KiB",
    "{size} of what looks like the heap of a malloc arena, from the {arena_heap} boundary at {block_start} "
    "on; its writable part is a whole number of 64 KiB, as one in 16 is, and as all metaspace is",
    runner_up=Kind.JAVA_METASPACE,
)


def heaps_like_metaspace(regions: Regions) -> Ranges | None:
    """The same in a JVM, where the head is whole granules and no flag tells it from a node of metaspace."""
    return heaps_of_threads(regions, like_metaspace=True) if regions.has("jvm").any() else None


HEAPS_LIKE_METASPACE: Final = RegionLabeller(
    "glibc.arena_granules",
    (LIKE_METASPACE,),
    heaps_like_metaspace,
    before=(
        Edge("stack.repeated", "the closed rest of such a heap would be the guard of a stack above it"),
        Edge("glibc.arena_apart", "that labeller claims all heaps that are left, and only guesses"),
    ),
    after=(
        Edge("hotspot.places", "what is known to be metaspace or a table is no heap, whatever it looks like"),
    ),
)
