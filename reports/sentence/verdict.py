"""The verdict of a run: whether it is complete, whether something changed, and its ten largest hosts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import polars as pl

from reports.changes.rows import Change, Subject
from reports.findings.rows import NEWS, FindingGroup, Standing
from reports.report import FailureGroup, Report
from reports.tables.severities import SEVERITIES
from reports.text.sizes import day_time, duration, growth, instant, number, size, when

TOP_HOSTS = 10
LATE_S_MIN = 120  # a start that is less late is not worth a word


class Word(StrEnum):
    """Whether the run is complete."""

    OK = "OK"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    OPEN = "OPEN"


class News(StrEnum):
    """Whether something changed since the run compared with."""

    CHANGED = "CHANGED"
    QUIET = "QUIET"
    FIRST = "FIRST"  # there is no run to compare with
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class TopRow:
    """One line of a short ranking."""

    name: str
    native_heap_bytes: int
    is_bound: bool
    stacks_bytes: int | None
    growth_bytes: int | None
    restarted: int | None  # processes
    share: float  # of the largest, 0 to 1: how long a bar is
    worst: str  # the process with the largest native heap


def word(report: Report) -> Word:
    """OPEN: not closed; FAILED: no host answered; PARTIAL: something is missing; OK."""
    run = report.run
    if not run.closed_at:
        return Word.OPEN
    if run.asked and run.failed == run.asked:
        return Word.FAILED
    return Word.PARTIAL if run.failed or run.partial else Word.OK


def news(report: Report) -> News:
    """CHANGED: there is a change or news of a finding; QUIET: all hosts that answered were compared, without.

    UNKNOWN: the run is open, no host answered, or it was closed before changes were computed.
    """
    run = report.run
    if any(each.count for each in report.changes.counts):
        return News.CHANGED
    if not run.answered:
        return News.UNKNOWN
    if not run.compared_with:
        return News.FIRST
    if any(found_news(report, standing) for standing in (Standing.NEW, Standing.WORSE, Standing.RESOLVED)):
        return News.CHANGED
    return News.QUIET if run.closed_at and report.changes.is_known else News.UNKNOWN


def words(report: Report) -> str:
    """Both axes for people: `PARTIAL, CHANGED`; the second one only if something changed."""
    return f"{word(report)}, {News.CHANGED}" if news(report) is News.CHANGED else str(word(report))


def regressed(report: Report) -> bool:
    """Whether some of the news is bad: growth, a host that fails or is gone, a finding new or worse."""
    worse = any(
        report.changes.count(change, subject)
        for change, subjects in _REGRESSIONS.items()
        for subject in subjects
    )
    return worse or any(found_news(report, standing) for standing in (Standing.NEW, Standing.WORSE))


def found_news(report: Report, standing: Standing) -> tuple[FindingGroup, ...]:
    """Findings of a standing that are news beside the changes: not muted, no remark, no growth told there.

    None if no earlier run has findings: all of them are new then, and none is news.
    """
    if not report.run.findings_compared_with:
        return ()
    told = _grown(report) if standing in NEWS else frozenset()
    return tuple(
        group
        for group in report.findings
        if group.standing == standing
        and not group.is_muted
        and group.severity != SEVERITIES[-1]
        and not (told and group.code == Change.GREW)
        and not (group.code == "bloated" and _is_within(group, told))
    )


def graver(report: Report, standing: Standing) -> int:
    """How many findings of a standing there are, without remarks and what is muted."""
    return sum(
        group.standing == standing and not group.is_muted and group.severity != SEVERITIES[-1]
        for group in report.findings
    )


def _grown(report: Report) -> frozenset[tuple[str, int]]:
    """The processes that the changes tell to have grown."""
    rows = report.changes.rows.table
    grown = rows.filter((pl.col("change") == Change.GREW) & (pl.col("subject") == Subject.PROCESS))
    return frozenset(grown.select("host", "pid").iter_rows())


def _is_within(group: FindingGroup, told: frozenset[tuple[str, int]]) -> bool:
    """Whether all members of a finding are among these processes."""
    return group.members == len(group.first) and all((one.host, one.pid) in told for one in group.first)


_REGRESSIONS: Final = {
    Change.GREW: tuple(Subject),
    Change.FAILED: (Subject.HOST,),
    Change.WENT: (Subject.HOST, Subject.SERVICE),
}


def sums(report: Report, *, plain: bool = True) -> str:
    """The sums of the run in one line: `Native heap <= 41.2 GiB on 486 of 500 hosts; ...`."""
    run, totals = report.run, report.totals
    answered = run.answered
    if not answered:
        so_far = " so far" if not run.closed_at else ""
        return f"0 of {hosts(run.asked)} answered{so_far}." if run.asked else "No host was asked."
    heap = size(totals.native_heap.resident_max_bytes, bound=totals.native_heap.is_bound, plain=plain)
    since = (
        f", {growth(totals.growth_bytes, plain=plain)} since {day_time(run.compared_at)}"
        if run.compared_with and totals.growth_bytes is not None
        else ""
    )
    stacks = size(totals.thread_stacks.resident_max_bytes, bound=totals.thread_stacks.is_bound, plain=plain)
    count = number(totals.stacks, plain=plain)
    so_far = "So far: native" if not run.closed_at else "Native"
    return (
        f"{so_far} heap {heap} on {number(answered)} of {hosts(run.asked)}{since}; "
        f"{count} thread {'stack' if totals.stacks == 1 else 'stacks'} {stacks}."
    )


def counts(report: Report) -> str:
    """`486 ok, 3 partial, 11 failed of 500 hosts`, without counts of 0."""
    run = report.run
    named = ((run.ok, "ok"), (run.partial, "partial"), (run.failed, "failed"), (run.waiting, "waiting"))
    return ", ".join(f"{number(count)} {what}" for count, what in named if count) + f" of {hosts(run.asked)}"


def hosts(count: int) -> str:
    """`1 host`, `2,000 hosts`."""
    return f"{number(count)} {'host' if count == 1 else 'hosts'}"


def late(report: Report) -> str:
    """How late a schedule's run was started, or "": `started 40 min 0 s late, it was due ...`."""
    due, started = instant(report.run.due_at), instant(report.run.started_at)
    late_s = (started - due).total_seconds() if due and started else 0
    return (
        f"started {duration(late_s)} late, it was due {when(report.run.due_at)}"
        if late_s >= LATE_S_MIN
        else ""
    )


