"""What other rules would have called a part, if it were not for the rule that has it, and why they lost.

Each answer is worked out by labelling the process again with the part withheld from all rules that had it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from procmaps.classify import classify
from procmaps.kinds import Kind
from procmaps.reasons import bounds_of_block
from procmaps.rules.book import LABELLERS, RULES
from procmaps.rules.engine import Withheld
from procmaps.rules.labeller import Labeller
from procmaps.rules.order import chain, precedences
from procmaps.rules.rule import Rule
from procmaps.tables import Evidence, PartTable, Snapshot, which

LOSERS_LIMIT_COUNT: Final = 8  # rules per part

_LABELLERS_OF: Final[dict[str, list[Labeller]]] = {}
for _labeller in LABELLERS:
    for _rule in _labeller.gives:
        _LABELLERS_OF.setdefault(_rule.name, []).append(_labeller)
_EDGES: Final = precedences(LABELLERS)


@dataclass(frozen=True, slots=True)
class Loser:
    """A rule that would have had a part, or some of it, if the rules before it had not."""

    rule: Rule
    size_bytes: int  # of the part
    reason: str  # why it did not get it


@dataclass(frozen=True, slots=True)
class _Memory:
    """A range of one process. Addresses in bytes."""

    process: int  # row in the ProcessTable
    start: int
    end: int


def losers(snapshot: Snapshot, evidence: Evidence, parts: PartTable, row: int) -> tuple[Loser, ...]:
    """The rules that lost the block of a part, in the order in which they would have had it.

    `parts` are of the same snapshot and evidence. The last is the remainder, which takes what nobody
    claims, unless LOSERS_LIMIT_COUNT others come first. Empty if the name of the mapping decides, or if
    the remainder has the part. Labels all processes of the snapshot once per rule.
    """
    memory = _Memory(int(snapshot.maps.process[parts.mapping[row]]), *bounds_of_block(parts, row))
    winner = RULES[int(parts.rule[row])]
    found: list[Loser] = []
    withheld: list[Withheld] = []
    having = [winner]
    while all(map(_can_be_withheld, having)):
        withheld += [Withheld(memory.process, rule.name, memory.start, memory.end) for rule in having]
        sizes = _sizes(classify(snapshot, evidence, withheld=withheld), snapshot, memory)
        for rule, size in sorted(sizes.items(), key=lambda pair: -pair[1]):
            if len(found) == LOSERS_LIMIT_COUNT:
                return tuple(found)
            found.append(Loser(RULES[rule], size, _reason(winner, RULES[rule])))
        having = [RULES[rule] for rule in sizes]
    return tuple(found)


def _can_be_withheld(rule: Rule) -> bool:
    """Whether a labeller gives it, and something comes after."""
    return rule.name in _LABELLERS_OF and rule.kind is not Kind.ANONYMOUS


def _sizes(parts: PartTable, snapshot: Snapshot, memory: _Memory) -> dict[int, int]:
    """Who has this memory: bytes by row in RULES."""
    own = snapshot.maps.process[parts.mapping] == memory.process
    own &= (parts.start < np.uint64(memory.end)) & (parts.end > np.uint64(memory.start))
    low = np.maximum(parts.start[own], np.uint64(memory.start)).astype(np.int64)
    high = np.minimum(parts.end[own], np.uint64(memory.end)).astype(np.int64)
    sums = np.bincount(parts.rule[own], high - low)
    return {rule: int(sums[rule]) for rule in which(sums).tolist()}


def _reason(winner: Rule, loser: Rule) -> str:
    """Why the second rule did not get what the first one has."""
    before, after = _LABELLERS_OF[winner.name], _LABELLERS_OF[loser.name]
    both = [labeller.name for labeller in before if labeller in after]
    if both:
        return f"{both[0]} tests for {winner.name} first"
    paths = [chain(_EDGES, first.name, then.name) for first in before for then in after]
    path = min(filter(None, paths), key=len, default=())
    if path:
        return "; ".join(f"{then} comes after {first}, because {reason}" for first, then, reason in path)
    first, then = before[0].name, after[-1].name
    return f"{then} comes after {first}; no known process needs this order"
