"""What became of processes since earlier runs of the same scope (`reports.tables.past_runs`)."""

from dataclasses import dataclass

import polars as pl

from reports.tables.measures import NATIVE, OF_PROBE, sum_any

SAME_START_S = 60.0  # clocks may be stepped; two boots are further apart than this

_IDENTITY = ("host", "service", "exe", "arguments")
_PROCESS = ("host", "pid", "start_ticks")
NEEDED = (  # of the last run
    *(*_PROCESS, "started_at_s", "service", "unit", "exe", "arguments", "comm", "evidence"),
    *("rss_anon_bytes", "swap_bytes", "rss_shmem_bytes", "runtime", NATIVE),
)
THEN: dict[str, type[pl.DataType]] = {  # of a process that is in both runs, for `reports.changes`
    "then_anon_bytes": pl.Int64,
    "then_shmem_bytes": pl.Int64,
}
LOW = ("host", "service", NATIVE)  # of the runs before


@dataclass(frozen=True, slots=True)
class Past:
    """What comparisons of some hosts need of earlier runs."""

    last: pl.DataFrame | None = (
        None  # the processes of the last of them; NATIVE is null if it had other rules
    )
    lowest: pl.DataFrame | None = None  # host, service, and the least native heap of the service there


def compared(processes: pl.DataFrame, past: Past) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Processes of some hosts with their growth and bloat, and a table host, service, own_excess_bytes."""
    excess = own_excess(processes, past.lowest)
    return with_bloat(with_growth(processes, past.last), excess), excess


def with_growth(now: pl.DataFrame, then: pl.DataFrame | None) -> pl.DataFrame:
    """Adds growth_bytes, anon_growth_bytes and restarted to processes, and what THEN names.

    `restarted` is yes, no, new, or "" if the host was not read then, and of the probe, which each run starts
    anew. A process is the same if it has the same
    pid, the same start ticks and, within a minute, the same start time, because pids are reused, and after a
    reboot start ticks too. Native heap is not compared over two grades of evidence.
    """
    if then is None:
        nothing: dict[str, type[pl.DataType]] = {
            "growth_bytes": pl.Int64,
            "anon_growth_bytes": pl.Int64,
            **THEN,
        }
        return now.with_columns(
            *(pl.lit(None, kind).alias(name) for name, kind in nothing.items()), pl.lit("").alias("restarted")
        )
    before = then.select(
        *_PROCESS,
        pl.col("started_at_s").alias("_started"),
        pl.col(NATIVE).alias("_native"),
        pl.col("evidence").alias("_evidence"),
        _anon().alias("then_anon_bytes"),
        pl.col("rss_shmem_bytes").alias("then_shmem_bytes"),
        pl.lit(value=True).alias("_was"),
    ).unique(_PROCESS, keep="first", maintain_order=True)
    moved = (pl.col("started_at_s") - pl.col("_started")).abs()
    same = pl.col("_was").fill_null(value=False) & (moved.is_null() | (moved < SAME_START_S))
    joined = now.join(before, on=list(_PROCESS), how="left", maintain_order="left").with_columns(
        same.alias("_same"), pl.int_range(pl.len()).alias("_row")
    )
    others = joined.filter(~pl.col("_same")).select(*_IDENTITY, "_row")  # texts are looked up of these only
    known = others.join(then, on=list(_IDENTITY), how="semi")["_row"]
    restarted = (
        pl.when(~pl.col("host").is_in(then["host"].unique().implode()) | OF_PROBE)
        .then(pl.lit(""))
        .when("_same")
        .then(pl.lit("no"))
        .when(pl.col("_row").is_in(known.implode()))
        .then(pl.lit("yes"))
        .otherwise(pl.lit("new"))
    )
    comparable = pl.col("_same") & (pl.col("evidence") == pl.col("_evidence"))
    return joined.with_columns(
        pl.when(comparable).then(pl.col(NATIVE) - pl.col("_native")).alias("growth_bytes"),
        pl.when("_same").then(_anon() - pl.col("then_anon_bytes")).alias("anon_growth_bytes"),
        restarted.alias("restarted"),
        *(pl.when("_same").then(pl.col(name)).alias(name) for name in THEN),
    ).drop("_started", "_native", "_evidence", "_was", "_same", "_row")


def _anon() -> pl.Expr:
    """The size of a process that status gives, whatever the rules: RssAnon and VmSwap."""
    return pl.col("rss_anon_bytes") + pl.col("swap_bytes")


def own_excess(now: pl.DataFrame, lowest: pl.DataFrame | None) -> pl.DataFrame:
    """host, service, own_excess_bytes: native heap above the smallest sum that the past runs saw there."""
    here = service_sums(now)
    if lowest is None:
        return here.select("host", "service", pl.lit(None, pl.Int64).alias("own_excess_bytes"))
    least = lowest.rename({"_sum": "_lowest"})
    excess = (pl.col("_sum") - pl.col("_lowest")).clip(lower_bound=0)
    return here.join(least, on=["host", "service"], how="left", maintain_order="left").select(
        "host", "service", excess.alias("own_excess_bytes")
    )


def service_sums(processes: pl.DataFrame) -> pl.DataFrame:
    """host, service, _sum: native heap of each service on each host, without those of no known size."""
    return (
        processes.filter(pl.col(NATIVE).is_not_null() & (pl.col("service") != ""))
        .group_by("host", "service", maintain_order=True)
        .agg(pl.col(NATIVE).sum().alias("_sum"))
    )


def with_bloat(processes: pl.DataFrame, excess: pl.DataFrame) -> pl.DataFrame:
    """Adds own_excess_bytes, if the process is the only one of its service there, and bloat_bytes."""
    alone = pl.len().over("host", "service") == 1
    own = pl.when(alone).then(pl.col("own_excess_bytes"))
    return (
        processes.join(excess, on=["host", "service"], how="left", maintain_order="left")
        .with_columns(own.alias("own_excess_bytes"))
        .with_columns(pl.max_horizontal("peer_excess_bytes", "own_excess_bytes").alias("bloat_bytes"))
    )


def host_bloat(processes: pl.DataFrame, excess: pl.DataFrame) -> pl.DataFrame:
    """host, own_excess_bytes, bloat_bytes: the sum of the larger excess of each service."""
    peers = processes.group_by("host", "service", maintain_order=True).agg(
        pl.when(pl.col("peer_excess_bytes").count() > 0).then(pl.col("peer_excess_bytes").sum())
    )
    both = peers.join(excess, on=["host", "service"], how="left").with_columns(
        pl.max_horizontal("peer_excess_bytes", "own_excess_bytes").alias("bloat_bytes")
    )
    return both.group_by("host").agg(
        pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)
        for name in ("own_excess_bytes", "bloat_bytes")
    )


def host_growth(processes: pl.DataFrame) -> pl.DataFrame:
    """host, growth_bytes, anon_growth_bytes (of processes in both runs), restarted (how many were)."""
    compared = pl.col("restarted") != ""
    return processes.group_by("host").agg(
        *(sum_any(pl.col(name)).alias(name) for name in ("growth_bytes", "anon_growth_bytes")),
        pl.when(compared.any()).then((pl.col("restarted") == "yes").sum()).cast(pl.Int64).alias("restarted"),
    )
