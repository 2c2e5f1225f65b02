"""Earlier runs of the same scope, read some hosts at a time, so that none is in memory as a whole.

The parts of a table are in the order of host names, so an earlier run is read like a tape: each part once,
when the present run comes to its hosts.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import polars as pl

from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError, is_of_a_place, is_the_machines
from domain.records import Manifest
from reports.tables import trend
from reports.tables.measures import NATIVE
from reports.tables.settled import PROCESSES, Settled
from reports.tables.trend import Past

log = logging.getLogger("reports")
Read = TypeVar("Read")

PAST_RUNS_MAX: Final = 14
READS_MAX: Final = 2  # failed ones of a run: a reclassification may replace it while it is read


@dataclass(frozen=True, slots=True)
class PastRun:
    """An earlier complete run of the same scope."""

    run_id: str
    started_at: str
    has_same_rules: bool = True  # otherwise only sizes that need no labels are compared


class _Notes(Protocol):
    """Who is told of a run that could not be read."""

    def note(self, run_id: str, error: OperatorError | OSError) -> None: ...


class LostError(Exception):
    """Some earlier runs could not be read when it came to their hosts: all is to be compared anew."""


class PastRuns:
    """The last PAST_RUNS_MAX complete runs of the same scope.

    If `rules_version` is empty, or a run has other rules, the native heaps of that run are not compared. A
    damaged or deleted run is no baseline, and does not prevent the report.
    """

    def __init__(self, now: Manifest, rules_version: str, runs: Runs) -> None:
        self._now = now
        self.rules_version = rules_version
        self._runs = runs
        self._failed_reads = Counter[str]()

    def tapes(self) -> "Tapes":
        """The runs, each before its first host. To be called again after a LostError."""
        found: list[_Tape] = []
        for run_id in reversed(self._runs.ids()):
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
                has_same_rules = closed.rules_version == self.rules_version != ""
                past_run = PastRun(run_id, run.manifest.started_at, has_same_rules)
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

    def __init__(self, tapes: "Sequence[_Tape]", past_runs: "_Notes") -> None:
        self._tapes = tapes  # the last run first
        self._past_runs = past_runs
        self.runs: tuple[PastRun, ...] = tuple(tape.run for tape in reversed(tapes))  # oldest first
        self.last: Settled | None = tapes[0].tables if tapes else None

    def each(self, read: Callable[[Settled], Read]) -> list[Read]:
        """What is read of the tables of each run, the oldest first. LostError if one cannot be read."""
        return list(self._each(lambda tape: read(tape.tables)))[::-1]

    def of(self, first: str, last: str) -> Past:
        """What comparisons need of the hosts from `first` to `last` by name, and perhaps of some after them.

        To be asked in the order of hosts. LostError if a run cannot be read.
        """
        sums = [frame for found in self._each(lambda tape: tape.sums_of(first, last)) for frame in found]
        processes = self._tapes[0].processes if self._tapes else []
        return Past(
            last=pl.concat(processes) if processes else None,
            lowest=pl.concat(sums).group_by("host", "service").agg(pl.col("_sum").min()) if sums else None,
        )

    def last_table(self, name: str, wanted: Sequence[str]) -> pl.DataFrame | None:
        """These columns of a table of the last run; None if there is none. LostError if it cannot be read."""
        tables = list(self._each(lambda tape: tape.tables.table(name, wanted), self._tapes[:1]))
        return tables[0] if tables else None

    def _each(
        self, read: Callable[["_Tape"], Read], tapes: "Sequence[_Tape] | None" = None
    ) -> Iterator[Read]:
        """What is read of each run; all runs that are lost are known before it fails."""
        lost = list[str]()
        for tape in self._tapes if tapes is None else tapes:
            try:
                yield read(tape)
            except (OperatorError, OSError) as error:
                self._past_runs.note(tape.run.run_id, error)
                lost.append(tape.run.run_id)
        if lost:
            raise LostError(", ".join(lost))


class _Tape:
    """One earlier run: the sums of services on hosts, and of the last run its processes as well."""

    def __init__(self, run: PastRun, tables: Settled, *, keeps_processes: bool) -> None:
        self.run = run
        self.tables = tables
        self.processes: list[pl.DataFrame] = []  # from the first host asked for to the last one read
        self._keeps_processes = keeps_processes
        wanted = trend.NEEDED if keeps_processes else trend.LOW
        reads = keeps_processes or run.has_same_rules
        self._parts = tables.parts(PROCESSES, wanted) if reads else iter(())
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
        if self.run.has_same_rules:
            self._sums.append(trend.service_sums(part))
        else:
            part = part.with_columns(pl.lit(None, pl.Int64).alias(NATIVE))
        if self._keeps_processes:
            self.processes.append(part)


class _NoOther:
    """What becomes of a run that cannot be read, if no other can take its place: the error is told."""

    def note(self, _run_id: str, error: OperatorError | OSError) -> None:
        """Raise it."""
        raise error


def chosen(then: Settled, *, has_same_rules: bool) -> Tapes:
    """One run to compare with, whatever its scope. An error of its files is raised as it is."""
    run = PastRun(then.manifest.run_id, then.manifest.started_at, has_same_rules)
    return Tapes([_Tape(run, then, keeps_processes=True)], _NoOther())


def is_of_the_run(error: OperatorError | OSError) -> bool:
    """Whether an error concerns the run that was read, so that others can do without it."""
    return isinstance(error, OperatorError) or not is_the_machines(error) or is_of_a_place(error)


def _from(first: str, frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """What is left of frames from a host on, without empty ones."""
    left = (frame.filter(pl.col("host") >= first) for frame in frames)
    return [frame for frame in left if not frame.is_empty()]


def is_earlier(now: Manifest, then: Manifest) -> bool:
    """Whether a run is earlier and has the same scope."""
    return then.run_id != now.run_id and then.started_at < now.started_at and then.scope == now.scope
