"""Metrics of the archive: which runs are open, and how the last run of each scope ended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Final

import polars as pl
from prometheus_client.core import GaugeMetricFamily, Metric

from archive.retries import retried
from archive.run import Run
from archive.run_ids import name_of, started_of
from archive.run_mail import refusals_of_run
from archive.runs import Runs
from archive.schedule_records import ScheduleRecords
from domain.mistakes import Mistake, OperatorError
from domain.moments import epoch_s
from domain.records import Closed
from mapsweep.due_lines import OWED, owed_at
from reports.tables import settled
from reports.tables.settled import Settled
from workers.life.schedules import Schedule

RUNS_MAX: Final = 1000  # the newest, of which the end is read: years of nights
SCOPES_MAX: Final = 200  # that ended last; each gives a dozen series
REASONS_MAX: Final = 100  # of one run; a reason is a word of ours
_TOTALS: Final = {
    "native_heap_resident_max_bytes": "mapsweep_last_run_native_heap_bytes",
    "stacks_resident_max_bytes": "mapsweep_last_run_thread_stacks_bytes",
}


@dataclass(slots=True)
class Survey:
    """What the newest runs say, without their manifests, which are large."""

    open: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    last: dict[str, tuple[str, Closed]] = field(default_factory=dict)  # run and end, by the name in its id
    last_good: dict[str, Closed] = field(default_factory=dict)
    retries: list[Closed] = field(default_factory=list)  # of hosts that failed; never last

    def recovered(self, run_id: str) -> int:
        """How many hosts failed in a run and answered in a retry of it, or in one of its retries'."""
        chain, left, count = {run_id}, self.retries, 0
        while found := [each for each in left if retried(each.hosts)[1] in chain]:
            chain = {each.run_id for each in found}
            left = [each for each in left if each.run_id not in chain]
            count += sum(each.answered for each in found)
        return count


def survey(runs: Runs) -> Survey:
    """Look at the newest runs; one that is damaged hides no other."""
    found = Survey()
    for run_id in reversed(runs.ids()[-RUNS_MAX:]):
        name = name_of(run_id)
        try:
            closed = runs.closed(run_id)
        except OperatorError:
            found.unreadable.append(run_id)
            continue
        if closed is None:
            found.open.append(run_id)
            continue
        if retried(closed.hosts)[1]:
            found.retries.append(closed)
        elif len(found.last) < SCOPES_MAX or name in found.last:
            found.last.setdefault(name, (run_id, closed))
            if closed.is_good:
                found.last_good.setdefault(name, closed)
    return found


def archive_metrics(runs: Runs, schedules: Iterable[Schedule] = ()) -> Iterator[Metric]:
    """The metrics of all runs in one place; OSError or OperatorError if it cannot be read."""
    folder = runs.store.local_path("")
    if folder is not None and not folder.is_dir():  # else it would pass for a place without runs
        remedy = "mount it, or name another folder with --runs; the first run makes it"
        raise OperatorError(Mistake(str(folder), "is no folder", remedy))
    found = survey(runs)
    queued = runs.queued()
    yield _gauge("mapsweep_runs_open", "Runs that are not closed, of the newest 1000", len(found.open))
    yield _gauge("mapsweep_runs_queued", "Runs that were given to the workers", len(queued))
    yield _gauge("mapsweep_runs_unreadable", "Runs with a damaged record of their end", len(found.unreadable))
    unmailed = len(runs.unmailed())
    yield _gauge("mapsweep_reports_unmailed", "Reports and notices that are still to be mailed", unmailed)
    unposted = len(runs.unposted())
    yield _gauge("mapsweep_news_unposted", "Runs whose news the webhook still has to get", unposted)
    began = list(filter(None, map(started_of, queued)))
    if began:
        oldest_s = min(began).timestamp()
        yield _gauge(
            "mapsweep_oldest_queued_run_timestamp_seconds", "Start of the oldest run at the workers", oldest_s
        )
    free_bytes = runs.store.free_bytes()
    if free_bytes is not None:
        yield _gauge("mapsweep_archive_free_bytes", "Free bytes where the runs are kept", free_bytes)
    yield _schedules(runs, tuple(schedules))
    yield from _Scopes().of(runs, found)


