"""The report as plain text of 80 columns, what changed first; also the first part of the mail."""

from collections.abc import Iterable, Iterator

from reports.changes import noise
from reports.columns.column import Column, Unit, by_name
from reports.columns.columns import HOSTS, SERVICES
from reports.findings.rows import FindingGroup
from reports.report import Report
from reports.rows import HostRow, ServiceRow, cell
from reports.sentence import change_words, doubts, finding_words, first_advice, verdict
from reports.sentence.change_list import short_list
from reports.sentence.headline import headline
from reports.sentence.next_commands import all_rows
from reports.text.plain import shortened
from reports.text.sizes import PLAIN_DASH, day_time, duration, growth, instant, number, size, when
from reports.text.wrapped import wrapped

WIDTH = 80
CHANGES_MAX = 20
FINDINGS_MAX = 10
RESOLVED_MAX = 10
MEMBERS_MAX = 3
SERVICES_MAX = 10
_INDENT = 2

_HOST_COLUMNS = by_name(
    HOSTS,
    "rank",
    "name",
    "native_heap_resident_max_bytes",
    "growth_bytes",
    "stacks",
    "stacks_resident_max_bytes",
)
_SERVICE_COLUMNS = by_name(
    SERVICES,
    *("service", "members", "native_heap_resident_max_bytes"),
    *("native_heap_median_bytes", "native_heap_max_bytes"),
)


def render(report: Report, *, hosts_max: int | None = None) -> Iterator[bytes]:
    """The text in UTF-8, by lines; `hosts_max` cuts the ranking, which then says how many hosts follow."""
    return (f"{line.rstrip()}\n".encode() for line in lines(report, hosts_max=hosts_max))


def lines(report: Report, *, hosts_max: int | None = None) -> Iterator[str]:
    """The sentence and what to do, what changed, findings, failures, rankings, and what the run was."""
    yield from _wrapped(f"{verdict.words(report)}: {headline(report).sentence}", "")
    yield ""
    if steps := first_advice.steps(report):
        for step in steps:
            yield from _wrapped(f"{step.label}: {step.where}: {step.advice}", "")
        yield ""
    yield from _wrapped(verdict.sums(report), "")
    yield from _wrapped(f"{report.run.scope}: {verdict.counts(report)}, {when(report.run.started_at)}", "")
    if late := verdict.late(report):
        yield from _wrapped(late, "")
    if doubtful := doubts.line(report, hosts_max):
        yield from _wrapped(doubtful, "")
    yield from _changes(report)
    yield from _findings(report)
    yield from _failures(report)
    yield from _hosts(report, hosts_max)
    yield from _services(report)
    yield from _about(report)


def _changes(report: Report) -> Iterator[str]:
    """A line a change, and what is behind it in a second one."""
    told = short_list(report, CHANGES_MAX)
    if not told.rows:
        return
    since = f" since {day_time(report.run.compared_at)}" if report.run.compared_at else ""
    yield from _section(f"What changed{since}")
    for row in told.rows:
        yield from _wrapped(f"{change_words.where(row)}: {change_words.what(row)}", "  ")
        parts = (change_words.peers(row), *change_words.rates(row), f"owner {row.owner}" if row.owner else "")
        yield from _wrapped("; ".join(part for part in parts if part), "      ")
    if told.is_cut:
        yield f"  and more: {all_rows(report.run.run_id, 'changes')}"
    yield from _wrapped(noise.SENTENCE, "  ")


def _findings(report: Report) -> Iterator[str]:
    """How many there are of each standing; the first with members and advice; what is resolved."""
    if not (counts := finding_words.counts(report)):
        return
    yield from _section("Findings")
    yield from _wrapped(counts, "  ")
    live = finding_words.live(report)
    for group in live[:FINDINGS_MAX]:
        yield from _finding(report, group)
    if len(live) > FINDINGS_MAX:
        command = all_rows(report.run.run_id, "finding_groups")
        yield f"  and {number(len(live) - FINDINGS_MAX)} more: {command}"
    for group in finding_words.resolved(report)[:RESOLVED_MAX]:
        yield from _wrapped(finding_words.head(report, group), "  ")


