"""Who has claimed what: the only place where regions are cut, and given a kind."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from procmaps.rules.groups import ranges
from procmaps.rules.kernel_names import Name
from procmaps.rules.regions import (
    ACCESS,
    CODES,
    FLAGS,
    NUMBERS,
    OPEN,
    PAGE_SHIFT,
    Columns,
    ProcessFacts,
    Regions,
)
from procmaps.tables import READ, SHARED, WRITE, Bytes8, Flags, Ints64, Snapshot, which

FEW_CUTS_COUNT: Final = 40
# what labellers do not see: the index of the rule, and the block; equal numbers make one block, -1 is none
_OWN: Final = ("rule", "block")
_SORTS: Final = ((*NUMBERS, *_OWN), CODES, FLAGS)
_TYPES: Final = (np.int64, np.uint8, np.bool_)


class Labels(NamedTuple):
    """What claimed ranges become: one entry a range."""

    rule: Ints64  # index in the table of rules
    kind: Ints64
    one_block: Flags


class Ledger:
    """The regions of a host and their labels. Rows are in the order of process and address at any time."""

    def __init__(self, snapshot: Snapshot, facts: ProcessFacts, code: Bytes8, mappings: Ints64) -> None:
        self._snapshot = snapshot
        self._facts = facts
        self._blocks = 0
        self._bind(
            [np.zeros((len(names), len(mappings)), sort) for names, sort in zip(_SORTS, _TYPES, strict=True)]
        )
        self._fill(snapshot, code, mappings)
        self.regions = self._view()

    def _fill(self, snapshot: Snapshot, code: Bytes8, mappings: Ints64) -> None:
        maps, of = snapshot.maps, self._of
        of["mapping"][:] = mappings
        of["process"][:] = maps.process[mappings]
        of["start"][:] = maps.start[mappings]
        of["end"][:] = maps.end[mappings]
        of["size"][:] = of["end"] - of["start"]
        of["key"][:] = _keys(of["process"], of["start"])
        of["block"][:] = -1
        of["perms"][:] = maps.perms[mappings]
        of["code"][:] = code[mappings]
        of["below"][:], of["above"][:] = _neighbours(snapshot, code, mappings)
        of["kind"][:] = OPEN
        of["closed"][:] = of["perms"] & ACCESS == 0
        of["free"][:] = True
        of["unclaimed"][:] = of["code"] <= int(Name.HUGE)
        of["writable"][:] = of["perms"] & (ACCESS | SHARED) == READ | WRITE
        meets = (of["start"][1:] == of["end"][:-1]) & (of["process"][1:] == of["process"][:-1])
        of["touches_below"][1:] = of["touches_above"][:-1] = meets

    def _bind(self, columns: list[Columns]) -> None:
        """Take new columns, each by its name."""
        self._columns = columns
        self._of = {
            name: row
            for names, rows in zip(_SORTS, columns, strict=True)
            for name, row in zip(names, rows, strict=True)
        }

    def _view(self) -> Regions:
        seen = (NUMBERS, CODES, FLAGS)  # the ledger's own columns come last
        return Regions(
            self._snapshot,
            self._facts,
            [(names, columns[: len(names)]) for names, columns in zip(seen, self._columns, strict=True)],
        )

    @property
    def rule(self) -> Ints64:
        """The rule by which each region was claimed: its index in the table of rules."""
        found: Ints64 = self._of["rule"]
        return found

    @property
    def block(self) -> Ints64:
        """Equal numbers make one block; -1 for a region by itself."""
        found: Ints64 = self._of["block"]
        return found

    def label_rows(self, mask: Flags, rule: int, kind: int) -> Ints64:
        """Label whole regions, and return which; those that have a kind already keep it."""
        rows = which(mask & self._of["free"])
        self._label(rows, rule, kind)
        return rows

    def label_ranges(self, process: Ints64, start: Ints64, end: Ints64, labels: Labels) -> None:
        """Cut what is claimed, and label it; of what is claimed twice the first claim has it."""
        if not len(process):
            return
        edges = self._cut_at(np.concatenate((process, process)), np.concatenate((start, end)))
        low, high = edges.reshape(2, -1)
        count = np.maximum(high - low, 0)
        parts, claim = ranges(low, count), np.arange(len(low)).repeat(count)
        free = self._of["free"][parts]
        parts, claim = parts[free], claim[free]
        if not (parts[1:] > parts[:-1]).all():
            parts, first = np.unique(parts, return_index=True)
            claim = claim[first]
        self._label(parts, labels.rule[claim], labels.kind[claim])
        blocks = labels.one_block & (np.bincount(claim, minlength=len(low)) > 1)
        if blocks.any():
            in_block = blocks[claim]
            self._of["block"][parts[in_block]] = self._blocks + (blocks.cumsum() - 1)[claim[in_block]]
            self._blocks += int(blocks.sum())

    def _label(self, rows: Ints64, rule: int | Ints64, kind: int | Ints64) -> None:
        of = self._of
        of["kind"][rows] = kind
        of["free"][rows] = of["unclaimed"][rows] = False
        of["rule"][rows] = rule

    def _cut_at(self, process: Ints64, edges: Ints64) -> Ints64:
        """Split regions at these addresses; for each the first row that begins there or above."""
        of, keys = self._of, _keys(process, edges)
        rows: Ints64 = of["key"].searchsorted(keys, "right") - 1
        inside = (rows >= 0) & (of["start"][rows] < edges) & (edges < of["end"][rows])
        inside &= of["process"][rows] == process
        if inside.any():
            self._cut(rows[inside], edges[inside])
            rows = self._of["key"].searchsorted(keys)
        else:
            rows += of["key"][rows] != keys
        return rows

    def _cut(self, rows: Ints64, addresses: Ints64) -> None:
        """Split regions at addresses that are strictly inside them.

        Rows are as counted before the cut; several cuts of one row are allowed.
        """
        order = np.lexsort((addresses, rows))
        rows, addresses = rows[order], addresses[order]
        first = np.ones(len(rows), np.bool_)
        first[1:] = (rows[1:] != rows[:-1]) | (addresses[1:] != addresses[:-1])
        rows, addresses = rows[first], addresses[first]
        position = rows + 1 + np.arange(len(rows))  # where the upper piece of each cut comes to lie
        repeated = _repeater(rows, len(self.regions))
        self._bind([repeated(columns) for columns in self._columns])
        of, lower = self._of, position - 1
        of["start"][position] = of["end"][lower] = addresses
        of["below"][position] = of["above"][lower] = 0
        of["touches_below"][position] = of["touches_above"][lower] = True
        of["key"][position] = _keys(of["process"][position], addresses)
        for pieces in (lower, position):
            of["size"][pieces] = of["end"][pieces] - of["start"][pieces]
        self.regions = self._view()


def _repeater(rows: Ints64, length: int) -> Callable[[Columns], Columns]:
    """Repeats some rows of columns, in place; `rows` ascend and may repeat. A few are fastest as slices."""
    if len(rows) > FEW_CUTS_COUNT:
        bounds = np.concatenate(([0], rows + 1 + np.arange(len(rows)), [length + len(rows)]))
        source = np.arange(bounds[-1]) - np.repeat(np.arange(len(rows) + 1), np.diff(bounds))
        return lambda columns: columns.take(source, axis=-1)
    begin, end = [0, *rows.tolist()], [*(rows + 1).tolist(), length]
    pieces = [slice(*piece) for piece in zip(begin, end, strict=True)]
    return lambda columns: np.concatenate([columns[..., piece] for piece in pieces], axis=-1)


def _keys(process: Ints64, address: Ints64) -> Ints64:
    """One number that orders by process and then by page: addresses have at most 57 bits."""
    return (process << 45) + (address >> PAGE_SHIFT)


def _neighbours(snapshot: Snapshot, code: Bytes8, rows: Ints64) -> tuple[Bytes8, Bytes8]:
    """Code + 1 of the mappings that touch each row from below and from above; 0 if none does."""
    maps = snapshot.maps
    meets = (maps.start[1:] == maps.end[:-1]) & (maps.process[1:] == maps.process[:-1])
    below = np.zeros(len(maps), np.uint8)
    above = np.zeros(len(maps), np.uint8)
    below[1:] = np.where(meets, code[:-1] + 1, 0)
    above[:-1] = np.where(meets, code[1:] + 1, 0)
    return below[rows], above[rows]
