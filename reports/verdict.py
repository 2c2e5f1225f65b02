"""The verdict of a run in one sentence and ten rows, for the terminal, the mail and the page."""

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from reports.report import FailureGroup, Report
from reports.row_table import RowTable
from reports.rows import HostRow
from reports.sizes import MIB, duration, growth, instant, number, size, when

TOP_HOSTS = 10
LATE_S_MIN = 120  # a start that is less late is not worth a word
GROWTH_FLOOR_BYTES = 64 * MIB  # growth below this is noise ...
GROWTH_FLOOR_SHARE = 0.02  # ... and so is growth below this share of the earlier size


class Word(StrEnum):
    """The verdict as one word."""

    OK = "OK"
    CHANGED = "CHANGED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    OPEN = "OPEN"


@dataclass(frozen=True, slots=True)
class TopRow:
    """One line of a short ranking."""

    name: str
    native_heap_bytes: int
    is_bound: bool
    stacks_bytes: int | None
    growth_bytes: int | None
    share: float  # of the largest, 0 to 1: how long a bar is
    worst: str  # the process with the largest native heap


def word(report: Report) -> Word:
    """OPEN: not closed; FAILED: no host answered; PARTIAL: something is missing; CHANGED: a host grew; OK."""
    run = report.run
    if not run.closed_at:
        return Word.OPEN
    if run.asked and run.failed == run.asked:
        return Word.FAILED
    if run.failed or run.partial:
        return Word.PARTIAL
    return Word.CHANGED if grown(report) else Word.OK


def grown(report: Report) -> RowTable[HostRow]:
    """The hosts whose growth is more than noise, the largest growth first."""
    change, now = pl.col("growth_bytes"), pl.col("native_heap_resident_max_bytes")
    noise = (change >= GROWTH_FLOOR_BYTES) & (change >= GROWTH_FLOOR_SHARE * (now - change))
    return report.hosts.of(report.hosts.table.filter(noise).sort(-change, "name"))


def sentence(report: Report, *, plain: bool = True) -> str:
    """The run in one line: `Native heap <= 41.2 GiB on 486 of 500 hosts; ...`."""
    run, totals = report.run, report.totals
    answered = run.ok + run.partial
    if not answered:
        so_far = " so far" if not run.closed_at else ""
        return f"0 of {number(run.asked)} hosts answered{so_far}." if run.asked else "No host was asked."
    heap = size(totals.native_heap.resident_max_bytes, bound=totals.native_heap.is_bound, plain=plain)
    since = (
        f", {growth(totals.growth_bytes, plain=plain)} since {run.compared_with}" if run.compared_with else ""
    )
    stacks = size(totals.thread_stacks.resident_max_bytes, bound=totals.thread_stacks.is_bound, plain=plain)
    count = number(totals.stacks, plain=plain)
    so_far = "So far: native" if not run.closed_at else "Native"
    return (
        f"{so_far} heap {heap} on {number(answered)} of {number(run.asked)} hosts{since}; "
        f"{count} thread stacks {stacks}."
    )


def counts(report: Report) -> str:
    """`486 ok, 3 partial, 11 failed of 500 hosts`, without counts of 0."""
    run = report.run
    named = ((run.ok, "ok"), (run.partial, "partial"), (run.failed, "failed"), (run.waiting, "waiting"))
    return (
        ", ".join(f"{number(count)} {what}" for count, what in named if count)
        + f" of {number(run.asked)} hosts"
    )


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
