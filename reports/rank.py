"""A run -> its report: every order and every number settled before an output opens a template."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from archive.records import HostRecord
from archive.runs import Outcome, Run, Runs
from reports import answers, kinds, trend
from reports.measures import NATIVE, Frames, measure
from reports.rows import Advice, Extent, HostRow, KindRow, ProcessRow, ServiceRow, field_names
from reports.status import FAILED, OK, PARTIAL, Status, status

PROCESSES_A_HOST_MAX = 20  # shown in a report; processes.csv has them all
STACK_PROCESSES_A_HOST_MAX = 5  # of these at most so many for their stacks alone
SEVERITIES = ("alarm", "warning", "info")
STACKS = "stacks_resident_max_bytes"


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
    hosts = _ranked(_hosts(run, tables, outcomes, statuses))
    urgent = (each for host in hosts for each in host.advice if each.severity != SEVERITIES[-1])
    return Report(
        run=_facts(run, statuses, past),
        totals=_totals(hosts),
        hosts=hosts,
        services=_services(tables.services),
        failures=_failures(outcomes, statuses),
        advice=_grouped(sorted(urgent, key=_gravity)),
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


def _hosts(
    run: Run, tables: Frames, outcomes: tuple[Outcome, ...], statuses: Mapping[str, Status]
) -> Iterator[HostRow]:
    """A row a host asked, not yet in order."""
    asked = pl.DataFrame({"host": [outcome.host.name for outcome in outcomes]}, schema={"host": pl.String})
    table = asked.join(tables.hosts, on="host", how="left", maintain_order="left")
    measured = table.with_columns(pl.col(pl.String).fill_null("")).iter_rows(named=True)
    by_host = tables.processes.partition_by("host", as_dict=True, maintain_order=True)
    for outcome, values in zip(outcomes, measured, strict=True):
        stands = statuses[outcome.host.name]
        row = HostRow(
            rank=None,
            stack_rank=None,
            name=outcome.host.name,
            status=stands.status,
            stage=stands.stage,
            reason=stands.reason,
            detail=stands.detail,
            remedy=stands.remedy,
            **{field: values[field] for field in _MEASURED},
        )
        if outcome.record is not None:
            row = replace(row, advice=_advice(outcome.record))
        failure, processes = outcome.failure, by_host.get((row.name,))
        if failure is not None and outcome.record is None:
            row = replace(row, at=failure.at, elapsed_s=failure.elapsed_s, attempt=failure.attempt)
        yield row if processes is None else _detailed(row, processes, answers.footprints(run, row.name))


def _advice(record: HostRecord) -> tuple[Advice, ...]:
    """What was found on a host, the gravest first."""
    found = (
        Advice(
            code=each.code,
            severity=each.severity,
            host=record.host,
            pid=each.pid,
            comm=each.comm,
            evidence=each.evidence,
            advice=each.advice,
            confirm=each.confirm,
            not_shown=each.not_shown,
        )
        for each in record.findings
    )
    return tuple(sorted(found, key=_gravity))


def _detailed(host: HostRow, processes: pl.DataFrame, footprints: pl.DataFrame) -> HostRow:
    """The host with the processes that a report shows, their kinds, and the sum of the others."""
    shown, others = _shown(processes)
    kinds_of = kinds.of_processes(footprints, shown["pid"].to_list())
    rows = tuple(
        ProcessRow(**{field: row[field] for field in _PROCESS_FIELDS}, kinds=kinds_of.get(row["pid"], ()))
        for row in shown.iter_rows(named=True)
    )
    return replace(
        host,
        shown=rows,
        others=len(others),
        others_native_heap_bytes=_sum(others[NATIVE]),
        others_stacks_bytes=_sum(others[STACKS]),
        kinds=kinds.of_host(footprints, processes),
    )


def _shown(processes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The largest processes by native heap, a few for their stacks among them; and the rest."""
    by_heap = processes.sort([NATIVE, "pid"], descending=[True, False], nulls_last=True).with_row_index(
        "_heap"
    )
    by_stack = by_heap.sort([STACKS, "_heap"], descending=[True, False], nulls_last=True).with_row_index(
        "_stack"
    )
    for_stacks = (pl.col("_stack") < STACK_PROCESSES_A_HOST_MAX) & (pl.col(STACKS) > 0)
    chosen = by_stack.sort((~for_stacks).fill_null(value=True), "_heap").with_row_index("_place")
    ordered = chosen.sort("_heap")
    is_shown = pl.col("_place") < PROCESSES_A_HOST_MAX
    return ordered.filter(is_shown), ordered.filter(~is_shown)


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


def added(amounts: Iterable[int | None]) -> int | None:
    """The sum over what is known; None where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _sum(column: pl.Series) -> int | None:
    return added(column.to_list())


def _grouped(advice: list[Advice]) -> tuple[AdviceGroup, ...]:
    """The same advice for many processes is said once."""
    members: dict[tuple[str, str, str, str], list[Advice]] = {}
    for each in advice:
        members.setdefault((each.severity, each.advice, each.confirm, each.not_shown), []).append(each)
    return tuple(AdviceGroup(*said, tuple(those)) for said, those in members.items())


def _gravity(advice: Advice) -> int:
    return SEVERITIES.index(advice.severity) if advice.severity in SEVERITIES else len(SEVERITIES)


_NOT_MEASURED = {"rank", "stack_rank", "name", "status", "stage", "reason", "detail", "remedy"}
_NOT_MEASURED |= {"shown", "others", "others_native_heap_bytes", "others_stacks_bytes", "kinds", "advice"}
_MEASURED = field_names(HostRow) - _NOT_MEASURED
_PROCESS_FIELDS = field_names(ProcessRow) - {"kinds"}
_SERVICE_FIELDS = field_names(ServiceRow)
