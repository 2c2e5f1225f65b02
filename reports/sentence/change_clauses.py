"""What changed as clauses of one sentence: the largest change of size, then how much else there is."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from reports.changes.rows import Change, ChangeRow, Subject
from reports.findings.rows import FindingGroup, Standing
from reports.report import Report
from reports.sentence import change_words, verdict
from reports.tables.status import FAILED
from reports.text.plain import told
from reports.text.sizes import growth, number

SHORT_NAME_WIDTH: Final = 24
_TOGETHER: Final = 2  # a service is told instead of its largest process if it changed so many times as much


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of the sentence, and of its short form; an empty short form is left out."""

    long: str
    short: str
    stands_alone: bool = False  # it has commas of its own


def lead(report: Report) -> ChangeRow | None:
    """The change of size to tell first: the largest growth; if nothing grew, the largest decrease.

    It is that of a process, unless its service or its host changed by twice as much or more.
    """
    for change in (Change.GREW, Change.SHRANK):
        rows = report.changes.rows.table.filter(pl.col("change") == change)
        first = _largest(report, rows, Subject.PROCESS)
        for subject in (Subject.SERVICE, Subject.HOST):
            wider = _largest(report, rows, subject)
            if wider and (first is None or _amount(wider) >= _TOGETHER * _amount(first)):
                first = wider
        if first is not None:
            return first
    return None


def of_lead(report: Report, row: ChangeRow, *, plain: bool) -> Clause:
    """`app-03, api.service: native heap +720 MiB in a day (arenas 76 to 796 MiB), 5 peers did not grow`."""
    said = f"{change_words.where(row, plain=plain)}: "
    said += change_words.what(row, change_words.elapsed(report.run), plain=plain)
    by_member = row.subject == Subject.SERVICE and row.count_before is None
    if by_member and (member := _largest_member(report, row)) is not None:
        changed, peers = member.peers_changed, member.peers
        if changed and peers:
            said += f", in {number(changed + 1)} of {number(peers + 1)} processes"
        amount = growth(member.change_bytes, plain=plain)
        said += f", most on {told(member.host, change_words.NAME_WIDTH, plain=plain)}: {amount}"
    elif alike := change_words.peers(row):
        said += f", {alike}"
    return Clause(
        said, f"{_short_name(row, plain=plain)} {change_words.short(row, plain=plain)}", stands_alone=True
    )


def of_sizes(report: Report, first: ChangeRow | None, *, plain: bool) -> Iterator[Clause]:
    """`postgresql.service on app-05 +700 MiB`, `3 more processes grew`: what the first does not say."""
    led_by_number = first is not None and first.count_before is not None
    for change in (Change.GREW, Change.SHRANK):
        yield from _of_numbers(report, change, first, plain=plain)
        counts = {each: report.changes.count(change, each) for each in _BY_FINENESS}
        counts[Subject.SERVICE] -= _by_number(report, change).height
        subject = next((each for each, count in counts.items() if count), None)
        if subject is None:
            continue
        is_led = first is not None and first.change == change and not led_by_number
        told_of = Subject(first.subject) if is_led and first is not None else subject
        count = counts[told_of] - is_led
        others = _rows(report, change, told_of).filter(pl.col("count_before").is_null())
        if is_led and first is not None:
            others = others.filter(pl.col("place") != first.place)
        if count == 1 and (row := _largest(report, others, told_of)) is not None:
            amount = growth(row.change_bytes, plain=plain)
            yield Clause(
                f"{change_words.on(row, plain=plain)} {amount}", f"{_short_name(row, plain=plain)} {amount}"
            )
        elif count > 0:
            more = "more " if is_led else ""
            yield Clause(f"{_counted(count, told_of, more)} {change}", f"{number(count)} {more}{change}")


def _of_numbers(report: Report, change: Change, first: ChangeRow | None, *, plain: bool) -> Iterator[Clause]:
    """`checkout.service on app-03 10 to 500 processes, +6.2 GiB`: services by the number of processes."""
    others = _by_number(report, change)
    if first is not None:
        others = others.filter(pl.col("place") != first.place)
    verb = "more" if change == Change.GREW else "fewer"
    if others.height == 1:
        (row,) = report.changes.rows.of(others)
        amount = change_words.short(row, plain=plain)
        yield Clause(
            f"{change_words.on(row, plain=plain)}: {amount}", f"{_short_name(row, plain=plain)} {amount}"
        )
    elif others.height:
        have = f"{_counted(others.height, Subject.SERVICE)} have {verb} processes"
        yield Clause(have, f"{number(others.height)} with {verb} processes")


