"""Gives each labeller its turn, and each region to the first that claims it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from procmaps.rules.draft import Draft
from procmaps.rules.labeller import Claim, Labeller, ProcessLabeller, Ranges, RegionLabeller
from procmaps.rules.process import Process, process_of
from procmaps.tables import Flags, which


def label(draft: Draft, labellers: Iterable[Labeller], index: Mapping[str, int]) -> None:
    """Run the labellers in this order; `index` says where each rule stands in the table of rules."""
    states: dict[tuple[Callable[[Process], Any], int], Any] = {}
    for labeller in labellers:
        if isinstance(labeller, RegionLabeller):
            _label_regions(draft, labeller, index)
        else:
            _label_processes(draft, labeller, index, states)


def _label_regions(draft: Draft, labeller: RegionLabeller, index: Mapping[str, int]) -> None:
    (rule,) = labeller.gives
    found = labeller.find(draft)
    if isinstance(found, Ranges):
        found = draft.take(found.process, found.start, found.end, block=found.one_block)
    if found is not None:
        draft.label(found, index[rule.name], rule.kind)


def _label_processes(
    draft: Draft,
    labeller: ProcessLabeller,
    index: Mapping[str, int],
    states: dict[tuple[Callable[[Process], Any], int], Any],
) -> None:
    claims: list[tuple[int, Claim]] = []
    for row in which(_processes(draft, labeller)).tolist():
        process = process_of(draft, row)
        if labeller.state is None:
            found = labeller.find(process)
        else:
            key = (labeller.state, row)
            if key not in states:
                states[key] = labeller.state(process)
            found = labeller.find(states[key], process)
        claims += [(row, claim) for claim in found]
    if claims:
        process, start, end = (
            np.array(column, np.int64)
            for column in zip(*((row, claim.start, claim.end) for row, claim in claims), strict=True)
        )
        labels = [(index[claim.rule.name], int(claim.rule.kind), claim.one_block) for _, claim in claims]
        draft.settle(process, start, end, labels)


def _processes(draft: Draft, labeller: ProcessLabeller) -> Flags:
    """Where a labeller runs."""
    chosen = draft.has(*labeller.marks) if labeller.marks else np.ones(len(draft.facts.marks), np.bool_)
    if labeller.where is not None and chosen.any():
        chosen = chosen & labeller.where(draft)
    return chosen
