"""Maps of the JVM's code and tables of its collector, found once the stacks of threads are claimed.

Until then the guard of a stack could be taken for a gap of a table, and a stack for a table.
"""

from typing import Final

from procmaps.kinds import Kind
from procmaps.rules.groups import among
from procmaps.rules.hotspot import (
    concurrent,
    images,
    mark_stack,
    merged_tables,
    polling_pages,
    segment_maps,
    whole_tables,
)
from procmaps.rules.hotspot.turn import turn
from procmaps.rules.labeller import Edge
from procmaps.rules.regions import Regions
from procmaps.tables import Flags

# of the memory that is claimed, the steps ask for the Java heap, and for code and tables above a region
_JAVA: Final = tuple(int(kind) for kind in (Kind.JAVA_HEAP, Kind.JAVA_CDS, Kind.JAVA_CODE, Kind.JAVA_GC))


def unclaimed_or_java(regions: Regions) -> Flags:
    """What the steps are shown: not the stacks of threads, nor the heaps of arenas."""
    return regions.unclaimed | among(regions.kind, _JAVA)


REST: Final = turn(
    "hotspot.rest",
    steps=(
        segment_maps.segment_maps,
        polling_pages.polling_pages,
        images.images,
        concurrent.merged_granule_maps,
        concurrent.zgc_tables,
        whole_tables.whole_tables,
        merged_tables.merged_tables,  # those that are not among the whole ones
        mark_stack.mark_stack,
    ),
    gives=(
        segment_maps.SEGMENT_MAPS,
        polling_pages.POLLING_PAGES,
        images.IMAGES,
        concurrent.ZGC_TABLES,
        whole_tables.WHOLE,
        merged_tables.WHOLE_MERGED,
        mark_stack.MARK_STACK,
        mark_stack.MARK_STACK_MERGED,
    ),
    sees=unclaimed_or_java,
    before=(
        Edge("glibc.arena_full_or_node", "a table of whole 64 MiB can fill the place of an arena's heap"),
        Edge("loaded.loader", "the map of a code segment is as small as the loader's memory"),
    ),
)
