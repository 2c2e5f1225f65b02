"""The report as plain text of 80 columns: the mail's first part, and readable anywhere."""

from collections.abc import Iterable, Iterator

from reports import verdict
from reports.plain import printable, shortened
from reports.rank import Report
from reports.rows import HostRow
from reports.sizes import duration, growth, instant, number, size, when

WIDTH = 80
ADVICE_MAX = 10
SERVICES_MAX = 10
FAILED_NAMES_MAX = 20

NAME_WIDTH = 33

_HEAD = f"{'#':>4} {'Host':<{NAME_WIDTH}} {'Native heap':>11} {'Growth':>10} {'Stacks':>6} {'resident':>11}"


def render(report: Report, *, hosts_max: int | None = None) -> bytes:
    """The text in UTF-8; with `hosts_max` the ranking ends there and says how many follow."""
    return "".join(line.rstrip() + "\n" for line in lines(report, hosts_max=hosts_max)).encode()


def lines(report: Report, *, hosts_max: int | None = None) -> Iterator[str]:
    """Verdict, failures, findings, ranking, services, and what the run was."""
    yield from _wrapped(f"{verdict.word(report)}: {verdict.sentence(report)}", "")
    yield from _wrapped(f"{report.run.scope}: {verdict.counts(report)}, {when(report.run.started_at)}", "")
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
    for each in report.advice[:ADVICE_MAX]:
        process = f" {each.comm} ({each.pid})" if each.pid is not None else ""
        yield from _wrapped(f"{each.severity}: {each.host}{process}: {each.evidence}", "  ")
        yield from _wrapped(each.advice, "    ")
    if len(report.advice) > ADVICE_MAX:
        yield f"  and {number(len(report.advice) - ADVICE_MAX)} more in the report"


def _hosts(report: Report, hosts_max: int | None) -> Iterator[str]:
    yield from _section("Hosts by native heap (at most resident; <= is an upper bound)")
    yield _HEAD
    shown = report.hosts if hosts_max is None else report.hosts[:hosts_max]
    for row in shown:
        yield _host(row)
    if len(report.hosts) > len(shown):
        yield f"{number(len(report.hosts) - len(shown))} more in the report"


def _host(row: HostRow) -> str:
    place = f"{row.rank}" if row.rank is not None else "-"
    name = f"{shortened(row.name, NAME_WIDTH):<{NAME_WIDTH}}"
    if row.rank is None:
        why = " ".join(part for part in (row.status, row.stage, row.reason) if part)
        return f"{place:>4} {name} {shortened(why, WIDTH - NAME_WIDTH - 6)}"
    heap = size(row.native_heap_resident_max_bytes, bound=row.native_heap.is_bound, plain=True)
    stacks = size(row.stacks_resident_max_bytes, bound=row.thread_stacks.is_bound, plain=True)
    count, grown = number(row.stacks, plain=True), growth(row.growth_bytes, plain=True)
    return f"{place:>4} {name} {heap:>11} {grown:>10} {count:>6} {stacks:>11}"


def _services(report: Report) -> Iterator[str]:
    if not report.services:
        return
    yield from _section("Services by native heap")
    yield f"{'Service':<36} {'Members':>7} {'Native heap':>11} {'Median':>11} {'Largest':>11}"
    for row in report.services[:SERVICES_MAX]:
        bound = row.native_heap.is_bound
        cells = (row.native_heap_resident_max_bytes, row.native_heap_median_bytes, row.native_heap_max_bytes)
        sizes = " ".join(f"{size(amount, bound=bound, plain=True):>11}" for amount in cells)
        yield f"{shortened(row.service, 36):<36} {row.members:>7} {sizes}"
    if len(report.services) > SERVICES_MAX:
        yield f"{number(len(report.services) - SERVICES_MAX)} more in the report"


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
    """Lines of WIDTH at most, broken at blanks where there are any."""
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
