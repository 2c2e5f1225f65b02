"""The position of each process's files in a part of a stream."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from procmaps.frames import Records
from procmaps.tables import Flags, Ints64, which

Note: TypeAlias = Callable[[str], None]

PID_LIMIT: Final = 2**22  # PID_MAX_LIMIT, include/linux/threads.h


class Spans(NamedTuple):
    """The start and end of one file of each process; 0 if it did not come, because no file starts there."""

    start: Ints64
    end: Ints64

    @property
    def sent(self) -> Flags:
        """Processes whose file came, even if it is empty."""
        return self.start > 0

    @property
    def filled(self) -> Flags:
        """Processes whose file came and is not empty."""
        return self.end > self.start

    def contents(self, raw: bytes) -> list[bytes]:
        """The file of each process; b"" if it did not come."""
        return [raw[start:end] for start, end in zip(self.start.tolist(), self.end.tolist(), strict=True)]

    def or_else(self, other: "Spans", chosen: Flags) -> "Spans":
        """This file where `chosen`, otherwise the other file."""
        return Spans(np.where(chosen, self.start, other.start), np.where(chosen, self.end, other.end))


class Files(NamedTuple):
    """The files of the processes, one entry per process in each."""

    pids: Ints64  # in the order in which they came
    spans: Mapping[bytes, Spans]  # by kind


def find_files(
    records: Records, kinds: frozenset[bytes], shift: int, limit_processes: int, note: Note
) -> Files:
    """The records of these kinds by process; the first one if a record came more than once.

    `shift` is added to all positions; `limit_processes` is how many processes there may be.
    """
    wanted = np.array([name in kinds for name in records.kinds], np.bool_)
    rows = which(wanted[records.kind]) if len(records) else np.zeros(0, np.int64)
    pid = records.pid[rows]
    possible = (pid > 0) & (pid <= PID_LIMIT)
    if not possible.all():
        for row in rows[~possible].tolist():
            name = records.kinds[records.kind[row]].decode()
            note(f"{name} of the impossible pid {records.pid[row]} was left out")
        rows, pid = rows[possible], pid[possible]
    distinct, first, process = np.unique(pid, return_index=True, return_inverse=True)
    order = np.argsort(first)
    process = np.argsort(order)[process]
    if len(distinct) > limit_processes:
        note(f"processes above the limit of {limit_processes} were left out")
        within = process < limit_processes
        rows, process = rows[within], process[within]
    pids = distinct[order[:limit_processes]]
    kind = records.kind[rows]
    spans = {name: Spans(*np.zeros((2, len(pids)), np.int64)) for name in kinds}
    for code, name in enumerate(records.kinds):
        if not wanted[code]:
            continue
        own = which(kind == code)[::-1]  # if one came twice, the first one is written last and stays
        spans[name].start[process[own]] = records.start[rows[own]] + shift
        spans[name].end[process[own]] = records.end[rows[own]] + shift
        for row in which(np.bincount(process[own], minlength=1) > 1).tolist():
            note(f"process {pids[row]} was sent more than once: its first {name.decode()} was kept")
    return Files(pids, spans)
