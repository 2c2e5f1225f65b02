"""Label every byte of every mapping of a host: names settle most, labellers claim what names leave open."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from procmaps.kinds import Kind
from procmaps.rules.book import LABELLERS, RULE_INDEX, RULES
from procmaps.rules.engine import label
from procmaps.rules.kernel_names import OPEN_CODES, Name
from procmaps.rules.labeller import Labeller
from procmaps.rules.ledger import Ledger
from procmaps.rules.name_rules import NAME_RULES
from procmaps.rules.parts import assemble
from procmaps.rules.process_facts import known_of
from procmaps.rules.rule import verdicts_of
from procmaps.rules.withheld import Withheld
from procmaps.tables import Evidence, PartTable, Snapshot, which

RULES_VERSION: Final = "5"  # raise it when labels change; tests/truth/digests.txt says when they do


_RULE_OF_CODE = np.full(256, RULE_INDEX["rest.anonymous"], np.uint16)
_KIND_OF_CODE = np.full(256, Kind.ANONYMOUS, np.uint8)
for _index, (_code, _rule) in enumerate(NAME_RULES.items()):
    _RULE_OF_CODE[_code] = _index
    _KIND_OF_CODE[_code] = _rule.kind
_VERDICTS: Final = verdicts_of(RULES)
_USER_SPACE_END: Final = np.uint64(2**57)  # with five levels of page tables; above it is the kernel's memory
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
    snapshot, code, facts = known_of(snapshot, evidence)
    in_reach = snapshot.maps.end <= _USER_SPACE_END
    ledger = Ledger(snapshot, facts, code, which(_IN_LEDGER[code] & in_reach))
    _label_named(ledger)
    label(ledger, labellers, RULE_INDEX, withheld)
    return assemble(ledger, _VERDICTS, _RULE_OF_CODE[code], _KIND_OF_CODE[code])


def _label_named(ledger: Ledger) -> None:
    """Anonymous memory that a program named is settled at once, and yet seen by the labellers."""
    for name in _ANON_NAMED:
        ledger.label_rows(ledger.regions.named(name), int(_RULE_OF_CODE[name]), int(NAME_RULES[name].kind))
