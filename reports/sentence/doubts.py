"""What a report says of labels that are only guesses, and what to do about them."""

from typing import Final

import polars as pl

from reports.report import Report
from reports.row_table import RowTable
from reports.rows import WIDE_PART, HostRow, Range, ServiceRow
from reports.text.plain import shortened
from reports.text.sizes import number, size

PAGE: Final = "docs/doubtful-labels.md"
HOSTS_TOLD_MAX: Final = 5
NAME_WIDTH: Final = 40
_MOST: Final = pl.col("native_heap_most_bytes").fill_null(0)
_WIDTH: Final = _MOST - pl.col("native_heap_least_bytes").fill_null(0)  # 0 if not known, as Range says
MEANING: Final = "more than a tenth of what they have resident or swapped is labelled by a guess"
_REMEDIES: Final = {
    "maps": "Sweep again with --evidence smaps, which decides some of them",
    "smaps": "Where smaps was read, mapsweep show HOST/PID --why shows which memory it is; where "
    "it was not, limits.smaps_resident_bytes was too small",
}


def span(sizes: Range, *, plain: bool = False) -> str:
    """`30 GiB to 52 GiB`, with the mark of a bound before; "" if guesses hardly make a difference."""
    if not sizes.is_wide:
        return ""
    least = size(sizes.least_bytes, bound=sizes.is_bound, plain=plain)
    most = size(sizes.most_bytes, bound=sizes.is_bound and not sizes.least_bytes, plain=plain)
    return f"{least} to {most}"


def of_row(row: HostRow | ServiceRow, *, plain: bool = True) -> str:
    """`3 processes doubtful, by its labels 1.0 GiB to 1.5 GiB`; "" if neither is to be told."""
    sizes = span(row.native_range, plain=plain)
    parts = (
        f"{_counted(row.doubtful, 'process', 'processes')} doubtful" if row.doubtful else "",
        f"by its labels {sizes}" if sizes else "",
    )
    return ", ".join(part for part in parts if part)


def is_told(report: Report) -> bool:
    """Whether a report has a column of ranges: there is a doubtful process, or a wide range."""
    wide = (_WIDTH * WIDE_PART > _MOST).any()
    tables = (report.hosts.table, report.services.table)
    return bool(report.totals.doubtful) or any(table.select(wide).item() for table in tables)


def marked(hosts: RowTable[HostRow]) -> RowTable[HostRow]:
    """The hosts that have doubtful processes, those first whose native heap is known least."""
    rows = hosts.table.filter(pl.col("doubtful") > 0)
    return hosts.of(rows.sort(-_WIDTH, -pl.col("doubtful"), "name"))


def remedy(report: Report) -> str:
    """What to do, by what the run read; a sentence that names the page of the docs."""
    said = _REMEDIES.get(report.run.evidence, _REMEDIES["maps"])
    return f"{said}: see {PAGE}."


def line(report: Report, hosts_max: int | None = None, *, plain: bool = True) -> str:
    """One line if one of the first `hosts_max` hosts has doubtful processes, otherwise "".

    `Doubtful labels: 12 processes on 3 hosts (web01: java (4711) and 8 more, ...). By its labels ...`
    """
    if not marked(report.hosts[:hosts_max]):
        return ""
    rows = marked(report.hosts)
    names = ", ".join(_names(row) for row in rows[:HOSTS_TOLD_MAX])
    more = ", ..." if len(rows) > HOSTS_TOLD_MAX else ""
    hosts = f"{_counted(len(rows), 'host', 'hosts')} ({names}{more})"
    sizes = span(report.totals.native_range, plain=plain)
    native = f" By its labels the native heap is {sizes}." if sizes else ""
    processes = _counted(report.totals.doubtful or 0, "process", "processes")
    return f"Doubtful labels: {processes} on {hosts}.{native} {remedy(report)}"


def _names(row: HostRow) -> str:
    """`web01: java (4711) and 8 more`."""
    others = (row.doubtful or 0) - 1
    named = f"{shortened(row.name, NAME_WIDTH)}: {shortened(row.most_guessed, NAME_WIDTH)}"
    return named + (f" and {number(others)} more" if others else "")


def _counted(count: int, one: str, many: str) -> str:
    return f"{number(count)} {one if count == 1 else many}"
