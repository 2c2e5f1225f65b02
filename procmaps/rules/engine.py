"""Gives each labeller its turn, and each region to the first that claims it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from procmaps.rules.draft import Draft
from procmaps.rules.labeller import Claim, Labeller, ProcessLabeller, Ranges, RegionLabeller
from procmaps.rules.process import Process, process_of, processes_of
from procmaps.tables import Flags, which

KEPT_LIMIT_COUNT: Final = 65_536  # regions of all views that are kept; a region takes some 500 bytes


class Withheld(NamedTuple):
    """Memory of one process that a rule must not get, whatever its labeller claims. Addresses in bytes."""

    process: int  # row in the ProcessTable
    rule: str
    start: int
    end: int


_ByProcess: TypeAlias = Mapping[int, Sequence[Withheld]]


def label(
    draft: Draft,
    labellers: Iterable[Labeller],
    index: Mapping[str, int],
    withheld: Sequence[Withheld] = (),
) -> None:
    """Run the labellers in this order; `index` says where each rule stands in the table of rules.

    `withheld` answers what a part would be called if it were not for a rule.
    """
    views = _Views(draft)
    for labeller in labellers:
        kept = _of(labeller, withheld)
        if isinstance(labeller, RegionLabeller):
            views.forget(_label_regions(draft, labeller, index, kept))
        else:
            views.forget(_label_processes(draft, labeller, index, views, kept))


class _Views:
    """The processes as their labellers see them, each made anew only after a claim on its memory."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._processes: dict[int, Process] = {}
        self._regions = 0  # of those that were kept since the last clearing
        self._states: dict[tuple[Callable[[Process], Any], int], Any] = {}

    def of(self, row: int) -> Process:
        if row not in self._processes:
            self._processes[row] = process = process_of(self._draft, row)
            self._regions += len(process.regions)
            if self._regions > KEPT_LIMIT_COUNT:
                self._processes, self._regions = {row: process}, len(process.regions)
        return self._processes[row]

    def state(self, make: Callable[[Process], Any], process: Process) -> Any:
        """What the labellers of one owner keep between their turns."""
        key = (make, process.row)
        if key not in self._states:
            self._states[key] = make(process)
        return self._states[key]

    def forget(self, rows: Iterable[int]) -> None:
        for row in rows:
            self._processes.pop(row, None)


def _label_regions(
    draft: Draft, labeller: RegionLabeller, index: Mapping[str, int], withheld: _ByProcess
) -> list[int]:
    """Returns the rows of the processes of which something was claimed."""
    (rule,) = labeller.gives
    found = labeller.find(draft)
    if isinstance(found, Ranges):
        if withheld:
            found = _ranges_left(found, withheld)
        found = draft.take(found.process, found.start, found.end, block=found.one_block)
    if found is None:
        return []
    if withheld:
        found = found & ~_inside(draft, withheld)
    draft.label(found, index[rule.name], rule.kind)
    claimed: list[int] = which(draft.owners(found)).tolist()
    return claimed


def _label_processes(
    draft: Draft,
    labeller: ProcessLabeller,
    index: Mapping[str, int],
    views: _Views,
    withheld: _ByProcess,
) -> list[int]:
    claims: list[tuple[int, Claim]] = []
    for process in _shown(draft, labeller, views):
        if labeller.state is None:
            found = labeller.find(process)
        else:
            found = labeller.find(views.state(labeller.state, process), process)
        claims += [(process.row, claim) for claim in found]
    if withheld:
        claims = [(row, left) for row, claim in claims for left in _claims_left(row, claim, withheld)]
    if claims:
        rows, start, end = (
            np.array(column, np.int64)
            for column in zip(*((row, claim.start, claim.end) for row, claim in claims), strict=True)
        )
        labels = [(index[claim.rule.name], int(claim.rule.kind), claim.one_block) for _, claim in claims]
        draft.settle(rows, start, end, labels)
    return [row for row, _ in claims]


def _shown(draft: Draft, labeller: ProcessLabeller, views: _Views) -> Iterator[Process]:
    """The processes where a labeller runs, as it sees them."""
    chosen = _processes(draft, labeller)
    if labeller.sees is None:
        yield from map(views.of, which(chosen).tolist())
    elif chosen.any():
        yield from processes_of(draft, which(labeller.sees(draft) & draft.spread(chosen)))


def _processes(draft: Draft, labeller: ProcessLabeller) -> Flags:
    """Where a labeller runs."""
    chosen = draft.facts.in_detail
    if labeller.marks:
        chosen = chosen & draft.has(*labeller.marks)
    if labeller.where is not None and chosen.any():
        chosen = chosen & labeller.where(draft)
    return chosen


def _of(labeller: Labeller, withheld: Sequence[Withheld]) -> _ByProcess:
    """What is withheld from the rules of a labeller."""
    found: dict[int, list[Withheld]] = {}
    if withheld:
        names = {rule.name for rule in labeller.gives}
        for one in withheld:
            if one.rule in names:
                found.setdefault(one.process, []).append(one)
    return found


def _inside(draft: Draft, withheld: _ByProcess) -> Flags:
    """Parts that begin in memory that is withheld."""
    found = np.zeros(len(draft), np.bool_)
    for process, ranges in withheld.items():
        own = draft.rows_of(process)
        for _, _, start, end in ranges:
            found[own] |= (draft.start[own] >= start) & (draft.start[own] < end)
    return found


def _ranges_left(ranges: Ranges, withheld: _ByProcess) -> Ranges:
    columns = (ranges.process.tolist(), ranges.start.tolist(), ranges.end.tolist())
    rows = [
        (process, *left)
        for process, start, end in zip(*columns, strict=True)
        for left in _left(start, end, withheld.get(process, ()))
    ]
    process, start, end = np.array(rows, np.int64).reshape(-1, 3).T
    return Ranges(process, start, end, ranges.one_block)


def _claims_left(row: int, claim: Claim, withheld: _ByProcess) -> list[Claim]:
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
