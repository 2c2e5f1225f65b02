"""Label every byte of every mapping of a host: an ordered table of rules over columns."""

from typing import Final

import numpy as np

from procmaps.kinds import Kind
from procmaps.rules import (
    allocators,
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
    own_heaps,
    remainder,
    runtimes,
    stack_pairs,
    stack_runs,
    stack_sizes,
    stacks,
)
from procmaps.rules.draft import ACCESS, Draft, Facts
from procmaps.rules.jvms import find_jvms
from procmaps.rules.name_rules import NAME_RULES
from procmaps.rules.names import OPEN_CODES, Name, mark_archives, read_codes
from procmaps.rules.objects import BIT, Marks, find_objects, has
from procmaps.rules.parts import assemble
from procmaps.rules.rule import Rule, verdicts_of
from procmaps.tables import Bytes8, Evidence, Flags, MapTable, PartTable, Snapshot, which

RULES_VERSION: Final = "2"  # raise it when labels change; tests/truth/digests.txt says when they do

MEMORY_RULES: Final[tuple[Rule, ...]] = (
    jvm_heap.ZGC,
    jvm_heap.BY_SIZE,
    jvm_code.CODE_CACHE,
    jvm_heap.BY_PLACE,
    jvm_gc.LARGE_IMAGES,
    jvm_metaspace.ARCHIVES,
    jvm_metaspace.CLASS_SPACE,
    jvm_gc_concurrent.COLLECTION_SET,
    jvm_metaspace.LOW_REST,
    jvm_metaspace.NODES,
    jvm_heap.BY_EXTENT,
    go.HEAP,
    allocators.ZEND,
    loaded.SMALL_BSS,
    loaded.BSS,
    go.RUNTIME,
    runtimes.V8_CODE,
    runtimes.V8_HEAP,
    dotnet.RANGES,
    dotnet.SEGMENTS,
    dotnet.CODE,
    beam.LITERALS,
    arenas.PARTLY_USED,
    go.INDEX,
    own_heaps.RUBY_FIBERS,
    stacks.RUNS,
    stacks.FLAGGED,
    stacks.JAVA_ZONES,
    stack_pairs.GUARDED,
    stack_runs.UNSEEN,
    stack_runs.OF_RUNTIME,
    stack_sizes.ALIKE,
    stack_sizes.ROUND,
    stack_pairs.REPEATED,
    beam.CARRIERS,
    stack_runs.BARE,
    stack_runs.UNSEEN_MERGED,
    go.ISLANDS,
    jvm_code.SEGMENT_MAPS,
    jvm_code.SAFEPOINT,
    jvm_gc.IMAGES,
    jvm_gc_concurrent.ZGC_TABLES,
    jvm_gc_tables.WHOLE,
    jvm_gc_tables.WHOLE_MERGED,
    jvm_gc_tables.MARK_STACK,
    jvm_gc_tables.MARK_STACK_MERGED,
    arenas.FULL,
    jvm_gc_tables.UNTOUCHED,
    loaded.LOADER,
    go.REST,
    allocators.LOADED,
    allocators.STATIC_JEMALLOC,
    own_heaps.RUBY_HEAP,
    own_heaps.MONO_HEAP,
    allocators.MUSL,
    runtimes.OPENBLAS,
    runtimes.PY_ARENA,
    runtimes.PY_MERGED,
    remainder.GUARDED,
    allocators.MMAPPED,
    remainder.RESERVED,
    remainder.VAST,
    remainder.UNPAID,
    remainder.ANONYMOUS,
)
RULES: Final[tuple[Rule, ...]] = (*NAME_RULES.values(), *MEMORY_RULES)

_RULE_OF_CODE = np.full(256, len(RULES) - 1, np.uint16)
_KIND_OF_CODE = np.full(256, Kind.ANONYMOUS, np.uint8)
for _index, (_code, _rule) in enumerate(NAME_RULES.items()):
    _RULE_OF_CODE[_code] = _index
    _KIND_OF_CODE[_code] = _rule.kind
