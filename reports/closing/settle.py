"""Closes a run: computes every number that outputs print, once, and keeps them in tables.

The first pass reads each result once and finishes everything that depends on one host only. The second pass
adds what depends on the whole fleet: medians of services, growth against earlier runs, ranks. Both take
HOSTS_A_PART at a time. In between the processes wait on disk: in memory stay one row per host, one number per
process, and the services.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import polars as pl

from archive import tables
from archive.run import Outcome, Run
from archive.runs import Runs
from domain.records import Closed, HostKeyCheck
from procmaps.findings import VERSIONS
from reports.changes.closing import Compared, Comparison, Now
from reports.closing import service_table
from reports.closing.fleet_row import fleet_row
from reports.closing.host_table import HOST_EXTRAS, RANKS, asked, others_of, ranked
from reports.columns.column import names_of, schema_of
from reports.columns.columns import HOSTS, SERVICES
from reports.findings.closing import Changed, Found
from reports.findings.codes import OF_A_RUN
from reports.findings.last import last
from reports.findings.rows import MadeBy
from reports.tables import kinds, measures, sections, settled, trend
from reports.tables.past_runs import LostError, PastRun, PastRuns
from reports.tables.shown import with_places
from reports.tables.spool import Spool
from reports.tables.status import DEADLINE_REASON, FAILED, OK, PARTIAL

HOSTS_A_PART: Final = 125  # of 117 processes; parts twice as large take 30 MB to 50 MB more

_EMPTY: Final = {"others": 0, "largest": "", "most_stacks": "", "most_guessed": ""}


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables of a run, which lie in it or elsewhere."""

    run: Run
    into: Run
    runs: Runs  # with which it is compared

    def keep(self, table: str, part: int, rows: pl.DataFrame) -> None:
        """Write a part of a table; it may be written again."""
        self.into.write_settled(table, part, tables.to_parquet(settled.named(rows, self.run.manifest)))

    def read(self, table: str, part: int) -> pl.DataFrame:
        """A part of a table as the first pass wrote it."""
        return tables.from_parquet(self.into.read_settled(table, part), table)

    @property
    def are_beside_results(self) -> bool:
        """Whether the footprints can be made from the results when somebody asks for them."""
        return self.into is self.run


@dataclass(frozen=True, slots=True)
class _Part:
    """The data of some hosts that the first pass leaves for the second; their processes are in the spool."""

    hosts: pl.DataFrame
    first: str  # the names of the first host and the last one; empty if there is none
    last: str
    amounts: pl.DataFrame
    rules: frozenset[str]
    codes: frozenset[frozenset[tuple[str, int]]]  # that were looked for on the hosts, with their versions
    is_late: bool
    unchecked_keys: int  # hosts whose host keys were not checked


@dataclass(frozen=True, slots=True)
class _Fleet:
    """What the second pass finds."""

    hosts: pl.DataFrame
    past_runs: tuple[PastRun, ...]
    found: Found
    changed: Compared


def settle(
    run: Run, runs: Runs, closed_at: str, into: Run | None = None, *, hosts_a_part: int = HOSTS_A_PART
) -> Closed:
    """Write the tables of a run whose hosts all have an outcome; gives its Closed, not yet written.

    `into` is a run elsewhere to write the tables to: they show the run so far where hosts have no outcome.
    `runs` are those with which it is compared. The numbers do not depend on `hosts_a_part`.
    """
    if into is None and (pending := run.pending()):
        raise ValueError(
            f"{run.run_id}: {len(pending)} hosts have no outcome, the first is {pending[0].name!r}"
        )

    written = _Tables(run, into or run, runs)
    with Spool() as spool:
        batches = _batches(run, hosts_a_part)
        parts = [_first(number, batch, written, spool) for number, batch in enumerate(batches)]
        rules = frozenset[str]().union(*(part.rules for part in parts))
        rules_version = next(iter(rules)) if len(rules) == 1 else ""
        fleet = _second(parts, spool, PastRuns(run.manifest, rules_version, runs), written)
    for number, part in enumerate(parts):
        rows = fleet.hosts.join(part.hosts.select("name"), on="name", how="semi").sort("name")
        written.keep(settled.HOSTS, number, rows)
    past = [each.started_at for each in fleet.past_runs]
    changed = Changed(fleet.changed.changes, *((past[-1], past[0]) if past else ("", "")))
    made_by = MadeBy(rules_version, _codes(parts))
    for name, table in fleet.found.tables(run.manifest, made_by, fleet.hosts, changed).items():
        written.keep(name, 0, table)
    counts = {how: int((fleet.hosts["status"] == how).sum()) for how in (OK, PARTIAL, FAILED)}
    closed = Closed(
        run_id=run.run_id,
        closed_at=closed_at,
        asked=fleet.hosts.height,
        ok=counts[OK],
        partial=counts[PARTIAL],
        failed=counts[FAILED],
        complete=not any(part.is_late for part in parts),
        rules_version=rules_version,
        results=run.generation,
        parts=len(parts),
        scope=run.manifest.scope.name,
        hosts=run.manifest.scope.hosts,
        started_at=run.manifest.started_at,
        finding_codes=made_by.codes,
        asker=run.manifest.asker,
    )
    row = fleet_row(run.manifest, closed, fleet.past_runs, fleet.hosts).with_columns(
        pl.lit(fleet.found.last.run_id).alias("findings_compared_with"),
        pl.lit(fleet.found.last.started_at).alias("findings_compared_at"),
        pl.lit(fleet.changed.rests_on).alias("rests_on"),
        pl.lit(sum(part.unchecked_keys for part in parts)).alias("unchecked_keys"),
    )
    written.keep(settled.FLEET, 0, row)
    return replace(
        closed,
        native_heap_resident_max_bytes=row[measures.NATIVE].item(),
        dumps_bytes=run.dumps_bytes() if run.manifest.keep_dumps else 0,
        results_bytes=run.results_bytes(),
    )