def of_failures(report: Report, *, plain: bool) -> Iterator[Clause]:
    """`db-01 newly fails (auth_rejected)`, `12 hosts newly fail (most of them tcp_timeout)`."""
    count = report.changes.count(Change.FAILED, Subject.HOST)
    rows = _rows(report, Change.FAILED, Subject.HOST)
    if count == 1 and rows.height:
        (row,) = report.changes.rows.of(rows.head(1))
        said = f"{change_words.where(row, plain=plain)} {change_words.what(row, plain=plain)}"
        yield Clause(said, f"{_short_name(row, plain=plain)} newly fails")
    elif count:
        yield Clause(
            f"{_counted(count, Subject.HOST)} newly fail{_why(rows, plain=plain)}",
            f"{number(count)} newly fail",
        )


def of_fleet(report: Report, *, plain: bool) -> Iterator[Clause]:
    """Who is away, new, back, or was restarted; hosts before services before processes."""
    for subject in reversed(_BY_FINENESS):
        for change in _OF_FLEET:
            one, many, short = change_words.WENT[subject] if change == Change.WENT else _HAPPENED[change]
            count = report.changes.count(change, subject)
            if not count:
                continue
            rows = _rows(report, change, subject)
            failing = (
                _failing_newcomers(report) if (change, subject) == (Change.APPEARED, Subject.HOST) else 0
            )
            if count == 1 and rows.height:
                (row,) = report.changes.rows.of(rows.head(1))
                also = " and does not answer" if failing else ""
                yield Clause(
                    f"{change_words.on(row, plain=plain)} {one}{also}",
                    f"{_short_name(row, plain=plain)} {short}",
                )
            else:
                also = f" ({number(failing)} of them {'does' if failing == 1 else 'do'} not answer)"
                yield Clause(
                    f"{_counted(count, subject)} {many}{also if failing else ''}", f"{number(count)} {short}"
                )


def of_restarts(report: Report, *, plain: bool) -> Iterator[Clause]:
    """`app-02 rebooted`, `checkout.service (5,000 processes) and 3 more services restarted`."""
    for subject, verb in _RESTARTS.items():
        count = report.changes.count(Change.RESTARTED, subject)
        rows = _rows(report, Change.RESTARTED, subject).sort("count", descending=True, maintain_order=True)
        if not count:
            continue
        short = f"{number(count)} {verb}"
        if not rows.height:
            yield Clause(f"{_counted(count, subject)} {verb}", short)
            continue
        (row,) = report.changes.rows.of(rows.head(1))
        if count == 1:
            yield Clause(_restarted(row, verb, plain=plain), f"{_short_name(row, plain=plain)} {verb}")
        elif row.count > 1:
            most = f"{change_words.on(row, plain=plain)} ({number(row.count)} processes)"
            yield Clause(f"{most} and {_counted(count - 1, subject, 'more ')} {verb}", short)
        else:
            yield Clause(f"{_counted(count, subject)} {verb}", short)
        if subject == Subject.SERVICE:
            return  # the processes are those of the services


def of_findings(report: Report, *standings: Standing, plain: bool) -> Iterator[Clause]:
    """`1 new finding (many arenas of checkout.service)`; growth that is told as a change is left out.

    They are `2 more new findings` if a change tells others, so that they agree with the counts of findings.
    """
    for standing in standings:
        groups = verdict.found_news(report, standing)
        if not groups:
            continue
        more = "more " if len(groups) < verdict.graver(report, standing) else ""
        said = f"{number(len(groups))} {more}{standing} {'finding' if len(groups) == 1 else 'findings'}"
        yield Clause(f"{said} ({_about(groups[0], plain=plain)})" if len(groups) == 1 else said, said)


def of_old_failures(report: Report, *, plain: bool) -> Iterator[Clause]:
    """`2 hosts still fail`, `3 hosts were read in part`: what is missing, and no news."""
    run = report.run
    new = report.changes.count(Change.FAILED, Subject.HOST) + _failing_newcomers(report)
    count = run.failed - new
    first = next((group for group in report.failures if group.status == FAILED), None)
    still = " still" if run.compared_with else ""
    if count == 1 and not new and first is not None:
        why = told(first.reason or first.stage, change_words.NAME_WIDTH, plain=plain)
        yield Clause(f"{told(first.hosts[0], change_words.NAME_WIDTH, plain=plain)}{still} fails ({why})", "")
    elif count > 0:
        yield Clause(f"{_counted(count, Subject.HOST)}{still} {'fails' if count == 1 else 'fail'}", "")
    if run.partial:
        were = "was" if run.partial == 1 else "were"
        yield Clause(f"{_counted(run.partial, Subject.HOST)} {were} read in part", "")


