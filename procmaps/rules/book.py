"""The rule book: every labeller, in the order in which they have their turns."""

from typing import Final

from procmaps.rules import (
    arenas,
    beam,
    dotnet,
    go,
    jvm_code,
    jvm_gc,
    jvm_gc_concurrent,
    jvm_gc_tables,
    jvm_heap,
    jvm_metaspace,
    loaded,
    malloc_rules,
    own_heaps,
    remainder,
    runtimes,
    stack_pairs,
    stack_runs,
    stack_sizes,
    stacks,
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
    _old(go.HEAP),
    _old(malloc_rules.ZEND),
    _old(loaded.SMALL_BSS),
    _old(loaded.BSS),
    _old(go.RUNTIME),
    _old(runtimes.V8_CODE),
    _old(runtimes.V8_HEAP),
    _old(dotnet.RANGES),
    _old(dotnet.SEGMENTS),
    _old(dotnet.CODE),
    beam.LITERALS_RANGE,
    _old(arenas.PARTLY_USED),
    _old(go.INDEX),
    _old(own_heaps.RUBY_FIBERS),
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
    _old(go.ISLANDS),
    _old(jvm_code.SEGMENT_MAPS),
    _old(jvm_code.SAFEPOINT),
    _old(jvm_gc.IMAGES),
    _old(jvm_gc_concurrent.ZGC_TABLES),
    _old(jvm_gc_tables.WHOLE),
    _old(jvm_gc_tables.WHOLE_MERGED),
    _old(jvm_gc_tables.MARK_STACK),
    _old(jvm_gc_tables.MARK_STACK_MERGED),
    _old(arenas.FULL),
    _old(jvm_gc_tables.UNTOUCHED),
    _old(loaded.LOADER),
    _old(go.REST),
    _old(malloc_rules.LOADED),
    _old(malloc_rules.STATIC_JEMALLOC),
    _old(own_heaps.RUBY_HEAP),
    _old(own_heaps.MONO_HEAP),
    _old(malloc_rules.MUSL),
    _old(runtimes.OPENBLAS),
    _old(runtimes.PY_ARENA),
    _old(runtimes.PY_MERGED),
    _old(remainder.GUARDED),
    _old(malloc_rules.MMAPPED),
    _old(remainder.RESERVED),
    _old(remainder.VAST),
    _old(remainder.UNPAID),
    _old(remainder.ANONYMOUS),
)
RULES: Final[tuple[Rule, ...]] = (
    *NAME_RULES.values(),
    *(rule for labeller in LABELLERS for rule in labeller.gives),
)
RULE_INDEX: Final = {rule.name: index for index, rule in enumerate(RULES)}
