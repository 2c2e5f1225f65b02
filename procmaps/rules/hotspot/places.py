"""What a JVM reserves as it starts, found by size, place and shape, before other labellers look."""

from typing import Final

from procmaps.rules.hotspot import code_cache, concurrent, full_nodes, heap, images, metaspace, small_nodes
from procmaps.rules.hotspot.turn import turn
from procmaps.rules.labeller import Edge

PLACES: Final = turn(
    "hotspot.places",
    steps=(
        heap.zgc,
        heap.in_file,
        heap.by_size,
        code_cache.code_cache,
        heap.by_place,
        images.large_images,
        metaspace.archives,
        metaspace.class_space,
        concurrent.collection_set,
        metaspace.low_rest,
        small_nodes.small_nodes,
        metaspace.nodes,
        full_nodes.full_nodes,
        heap.by_extent,
    ),
    gives=(
        heap.ZGC,
        heap.IN_FILE,
        heap.BY_SIZE,
        code_cache.CODE_CACHE,
        code_cache.BY_SIZE,
        heap.BY_PLACE,
        images.IMAGES,
        metaspace.ARCHIVES,
        metaspace.CLASS_SPACE,
        concurrent.COLLECTION_SET,
        metaspace.LOW_REST,
        small_nodes.SMALL_NODES,
        metaspace.NODES,
        full_nodes.FULL_NODES,
        heap.BY_EXTENT,
    ),
    before=(
        Edge(
            "loaded.bss_small",
            "where objects are mapped by an emulator, memory of the JVM can lie right above a file",
        ),
    ),
)