def _finding(report: Report, group: FindingGroup) -> Iterator[str]:
    yield from _wrapped(finding_words.head(report, group), "  ")
    named = group.first[:MEMBERS_MAX]
    for each in named:
        yield from _wrapped(f"{each.host} {each.comm} ({each.pid}): {each.evidence}", "    ")
    if (more := group.members - len(named)) > 0:
        yield f"    and {number(more)} more {'process' if more == 1 else 'processes'}"
    if not group.is_news and (since := finding_words.since(group)):
        yield f"    {since}"
    yield from _wrapped(f"to do: {group.advice}", "    ")


def _failures(report: Report) -> Iterator[str]:
    if not report.failures:
        return
    yield from _section("Missing")
    for line in verdict.failures(report):
        yield from _wrapped(line, "  ")


def _hosts(report: Report, hosts_max: int | None) -> Iterator[str]:
    yield from _section("Hosts by native heap (at most resident; <= is an upper bound)")
    yield _head(_HOST_COLUMNS)
    shown = report.hosts if hosts_max is None else report.hosts[:hosts_max]
    for row in shown:
        yield _line(_HOST_COLUMNS, row) if row.rank is not None else _failed(row)
        yield from _doubts(_HOST_COLUMNS[0].width + 1, row)
    if len(report.hosts) > len(shown):
        yield f"{number(len(report.hosts) - len(shown))} more in the report"


def _doubts(indent: int, row: HostRow | ServiceRow) -> Iterator[str]:
    """What the labels of a row leave open, in a line of its own."""
    if said := doubts.of_row(row):
        yield " " * indent + said


def _failed(row: HostRow) -> str:
    """A host without figures keeps its place in the ranking, with the reason in place of the numbers."""
    place, name = _HOST_COLUMNS[:2]
    why = " ".join(part for part in (row.status, row.stage, row.reason) if part)
    start = f"{PLAIN_DASH:>{place.width}} {shortened(row.name, name.width):<{name.width}} "
    return start + shortened(why, WIDTH - len(start))


def _services(report: Report) -> Iterator[str]:
    if not report.services:
        return
    yield from _section("Services by native heap")
    yield _head(_SERVICE_COLUMNS)
    for row in report.services[:SERVICES_MAX]:
        yield _line(_SERVICE_COLUMNS, row)
        yield from _doubts(_INDENT, row)
    if len(report.services) > SERVICES_MAX:
        yield f"{number(len(report.services) - SERVICES_MAX)} more in the report"


def _head(columns: tuple[Column, ...]) -> str:
    return " ".join(_padded(column, column.title) for column in columns)


def _line(columns: tuple[Column, ...], row: HostRow | ServiceRow) -> str:
    """A row by its columns; sizes that are bounds have their mark."""
    return " ".join(_padded(column, _shown(column, row)) for column in columns)


def _shown(column: Column, row: HostRow | ServiceRow) -> str:
    value = cell(row, column.name)
    if not isinstance(value, int):
        return PLAIN_DASH if value is None else shortened(str(value), column.width)
    if column.unit is Unit.CHANGE:
        # a process that was restarted is not compared: without another that grew this is no 0
        is_restarted = isinstance(row, HostRow) and row.restarted and not value
        return "restarted" if is_restarted else growth(value, plain=True)
    if column.unit is Unit.COUNT:
        return number(value, plain=True)
    measure = row.thread_stacks if column.name.startswith("stacks") else row.native_heap
    return size(value, bound=measure.is_bound, plain=True)


def _padded(column: Column, text: str) -> str:
    return f"{text:<{column.width}}" if column.unit is Unit.TEXT else f"{text:>{column.width}}"


def _about(report: Report) -> Iterator[str]:
    run = report.run
    yield from _section("This run")
    started, closed = instant(run.started_at), instant(run.closed_at)
    took = f", took {duration((closed - started).total_seconds())}" if started and closed else ""
    yield f"  {run.run_id}{took}"
    yield from _wrapped(f"hosts {run.hosts}, evidence {run.evidence}, rules {run.rules_version}", "  ")
    if run.compared_with:
        compared = f"compared with {day_time(run.compared_at)} ({run.compared_with})"
        yield from _wrapped(compared, "  ")
    if run.redacted:
        yield from _wrapped(f"redacted ({run.redacted}): {run.redaction}", "  ")
    if run.command:
        yield from _wrapped(f"again: {run.command}", "  ")


def _section(title: str) -> Iterable[str]:
    return ("", title, "-" * len(title))


def _wrapped(text: str, indent: str) -> Iterator[str]:
    return wrapped(text, indent, WIDTH)
