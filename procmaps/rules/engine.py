"""Gives each labeller its turn, and each region to the first that claims it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from procmaps.rules.draft import Draft
from procmaps.rules.labeller import Claim, Labeller, ProcessLabeller, Ranges, RegionLabeller
from procmaps.rules.process import Process, process_of, processes_of
from procmaps.tables import Flags, which

KEPT_LIMIT_COUNT: Final = 65_536  # regions of all views that are kept; a region takes some 500 bytes


def label(draft: Draft, labellers: Iterable[Labeller], index: Mapping[str, int]) -> None:
    """Run the labellers in this order; `index` says where each rule stands in the table of rules."""
    views = _Views(draft)
    for labeller in labellers:
        if isinstance(labeller, RegionLabeller):
            views.forget(_label_regions(draft, labeller, index))
        else:
            views.forget(_label_processes(draft, labeller, index, views))


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


def _label_regions(draft: Draft, labeller: RegionLabeller, index: Mapping[str, int]) -> list[int]:
    """Returns the rows of the processes of which something was claimed."""
    (rule,) = labeller.gives
    before = len(draft)
    found = labeller.find(draft)
    if (
        len(draft) != before and found is not None and not isinstance(found, Ranges)
    ):  # a rule of the old form has cut the draft
        draft.label(found, index[rule.name], rule.kind)
        return list(range(len(draft.facts.marks)))
    if isinstance(found, Ranges):
        found = draft.take(found.process, found.start, found.end, block=found.one_block)
    if found is None:
        return []
    draft.label(found, index[rule.name], rule.kind)
    claimed: list[int] = which(draft.owners(found)).tolist()
    return claimed


def _label_processes(
    draft: Draft, labeller: ProcessLabeller, index: Mapping[str, int], views: _Views
) -> list[int]:
    claims: list[tuple[int, Claim]] = []
    for process in _shown(draft, labeller, views):
        if labeller.state is None:
            found = labeller.find(process)
        else:
            found = labeller.find(views.state(labeller.state, process), process)
        claims += [(process.row, claim) for claim in found]
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