def top(report: Report, rows_max: int = TOP_HOSTS) -> tuple[TopRow, ...]:
    """The first hosts of the ranking, the largest first."""
    ranked = report.hosts.of(report.hosts.table.filter(pl.col("rank").is_not_null()))[:rows_max]
    largest = max((row.native_heap_resident_max_bytes or 0 for row in ranked), default=0)
    return tuple(
        TopRow(
            name=row.name,
            native_heap_bytes=row.native_heap_resident_max_bytes or 0,
            is_bound=row.native_heap.is_bound,
            stacks_bytes=row.stacks_resident_max_bytes,
            growth_bytes=row.growth_bytes,
            restarted=row.restarted,
            share=(row.native_heap_resident_max_bytes or 0) / largest if largest else 0.0,
            worst=row.largest,
        )
        for row in ranked
    )


def failures(report: Report) -> tuple[str, ...]:
    """One line per reason: `3 failed: auth auth_rejected (web7, web9, ...): what to do`."""
    return tuple(failure_line(group) for group in report.failures)


def failure_line(group: FailureGroup, hosts_max: int = 5) -> str:
    """How many, why, which, and what to do about it."""
    names = ", ".join(group.hosts[:hosts_max]) + (", ..." if group.count > hosts_max else "")
    why = " ".join(part for part in (group.stage, group.reason) if part)
    remedy = f": {group.remedy}" if group.remedy else ""
    return f"{number(group.count)} {group.status}: {why} ({names}){remedy}"
