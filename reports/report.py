"""The report of a closed run: the tables of `reports.settle`, in the order of the outputs."""

from dataclasses import dataclass, fields

import polars as pl

from archive.run import Run
from reports import kinds, settled
from reports.advice import advice_groups
from reports.host_rows import host_rows, kind_rows, service_rows
from reports.row_table import RowTable
from reports.rows import UNKNOWN_RANGE, AdviceGroup, Extent, HostRow, KindRow, Range, ServiceRow
from reports.settled import Settled
from reports.status import FAILED, OK

HOSTS_A_FAILURE_MAX = 100  # named in a group of failures


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the report is about."""

    run_id: str
    scope: str
    hosts: str  # the pattern as typed
    evidence: str
    become: bool
    started_at: str
    closed_at: str  # "" if the report shows an open run so far
    asked: int
    ok: int
    partial: int
    failed: int
    tool_version: str
    rules_version: str
    command: str
    compared_with: str = ""  # the run that growth compares with
    compared_at: str = ""
    past_runs: int = 0  # the number of earlier runs that own_excess uses
    due_at: str = ""  # when its schedule wanted it; "": it has none

    @property
    def waiting(self) -> int:
        """Hosts whose turn has not ended: none in a closed run."""
        return self.asked - self.ok - self.partial - self.failed


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the hosts that answered."""

    native_heap: Extent
    thread_stacks: Extent
    java_heap: Extent
    stacks: int | None
    threads: int | None
    sent: int
    denied: int
    rss_bytes: int | None
    swap_bytes: int | None
    mem_total_bytes: int | None
    growth_bytes: int | None
    bloat_bytes: int | None
    kinds: tuple[KindRow, ...]
    # None in a run that was closed before these were known
    native_range: Range = UNKNOWN_RANGE
    doubtful: int | None = None  # processes with doubtful labels
    guessed_bytes: int | None = None
    present_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Hosts that failed or are partial for the same reason."""

    status: str
    stage: str
    reason: str
    remedy: str
    detail: str  # of the first one
    hosts: tuple[str, ...]  # by name, the first of them
    count: int  # of all


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the outputs print."""

    run: RunFacts
    totals: Totals
    hosts: RowTable[HostRow]  # by native heap, ties by name; failed ones last, by name
    services: RowTable[ServiceRow]  # by native heap, ties by name
    failures: tuple[FailureGroup, ...]  # failed before partial, the largest first
    advice: tuple[
        AdviceGroup, ...
    ]  # above the severity `info`: the most severe first, then by rank of the host
    tables: Settled  # for outputs with a row per process

    @property
    def by_stacks(self) -> RowTable[HostRow]:
        """The hosts in the order of their thread stacks."""
        return self.hosts.of(self.hosts.table.sort("stack_rank", "name", nulls_last=True))


def report(run: Run) -> Report:
    """The report of a closed run; OperatorError if it is open, or was closed by an older mapsweep."""
    tables = Settled(run)
    (fleet,) = tables.table(settled.FLEET).iter_rows(named=True)
    hosts = host_rows(tables)
    return Report(
        run=RunFacts(**{field.name: fleet[field.name] for field in fields(RunFacts) if field.name in fleet}),
        totals=_totals(fleet, kinds.of_fleet(tables.table(settled.HOST_KINDS))),
        hosts=hosts,
        services=service_rows(tables),
        failures=_failures(hosts.table),
        advice=advice_groups(tables),
        tables=tables,
    )


def _failures(hosts: pl.DataFrame) -> tuple[FailureGroup, ...]:
    grouped = (
        hosts.filter(pl.col("status") != OK)
        .sort("name")
        .group_by("status", "stage", "reason")
        .agg(
            pl.col("remedy", "detail").first(),
            pl.col("name").head(HOSTS_A_FAILURE_MAX).alias("hosts"),
            pl.len().alias("count"),
        )
        .sort(pl.col("status") != FAILED, -pl.col("count").cast(pl.Int64), "stage", "reason", "status")
    )
    return tuple(
        FailureGroup(**{**row, "hosts": tuple(row["hosts"])}) for row in grouped.iter_rows(named=True)
    )


def _totals(fleet: dict[str, int | None], fleet_kinds: pl.DataFrame) -> Totals:
    plain = {name: fleet[name] for name in _PLAIN_TOTALS}
    return Totals(
        native_heap=_extent(fleet, "native_heap"),
        thread_stacks=_extent(fleet, "stacks"),
        java_heap=_extent(fleet, "java_heap"),
        sent=fleet["sent"] or 0,
        denied=fleet["denied"] or 0,
        **plain,
        kinds=tuple(kind_rows(fleet_kinds)),
        native_range=Range(
            fleet.get("native_heap_least_bytes"),
            fleet.get("native_heap_most_bytes"),
            is_bound=fleet["native_heap_resident_bytes"] is None,
        ),
        **{name: fleet.get(name) for name in ("doubtful", "guessed_bytes", "present_bytes")},
    )


def _extent(fleet: dict[str, int | None], name: str) -> Extent:
    return Extent(*(fleet[f"{name}_{field.name}"] for field in fields(Extent)))


_PLAIN_TOTALS = (
    *("stacks", "threads", "rss_bytes", "swap_bytes", "mem_total_bytes", "growth_bytes", "bloat_bytes"),
)
