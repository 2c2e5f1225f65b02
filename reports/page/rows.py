"""The rows of a run that a page can show, read part by part: memory is taken by what can go into the page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from archive.tables import with_own_texts
from procmaps.kinds import Kind
from reports.changes.noise import GROWTH_FLOOR_BYTES, GROWTH_FLOOR_SHARE
from reports.columns.column import names_of
from reports.columns.columns import PROCESSES
from reports.page import fields
from reports.page.part_tables import Tables
from reports.tables import kinds, settled
from reports.tables.measures import BLOAT_EXCESS_MIN_BYTES, BLOAT_FACTOR_MIN, NATIVE, STACKS
from reports.tables.severities import FINDINGS_A_HOST_MAX, GRAVITY, SEVERITIES
from reports.text.sizes import instant

PROCESS_ROWS_MAX: Final = 125_000  # of a fleet: more than a page can hold
FINDING_ROWS_MAX: Final = 100_000  # likewise
KINDS_REMADE_MAX: Final = 30_000  # processes of a fleet whose kinds are all added up from its footprints
ARGUMENTS_LENGTH_MAX: Final = 600  # characters


@dataclass(frozen=True, slots=True)
class Rows:
    """What a page can show. `_host` is the number of a host in the ranking, from 0."""

    hosts: (
        pl.DataFrame
    )  # also _findings, _count, _native, _native_known, _stacks, _stacks_known of all it has
    services: pl.DataFrame
    findings: pl.DataFrame  # the first of each host: _host, _place in its host
    host_kinds: pl.DataFrame  # _host
    processes: pl.DataFrame  # also host, _host, host_place, _turn in its host, _weight in the fleet


def read(
    tables: Tables, process_rows_max: int = PROCESS_ROWS_MAX, finding_rows_max: int = FINDING_ROWS_MAX
) -> Rows:
    """The rows of a run; of a very large fleet the most important of each host, at least one."""
    hosts = tables.table(settled.HOSTS).sort("place").with_row_index("_host")
    order = order_of(hosts)
    found = _findings(tables, order, min(FINDINGS_A_HOST_MAX, _a_host(finding_rows_max, order)))
    processes, sums = _processes(tables, order, found.urgent, _a_host(process_rows_max, order))
    counted = hosts.join(found.counts, on="_host", how="left", maintain_order="left")
    return Rows(
        hosts=counted.join(sums, on="_host", how="left", maintain_order="left").with_columns(
            (pl.col("elapsed_s") * 1000).round().cast(pl.Int64).alias("elapsed_ms")
        ),
        services=tables.table(settled.SERVICES, fields.OF_SERVICES),
        findings=found.first,
        host_kinds=_host_kinds(tables, order),
        processes=processes,
    )


def _a_host(rows_max: int, order: pl.DataFrame) -> int:
    return max(1, rows_max // max(1, order.height))


def of_host(rows: Rows, number: int) -> Rows:
    """Those of one host, which is the first then, and of the services that run on it."""
    host = pl.lit(0, pl.UInt32).alias("_host")
    frames = [
        table.filter(pl.col("_host") == number).with_columns(host)
        for table in (rows.hosts, rows.findings, rows.host_kinds, rows.processes)
    ]
    hosts, findings, host_kinds, processes = frames
    services = rows.services.filter(pl.col("service").is_in(processes["service"].unique().to_list()))
    return Rows(hosts, services, findings, host_kinds, processes)


def order_of(hosts: pl.DataFrame) -> pl.DataFrame:
    """host, `_host`, and `_swept`, the time of the sweep in seconds since 1970."""
    return hosts.select(pl.col("name").alias("host"), "_host", _swept(hosts["at"]))


def kinds_of(tables: Tables, processes: pl.DataFrame, *, of_all: bool) -> pl.DataFrame:
    """fields.OF_KINDS of these processes, and `_process`, the number of its row in `processes`.

    A table of the run has the kinds of the processes that a report shows one by one. With `of_all` they are
    added up from the footprints, for any process.
    """
    asked = processes.select("host", "pid").with_row_index("_process").unique(["host", "pid"], keep="first")
    kept = pl.col("_process"), pl.col("kind").cast(_KIND), *map(pl.col, fields.OF_KINDS[1:])
    found = [
        part.join(asked, on=["host", "pid"], maintain_order="left").select(kept)
        for part in (_remade(tables, asked) if of_all else tables.parts(settled.PROCESS_KINDS, _OF_KINDS))
    ]
    return _gathered(found, "_process")


def _remade(tables: Tables, asked: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The kinds of the processes that are asked for, added up from the footprints."""
    for part in tables.parts(settled.FOOTPRINTS):
        wanted = part.join(asked, on=["host", "pid"], how="semi", maintain_order="left")
        yield kinds.of_processes(kinds.numbered(wanted), asked)