def _codes(parts: list[_Part]) -> dict[str, int]:
    """The codes of findings that were looked for on every host that answered, with their versions.

    Empty if a host does not say it.
    """
    of_hosts = frozenset[frozenset[tuple[str, int]]]().union(*(part.codes for part in parts))
    if not all(of_hosts):
        return {}
    everywhere = frozenset.intersection(*of_hosts) if of_hosts else frozenset(VERSIONS.items())
    return dict(sorted(everywhere)) | OF_A_RUN


def _batches(run: Run, hosts_a_part: int) -> Iterator[list[Outcome]]:
    """The outcomes by name of the host, some at a time; at least one batch."""
    outcomes = run.each_outcome(sorted(run.manifest.hosts, key=lambda host: host.name))
    yield list(islice(outcomes, hosts_a_part))
    while batch := list(islice(outcomes, hosts_a_part)):
        yield batch


def _first(number: int, outcomes: list[Outcome], written: _Tables, spool: Spool) -> _Part:
    """What these hosts tell by themselves."""
    answers = [outcome.result for outcome in outcomes if outcome.result is not None]
    footprints = sections.footprints(answers)
    measured = measures.measured(sections.processes(answers), footprints)
    processes = with_places(measured.sort("host", "pid", "start_ticks"))
    limits = processes.select("host", "pid", "rss_anon_bytes")
    shown = processes.filter("shown").select("host", "pid")
    if not written.are_beside_results:
        written.keep(settled.FOOTPRINTS, number, sections.with_families(footprints))
    written.keep(settled.FINDINGS, number, sections.findings(answers))
    written.keep(settled.HOST_KINDS, number, kinds.of_hosts(footprints, limits))
    written.keep(settled.PROCESS_KINDS, number, kinds.of_processes(footprints, shown))
    spool.add(processes)
    return _Part(
        hosts=asked(outcomes),
        first=outcomes[0].host.name if outcomes else "",
        last=outcomes[-1].host.name if outcomes else "",
        amounts=service_table.amounts(processes),
        rules=frozenset(answer.record.rules_version for answer in answers),
        codes=frozenset(frozenset(answer.record.finding_codes.items()) for answer in answers),
        is_late=any(one.failure is not None and one.failure.reason == DEADLINE_REASON for one in outcomes),
        unchecked_keys=sum(answer.record.host_key is HostKeyCheck.OFF for answer in answers),
    )


def _second(parts: list[_Part], spool: Spool, past_runs: PastRuns, written: _Tables) -> _Fleet:
    """The hosts with ranks; their processes and services are written."""
    medians = service_table.medians(part.amounts for part in parts)
    while True:  # each time one more of the earlier runs counts as damaged
        try:
            return _compared(parts, spool, past_runs, medians, written)
        except LostError:
            continue


def _compared(
    parts: list[_Part], spool: Spool, past_runs: PastRuns, medians: pl.DataFrame, written: _Tables
) -> _Fleet:
    tapes = past_runs.tapes()
    asked_hosts = pl.concat([part.hosts for part in parts])
    comparison = Comparison(written.run, past_runs.rules_version, tapes, asked_hosts, medians["service"])
    found = Found.since(last(written.runs, tapes.runs))
    hosts: list[pl.DataFrame] = []
    services: list[pl.DataFrame] = []
    for number, part in enumerate(parts):
        processes = measures.with_peers(spool.frame(number), medians)
        past = tapes.of(part.first, part.last)
        past = replace(past, last=comparison.relabelled(part.hosts["name"], past.last))
        compared, excess = trend.compared(processes, past)
        comparison.add(part.hosts["name"], compared, past.last)
        found.add(written.read(settled.FINDINGS, number), compared)
        written.keep(settled.PROCESSES, number, compared.drop(trend.THEN.keys()))
        services.append(service_table.of_part(compared, medians))
        hosts.append(_hosts(part.hosts, compared, excess))
    table = service_table.combined(services, medians).join(comparison.restarted(), on="service", how="left")
    ordered = table.sort([measures.NATIVE, "service"], descending=[True, False], nulls_last=True)
    written.keep(settled.SERVICES, 0, ordered.select(names_of(SERVICES)))
    fleet = ranked(pl.concat(hosts))
    host_kinds = (written.read(settled.HOST_KINDS, number) for number in range(len(parts)))
    changed = comparison.tables(Now(fleet, ordered, host_kinds))
    for name, rows in changed.named():
        written.keep(name, 0, rows)
    return _Fleet(fleet, tapes.runs, found, changed)


def _hosts(asked_hosts: pl.DataFrame, processes: pl.DataFrame, excess: pl.DataFrame) -> pl.DataFrame:
    """The hosts with the sums over their processes."""
    table = asked_hosts
    for sums in (
        measures.host_sums(processes),
        trend.host_growth(processes),
        trend.host_bloat(processes, excess),
        others_of(processes),
    ):
        table = table.join(sums.rename({"host": "name"}), on="name", how="left", maintain_order="left")
    wanted: sections.Schema = {**schema_of(HOSTS), **HOST_EXTRAS}
    hosts = table.with_columns(pl.lit(None, pl.Int64).alias(name) for name in RANKS).select(
        pl.col(name).cast(kind).fill_null(_EMPTY[name]) if name in _EMPTY else pl.col(name).cast(kind)
        for name, kind in wanted.items()
    )
    return tables.with_own_texts(hosts)
