"""Closes a run: computes every number that outputs print, once, and keeps them in tables.

The first pass reads each result once and finishes everything that depends on one host only. The second pass
adds what depends on the whole fleet: medians of services, growth against earlier runs, ranks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import polars as pl

from archive import tables
from archive.results import ARGUMENTS, FINDINGS, FOOTPRINTS, PROCESSES
from archive.run import Outcome, Run
from archive.runs import Runs
from domain.records import Closed
from procmaps.kinds import KIND_BY_LABEL
from reports import kinds, measures, settled, trend
from reports.column import names_of, schema_of
from reports.columns import HOSTS, SERVICES
from reports.fleet_row import fleet_row
from reports.host_table import HOST_EXTRAS, RANKS, asked, others_of, ranked, to_look_at
from reports.shown import with_places
from reports.status import DEADLINE_REASON, FAILED, OK, PARTIAL

HOSTS_A_PART: Final = 250

Schema = dict[str, type[pl.DataType]]

PROCESS_SCHEMA: Final[Schema] = {"host": pl.String, **tables.PROCESS_SCHEMA}
ARGUMENT_SCHEMA: Final[Schema] = {"host": pl.String, **tables.ARGUMENT_SCHEMA}
FOOTPRINT_SCHEMA: Final[Schema] = {"host": pl.String, **tables.FOOTPRINT_SCHEMA}
FINDING_SCHEMA: Final[Schema] = {"host": pl.String, **tables.FINDING_SCHEMA}
_FAMILIES: Final = {label: kind.family.label for label, kind in KIND_BY_LABEL.items()}
_NARROW: Final = ("service", measures.NATIVE)

_EMPTY: Final = {"others": 0, "largest": "", "most_stacks": "", "most_guessed": "", "to_look_at": 0}

Keep = Callable[[str, int, pl.DataFrame], None]  # table, part, rows


@dataclass(frozen=True, slots=True)
class _Part:
    """The data of some hosts that the first pass leaves for the second."""

    hosts: pl.DataFrame
    processes: bytes  # compressed
    narrow: pl.DataFrame
    rules: frozenset[str]
    is_late: bool


def settle(run: Run, runs: Runs, closed_at: str, into: Run | None = None) -> Closed:
    """Write the tables of a run whose hosts all have an outcome; gives its Closed, not yet written.

    `into` is a run elsewhere to write the tables to: they show the run so far where hosts have no outcome.
    """
    if into is None and (pending := run.pending()):
        raise ValueError(
            f"{run.run_id}: {len(pending)} hosts have no outcome, the first is {pending[0].name!r}"
        )

    def keep(table: str, part: int, rows: pl.DataFrame) -> None:
        named = rows.select(
            pl.lit(run.run_id).alias("run"), pl.lit(run.manifest.scope.name).alias("scope"), pl.all()
        )
        (into or run).write_settled(table, part, tables.to_parquet(named))

    parts = [_first(number, batch, keep) for number, batch in enumerate(_batches(run))]
    rules = frozenset[str]().union(*(part.rules for part in parts))
    rules_version = next(iter(rules)) if len(rules) == 1 else ""
    past = trend.past(run.manifest, rules_version, runs)
    hosts = ranked(_second(parts, past, keep))
    for number, part in enumerate(parts):
        rows = hosts.join(part.hosts.select("name"), on="name", how="semi").sort("name")
        keep(settled.HOSTS, number, rows)
    counts = {how: int((hosts["status"] == how).sum()) for how in (OK, PARTIAL, FAILED)}
    closed = Closed(
        run_id=run.run_id,
        closed_at=closed_at,
        asked=hosts.height,
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
    )
    fleet = fleet_row(run.manifest, closed, past, hosts)
    keep(settled.FLEET, 0, fleet)
    return replace(
        closed,
        native_heap_resident_max_bytes=fleet[measures.NATIVE].item(),
        dumps_bytes=run.dumps_bytes() if run.manifest.keep_dumps else 0,
        results_bytes=run.results_bytes(),
    )


def _batches(run: Run) -> Iterator[list[Outcome]]:
    """The outcomes by name of the host, HOSTS_A_PART at a time; at least one batch."""
    outcomes = run.each_outcome(sorted(run.manifest.hosts, key=lambda host: host.name))
    yield list(islice(outcomes, HOSTS_A_PART))
    while batch := list(islice(outcomes, HOSTS_A_PART)):
        yield batch


def _first(number: int, outcomes: list[Outcome], keep: Keep) -> _Part:
    """What these hosts tell by themselves."""
    footprints = kinds.numbered(_section(outcomes, FOOTPRINTS, FOOTPRINT_SCHEMA))
    arguments = _section(outcomes, ARGUMENTS, ARGUMENT_SCHEMA)["arguments"]
    sent = _section(outcomes, PROCESSES, PROCESS_SCHEMA).with_columns(arguments)
    processes = with_places(measures.measured(sent, footprints).sort("host", "pid", "start_ticks"))
    limits = processes.select("host", "pid", "rss_anon_bytes")
    shown = processes.filter("shown").select("host", "pid")
    family = pl.col("kind").replace_strict(_FAMILIES, default="", return_dtype=pl.String).alias("family")
    keep(settled.FOOTPRINTS, number, footprints.select(*FOOTPRINT_SCHEMA, family))
    found = _section(outcomes, FINDINGS, FINDING_SCHEMA)
    keep(settled.FINDINGS, number, found)
    keep(settled.HOST_KINDS, number, kinds.of_hosts(footprints, limits))
    keep(settled.PROCESS_KINDS, number, kinds.of_processes(footprints, shown))
    records = [outcome.record for outcome in outcomes if outcome.record is not None]
    return _Part(
        hosts=asked(outcomes).join(to_look_at(found), on="name", how="left", maintain_order="left"),
        processes=tables.to_ipc(processes),
        narrow=processes.select(_NARROW),
        rules=frozenset(record.rules_version for record in records),
        is_late=any(one.failure is not None and one.failure.reason == DEADLINE_REASON for one in outcomes),
    )


def _second(parts: list[_Part], past: trend.Past, keep: Keep) -> pl.DataFrame:
    """The hosts without ranks; their processes and services are written."""
    medians = measures.medians(pl.concat(part.narrow for part in parts))
    hosts: list[pl.DataFrame] = []
    narrow: list[pl.DataFrame] = []
    for number, part in enumerate(parts):
        packed = tables.from_ipc(part.processes, "what the first pass packed")
        compared, excess = trend.compared(measures.with_peers(packed, medians), past)
        keep(settled.PROCESSES, number, compared)
        narrow.append(compared.select(measures.OF_A_SERVICE))
        hosts.append(_hosts(part.hosts, compared, excess))
    services = pl.concat(narrow)
    table = measures.services(services).join(trend.service_growth(services), on="service", how="left")
    ordered = table.sort([measures.NATIVE, "service"], descending=[True, False], nulls_last=True)
    keep(settled.SERVICES, 0, ordered.select(names_of(SERVICES)))
    return pl.concat(hosts)


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
    wanted: Schema = {**schema_of(HOSTS), **HOST_EXTRAS}
    return table.with_columns(pl.lit(None, pl.Int64).alias(name) for name in RANKS).select(
        pl.col(name).cast(kind).fill_null(_EMPTY[name]) if name in _EMPTY else pl.col(name).cast(kind)
        for name, kind in wanted.items()
    )


def _section(outcomes: list[Outcome], name: str, schema: Schema) -> pl.DataFrame:
    """A section of these hosts' results in one table, in the order of the hosts. Unknown text is empty."""
    answered = [outcome for outcome in outcomes if outcome.result is not None]
    frames = [
        tables.from_ipc(outcome.result.sections[name], f"{name} of {outcome.host.name}")
        for outcome in answered
        if outcome.result is not None
    ]
    names = pl.DataFrame(
        {"host": [outcome.host.name for outcome in answered], "rows": [frame.height for frame in frames]},
        schema={"host": pl.String, "rows": pl.Int64},
    )
    hosts = names.filter(pl.col("rows") > 0).select(pl.col("host").repeat_by("rows").explode())
    empty = pl.DataFrame(schema={column: kind for column, kind in schema.items() if column != "host"})
    try:
        together = pl.concat([empty, *frames])
    except (pl.exceptions.SchemaError, pl.exceptions.ShapeError):  # of a version with other columns
        together = pl.concat([empty, *frames], how="diagonal_relaxed")
    with_hosts = pl.concat([hosts, together.select(empty.columns)], how="horizontal")
    return with_hosts.with_columns(pl.col(pl.String).fill_null(""))
