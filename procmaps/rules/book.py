"""The rule book: every labeller. Their order follows from what each says must come before or after it."""

from typing import Final

from procmaps.rules import (
    beam,
    cpython,
    dotnet,
    elf,
    embedded_malloc,
    glibc_full_heaps,
    glibc_granules,
    glibc_malloc,
    go,
    mono,
    mozjemalloc,
    musl,
    native_image,
    openblas,
    partition_alloc,
    pools,
    remainder,
    replaced_malloc,
    ruby,
    sanitizers,
    v8,
    zend,
)
from procmaps.rules.glibc_stacks import bare, flagged, guarded, hidden, java_zones, named, repeated
from procmaps.rules.hotspot import leftovers, places, rest
from procmaps.rules.labeller import Labeller
from procmaps.rules.name_rules import NAME_RULES
from procmaps.rules.order import order
from procmaps.rules.rule import Rule

LABELLERS: Final[tuple[Labeller, ...]] = order(
    (
        bare.OF_ANY_SIZE,
        bare.UNGUARDED,
        beam.CARRIER,
        beam.LITERALS_RANGE,
        cpython.ALIGNED_ARENAS,
        cpython.ARENAS,
        cpython.ARENAS_ABOVE_BSS,
        cpython.DATA_STACKS,
        cpython.MERGED_ARENAS,
        cpython.MIXED_CHUNKS,
        dotnet.MEMORY,
        elf.LOADER_MEMORY,
        elf.SMALL_ZEROED_DATA,
        elf.ZEROED_DATA,
        embedded_malloc.BY_FLAG,
        embedded_malloc.BY_HINT,
        embedded_malloc.IN_EXTENSIONS,
        flagged.FLAGGED,
        flagged.FLAGGED_MERGED,
        flagged.FLAGGED_UNSURE,
        glibc_full_heaps.FULL_HEAPS,
        glibc_granules.HEAPS_LIKE_METASPACE,
        glibc_malloc.ARENA_HEAPS,
        glibc_malloc.LARGE_CHUNKS,
        glibc_malloc.UNTOUCHED_CHUNKS,
        go.ALL_ELSE,
        go.ARENA_INDEX,
        go.HEAP_ARENAS,
        go.METADATA,
        go.PAGE_SUMMARIES,
        guarded.GUARDED,
        hidden.HIDDEN,
        java_zones.JAVA_ZONES,
        leftovers.LEFTOVERS,
        mono.BLOCKS,
        mozjemalloc.CHUNKS,
        musl.MAPPED,
        named.NAMED,
        named.NAMED_MERGED,
        native_image.NATIVE_IMAGE,
        openblas.BUFFERS,
        partition_alloc.POOLS,
        places.PLACES,
        pools.POOLS,
        remainder.ALL_REST,
        remainder.CLOSED_REST,
        remainder.GUARDED_BUFFERS,
        remainder.UNPAID_REST,
        remainder.VAST_REST,
        repeated.REPEATED,
        replaced_malloc.ASKED,
        replaced_malloc.EXTENTS,
        replaced_malloc.LINKED_IN,
        rest.REST,
        ruby.FIBERS,
        ruby.HEAP_PAGES,
        sanitizers.HEAP_SPACES,
        sanitizers.SHADOW_MEMORY,
        v8.CODE_RANGE,
        v8.HEAP_PAGES,
        zend.CHUNKS,
    )
)
# each once: an owner's turns can give the same rule
RULES: Final[tuple[Rule, ...]] = tuple(
    dict.fromkeys((*NAME_RULES.values(), *(rule for labeller in LABELLERS for rule in labeller.gives)))
)
RULE_INDEX: Final = {rule.name: index for index, rule in enumerate(RULES)}
