"""Label every byte of every mapping of a host: names settle most, labellers claim what names leave open."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from procmaps.detail import in_detail
from procmaps.kinds import Kind
from procmaps.rules.book import LABELLERS, RULE_INDEX, RULES
from procmaps.rules.engine import label
from procmaps.rules.executability import as_asked, executability
from procmaps.rules.hotspot.heap_files import mark_heap_files
from procmaps.rules.hotspot.stack_sizes import Unlike, java_stack_bytes, with_graal
from procmaps.rules.kernel_names import OPEN_CODES, Name, mark_archives
from procmaps.rules.kernel_release import with_release
from procmaps.rules.labeller import Labeller
from procmaps.rules.ledger import Ledger
from procmaps.rules.marks import has
from procmaps.rules.name_rules import NAME_RULES
from procmaps.rules.parts import assemble
from procmaps.rules.process_marks import find_marks
from procmaps.rules.regions import ProcessFacts
from procmaps.rules.rule import verdicts_of
from procmaps.rules.special_files import correct_codes
from procmaps.rules.withheld import Withheld
from procmaps.tables import (
    UNKNOWN,
    Evidence,
    Flags,
    Ints64,
    MapTable,
    PartTable,
    ProcessTable,
    Snapshot,
    which,
)

RULES_VERSION: Final = "3"  # raise it when labels change; tests/truth/digests.txt says when they do


_RULE_OF_CODE = np.full(256, RULE_INDEX["rest.anonymous"], np.uint16)
_KIND_OF_CODE = np.full(256, Kind.ANONYMOUS, np.uint8)
for _index, (_code, _rule) in enumerate(NAME_RULES.items()):
    _RULE_OF_CODE[_code] = _index
    _KIND_OF_CODE[_code] = _rule.kind
_VERDICTS: Final = verdicts_of(RULES)
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
_IN_LEDGER = np.zeros(256, np.bool_)
_IN_LEDGER[[*OPEN_CODES, *_ANON_NAMED]] = True


def classify(
    snapshot: Snapshot,
    evidence: Evidence = Evidence.SMAPS,
    labellers: Sequence[Labeller] = LABELLERS,
    withheld: Sequence[Withheld] = (),
) -> PartTable:
    """Parts with kind, rule and confidence. With Evidence.MAPS, the fields of smaps are ignored.

    The parts of a mapping sum to it; its resident, Pss, swap and huge bytes are divided among them.
    Another order of the `labellers`, and memory that is `withheld` from rules, answer what would be
    otherwise; they can give only rules of RULES.
    """
    snapshot, implied = as_asked(with_release(snapshot))
    maps, argv = snapshot.maps, snapshot.processes.argv
    mappings = np.bincount(maps.process, minlength=len(snapshot.processes))
    marks, code, libjvm = find_marks(maps, len(snapshot.processes))
    smaps = (snapshot.processes.evidence == int(Evidence.SMAPS)) & (evidence == Evidence.SMAPS)
    correct_codes(snapshot, code, smaps)
    if libjvm:
        mark_archives(maps, code, has(marks, "jvm"))
        mark_heap_files(maps, argv, code, has(marks, "jvm"))
    executable = executability(maps, code, marks, implied)
    thirty_two_bit = _thirty_two_bit(maps, mappings)
    facts = ProcessFacts(
        marks=marks,
        libjvm=libjvm,
        thirty_two_bit=thirty_two_bit,
        has_brk_heap=_with(snapshot, code == int(Name.HEAP)),
        threads=snapshot.processes.threads,
        anonymous_bytes=_anonymous_bytes(snapshot.processes),
        stack_limit_bytes=snapshot.processes.stack_limit_bytes,
        smaps=smaps,
        named_stacks=which(code == int(Name.THREAD_STACK)),
        in_detail=in_detail(mappings),
        java_stack_bytes=java_stack_bytes(
            maps, code, libjvm, argv, Unlike(thirty_two_bit, has(marks, "qemu"))
        ),
        graal=with_graal(libjvm, argv),
        code_unmarked=executable.silent,
        stacks_executable=executable.stacks,
    )
    # [stack:TID] is anonymous memory, of which a part is a stack
    code[facts.named_stacks] = int(Name.ANONYMOUS)
    in_reach = maps.end <= _USER_SPACE_END
    ledger = Ledger(snapshot, facts, code, which(_IN_LEDGER[code] & in_reach))
    _label_named(ledger)
    label(ledger, labellers, RULE_INDEX, withheld)
    return assemble(ledger, _VERDICTS, _RULE_OF_CODE[code], _KIND_OF_CODE[code])


def _label_named(ledger: Ledger) -> None:
    """Anonymous memory that a program named is settled at once, and yet seen by the labellers."""
    for name in _ANON_NAMED:
        ledger.label_rows(ledger.regions.named(name), int(_RULE_OF_CODE[name]), int(NAME_RULES[name].kind))


def _with(snapshot: Snapshot, rows: Flags) -> Flags:
    """Processes that have at least one of these mappings."""
    found = np.zeros(len(snapshot.processes), np.bool_)
    found[snapshot.maps.process[rows]] = True
    return found


def _anonymous_bytes(processes: ProcessTable) -> Ints64:
    """RssAnon and VmSwap: what the process wrote to, wherever it is now; UNKNOWN if neither VmRSS was sent.

    VmSwap counts private anonymous memory alone (Linux, fs/proc/task_mmu.c), so the two do not overlap.
    Before Linux 4.5 there is no RssAnon: VmRSS is the most that it can be.
    """
    resident = np.where(processes.rss_anon_bytes == UNKNOWN, processes.rss_bytes, processes.rss_anon_bytes)
    return np.where(resident == UNKNOWN, UNKNOWN, resident + np.maximum(processes.swap_bytes, 0))


def _thirty_two_bit(maps: MapTable, mappings: Ints64) -> Flags:
    """Processes whose addresses all fit in 32 bits."""
    low = np.bincount(maps.process[maps.end <= _ADDRESSES_32_BITS], minlength=len(mappings))
    found: Flags = (mappings > 0) & (low == mappings)
    return found