_KIND: Final = pl.Enum([kind.label for kind in Kind])
_OF_KINDS: Final = ("host", "pid", *fields.OF_KINDS)
# All columns that a page has, and what they are made from.
PROCESS_COLUMNS: Final = (*names_of(PROCESSES), "host_place")


def _processes(
    tables: Tables, order: pl.DataFrame, urgent: pl.DataFrame, a_host_max: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first processes by host and then by native heap, and the sums over all processes of each host."""
    chosen, sums = [], []
    for part in tables.parts(settled.PROCESSES, PROCESS_COLUMNS):
        rows = _with_turns(part, order, urgent)
        sums.append(rows.group_by("_host").agg(*_sums(NATIVE, "_native"), *_sums(STACKS, "_stacks"), _COUNT))
        few = with_own_texts(rows.filter(pl.col("_turn") < a_host_max))
        chosen.append(few)
    return _with_weights(_gathered(chosen, "_host", "host_place")), pl.concat(sums)


def _with_turns(part: pl.DataFrame, order: pl.DataFrame, urgent: pl.DataFrame) -> pl.DataFrame:
    """PROCESS_COLUMNS of processes, and `_host`, `_turn`, up_min; the arguments are cut.

    `order` are host, _host and _swept, `urgent` _host and pid of processes with findings above `info`.
    """
    found = urgent.with_columns(pl.lit(value=True).alias("_found"))
    rows = part.join(order, on="host", maintain_order="left").join(
        found, on=["_host", "pid"], how="left", maintain_order="left"
    )
    ordered = rows.with_columns(_is_notable()).sort("_host", ~pl.col("_notable"), "host_place")
    return ordered.with_columns(pl.int_range(pl.len()).over("_host").alias("_turn"), _up(), _arguments())


def _with_weights(ordered: pl.DataFrame) -> pl.DataFrame:
    """The same rows with `_weight`: 0 is the process that needs a look first."""
    heaviest = pl.col(NATIVE).fill_null(0) + pl.col(STACKS).fill_null(0)
    by_weight = ordered.select(
        pl.arg_sort_by([~pl.col("_notable"), heaviest], descending=[False, True], maintain_order=True)
    ).to_series()
    weight = pl.DataFrame({"_row": by_weight}).with_row_index("_weight").sort("_row")["_weight"]
    return ordered.with_columns(weight)


_COUNT: Final = pl.len().cast(pl.Int64).alias("_count")


def _sums(name: str, alias: str) -> tuple[pl.Expr, pl.Expr]:
    """The sum, and how many of the values are known."""
    return pl.col(name).sum().alias(alias), pl.col(name).count().cast(pl.Int64).alias(f"{alias}_known")


def _is_notable() -> pl.Expr:
    """Processes that come first: with a finding above `info`, more growth than noise, or bloated."""
    native, growth = pl.col(NATIVE), pl.col("growth_bytes")
    excess = pl.col("peer_excess_bytes")
    grown = (growth >= GROWTH_FLOOR_BYTES) & (growth >= GROWTH_FLOOR_SHARE * (native - growth))
    bloated = (excess >= BLOAT_EXCESS_MIN_BYTES) & (native >= BLOAT_FACTOR_MIN * (native - excess))
    notable = (
        pl.col("_found").fill_null(value=False),
        grown.fill_null(value=False),
        bloated.fill_null(value=False),
    )
    return pl.any_horizontal(*notable).alias("_notable")


def _up() -> pl.Expr:
    """How long a process was running when its host was swept, in whole minutes."""
    seconds = (pl.col("_swept") - pl.col("started_at_s")).clip(0)
    return (seconds // 60).cast(pl.Int64).alias("up_min")


def _arguments() -> pl.Expr:
    """The arguments, cut."""
    text = pl.col("arguments")
    is_long = text.str.len_chars() > ARGUMENTS_LENGTH_MAX
    cut = text.str.head(ARGUMENTS_LENGTH_MAX - 1) + pl.lit("\u2026")
    return pl.when(is_long).then(cut).otherwise(text).alias("arguments")


@dataclass(frozen=True, slots=True)
class _Found:
    """The findings of a run, as far as a page needs them."""

    first: pl.DataFrame  # by host, the gravest first: host, fields.OF_FINDINGS, _host, _place
    counts: pl.DataFrame  # _host, and _findings, how many there are
    urgent: pl.DataFrame  # _host and pid of the processes with one above `info`


def _findings(tables: Tables, order: pl.DataFrame, a_host_max: int) -> _Found:
    """The findings by host, the gravest `a_host_max` of each."""
    first, counts, urgent = [], [], []
    for part in tables.parts(settled.FINDINGS, ("host", *fields.OF_FINDINGS)):
        rows = part.join(order.drop("_swept"), on="host", maintain_order="left")
        ordered = rows.with_columns(GRAVITY.alias("_gravity")).sort("_host", "_gravity", maintain_order=True)
        placed = ordered.with_columns(pl.int_range(pl.len()).over("_host").alias("_place"))
        first.append(with_own_texts(placed.filter(pl.col("_place") < a_host_max).drop("_gravity")))
        counts.append(rows.group_by("_host").agg(pl.len().cast(pl.Int64).alias("_findings")))
        urgent.append(rows.filter(pl.col("severity") != SEVERITIES[-1]).select("_host", "pid").unique())
    return _Found(pl.concat(first).sort("_host", maintain_order=True), pl.concat(counts), pl.concat(urgent))


def _host_kinds(tables: Tables, order: pl.DataFrame) -> pl.DataFrame:
    """The kinds by host."""
    wanted = ("_host", *fields.OF_HOST_KINDS)
    parts = tables.parts(settled.HOST_KINDS, ("host", *fields.OF_HOST_KINDS))
    found = (part.join(order, on="host", maintain_order="left").select(wanted) for part in parts)
    return _gathered([with_own_texts(each) for each in found], "_host")


def _gathered(parts: list[pl.DataFrame], *by: str) -> pl.DataFrame:
    """The rows of some tables in an order; `parts` is empty then.

    Column by column, so that there are never two of the whole table.
    """
    rows = pl.concat(parts)
    parts.clear()
    order = rows.select(pl.arg_sort_by(*by, maintain_order=True)).to_series()
    return pl.DataFrame([rows.drop_in_place(name).gather(order) for name in rows.columns])


def _swept(times: pl.Series) -> pl.Series:
    """Times as text in seconds since 1970."""
    distinct = times.unique(maintain_order=True)
    moments = [instant(at) for at in distinct.to_list()]
    seconds = pl.Series([moment.timestamp() if moment else None for moment in moments], dtype=pl.Float64)
    known = times.replace_strict(distinct, seconds, return_dtype=pl.Float64)
    return known.cast(pl.Float64).alias("_swept")  # of no times it stays text
