"""Memory that a rule must not get: so one sees what a part would be called if it were not for the rule."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from procmaps.rules.labeller import Claim, Labeller, Ranges
from procmaps.rules.regions import Regions
from procmaps.tables import Flags


class Withheld(NamedTuple):
    """Memory of one process that a rule must not get, whatever its labeller claims. Addresses in bytes."""

    process: int  # row in the ProcessTable
    rule: str
    start: int
    end: int


ByProcess: TypeAlias = Mapping[int, Sequence[Withheld]]


def withheld_from(labeller: Labeller, withheld: Sequence[Withheld]) -> ByProcess:
    """What is withheld from the rules of a labeller."""
    found: dict[int, list[Withheld]] = {}
    if withheld:
        names = {rule.name for rule in labeller.gives}
        for one in withheld:
            if one.rule in names:
                found.setdefault(one.process, []).append(one)
    return found


def inside(regions: Regions, withheld: ByProcess) -> Flags:
    """Parts that begin in memory that is withheld."""
    found = np.zeros(len(regions), np.bool_)
    for process, ranges in withheld.items():
        own = regions.rows_of(process)
        for _, _, start, end in ranges:
            found[own] |= (regions.start[own] >= start) & (regions.start[own] < end)
    return found


def ranges_left(ranges: Ranges, withheld: ByProcess) -> Ranges:
    columns = (ranges.process.tolist(), ranges.start.tolist(), ranges.end.tolist())
    rows = [
        (process, *left)
        for process, start, end in zip(*columns, strict=True)
        for left in _left(start, end, withheld.get(process, ()))
    ]
    process, start, end = np.array(rows, np.int64).reshape(-1, 3).T
    return Ranges(process, start, end, ranges.one_block)


def claims_left(row: int, claim: Claim, withheld: ByProcess) -> list[Claim]:
    own = [one for one in withheld.get(row, ()) if one.rule == claim.rule.name]
    return [claim._replace(start=start, end=end) for start, end in _left(claim.start, claim.end, own)]


def _left(start: int, end: int, withheld: Sequence[Withheld]) -> list[tuple[int, int]]:
    """What a range is without the memory that is withheld."""
    found = []
    for one in sorted(withheld, key=lambda one: one.start):
        if start < one.start < end:
            found.append((start, one.start))
        if one.start < end and start < one.end:
            start = one.end
    return [*found, (start, end)] if start < end else found