_BY_FINENESS: Final = (Subject.PROCESS, Subject.SERVICE, Subject.HOST)
_PLURALS: Final = {Subject.HOST: "hosts", Subject.SERVICE: "services", Subject.PROCESS: "processes"}
_OF_FLEET: Final = (Change.WENT, Change.APPEARED, Change.RECOVERED)
_HAPPENED: Final = {  # of one, of several, and in short
    Change.APPEARED: ("is new", "are new", "new"),
    Change.RECOVERED: ("answers again", "answer again", "recovered"),
}
_RESTARTS: Final = {
    Subject.HOST: "rebooted",
    Subject.SERVICE: "restarted",
    Subject.PROCESS: "restarted",
}


def _rows(report: Report, change: Change, subject: Subject) -> pl.DataFrame:
    table = report.changes.rows.table
    return table.filter((pl.col("change") == change) & (pl.col("subject") == subject))


def _by_number(report: Report, change: Change) -> pl.DataFrame:
    """Services that changed by the number of their processes."""
    return _rows(report, change, Subject.SERVICE).filter(pl.col("count_before").is_not_null())


def _largest(report: Report, rows: pl.DataFrame, subject: Subject) -> ChangeRow | None:
    of_subject = rows.filter(pl.col("subject") == subject).sort(
        pl.col("change_bytes").abs(), descending=True, nulls_last=True
    )
    return next(iter(report.changes.rows.of(of_subject.head(1))), None)


def _largest_member(report: Report, service: ChangeRow) -> ChangeRow | None:
    rows = report.changes.rows.table
    of_service = rows.filter((pl.col("change") == service.change) & (pl.col("service") == service.service))
    return _largest(report, of_service, Subject.PROCESS)


def _short_name(row: ChangeRow, *, plain: bool) -> str:
    """Of a host or process the host, of a service the service."""
    name = row.service if row.subject == Subject.SERVICE else row.host
    return told(name or row.service or row.comm, SHORT_NAME_WIDTH, plain=plain)


def _amount(row: ChangeRow) -> int:
    return abs(row.change_bytes or 0)


def _counted(count: int, subject: Subject, more: str = "") -> str:
    return f"{number(count)} {more}{subject if count == 1 else _PLURALS[subject]}"


def _why(rows: pl.DataFrame, *, plain: bool) -> str:
    """` (tcp_timeout)` of all of them, or ` (most of them tcp_timeout)`."""
    reasons = rows.select(
        pl.when(pl.col("reason") == "").then(pl.col("stage")).otherwise(pl.col("reason")).alias("why")
    ).filter(pl.col("why") != "")
    if not reasons.height:
        return ""
    counted = reasons["why"].value_counts(sort=True).sort("count", "why", descending=[True, False])
    why, count = counted.row(0)
    named = told(str(why), change_words.NAME_WIDTH, plain=plain)
    if counted.height == 1:
        return f" ({named})"
    return f" (most of them {named})" if count * 2 > reasons.height else f" ({named} and other reasons)"


def _restarted(row: ChangeRow, verb: str, *, plain: bool) -> str:
    """`checkout.service restarted on app-02`, `checkout.service restarted (5,000 processes)`."""
    host = told(row.host, change_words.NAME_WIDTH, plain=plain)
    if row.subject == Subject.HOST:
        return f"{host} {verb}"
    name = change_words.where(replace(row, host=""), plain=plain)
    many = f" ({number(row.count)} processes)" if row.count > 1 else ""
    return f"{name} {verb}{f' on {host}' if host else ''}{many}"


def _about(group: FindingGroup, *, plain: bool) -> str:
    code = group.code.replace("_", " ")
    service = told(group.service, change_words.NAME_WIDTH, plain=plain)
    return f"{code} of {service}" if service else code


def _failing_newcomers(report: Report) -> int:
    """Hosts that are new in the inventory and did not answer."""
    new = _rows(report, Change.APPEARED, Subject.HOST)["host"].implode()
    hosts = report.hosts.table
    return hosts.filter((pl.col("status") == FAILED) & pl.col("name").is_in(new)).height
