"""Gives each labeller its turn, and each region to the first that claims it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from procmaps.rules.labeller import Claim, Labeller, ProcessLabeller, Ranges, RegionLabeller
from procmaps.rules.ledger import Label, Ledger
from procmaps.rules.process import Process
from procmaps.rules.regions import Regions
from procmaps.rules.views import Views, processes_of
from procmaps.rules.withheld import ByProcess, Withheld, claims_left, inside, ranges_left, withheld_from
from procmaps.tables import Flags, which


def label(
    ledger: Ledger,
    labellers: Iterable[Labeller],
    index: Mapping[str, int],
    withheld: Sequence[Withheld] = (),
) -> None:
    """Run the labellers in this order; `index` says where each rule stands in the table of rules."""
    views = Views()
    for labeller in labellers:
        kept = withheld_from(labeller, withheld)
        if isinstance(labeller, RegionLabeller):
            claimed = _ask_of_regions(ledger, labeller, index, kept)
        else:
            claimed = _ask_of_processes(ledger, labeller, index, kept, views)
        views.forget(claimed)


def _ask_of_regions(
    ledger: Ledger, labeller: RegionLabeller, index: Mapping[str, int], withheld: ByProcess
) -> list[int]:
    """Returns the rows of the processes of which something was claimed."""
    (rule,) = labeller.gives
    found = labeller.find(ledger.regions)
    if found is None:
        return []
    if isinstance(found, Ranges):
        left = ranges_left(found, withheld) if withheld else found
        labels = [Label(index[rule.name], int(rule.kind), left.one_block)] * len(left.process)
        ledger.label_ranges(left.process, left.start, left.end, labels)
        return list(set(left.process.tolist()))
    mask = found & ~inside(ledger.regions, withheld) if withheld else found
    ledger.label_rows(mask, index[rule.name], int(rule.kind))
    claimed: list[int] = which(ledger.regions.owners(mask)).tolist()
    return claimed


def _ask_of_processes(
    ledger: Ledger, labeller: ProcessLabeller, index: Mapping[str, int], withheld: ByProcess, views: Views
) -> list[int]:
    """Returns the rows of the processes of which something was claimed."""
    claims: list[tuple[int, Claim]] = []
    for process in _shown(ledger.regions, labeller, views):
        if labeller.state is None:
            found = labeller.find(process)
        else:
            found = labeller.find(views.state(labeller.state, process), process)
        claims += [(process.row, claim) for claim in found]
    if withheld:
        claims = [(row, left) for row, claim in claims for left in claims_left(row, claim, withheld)]
    rows = [row for row, _ in claims]
    start, end = (np.array(column, np.int64) for column in _columns(claims))
    labels = [Label(index[claim.rule.name], int(claim.rule.kind), claim.one_block) for _, claim in claims]
    ledger.label_ranges(np.array(rows, np.int64), start, end, labels)
    return rows


def _columns(claims: list[tuple[int, Claim]]) -> tuple[list[int], list[int]]:
    return [claim.start for _, claim in claims], [claim.end for _, claim in claims]


def _shown(regions: Regions, labeller: ProcessLabeller, views: Views) -> Iterator[Process]:
    """The processes where a labeller runs, as it sees them."""
    chosen = _processes(regions, labeller)
    if not chosen.any():
        return
    if labeller.sees is None:
        yield from views.of(regions, chosen)
    else:
        yield from processes_of(regions, which(labeller.sees(regions) & regions.spread(chosen)))


def _processes(regions: Regions, labeller: ProcessLabeller) -> Flags:
    """Where a labeller runs."""
    chosen = regions.facts.in_detail
    if labeller.marks:
        chosen = chosen & regions.has(*labeller.marks)
    if labeller.where is not None and chosen.any():
        chosen = chosen & labeller.where(regions)
    return chosen
