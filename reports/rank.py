"""A run -> its report: every order and every number settled before an output opens a template."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from archive.runs import Outcome, Run, Runs
from reports import answers, kinds, trend
from reports.host_rows import SEVERITIES, added, gravity, host_rows
from reports.measures import NATIVE, Frames, measure
from reports.rows import Advice, Extent, HostRow, KindRow, ServiceRow, field_names
from reports.status import FAILED, OK, PARTIAL, Status, status


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the report is about."""

    run_id: str
    scope: str
    hosts: str  # the pattern as typed
    evidence: str
    become: bool
    started_at: str
    closed_at: str  # "" while the run is open
    asked: int
    ok: int
    partial: int
    failed: int
    tool_version: str
    rules_version: str
    command: str
    compared_with: str = ""  # the run that growth is against
    compared_at: str = ""
    past_runs: int = 0  # how many own_excess looks back on


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


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Hosts that failed, or are partial, for one reason."""

    status: str
    stage: str
    reason: str
    remedy: str
    detail: str  # of the first one
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdviceGroup:
    """One advice, and the processes that it is for."""

    severity: str
    advice: str
    confirm: str
    not_shown: str
    members: tuple[Advice, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that the outputs print."""

    run: RunFacts
    totals: Totals
    hosts: tuple[HostRow, ...]  # by native heap, ties by name; failed ones last, by name
    services: tuple[ServiceRow, ...]  # by native heap, ties by name
    failures: tuple[FailureGroup, ...]  # failed before partial, the largest first
    advice: tuple[AdviceGroup, ...]  # more than information: the gravest first, then by rank of the host
    processes: pl.DataFrame  # all of them, for processes.csv

    @property
    def by_stacks(self) -> tuple[HostRow, ...]:
        """The hosts in the order of their thread stacks."""
        return tuple(
            sorted(self.hosts, key=lambda row: (row.stack_rank is None, row.stack_rank or 0, row.name))
        )


def report(run: Run, runs: Runs | None = None) -> Report:
    """The report of a run; with `runs`, its growth and bloat against the runs before it."""
    outcomes = run.outcomes()
    frames = measure(answers.answers(run, outcomes))
    past = trend.past(run.manifest, run.closed(), runs) if runs else []
    tables = _with_past(frames, past)
    statuses = {outcome.host.name: status(outcome) for outcome in outcomes}
    hosts = _ranked(host_rows(run, tables, outcomes, statuses))
    urgent = (each for host in hosts for each in host.advice if each.severity != SEVERITIES[-1])
    return Report(
        run=_facts(run, statuses, past),
        totals=_totals(hosts),
        hosts=hosts,
        services=_services(tables.services),
        failures=_failures(outcomes, statuses),
        advice=_grouped(sorted(urgent, key=gravity)),
        processes=tables.processes,
    )


def _with_past(frames: Frames, past: list[trend.PastRun]) -> Frames:
    """The frames with what the runs before this one add: growth, own excess, bloat."""
    excess = trend.own_excess(frames.processes, (then.processes for then in past))
    processes = trend.with_growth(frames.processes, past[-1].processes if past else None)
    processes = trend.with_bloat(processes, excess)
    hosts = frames.hosts.join(trend.host_growth(processes), on="host", how="left")
    hosts = hosts.join(trend.host_bloat(processes, excess), on="host", how="left").sort("host")
    services = frames.services.join(trend.service_growth(processes), on="service", how="left").sort("service")
    return Frames(hosts, services, processes)


def _ranked(hosts: Iterator[HostRow]) -> tuple[HostRow, ...]:
    """By native heap, ties by name; the hosts of which nothing is known follow, by name, without a rank."""
    rows = sorted(hosts, key=lambda row: row.name)
    known = [row for row in rows if row.native_heap_resident_max_bytes is not None]
    by_heap = sorted(known, key=lambda row: -(row.native_heap_resident_max_bytes or 0))
    by_stack = sorted(known, key=lambda row: -(row.stacks_resident_max_bytes or 0))
    stack_rank = {row.name: place for place, row in enumerate(by_stack, start=1)}
    ranked = [
        replace(row, rank=place, stack_rank=stack_rank[row.name])
        for place, row in enumerate(by_heap, start=1)
    ]
    unknown = [row for row in rows if row.native_heap_resident_max_bytes is None]
    return (*ranked, *sorted(unknown, key=lambda row: not row.answered))


