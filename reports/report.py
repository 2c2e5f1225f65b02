"""The report of a closed run: the tables of `reports.closing.settle`, in the order of the outputs."""

from dataclasses import dataclass, fields
from typing import Any

import polars as pl

from archive.run import Run
from domain.records import Asker
from reports.advice import advice_groups
from reports.changes.changes import Changes, changes
from reports.findings.groups import groups, mutes
from reports.findings.rows import FindingGroup, MuteRow
from reports.host_rows import host_rows, kind_rows, service_rows
from reports.redaction.names import Redact, Redaction
from reports.redaction.tables import Redacted
from reports.row_table import RowTable
from reports.rows import UNKNOWN_RANGE, AdviceGroup, Extent, HostRow, KindRow, Range, ServiceRow
from reports.tables import kinds, settled
from reports.tables.asker import asker_of
from reports.tables.settled import Settled
from reports.tables.status import FAILED, OK

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
    rests_on: str = ""  # what the comparison lacks, as a sentence; "": nothing
    due_at: str = ""  # when its schedule wanted it; "": it has none
    findings_compared_with: str = ""  # the run that standings compare with; "": all findings are told as new
    findings_compared_at: str = ""
    unchecked_keys: int = 0  # hosts that answered, and whose host keys were not checked
    asker: Asker | None = None  # who asked for it; None: an older mapsweep planned it, or it is left out
    become_hosts: int | None = None  # those whose probe runs through sudo
    host_key_policy: str = (
        ""  # of the machine that planned it; "": by the workers' own settings, or not known
    )
    arguments: str = ""  # what is kept of command lines, likewise
    redacted: str = ""  # what is left out, one of `reports.redaction.names.Redact`; "": nothing

    @property
    def redaction(self) -> str:
        """What is left out, in words; "" if nothing is."""
        return Redact(self.redacted).said if self.redacted else ""

    @property
    def answered(self) -> int:
        """Hosts that answered, whole or in part."""
        return self.ok + self.partial

    @property
    def waiting(self) -> int:
        """Hosts whose turn has not ended: none in a closed run."""
        return self.asked - self.answered - self.failed


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
    changes: Changes  # since the run compared with
    findings: tuple[FindingGroup, ...]  # by fingerprint, also of what is resolved
    mutes: tuple[MuteRow, ...]  # those of the run, whatever became of them
    tables: Settled  # for outputs with a row per process

    @property
    def by_stacks(self) -> RowTable[HostRow]:
        """The hosts in the order of their thread stacks."""
        return self.hosts.of(self.hosts.table.sort("stack_rank", "name", nulls_last=True))


def report(run: Run, redaction: Redaction | None = None) -> Report:
    """The report of a closed run; OperatorError if it is open, or was closed by an older mapsweep.

    With a redaction, none of its outputs has what that leaves out.
    """
    return report_of(tables_of(run, redaction))


def report_of(tables: Settled) -> Report:
    """The report that these tables make."""
    (fleet,) = tables.table(settled.FLEET).iter_rows(named=True)
    hosts = host_rows(tables)
    return Report(
        run=_run_facts(fleet),
        totals=_totals(fleet, kinds.of_fleet(tables.parts(settled.HOST_KINDS))),
        hosts=hosts,
        services=service_rows(tables),
        failures=failures_of(hosts.table),
        advice=advice_groups(tables),
        changes=changes(tables),
        findings=groups(tables),
        mutes=mutes(tables),
        tables=tables,
    )


def _run_facts(fleet: dict[str, Any]) -> RunFacts:
    known = {field.name: fleet[field.name] for field in fields(RunFacts) if field.name in fleet}
    return RunFacts(**known, asker=asker_of(fleet))


def tables_of(run: Run, redaction: Redaction | None = None) -> Settled:
    """The tables of a closed run, or what a redaction leaves of them; errors as above."""
    return Settled(run) if redaction is None else Redacted(run, redaction)


def failures_of(hosts: pl.DataFrame) -> tuple[FailureGroup, ...]:
    """The hosts without a whole result by reason, failed before partial, the largest group first."""
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
