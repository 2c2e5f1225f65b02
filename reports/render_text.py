"""The report as plain text of 80 columns; also the first part of the mail."""

from collections.abc import Iterable, Iterator

from reports import doubts, verdict
from reports.column import Column, Unit, by_name
from reports.columns import HOSTS, SERVICES
from reports.plain import printable, shortened
from reports.report import Report
from reports.rows import HostRow, ServiceRow, cell
from reports.sizes import PLAIN_DASH, duration, growth, instant, number, size, when

WIDTH = 80
ADVICE_MAX = 10
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
    """Verdict, doubts, failures, findings, ranking, services, and what the run was."""
    yield from _wrapped(f"{verdict.word(report)}: {verdict.sentence(report)}", "")
    yield from _wrapped(f"{report.run.scope}: {verdict.counts(report)}, {when(report.run.started_at)}", "")
    if late := verdict.late(report):
        yield from _wrapped(late, "")
    if doubtful := doubts.line(report, hosts_max):
        yield from _wrapped(doubtful, "")
    yield from _failures(report)
    yield from _advice(report)
    yield from _hosts(report, hosts_max)
    yield from _services(report)
    yield from _about(report)


def _failures(report: Report) -> Iterator[str]:
    if not report.failures:
        return
    yield from _section("Missing")
    for line in verdict.failures(report):
        yield from _wrapped(line, "  ")


def _advice(report: Report) -> Iterator[str]:
    if not report.advice:
        return
    yield from _section("Findings")
    for group in report.advice[:ADVICE_MAX]:
        for each in group.members[:MEMBERS_MAX]:
            yield from _wrapped(
                f"{each.severity}: {each.host} {each.comm} ({each.pid}): {each.evidence}", "  "
            )
        if group.count > MEMBERS_MAX:
            yield f"  and {number(group.count - MEMBERS_MAX)} more processes"
        yield from _wrapped(group.advice, "    ")
    if len(report.advice) > ADVICE_MAX:
        yield f"  and {number(len(report.advice) - ADVICE_MAX)} more in the report"


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
        return growth(value, plain=True)
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
        yield from _wrapped(f"growth is against {run.compared_with}", "  ")
    if run.command:
        yield from _wrapped(f"again: {run.command}", "  ")


def _section(title: str) -> Iterable[str]:
    return ("", title, "-" * len(title))


def _wrapped(text: str, indent: str) -> Iterator[str]:
    """Lines of at most WIDTH, broken at blanks if there are any."""
    line = indent
    for word in printable(text).split(" "):
        rest = word
        while rest:
            room = WIDTH - len(line) - (len(line) > len(indent))
            if len(rest) <= room:
                line += (" " if len(line) > len(indent) else "") + rest
                break
            if len(line) > len(indent):
                yield line
                line = indent
                continue
            yield line + rest[:room]
            rest = rest[room:]
    if len(line) > len(indent):
        yield line
