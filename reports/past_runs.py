"""Earlier runs of the same scope and rules, read some hosts at a time, so that none is in memory as a whole.

The parts of a table are in the order of host names, so an earlier run is read like a tape: each part once,
when the present run comes to its hosts.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError, is_of_a_place, is_the_machines
from domain.records import Manifest
from reports import trend
from reports.settled import PROCESSES, Settled
from reports.trend import Past

log = logging.getLogger("reports")

PAST_RUNS_MAX: Final = 14
READS_MAX: Final = 2  # failed ones of a run: a reclassification may replace it while it is read


@dataclass(frozen=True, slots=True)
class PastRun:
    """An earlier complete run of the same scope and rules."""

    run_id: str
    started_at: str


class LostError(Exception):
    """Some earlier runs could not be read when it came to their hosts: all is to be compared anew."""


class PastRuns:
    """The last PAST_RUNS_MAX complete runs of the same scope and rules; none if `rules_version` is empty.

    A damaged or deleted run is no baseline, and does not prevent the report.
    """

    def __init__(self, now: Manifest, rules_version: str, runs: Runs) -> None:
        self._now = now
        self._rules_version = rules_version
        self._runs = runs
        self._failed_reads = Counter[str]()

    def tapes(self) -> "Tapes":
        """The runs, each before its first host. To be called again after a LostError."""
        found: list[_Tape] = []
        for run_id in reversed(self._runs.ids()) if self._rules_version else ():
            if len(found) == PAST_RUNS_MAX:
                break
            tape = self._tape(run_id, keeps_processes=not found)
            if tape is not None:
                found.append(tape)
        return Tapes(found, self)

    def _tape(self, run_id: str, *, keeps_processes: bool) -> "_Tape | None":
        """A run that is a baseline; None for any other."""
        while self._failed_reads[run_id] < READS_MAX:
            try:
                run = self._runs.open(run_id)
                closed = run.closed()
                if closed is None or not closed.complete or not is_earlier(self._now, run.manifest):
                    return None
                if closed.rules_version != self._rules_version:
                    return None
                past_run = PastRun(run_id, run.manifest.started_at)
                return _Tape(past_run, Settled(run.without_hosts()), keeps_processes=keeps_processes)
            except (OperatorError, OSError) as error:
                self.note(run_id, error)
        return None

    def note(self, run_id: str, error: OperatorError | OSError) -> None:
        """Note that a run could not be read; raises an error that says nothing about that run."""
        if isinstance(error, OperatorError | FileNotFoundError):
            self._failed_reads[run_id] += 1
            return
        if is_the_machines(error) and not is_of_a_place(error):
            raise error  # the disk fails, or too many files are open
        self._failed_reads[run_id] = READS_MAX
        log.warning("%s is not compared with %s: %s", self._now.run_id, run_id, error)  # of another account


class Tapes:
    """Earlier runs on their way through the hosts."""

    def __init__(self, tapes: "Sequence[_Tape]", past_runs: PastRuns) -> None:
        self._tapes = tapes  # the last run first
        self._past_runs = past_runs
        self.runs: tuple[PastRun, ...] = tuple(tape.run for tape in reversed(tapes))  # oldest first

    def of(self, first: str, last: str) -> Past:
        """What comparisons need of the hosts from `first` to `last` by name, and perhaps of some after them.

        To be asked in the order of hosts. LostError if a run cannot be read.
        """
        sums = [frame for found in self._each(first, last) for frame in found]
        processes = self._tapes[0].processes if self._tapes else []
        return Past(
            last=pl.concat(processes) if processes else None,
            lowest=pl.concat(sums).group_by("host", "service").agg(pl.col("_sum").min()) if sums else None,
        )

    def _each(self, first: str, last: str) -> Iterator[list[pl.DataFrame]]:
        """Of each run the sums of these hosts; all runs that are lost are known before it fails."""
        lost = list[str]()
        for tape in self._tapes:
            try:
                yield tape.sums_of(first, last)
            except (OperatorError, OSError) as error:
                self._past_runs.note(tape.run.run_id, error)
                lost.append(tape.run.run_id)
        if lost:
            raise LostError(", ".join(lost))


class _Tape:
    """One earlier run: the sums of services on hosts, and of the last run its processes as well."""

    def __init__(self, run: PastRun, tables: Settled, *, keeps_processes: bool) -> None:
        self.run = run
        self.processes: list[pl.DataFrame] = []  # from the first host asked for to the last one read
        self._keeps_processes = keeps_processes
        self._parts = tables.parts(PROCESSES, trend.NEEDED if keeps_processes else trend.LOW)
        self._sums: list[pl.DataFrame] = []
        self._read_to = ""  # the last host that was read

    def sums_of(self, first: str, last: str) -> list[pl.DataFrame]:
        """host, service, _sum of these hosts, and of others in the same part after them."""
        while self._read_to < last and (part := next(self._parts, None)) is not None:
            self._take(part)
        self.processes = _from(first, self.processes)
        self._sums = _from(first, self._sums)
        return self._sums

    def _take(self, part: pl.DataFrame) -> None:
        if part.is_empty():
            return
        hosts = part["host"]
        if hosts[0] <= self._read_to or not hosts.is_sorted():
            raise OperatorError(Mistake(self.run.run_id, "its processes are not in the order of hosts"))
        self._read_to = hosts[-1]
        self._sums.append(trend.service_sums(part))
        if self._keeps_processes:
            self.processes.append(part)


def _from(first: str, frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """What is left of frames from a host on, without empty ones."""
    left = (frame.filter(pl.col("host") >= first) for frame in frames)
    return [frame for frame in left if not frame.is_empty()]


def is_earlier(now: Manifest, then: Manifest) -> bool:
    """Whether a run is earlier and has the same scope."""
    return then.run_id != now.run_id and then.started_at < now.started_at and then.scope == now.scope
