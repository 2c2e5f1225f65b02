"""What labellers see of a host: columns over the regions of all its processes, which nobody can write to.

A region is a mapping whose name leaves its owner open, or the part of one that earlier claims have left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from procmaps.kinds import Kind
from procmaps.rules.kernel_names import Name
from procmaps.rules.marks import Marks, has
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

_Scalar = TypeVar("_Scalar", bound=np.generic)
Columns: TypeAlias = npt.NDArray[Any]  # of one sort, one column a row

OPEN: Final = 255  # as a kind: nobody has claimed the region
ACCESS: Final = READ | WRITE | EXECUTE
PAGE_SHIFT: Final = 12

# columns by what they hold: those of one sort are the rows of one array, so that one operation cuts all
NUMBERS: Final = ("mapping", "process", "start", "end", "size", "key")
CODES: Final = ("perms", "code", "below", "above", "kind")
FLAGS: Final = ("closed", "free", "unclaimed", "writable", "touches_above", "touches_below")


@dataclass(frozen=True, slots=True, eq=False)
class ProcessFacts:
    """What is known of each process before its memory is looked at: one entry a process."""

    marks: Marks
    libjvm: Mapping[int, bytes]  # path of libjvm.so, by process row; of JVMs alone
    thirty_two_bit: Flags
    brk_heap_bytes: Ints64  # of [heap]; 0 without one
    threads: Ints64
    anonymous_bytes: Ints64  # that is resident or swapped; UNKNOWN if it was not sent
    stack_limit_bytes: Ints64
    smaps: Flags  # flags and resident bytes may be used
    named_stacks: Ints64  # rows of the mappings that the kernel calls the stack of a thread, ascending
    in_detail: Flags  # process labellers may look at it
    java_stack_bytes: Ints64  # of the threads that a JVM makes for itself; 0 without a JVM
    graal: Flags  # a JVM with this compiler, whose threads have stacks of twice the size
    code_unmarked: Flags  # whether memory is executable does not tell code from data
    stacks_executable: Flags  # threads' stacks are executable, as code is


class Regions:
    """Columns over regions, ordered by process and address. Addresses fit int64: user space ends below 2^57.

    The arrays are views of the ledger's that cannot be written to.
    """

    __slots__ = (*NUMBERS, *CODES, *FLAGS, "_first_rows", "_sorts", "_vm_flags", "facts", "snapshot")

    mapping: Ints64
    process: Ints64
    start: Ints64
    end: Ints64
    size: Ints64
    key: Ints64  # orders by process, then by page
    perms: Bytes8
    code: Bytes8  # a Name
    below: Bytes8  # code + 1 of the mapping that ends where this one starts; 0 if none does
    above: Bytes8
    kind: Bytes8  # OPEN if nobody has claimed it
    closed: Flags  # without any access
    free: Flags  # without a kind yet
    unclaimed: Flags  # anonymous, without a kind yet
    writable: Flags  # private, readable and writable, not executable
    touches_above: Flags  # the next region of this process starts where this one ends
    touches_below: Flags

    def __init__(
        self, snapshot: Snapshot, facts: ProcessFacts, sorts: Sequence[tuple[Sequence[str], Columns]]
    ) -> None:
        self.snapshot = snapshot
        self.facts = facts
        self._sorts = []
        for names, columns in sorts:
            views = columns.view()
            views.flags.writeable = False
            self._sorts.append((names, views))
            for name, column in zip(names, views, strict=True):
                setattr(self, name, column)
        self._first_rows = self.process.searchsorted(np.arange(len(facts.marks) + 1))
        self._vm_flags: Addresses | None = None  # read when they are asked for

    def __len__(self) -> int:
        return len(self.start)

    def lists_of(self, rows: Ints64) -> dict[str, list[Any]]:
        """All columns of these rows as lists of Python's numbers, by name."""
        return {
            name: column
            for names, columns in self._sorts
            for name, column in zip(names, columns.take(rows, axis=1).tolist(), strict=True)
        }

    @property
    def unclaimed_writable(self) -> Flags:
        """Unclaimed regions that are readable and writable."""
        return self.unclaimed & self.writable

    @property
    def stack_like(self) -> Flags:
        """Unclaimed regions with the access that stacks have in their process."""
        return self.unclaimed & self.open_as_stacks

    @property
    def open_as_stacks(self) -> Flags:
        """Regions with the access that stacks have in their process, claimed or not."""
        if not self.facts.stacks_executable.any():
            return self.writable
        executable = self.perms & (READ | WRITE | EXECUTE | SHARED) == READ | WRITE | EXECUTE
        return np.where(self.spread(self.facts.stacks_executable), executable, self.writable)

    @property
    def unclaimed_closed(self) -> Flags:
        """Unclaimed regions without any access: guards, reserves."""
        return self.unclaimed & self.closed

    @property
    def stacks(self) -> Ints64:
        """Stacks of threads that were claimed so far, by process; guards do not count."""
        bodies = which(self.of_kind(Kind.THREAD_STACK) & ~self.closed)
        return np.bincount(self.process[bodies], minlength=len(self.facts.marks))

    @property
    def vm_flags(self) -> Addresses:
        """What smaps flags each region with; 0 where it may not be used."""
        if self._vm_flags is None:
            found = np.zeros(len(self), np.uint64)
            rows = which(self.spread(self.facts.smaps))
            found[rows] = self.snapshot.maps.vm_flags[self.mapping[rows]]
            self._vm_flags = found
        return self._vm_flags

    def flagged(self, name: str) -> Flags:
        """Regions of mappings that smaps shows with this flag; none without smaps."""
        if not self.facts.smaps.any():
            return np.zeros(len(self), np.bool_)
        found: Flags = (self.vm_flags & np.uint64(VM_FLAGS[name])) != 0
        return found

    def resident_bytes(self, rows: Ints64) -> Ints64:
        """What smaps says of the mappings that these regions are of; UNKNOWN where it may not be used."""
        resident = self.snapshot.maps.resident_bytes[self.mapping[rows]]
        return np.where(self.facts.smaps[self.process[rows]], resident, UNKNOWN)

    def has(self, *marks: str) -> Flags:
        """Which processes carry at least one of these marks."""
        return has(self.facts.marks, *marks)

    def of_kind(self, kind: Kind) -> Flags:
        """Regions that were claimed with this kind."""
        found: Flags = self.kind == int(kind)  # NumPy takes five times as long to compare with an IntEnum
        return found

    def named(self, name: Name) -> Flags:
        """Regions of mappings with this code."""
        found: Flags = self.code == int(name)
        return found

    def rows_of(self, process: int) -> slice:
        """The regions of one process."""
        first, end = self._first_rows[process : process + 2].tolist()
        return slice(first, end)

    @property
    def counts(self) -> Ints64:
        """How many regions each process has."""
        found: Ints64 = self._first_rows[1:] - self._first_rows[:-1]
        return found

    def spread(self, known: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        """What is known of each process, for each of its regions."""
        return known.repeat(self.counts)

    def owners(self, regions: Flags) -> Flags:
        """Processes that have at least one of these regions."""
        found = np.zeros(len(self.facts.marks), np.bool_)
        found[self.process[regions]] = True
        return found

    def lowest(self, regions: Flags) -> Ints64:
        """Where the lowest of these regions begins in each process; beyond all addresses if it has none."""
        rows = which(regions)
        found = np.full(len(self.facts.marks), np.iinfo(np.int64).max)
        np.minimum.at(found, self.process[rows], self.start[rows])
        return found

    def guarded(self, rows: Ints64, largest_bytes: int) -> Flags:
        """Which of these regions have a closed one right below that is no larger, claimed or not."""
        below = rows - 1
        found: Flags = self.touches_below[rows] & self.closed[below] & (self.size[below] <= largest_bytes)
        return found

    def runs(self, regions: Flags) -> tuple[Ints64, Ints64]:
        """First and last row of each unbroken run of these: each starts where the one before it ends."""
        rows = which(regions)
        begins = (np.diff(rows, prepend=-2) != 1) | ~self.touches_below[rows]
        ends = np.ones(len(rows), np.bool_)
        ends[:-1] = begins[1:]
        return rows[begins], rows[ends]


def is_multiple(values: Ints64, unit: int | Ints64) -> Flags:
    """Which of these are whole numbers of a unit that is a power of two: far faster than a division."""
    found: Flags = (values & (unit - 1)) == 0
    return found
