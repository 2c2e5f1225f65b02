"""Maps of the JVM's code and tables of its collector, found once the stacks of threads are claimed.

Until then the guard of a stack could be taken for a gap of a table, and a stack for a table.
"""

from typing import Final

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
)