def _services(table: pl.DataFrame) -> tuple[ServiceRow, ...]:
    ordered = table.sort([NATIVE, "service"], descending=[True, False], nulls_last=True)
    return tuple(
        ServiceRow(**{field: row[field] for field in _SERVICE_FIELDS})
        for row in ordered.iter_rows(named=True)
    )


def _failures(outcomes: tuple[Outcome, ...], statuses: Mapping[str, Status]) -> tuple[FailureGroup, ...]:
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for outcome in outcomes:
        stands = statuses[outcome.host.name]
        if stands.status != OK:
            grouped.setdefault((stands.status, stands.stage, stands.reason), []).append(outcome.host.name)
    groups = [
        FailureGroup(
            how, stage, reason, statuses[min(names)].remedy, statuses[min(names)].detail, tuple(sorted(names))
        )
        for (how, stage, reason), names in grouped.items()
    ]
    return tuple(
        sorted(
            groups, key=lambda group: (group.status != FAILED, -len(group.hosts), group.stage, group.reason)
        )
    )


def _facts(run: Run, statuses: Mapping[str, Status], past: list[trend.PastRun]) -> RunFacts:
    manifest, closed = run.manifest, run.closed()
    counts = {how: sum(each.status == how for each in statuses.values()) for how in (OK, PARTIAL, FAILED)}
    return RunFacts(
        run_id=manifest.run_id,
        scope=manifest.scope.name,
        hosts=manifest.scope.hosts,
        evidence=manifest.scope.evidence,
        become=manifest.scope.become,
        started_at=manifest.started_at,
        closed_at=closed.closed_at if closed else "",
        asked=len(manifest.hosts),
        ok=counts[OK],
        partial=counts[PARTIAL],
        failed=counts[FAILED],
        tool_version=manifest.tool_version,
        rules_version=trend.rules(manifest, closed) or "several",
        command=manifest.command,
        compared_with=past[-1].run_id if past else "",
        compared_at=past[-1].started_at if past else "",
        past_runs=len(past),
    )


def _totals(hosts: tuple[HostRow, ...]) -> Totals:
    answered = [row for row in hosts if row.answered]
    read = [row for row in answered if row.native_heap_resident_max_bytes is not None]
    return Totals(
        native_heap=together([row.native_heap for row in read]),
        thread_stacks=together([row.thread_stacks for row in read]),
        java_heap=together([row.java_heap for row in read]),
        stacks=added(row.stacks for row in answered),
        threads=added(row.threads for row in answered),
        sent=sum(row.sent or 0 for row in answered),
        denied=sum(row.denied or 0 for row in answered),
        rss_bytes=added(row.rss_bytes for row in answered),
        swap_bytes=added(row.swap_bytes for row in answered),
        mem_total_bytes=added(row.mem_total_bytes for row in answered),
        growth_bytes=added(row.growth_bytes for row in answered),
        bloat_bytes=added(row.bloat_bytes for row in answered),
        kinds=kinds.together(row.kinds for row in answered),
    )


def together(extents: list[Extent]) -> Extent:
    """The sum of measures; resident is known where it is known of each."""
    residents = [each.resident_bytes for each in extents]
    resident = None if None in residents else added(residents)
    return Extent(
        added(each.resident_max_bytes for each in extents),
        resident,
        added(each.committed_bytes for each in extents),
        added(each.reserved_bytes for each in extents),
    )


def _grouped(advice: list[Advice]) -> tuple[AdviceGroup, ...]:
    """The same advice for many processes is said once."""
    members: dict[tuple[str, str, str, str], list[Advice]] = {}
    for each in advice:
        members.setdefault((each.severity, each.advice, each.confirm, each.not_shown), []).append(each)
    return tuple(AdviceGroup(*said, tuple(those)) for said, those in members.items())


_SERVICE_FIELDS = field_names(ServiceRow)
