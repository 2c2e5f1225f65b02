"""The parts while the rules label them: what names leave open, cut where a role begins or ends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from procmaps.kinds import Kind
from procmaps.rules.groups import ranges
from procmaps.rules.kernel_names import Name
from procmaps.rules.marks import has
from procmaps.smaps import VM_FLAGS
from procmaps.tables import (
    EXECUTE,
    READ,
    SHARED,
    UNKNOWN,
    WRITE,
    Addresses,
    Bytes8,
    Flags,
    Ints64,
    Snapshot,
    which,
)

if TYPE_CHECKING:
    from procmaps.rules.marks import Marks

_Scalar = TypeVar("_Scalar", bound=np.generic)
_Columns: TypeAlias = npt.NDArray[Any]  # of one sort, one column a row

Spans: TypeAlias = list[tuple[int, int, int]]  # process row, start, end
Label: TypeAlias = tuple[int, int, bool]  # index of the rule, kind, whether the range is one block

OPEN = 255
FEW_CUTS_COUNT = 40
ACCESS = READ | WRITE | EXECUTE
PAGE_SHIFT = 12
PAGE_BYTES = 1 << PAGE_SHIFT


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of each process before its mappings are looked at; one entry a process."""

    marks: "Marks"
    libjvm: Mapping[int, bytes]  # path of libjvm.so, by process row; of JVMs alone
    thirty_two_bit: Flags
    has_brk_heap: Flags
    threads: Ints64
    rss_anon_bytes: Ints64  # and swapped
    stack_limit_bytes: Ints64
    smaps: Flags  # flags and resident bytes may be used
    in_detail: Flags  # process labellers may look at it


# the columns, by what they hold; those of one sort are the rows of one array, so that all are cut at once
NUMBERS = ("mapping", "process", "start", "end", "size", "key", "rule", "block")
CODES = ("perms", "code", "below", "above", "kind")
FLAGS = ("none", "free", "open", "writable", "touches_above", "touches_below")
SORTS = (NUMBERS, CODES, FLAGS)


