"""Gives each labeller its turn, and each region to the first that claims it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from procmaps.rules.labeller import Claim, Labeller, ProcessLabeller, Ranges, RegionLabeller
from procmaps.rules.ledger import Labels, Ledger
from procmaps.rules.marks import bits_of
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
    carried = np.bitwise_or.reduce(ledger.regions.facts.marks, initial=0)
    for labeller in labellers:
        kept = withheld_from(labeller, withheld)
        if isinstance(labeller, ProcessLabeller) and not _has_marks(labeller, carried):
            continue
        if isinstance(labeller, RegionLabeller):
            claimed = _ask_of_regions(ledger, labeller, index, kept)
        else:
            claimed = _ask_of_processes(ledger, labeller, index, kept, views)
        views.forget(claimed)


def _has_marks(labeller: ProcessLabeller, marks: np.uint64) -> bool:
    """Whether a labeller that runs in processes with some marks needs to be asked at all."""
    return not labeller.marks or bool(marks & bits_of(labeller.marks))


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
        count = len(left.process)
        labels = Labels(
            np.full(count, index[rule.name]), np.full(count, int(rule.kind)), np.full(count, left.one_block)
        )
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
    if claims:
        start, end, rules, one_block = zip(*(claim for _, claim in claims), strict=True)
        labels = Labels(
            np.array([index[rule.name] for rule in rules]),
            np.array([int(rule.kind) for rule in rules]),
            np.array(one_block),
        )
        owner, first, last = (np.array(column, np.int64) for column in (rows, start, end))
        ledger.label_ranges(owner, first, last, labels)
    return rows


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