def _schedules(runs: Runs, schedules: tuple[Schedule, ...]) -> Metric:
    """The last due time of each schedule of the settings, or else of the archive, and what became of it."""
    dues = GaugeMetricFamily(
        "mapsweep_schedule_last_due_timestamp_seconds",
        "The last due time of a schedule, and what became of it",
        labels=["schedule", "state"],
    )
    records, now = ScheduleRecords(runs.store), datetime.now(UTC)
    known = {each.name: each for each in schedules}
    for record in islice((each for each in records.all() if not known or each.name in known), SCOPES_MAX):
        schedule = known.get(record.name)
        if schedule and (owed := owed_at(schedule, record, now)):
            dues.add_metric([record.name, OWED], owed.timestamp())
        elif record.dues:
            last = record.dues[-1]
            dues.add_metric([record.name, last.state], epoch_s(last.due_at))
    return dues


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


class _Scopes:
    """The metrics of the last run of each scope."""

    def __init__(self) -> None:
        def made(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"mapsweep_{name}", meaning, labels=["scope", *labels])

        self._readable = made("last_run_readable", "1 if the tables of the last run could be read")
        self._closed = made("last_run_timestamp_seconds", "When the last run was closed")
        self._good = made(
            "last_good_run_timestamp_seconds",
            "When the last run was closed in which all hosts were asked in time and one answered",
        )
        self._asked = made("last_run_hosts_asked", "Hosts of the last run")
        self._hosts = made("last_run_hosts", "Hosts of the last run, by how they ended", "status")
        self._recovered = made(
            "last_run_hosts_recovered", "Hosts that failed in the last run and answered in a retry"
        )
        self._reasons = made(
            "last_run_hosts_not_ok", "Hosts that failed or are partial", "status", "stage", "reason"
        )
        self._refused = made("last_run_recipients_refused", "Recipients that did not get the last report")
        self._totals = {
            column: made(
                name.removeprefix("mapsweep_"), "Resident at most, summed over the hosts of the last run"
            )
            for column, name in _TOTALS.items()
        }

    def of(self, runs: Runs, found: Survey) -> Iterator[Metric]:
        """All families, with a value for each scope."""
        for name, (run_id, closed) in found.last.items():
            scope = self._add_tables(runs, run_id) or name
            self._closed.add_metric([scope], epoch_s(closed.closed_at))
            self._asked.add_metric([scope], closed.asked)
            self._refused.add_metric([scope], len(refusals_of_run(runs.store.under(run_id))))
            self._recovered.add_metric([scope], found.recovered(run_id))
            for status in ("ok", "partial", "failed"):
                self._hosts.add_metric([scope, status], getattr(closed, status))
            if name in found.last_good:
                self._good.add_metric([scope], epoch_s(found.last_good[name].closed_at))
        yield from (self._readable, self._closed, self._good, self._asked, self._hosts, self._reasons)
        yield from (self._recovered, self._refused)
        yield from self._totals.values()

    def _add_tables(self, runs: Runs, run_id: str) -> str:
        """What only the tables of a run say; the scope as it was named, "" if that cannot be read."""
        scope = ""
        try:
            run = runs.by_id(run_id)
            scope = run.manifest.scope.name
            reasons, totals = _reasons(run), _totals(run)
        except OperatorError:
            self._readable.add_metric([scope or name_of(run_id)], 0)
            return scope
        self._readable.add_metric([scope], 1)
        for labels, count in reasons:
            self._reasons.add_metric([scope, *labels], count)
        for column, amount in totals.items():
            self._totals[column].add_metric([scope], amount)
        return scope


def _reasons(run: Run) -> list[tuple[tuple[str, str, str], int]]:
    """How many hosts ended for each reason, the most frequent first."""
    keys = ["status", "stage", "reason"]
    hosts = Settled(run).table(settled.HOSTS, keys).filter(pl.col("status") != "ok")
    counted = hosts.group_by(keys).len().sort(["len", *keys], descending=[True, False, False, False])
    return [((row[0], row[1], row[2]), row[3]) for row in counted.head(REASONS_MAX).iter_rows()]


def _totals(run: Run) -> dict[str, int]:
    """The sums that are known."""
    (row,) = Settled(run).table(settled.FLEET, list(_TOTALS)).iter_rows(named=True)
    return {column: amount for column, amount in row.items() if amount is not None}
