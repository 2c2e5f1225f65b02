"""What of a report concerns the hosts of one owner: a report of these alone."""

from dataclasses import fields, replace
from typing import Final

import polars as pl

from domain.records import OWNER
from reports.changes.changes import Changes
from reports.changes.rows import ChangeCount
from reports.report import Report, Totals, failures_of
from reports.rows import Extent, Range
from reports.tables.status import FAILED, OK, PARTIAL

_SUMMED: Final = (
    "stacks",
    "threads",
    "rss_bytes",
    "swap_bytes",
    "mem_total_bytes",
    "growth_bytes",
    "bloat_bytes",
)
_DOUBTS: Final = ("doubtful", "guessed_bytes", "present_bytes")


def owned(report: Report, owner: str) -> Report:
    """The report of the hosts with this label `owner`: their ranking, failures, changes and findings.

    A change or finding of a service is its owner's who has most of its hosts. What only the whole fleet has
    is left out: services, kinds, and changes beyond the limit of the table.
    """
    manifest = report.tables.manifest
    names = [host.name for host in manifest.hosts if dict(host.labels).get(OWNER) == owner]
    hosts = report.hosts.of(report.hosts.table.filter(pl.col("name").is_in(names)))
    count = dict(hosts.table["status"].value_counts().iter_rows())
    ok, partial, failed = (count.get(status, 0) for status in (OK, PARTIAL, FAILED))
    run = replace(report.run, asked=len(names), ok=ok, partial=partial, failed=failed)
    return replace(
        report,
        run=run,
        totals=_totals(hosts.table),
        hosts=hosts,
        services=report.services[:0],
        failures=failures_of(hosts.table),
        advice=(),
        changes=_changes(report.changes, owner),
        findings=tuple(group for group in report.findings if group.owner == owner),
    )


def _changes(of_all: Changes, owner: str) -> Changes:
    rows = of_all.rows.table.filter(pl.col("owner") == owner)
    counts = rows.group_by("change", "subject", maintain_order=True).agg(
        pl.len().alias("count"),
        pl.when(pl.col("change_bytes").is_not_null().any()).then(pl.col("change_bytes").sum()),
    )
    return replace(
        of_all, rows=of_all.rows.of(rows), counts=tuple(ChangeCount(*row) for row in counts.iter_rows())
    )


def _totals(hosts: pl.DataFrame) -> Totals:
    """Sums over the hosts; None if it is known of none of them, and exact only if it is of all."""
    answered = hosts.filter(pl.col("status") != FAILED)
    sums = {name: _sum(answered[name]) for name in _SUMMED}
    native_heap = _extent(answered, "native_heap")
    return Totals(
        native_heap=native_heap,
        thread_stacks=_extent(answered, "stacks"),
        java_heap=_extent(answered, "java_heap"),
        sent=_sum(answered["sent"]) or 0,
        denied=_sum(answered["denied"]) or 0,
        kinds=(),
        native_range=Range(
            _sum(answered["native_heap_least_bytes"]),
            _sum(answered["native_heap_most_bytes"]),
            is_bound=native_heap.is_bound,
        ),
        **{name: _sum(answered[name]) for name in _DOUBTS},
        **sums,
    )


def _extent(hosts: pl.DataFrame, measure: str) -> Extent:
    exact = hosts[f"{measure}_resident_bytes"]
    sums = {each.name: _sum(hosts[f"{measure}_{each.name}"]) for each in fields(Extent)}
    return Extent(**(sums | ({"resident_bytes": None} if exact.null_count() else {})))


def _sum(column: pl.Series) -> int | None:
    return int(column.sum()) if column.null_count() < len(column) else None
