"""The processes of a host as their labellers see them, each made anew only after a claim on its memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, TypeAlias

import numpy as np

from procmaps.rules.groups import slices_of
from procmaps.rules.process import Process, Region, region_of
from procmaps.rules.regions import Regions
from procmaps.tables import UNKNOWN, Flags, Ints64, which

KEPT_LIMIT_COUNT: Final = 65_536  # regions of all views that are kept; a region takes some 500 bytes

# of Regions, for the columns of Region after its position
_COLUMNS: Final = tuple("code" if name == "name" else name for name in Region._fields[1:])
State: TypeAlias = Callable[[Process], Any]


class Views:
    """Views that were made, and what owners with several labellers keep of a process between their turns."""

    def __init__(self) -> None:
        self._kept: dict[int, Process] = {}  # by process row
        self._kept_count = 0  # regions of all that were kept since the last clearing
        self._states: dict[tuple[State, int], Any] = {}

    def of(self, regions: Regions, processes: Flags) -> Iterator[Process]:
        """The views of these processes; those without a region are left out."""
        for rows in _batches(regions, which(processes)):
            self._make(regions, rows)
            yield from (self._kept[row] for row in rows.tolist() if row in self._kept)

    def _make(self, regions: Regions, rows: Ints64) -> None:
        """Make the views of these processes that are not kept; all others go if there are too many."""
        missing = np.array([row not in self._kept for row in rows.tolist()], np.bool_)
        if not missing.any():
            return
        chosen = np.zeros(len(regions.facts.marks), np.bool_)
        chosen[rows[missing]] = True
        seen = which(regions.spread(chosen))
        if self._kept_count + len(seen) > KEPT_LIMIT_COUNT:
            self._kept = {row: self._kept[row] for row in rows[~missing].tolist()}
            self._kept_count = sum(len(process.regions) for process in self._kept.values())
        self._kept_count += len(seen)
        self._kept.update((process.row, process) for process in processes_of(regions, seen))

    def state(self, make: State, process: Process) -> Any:  # only its owner knows what it is
        """What the labellers of one owner keep between their turns."""
        key = (make, process.row)
        if key not in self._states:
            self._states[key] = make(process)
        return self._states[key]

    def forget(self, rows: Iterable[int]) -> None:
        """Memory of these processes was claimed."""
        for row in rows:
            self._kept.pop(row, None)


def processes_of(regions: Regions, seen: Ints64) -> Iterator[Process]:
    """Views that show these regions alone, given by their ascending rows; one a process that owns some."""
    if not len(seen):
        return
    own = slices_of(regions.process[seen])
    shown = _shown(regions, seen, own)
    for part in own:
        yield _process(regions, int(regions.process[seen[part.start]]), tuple(shown[part]), seen[part])


def _batches(regions: Regions, rows: Ints64) -> list[Ints64]:
    """Processes in groups that have no more regions than are kept, or a single process in each."""
    if not len(rows):
        return []
    upto = regions.counts[rows].cumsum()
    if upto[-1] <= KEPT_LIMIT_COUNT:
        return [rows]
    return np.split(rows, which(np.diff(upto // KEPT_LIMIT_COUNT)) + 1)


def _shown(regions: Regions, seen: Ints64, own: Sequence[slice]) -> list[Region]:
    """The regions in these rows; `own` says which of them are of the same process."""
    columns = regions.lists_of(seen)
    # regions touch only if both are seen
    follows = np.zeros(len(seen) + 1, np.bool_)
    follows[1:-1] = seen[1:] - seen[:-1] == 1
    columns["touches_below"] = (regions.touches_below[seen] & follows[:-1]).tolist()
    columns["touches_above"] = (regions.touches_above[seen] & follows[1:]).tolist()
    positions = chain.from_iterable(range(part.stop - part.start) for part in own)
    return list(map(region_of, zip(positions, *(columns[name] for name in _COLUMNS), strict=True)))


def _process(regions: Regions, row: int, shown: tuple[Region, ...], seen: Ints64) -> Process:
    facts, processes, maps = regions.facts, regions.snapshot.processes, regions.snapshot.maps
    smaps = bool(facts.smaps[row])
    mapping = regions.mapping[seen]
    return Process(
        row=row,
        regions=shown,
        marks=int(facts.marks[row]),
        threads=int(facts.threads[row]),
        anonymous_bytes=int(facts.anonymous_bytes[row]),
        stack_limit_bytes=int(facts.stack_limit_bytes[row]),
        thirty_two_bit=bool(facts.thirty_two_bit[row]),
        smaps=smaps,
        java_stack_bytes=int(facts.java_stack_bytes[row]),
        code_unmarked=bool(facts.code_unmarked[row]),
        stacks_executable=bool(facts.stacks_executable[row]),
        brk_heap_bytes=int(facts.brk_heap_bytes[row]),
        libjvm=facts.libjvm.get(row, b""),
        argv=processes.argv[row],
        cgroup=processes.cgroup[row],
        host=regions.snapshot.facts,
        vm_flags=tuple(maps.vm_flags[mapping].tolist()) if smaps else (0,) * len(shown),
        resident_bytes=tuple(maps.resident_bytes[mapping].tolist()) if smaps else (UNKNOWN,) * len(shown),
    )
