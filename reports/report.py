"""The report of a closed run: the tables of `reports.settle`, in the order of the outputs."""

from dataclasses import dataclass, fields

import polars as pl

from archive.run import Run
from reports import kinds, settled
from reports.host_rows import advice_groups, host_rows, kind_rows
from reports.rows import UNKNOWN_RANGE, AdviceGroup, Extent, HostRow, KindRow, Range, ServiceRow, field_names
from reports.settled import Settled
from reports.status import FAILED, OK


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
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the outputs print."""

    run: RunFacts
    totals: Totals
    hosts: tuple[HostRow, ...]  # by native heap, ties by name; failed ones last, by name
    services: tuple[ServiceRow, ...]  # by native heap, ties by name
    failures: tuple[FailureGroup, ...]  # failed before partial, the largest first
    advice: tuple[
        AdviceGroup, ...
    ]  # above the severity `info`: the most severe first, then by rank of the host
    tables: Settled  # for outputs with one row per process

    @property
    def by_stacks(self) -> tuple[HostRow, ...]:
        """The hosts in the order of their thread stacks."""
        return tuple(
            sorted(self.hosts, key=lambda row: (row.stack_rank is None, row.stack_rank or 0, row.name))
        )


def report(run: Run) -> Report:
    """The report of a closed run; OperatorError if it is open, or was closed by an older mapsweep."""
    tables = Settled(run)
    (fleet,) = tables.table(settled.FLEET).iter_rows(named=True)
    hosts = host_rows(tables)
    services = tables.table(settled.SERVICES)
    return Report(
        run=RunFacts(**{field.name: fleet[field.name] for field in fields(RunFacts) if field.name in fleet}),
        totals=_totals(fleet, kinds.of_fleet(tables.table(settled.HOST_KINDS))),
        hosts=hosts,
        services=tuple(
            ServiceRow(**{field: row[field] for field in _SERVICE_FIELDS})
            for row in services.iter_rows(named=True)
        ),
        failures=_failures(hosts),
        advice=advice_groups(tables),
        tables=tables,
    )


def _failures(hosts: tuple[HostRow, ...]) -> tuple[FailureGroup, ...]:
    grouped: dict[tuple[str, str, str], list[HostRow]] = {}
    for row in sorted(hosts, key=lambda row: row.name):
        if row.status != OK:
            grouped.setdefault((row.status, row.stage, row.reason), []).append(row)
    groups = [
        FailureGroup(*said, rows[0].remedy, rows[0].detail, tuple(row.name for row in rows))
        for said, rows in grouped.items()
    ]
    return tuple(
        sorted(
            groups, key=lambda group: (group.status != FAILED, -len(group.hosts), group.stage, group.reason)
        )
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


_SERVICE_FIELDS = field_names(ServiceRow)
_PLAIN_TOTALS = (
    *("stacks", "threads", "rss_bytes", "swap_bytes", "mem_total_bytes", "growth_bytes", "bloat_bytes"),
)