_VERDICTS: Final = verdicts_of(RULES)
_FIRST_MEMORY_RULE: Final = len(NAME_RULES)
_USER_SPACE_END: Final = np.uint64(2**57)  # with five levels of page tables; above it is the kernel's memory
_ADDRESSES_32_BITS: Final = np.uint64(2**32)
_ANON_NAMED: Final = (
    Name.GLIBC_ARENA,
    Name.GLIBC_MALLOC,
    Name.GLIBC_STACK,
    Name.GLIBC_LOADER,
    Name.GO_HEAP,
    Name.GO_RUNTIME,
)
_IN_DRAFT = np.zeros(256, np.bool_)
_IN_DRAFT[[*OPEN_CODES, *_ANON_NAMED]] = True


def classify(snapshot: Snapshot, evidence: Evidence = Evidence.SMAPS) -> PartTable:
    """Parts with kind, rule and confidence. With Evidence.MAPS, the fields of smaps are ignored.

    The parts of a mapping sum to it; its resident, Pss, swap and huge bytes are divided among them.
    """
    maps = snapshot.maps
    code = read_codes(maps)
    is_file = (code >= int(Name.FILE_CODE)) & (code <= int(Name.FILE_DATA))
    marks, jvm_paths = find_objects(maps, len(snapshot.processes), is_file)
    _mark_static(maps, code, marks)
    if jvm_paths:
        mark_archives(maps, code, has(marks, "jvm"))
    facts = Facts(
        marks=marks,
        thirty_two_bit=_thirty_two_bit(snapshot),
        has_brk_heap=_with(snapshot, code == int(Name.HEAP)),
        threads=snapshot.processes.threads,
        rss_anon_bytes=snapshot.processes.rss_anon_bytes,
        stack_limit_bytes=snapshot.processes.stack_limit_bytes,
        smaps=(snapshot.processes.evidence == int(Evidence.SMAPS)) & (evidence == Evidence.SMAPS),
    )
    in_reach = maps.end <= _USER_SPACE_END
    draft = Draft(snapshot, facts, code, which(_IN_DRAFT[code] & in_reach))
    draft.jvms = find_jvms(draft, jvm_paths)
    _label_named(draft)
    for index, rule in enumerate(MEMORY_RULES, _FIRST_MEMORY_RULE):
        mask = rule.find(draft) if rule.find is not None else None
        if mask is not None:
            draft.label(mask, index, rule.kind)
    return assemble(draft, _VERDICTS, _RULE_OF_CODE[code], _KIND_OF_CODE[code])


def _mark_static(maps: MapTable, code: Bytes8, marks: Marks) -> None:
    """Mark linked-in runtimes by their mappings: .NET's views of its code, musl's inaccessible page."""
    marks[maps.process[code == int(Name.DOTNET_CODE)]] |= BIT["dotnet"]
    # src/malloc/mallocng/malloc.c keeps the lowest page of its brk memory inaccessible
    heaps = which(code == int(Name.HEAP))
    process = maps.process[heaps[maps.perms[heaps] & ACCESS == 0]]
    marks[process[~has(marks, "glibc")[process]]] |= BIT["musl"]


def _label_named(draft: Draft) -> None:
    for name in _ANON_NAMED:
        rule = NAME_RULES[name]
        mask = draft.named(name)
        if mask.any():
            draft.label(mask, int(_RULE_OF_CODE[name]), rule.kind)


def _with(snapshot: Snapshot, rows: Flags) -> Flags:
    """Processes that have at least one of these mappings."""
    found = np.zeros(len(snapshot.processes), np.bool_)
    found[snapshot.maps.process[rows]] = True
    return found


def _thirty_two_bit(snapshot: Snapshot) -> Flags:
    """Processes whose addresses all fit in 32 bits."""
    process = snapshot.maps.process
    count = np.diff(process.searchsorted(np.arange(len(snapshot.processes) + 1)))
    low = np.bincount(process[snapshot.maps.end <= _ADDRESSES_32_BITS], minlength=len(count))
    found: Flags = (count > 0) & (low == count)
    return found
