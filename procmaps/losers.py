"""What other rules would have called a part, if it were not for the rule that has it, and why they lost.

Each answer is worked out by labelling the process again with the part withheld from all rules that had it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise, starmap
from typing import Any, Final

import numpy as np

from procmaps.classify import classify
from procmaps.kinds import Kind
from procmaps.reasons import bounds_of_block
from procmaps.rules.book import LABELLERS, RULES
from procmaps.rules.labeller import Labeller
from procmaps.rules.order import chain, precedences
from procmaps.rules.rule import Rule
from procmaps.rules.withheld import Withheld
from procmaps.tables import Evidence, MapTable, PartTable, ProcessTable, Snapshot, which

LOSERS_LIMIT_COUNT: Final = 8  # rules per block
LABELLED_AGAIN_LIMIT_COUNT: Final = 2_000_000  # mappings, for all blocks of a process together
TOLD_EDGES_LIMIT_COUNT: Final = 2  # in one reason; `mapsweep rules` has them all
BATCH_MAPPINGS_COUNT: Final = 100_000  # that are labelled at once

REMAINDERS: Final = "rest."  # how the names of its rules begin
REMAINDER: Final = "it takes only what nobody claims"

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


@dataclass(slots=True)
class _Contest:
    """A block, who has it now, and who had it before."""

    block: int  # row of its first part
    start: int
    end: int
    winner: Rule
    having: list[Rule]
    lost: list[Loser]
    withheld: list[str]  # names of rules

    @property
    def goes_on(self) -> bool:
        """Whether somebody else can have it."""
        return len(self.lost) < LOSERS_LIMIT_COUNT and all(map(_can_be_withheld, self.having))

    def go_on(self, sizes: Mapping[int, int]) -> None:
        """Take in who has it now: bytes by row in RULES."""
        self.having = [RULES[rule] for rule in sizes]
        for rule, size in sorted(sizes.items(), key=lambda pair: -pair[1]):
            self.lost.append(Loser(RULES[rule], size, _reason(self.winner, RULES[rule])))
        del self.lost[LOSERS_LIMIT_COUNT:]


def losers_by_block(
    snapshot: Snapshot, evidence: Evidence, parts: PartTable, limit: int = LABELLED_AGAIN_LIMIT_COUNT
) -> dict[int, tuple[Loser, ...]]:
    """The rules that lost each block of one process, in the order in which they would have had it.

    By the row of the block's first part; `parts` are of the same snapshot and evidence. The last loser is
    the remainder, which takes what nobody claims, unless LOSERS_LIMIT_COUNT others come first. There is
    none if the name of the mapping decides, or if the remainder has the block. The largest blocks come
    first, and as many as `limit` allows, at least one; the others are left out.
    """
    mappings = max(1, len(snapshot.maps))
    sizes = np.bincount(parts.block, (parts.end - parts.start).astype(np.float64), len(parts))
    blocks = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    contests = [_contest(parts, row) for row in blocks.tolist()]
    open_ones = [one for one in contests if one.goes_on]
    left_out = open_ones[max(1, limit // (mappings * LOSERS_LIMIT_COUNT)) :]
    going = open_ones[: len(open_ones) - len(left_out)]
    while going:
        at_once = max(1, BATCH_MAPPINGS_COUNT // mappings)
        for first in range(0, len(going), at_once):
            _go_on(snapshot, evidence, going[first : first + at_once])
        going = [one for one in going if one.goes_on]
    ignored = {one.block for one in left_out}
    return {one.block: tuple(one.lost) for one in contests if one.block not in ignored}


def _contest(parts: PartTable, row: int) -> _Contest:
    winner = RULES[int(parts.rule[row])]
    return _Contest(row, *bounds_of_block(parts, row), winner, [winner], [], [])


def _can_be_withheld(rule: Rule) -> bool:
    """Whether a labeller gives it, and it is not the end: memory that nothing is known of."""
    return rule.name in _LABELLERS_OF and not (_is_remainder(rule) and rule.kind is Kind.ANONYMOUS)


def _is_remainder(rule: Rule) -> bool:
    return rule.name.startswith(REMAINDERS)


def _go_on(snapshot: Snapshot, evidence: Evidence, contests: Sequence[_Contest]) -> None:
    """Label the process again, once for each contest, without those who have its block; all at once."""
    withheld = []
    for copy, one in enumerate(contests):
        one.withheld += [rule.name for rule in one.having]
        withheld += [Withheld(copy, name, one.start, one.end) for name in one.withheld]
    copies = _copies(snapshot, len(contests))
    parts = classify(copies, evidence, withheld=withheld)
    process = copies.maps.process[parts.mapping]
    edges = process.searchsorted(np.arange(len(contests) + 1)).tolist()
    for one, own in zip(contests, starmap(slice, pairwise(edges)), strict=True):
        low = np.maximum(parts.start[own].astype(np.int64), one.start)
        high = np.minimum(parts.end[own].astype(np.int64), one.end)
        sums = np.bincount(parts.rule[own], np.maximum(high - low, 0))
        one.go_on({rule: int(sums[rule]) for rule in which(sums).tolist()})


def _copies(snapshot: Snapshot, count: int) -> Snapshot:
    """The process so many times, as if they were processes of one host."""
    maps, processes = snapshot.maps, snapshot.processes
    columns: dict[str, Any] = {
        name: np.tile(column, count) for name, column in _columns(maps) if isinstance(column, np.ndarray)
    }
    columns["process"] = np.arange(count, dtype=np.int32).repeat(len(maps))
    rows: dict[str, Any] = {
        name: np.tile(column, count) if isinstance(column, np.ndarray) else column * count
        for name, column in _columns(processes)
    }
    return replace(snapshot, maps=replace(maps, **columns), processes=replace(processes, **rows))


def _columns(table: MapTable | ProcessTable) -> Iterator[tuple[str, Any]]:
    return ((field.name, getattr(table, field.name)) for field in fields(table))


def _reason(winner: Rule, loser: Rule) -> str:
    """Why the second rule did not get what the first one has."""
    before, after = _LABELLERS_OF[winner.name], _LABELLERS_OF[loser.name]
    both = [labeller.name for labeller in before if labeller in after]
    if both:
        return f"{both[0]} tests for {winner.name} first"
    paths = [chain(_EDGES, first.name, then.name) for first in before for then in after]
    path = min(filter(None, paths), key=len, default=())
    if path and (len(path) == 1 or not _is_remainder(loser)):
        if len(path) <= TOLD_EDGES_LIMIT_COUNT:
            return "; ".join(f"{then} comes after {first}, because {reason}" for first, then, reason in path)
        between = len(path) - 1
        return f"{path[-1].then} comes after {path[0].first}, and {between} others come between them"
    if _is_remainder(loser):
        return REMAINDER
    return f"{after[-1].name} comes after {before[0].name}, though no known process needs this order"
