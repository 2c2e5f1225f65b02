"""The rule book: every labeller, in the order in which they have their turns."""

from typing import Final

from procmaps.rules import (
    beam,
    cpython,
    dotnet,
    elf,
    glibc_malloc,
    go,
    jvm_code,
    jvm_gc,
    jvm_gc_concurrent,
    jvm_gc_tables,
    jvm_heap,
    jvm_metaspace,
    mono,
    musl,
    openblas,
    remainder,
    replaced_malloc,
    ruby,
    stack_pairs,
    stack_runs,
    stack_sizes,
    stacks,
    v8,
    zend,
)
from procmaps.rules.labeller import Labeller, RegionLabeller
from procmaps.rules.name_rules import NAME_RULES
from procmaps.rules.rule import Rule


def _old(rule: Rule) -> RegionLabeller:
    """A rule in the old form, which cuts the draft itself. To be ported."""
    return RegionLabeller(rule.name, (rule,), rule.find or (lambda _: None))


LABELLERS: Final[tuple[Labeller, ...]] = (
    _old(jvm_heap.ZGC),
    _old(jvm_heap.BY_SIZE),
    _old(jvm_code.CODE_CACHE),
    _old(jvm_heap.BY_PLACE),
    _old(jvm_gc.LARGE_IMAGES),
    _old(jvm_metaspace.ARCHIVES),
    _old(jvm_metaspace.CLASS_SPACE),
    _old(jvm_gc_concurrent.COLLECTION_SET),
    _old(jvm_metaspace.LOW_REST),
    _old(jvm_metaspace.NODES),
    _old(jvm_heap.BY_EXTENT),
    zend.CHUNKS,
    elf.SMALL_ZEROED_DATA,
    elf.ZEROED_DATA,
    go.MEMORY,
    v8.CODE_RANGE,
    v8.HEAP_PAGES,
    dotnet.MEMORY,
    beam.LITERALS_RANGE,
    glibc_malloc.ARENA_HEAPS,
    go.ARENA_INDEX,
    ruby.FIBERS,
    _old(stacks.RUNS),
    _old(stacks.FLAGGED),
    _old(stacks.JAVA_ZONES),
    _old(stack_pairs.GUARDED),
    _old(stack_runs.UNSEEN),
    _old(stack_runs.OF_RUNTIME),
    _old(stack_sizes.ALIKE),
    _old(stack_sizes.ROUND),
    _old(stack_pairs.REPEATED),
    beam.CARRIER,
    _old(stack_runs.BARE),
    _old(stack_runs.UNSEEN_MERGED),
    go.PAGE_SUMMARIES,
    _old(jvm_code.SEGMENT_MAPS),
    _old(jvm_code.SAFEPOINT),
    _old(jvm_gc.IMAGES),
    _old(jvm_gc_concurrent.ZGC_TABLES),
    _old(jvm_gc_tables.WHOLE),
    _old(jvm_gc_tables.WHOLE_MERGED),
    _old(jvm_gc_tables.MARK_STACK),
    _old(jvm_gc_tables.MARK_STACK_MERGED),
    glibc_malloc.FULL_HEAPS,
    _old(jvm_gc_tables.UNTOUCHED),
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