class Draft:
    """Columns over parts, ordered by process and address; int64 addresses, as user space ends below 2^57."""

    __slots__ = (
        *(*NUMBERS, *CODES, *FLAGS),
        *("blocks", "facts", "snapshot"),
        *("_columns", "_first_rows", "_parts_of", "_flags", "_has"),
    )

    mapping: Ints64
    process: Ints64
    start: Ints64
    end: Ints64
    size: Ints64
    key: Ints64
    rule: Ints64
    block: Ints64  # equal numbers make one block; -1 for a part of its own
    perms: Bytes8
    code: Bytes8
    below: Bytes8  # code + 1 of the mapping that ends where this one starts; 0 where none does
    above: Bytes8
    kind: Bytes8
    none: Flags
    free: Flags  # without a kind yet
    open: Flags  # anonymous parts without a kind yet
    writable: Flags
    touches_above: Flags
    touches_below: Flags

    def __init__(self, snapshot: Snapshot, facts: Facts, code: Bytes8, rows: Ints64) -> None:
        maps = snapshot.maps
        self.snapshot = snapshot
        self.facts = facts
        self.blocks = 0
        self._flags: Addresses | None = None  # read when asked for
        self._has: dict[tuple[str, ...], Flags] = {}
        numbers = np.empty((len(NUMBERS), len(rows)), np.int64)
        codes = np.empty((len(CODES), len(rows)), np.uint8)
        self._bind([numbers, codes, np.zeros((len(FLAGS), len(rows)), np.bool_)])
        self.mapping[:] = rows
        self.process[:] = maps.process[rows]
        self.start[:] = maps.start[rows]
        self.end[:] = maps.end[rows]
        np.subtract(self.end, self.start, self.size)
        self.key[:] = _keys(self.process, self.start)
        self.rule[:] = 0
        self.block[:] = -1
        self.perms[:] = maps.perms[rows]
        self.code[:] = code[rows]
        self.below[:], self.above[:] = _neighbours(snapshot, code, rows)
        self.kind[:] = OPEN
        self.none[:] = self.perms & ACCESS == 0
        self.free[:] = True
        self.open[:] = self.code <= int(Name.HUGE)
        self.writable[:] = self.perms & (ACCESS | SHARED) == READ | WRITE
        meets = (self.start[1:] == self.end[:-1]) & (self.process[1:] == self.process[:-1])
        self.touches_below[1:] = self.touches_above[:-1] = meets
        self._find_first_rows()

    def _bind(self, columns: list[_Columns]) -> None:
        """Take new columns: each has its name as an attribute."""
        self._columns = columns
        for names, rows in zip(SORTS, columns, strict=True):
            for name, row in zip(names, rows, strict=True):
                setattr(self, name, row)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def open_rw(self) -> Flags:
        """Open parts that are readable and writable."""
        return self.open & self.writable

    @property
    def open_none(self) -> Flags:
        """Open parts that nobody may touch: guards, reserves."""
        return self.open & self.none

    @property
    def flags(self) -> Addresses:
        """What smaps flags each part with; none where it may not be used."""
        if self._flags is None:
            self._flags = np.zeros(len(self), np.uint64)
            rows = which(self.spread(self.facts.smaps))
            self._flags[rows] = self.snapshot.maps.vm_flags[self.mapping[rows]]
        return self._flags

    def flagged(self, name: str) -> Flags:
        """Parts of mappings that smaps shows with this flag; none without smaps."""
        if not self.facts.smaps.any():
            return np.zeros(len(self), np.bool_)
        found: Flags = (self.flags & np.uint64(VM_FLAGS[name])) != 0
        return found

    def resident_bytes(self, rows: Ints64) -> Ints64:
        """What smaps says of the mappings that these parts are of; UNKNOWN where it may not be used."""
        resident = self.snapshot.maps.resident_bytes[self.mapping[rows]]
        return np.where(self.facts.smaps[self.process[rows]], resident, UNKNOWN)

    @property
    def stacks(self) -> Ints64:
        """Stacks of threads that were claimed so far, by process."""
        bodies = which(self.of_kind(Kind.THREAD_STACK) & ~self.none)
        return np.bincount(self.process[bodies], minlength=len(self.facts.marks))

    def has(self, *marks: str) -> Flags:
        """Which processes carry at least one of these marks."""
        if marks not in self._has:
            self._has[marks] = has(self.facts.marks, *marks)
        return self._has[marks]

    def of_kind(self, kind: Kind) -> Flags:
        """Parts that have this kind already."""
        found: Flags = self.kind == int(kind)  # NumPy takes five times as long to compare with an IntEnum
        return found

    def named(self, name: Name) -> Flags:
        """Parts of mappings with this code."""
        found: Flags = self.code == int(name)
        return found

    def rows_of(self, process: int) -> slice:
        """The parts of one process."""
        first, end = self._first_rows[process : process + 2].tolist()
        return slice(first, end)

    def rows_in(self, processes: Flags) -> Ints64:
        """The parts of these processes."""
        return which(self.spread(processes))

    def spread(self, known: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        """What is known of each process, for each of its parts."""
        return known.repeat(self._parts_of)

    def owners(self, parts: Flags) -> Flags:
        """Processes that have at least one of these parts."""
        found = np.zeros(len(self.facts.marks), np.bool_)
        found[self.process[parts]] = True
        return found

    def runs(self, parts: Flags) -> tuple[Ints64, Ints64]:
        """First and last row of each unbroken run of these parts, each starting where the one before ends."""
        rows = which(parts)
        begins = (np.diff(rows, prepend=-2) != 1) | ~self.touches_below[rows]
        ends = np.ones(len(rows), np.bool_)
        ends[:-1] = begins[1:]
        return rows[begins], rows[ends]

    def cut(self, rows: Ints64, addresses: Ints64) -> Ints64:
        """Split parts at addresses; one that is not strictly inside its part splits nothing.

        Rows as counted before the cut, several cuts a row allowed. Row numbers change. Returns the keys of
        the pieces that begin at a cut, ascending.
        """
        inside = (addresses > self.start[rows]) & (addresses < self.end[rows])
        rows, addresses = rows[inside], addresses[inside]
        if not len(rows):
            return rows
        order = np.lexsort((addresses, rows))
        rows, addresses = rows[order], addresses[order]
        first = np.ones(len(rows), np.bool_)
        first[1:] = (rows[1:] != rows[:-1]) | (addresses[1:] != addresses[:-1])
        rows, addresses = rows[first], addresses[first]
        position = rows + 1 + np.arange(len(rows))  # where the upper piece of each cut comes to lie
        repeated = _repeater(rows, len(self))
        self._bind([repeated(columns) for columns in self._columns])
        if self._flags is not None:
            self._flags = repeated(self._flags)
        lower = position - 1
        self.start[position] = self.end[lower] = addresses
        self.below[position] = self.above[lower] = 0
        self.touches_below[position] = self.touches_above[lower] = True
        self.key[position] = cuts = _keys(self.process[position], addresses)
        for pieces in (lower, position):
            self.size[pieces] = self.end[pieces] - self.start[pieces]
        self._find_first_rows()
        return cuts

    def take(self, process: Ints64, start: Ints64, end: Ints64, *, block: bool = True) -> Flags:
        """The parts inside address ranges, cut at both ends; each range is one block."""
        owners, edges = np.concatenate((process, process)), np.concatenate((start, end))
        keys = _keys(owners, edges)
        rows = self.key.searchsorted(keys, "right") - 1
        known = (rows >= 0) & (self.process[rows] == owners)
        self.cut(rows[known], edges[known])
        low, high = self.key.searchsorted(keys).reshape(2, -1)
        return self._chosen(low, np.maximum(high, low) - low, block=block)

    def take_between(self, first: Ints64, last: Ints64, start: Ints64, end: Ints64) -> Flags:
        """The same for ranges that are known to begin in a row `first` and to end in a row `last`."""
        process = self.process[first]
        cuts = self.cut(np.concatenate((first, last)), np.concatenate((start, end)))
        if len(cuts):
            first = first + cuts.searchsorted(_keys(process, start), "right")
            last = last + cuts.searchsorted(_keys(process, end))
        return self._chosen(first, last + 1 - first)

    def _chosen(self, first: Ints64, count: Ints64, *, block: bool = True) -> Flags:
        """`count` parts from each `first` upward; those of each range are one block."""
        rows = ranges(first, count)
        if block:
            self.join(rows, np.repeat(np.arange(len(first)), count))
        mask = np.zeros(len(self), np.bool_)
        mask[rows] = True
        return mask

    def take_spans(self, spans: Spans, *, block: bool = True) -> Flags | None:
        """The same for a list of (process row, start, end); None where it is empty."""
        if not spans:
            return None
        process, start, end = (np.array(column, np.int64) for column in zip(*spans, strict=True))
        return self.take(process, start, end, block=block)

    def join(self, rows: Ints64, groups: Ints64) -> None:
        """Say which open parts make one block: equal numbers in `groups`, counted from 0."""
        free = self.free[rows]
        rows, groups = rows[free], groups[free]
        if len(rows):
            self.block[rows] = self.blocks + groups
            self.blocks += int(groups.max()) + 1

    def label(self, mask: Flags, rule: int, kind: Kind) -> None:
        """Settle the open parts of a mask."""
        rows = which(mask & self.free)
        self.kind[rows] = int(kind)
        self.free[rows] = self.open[rows] = False
        self.rule[rows] = rule

    def settle(self, process: Ints64, start: Ints64, end: Ints64, labels: Sequence[Label]) -> None:
        """Cut what is claimed, and label it; of what is claimed twice the first claim has it."""
        owners, edges = np.concatenate((process, process)), np.concatenate((start, end))
        keys = _keys(owners, edges)
        rows = self.key.searchsorted(keys, "right") - 1
        known = (rows >= 0) & (self.process[rows] == owners)
        self.cut(rows[known], edges[known])
        low, high = self.key.searchsorted(keys).reshape(2, -1)
        count = np.maximum(high - low, 0)
        parts, claim = ranges(low, count), np.repeat(np.arange(len(low)), count)
        free = self.free[parts]
        parts, first = np.unique(parts[free], return_index=True)  # the first claim of each part
        claim = claim[free][first]
        rule, kind, one_block = (np.array(column) for column in zip(*labels, strict=True))
        self.kind[parts] = kind[claim]
        self.free[parts] = self.open[parts] = False
        self.rule[parts] = rule[claim]
        blocks = one_block & (np.bincount(claim, minlength=len(low)) > 1)
        in_block = blocks[claim]
        self.block[parts[in_block]] = self.blocks + (blocks.cumsum() - 1)[claim[in_block]]
        self.blocks += int(blocks.sum())

    def _find_first_rows(self) -> None:
        self._first_rows = self.process.searchsorted(np.arange(len(self.facts.marks) + 1))
        self._parts_of = self._first_rows[1:] - self._first_rows[:-1]  # how many, by process


def _repeater(rows: Ints64, length: int) -> Callable[[_Columns], _Columns]:
    """Repeats some rows of columns, in place; `rows` ascend and may repeat. A few are fastest as slices."""
    if len(rows) > FEW_CUTS_COUNT:
        bounds = np.concatenate(([0], rows + 1 + np.arange(len(rows)), [length + len(rows)]))
        source = np.arange(bounds[-1]) - np.repeat(np.arange(len(rows) + 1), np.diff(bounds))
        return lambda columns: columns.take(source, axis=-1)
    begin, end = [0, *rows.tolist()], [*(rows + 1).tolist(), length]
    pieces = [slice(*piece) for piece in zip(begin, end, strict=True)]
    return lambda columns: np.concatenate([columns[..., piece] for piece in pieces], axis=-1)


def is_multiple(values: Ints64, unit: int | Ints64) -> Flags:
    """Which of these are whole numbers of a unit that is a power of two: far faster than a division."""
    found: Flags = (values & (unit - 1)) == 0
    return found


def _keys(process: Ints64, address: Ints64) -> Ints64:
    """One number that orders by process and then by page: addresses have at most 57 bits."""
    return (process << 45) + (address >> PAGE_SHIFT)


def _neighbours(snapshot: Snapshot, code: Bytes8, rows: Ints64) -> tuple[Bytes8, Bytes8]:
    """Code + 1 of the mappings that touch each row from below and from above, 0 where none does."""
    maps = snapshot.maps
    meets = (maps.start[1:] == maps.end[:-1]) & (maps.process[1:] == maps.process[:-1])
    below = np.zeros(len(maps), np.uint8)
    above = np.zeros(len(maps), np.uint8)
    below[1:] = np.where(meets, code[:-1] + 1, 0)
    above[:-1] = np.where(meets, code[1:] + 1, 0)
    return below[rows], above[rows]
