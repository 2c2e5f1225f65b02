"""The rule book: every labeller, in the order in which they have their turns."""

from typing import Final

from procmaps.rules import (
    beam,
    cpython,
    dotnet,
    elf,
    glibc_malloc,
    go,
    mono,
    musl,
    openblas,
    remainder,
    replaced_malloc,
    ruby,
    v8,
    zend,
)
from procmaps.rules.glibc_stacks import bare, flagged, guarded, hidden, java_zones, repeated
from procmaps.rules.hotspot import leftovers, places, rest
from procmaps.rules.labeller import Labeller
from procmaps.rules.name_rules import NAME_RULES
from procmaps.rules.rule import Rule

LABELLERS: Final[tuple[Labeller, ...]] = (
    places.PLACES,
    zend.CHUNKS,
    elf.SMALL_ZEROED_DATA,
    elf.ZEROED_DATA,
    go.HEAP_ARENAS,
    go.ALL_ELSE,
    v8.CODE_RANGE,
    v8.HEAP_PAGES,
    dotnet.MEMORY,
    beam.LITERALS_RANGE,
    glibc_malloc.ARENA_HEAPS,
    go.ARENA_INDEX,
    ruby.FIBERS,
    flagged.FLAGGED_MERGED,
    flagged.FLAGGED,
    java_zones.JAVA_ZONES,
    guarded.GUARDED,
    hidden.HIDDEN,
    repeated.REPEATED,
    beam.CARRIER,
    bare.UNGUARDED,
    bare.OF_ANY_SIZE,
    go.PAGE_SUMMARIES,
    rest.REST,
    glibc_malloc.FULL_HEAPS,
    leftovers.LEFTOVERS,
    elf.LOADER_MEMORY,
    go.METADATA,
    replaced_malloc.EXTENTS,
    replaced_malloc.LINKED_IN,
    ruby.HEAP_PAGES,
    mono.BLOCKS,
    musl.MAPPED,
    openblas.BUFFERS,
    cpython.ARENAS,
    cpython.MERGED_ARENAS,
    remainder.GUARDED_BUFFERS,
    glibc_malloc.LARGE_CHUNKS,
    remainder.CLOSED_REST,
    remainder.VAST_REST,
    remainder.UNPAID_REST,
    remainder.ALL_REST,
)
RULES: Final[tuple[Rule, ...]] = (
    *NAME_RULES.values(),
    *(rule for labeller in LABELLERS for rule in labeller.gives),
)
RULE_INDEX: Final = {rule.name: index for index, rule in enumerate(RULES)}
