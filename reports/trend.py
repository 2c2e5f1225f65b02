"""What changed since earlier runs of the same scope, read with the same rules."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from archive.runs import Runs
from domain.mistakes import OperatorError, is_of_a_place, is_the_machines
from domain.records import Manifest
from reports.measures import NATIVE
from reports.settled import PROCESSES, Settled

log = logging.getLogger("reports")

PAST_RUNS_MAX = 14
SAME_START_S = 60.0  # clocks may be stepped; two boots are further apart than this

_IDENTITY = ("host", "service", "exe", "arguments")
_PROCESS = ("host", "pid", "start_ticks")
NEEDED = (*_PROCESS, "started_at_s", "service", "exe", "arguments", NATIVE)
_LOW = ("host", "service", NATIVE)


@dataclass(frozen=True, slots=True)
class PastRun:
    """An earlier complete run of the same scope and rules."""

    run_id: str
    started_at: str


@dataclass(frozen=True, slots=True)
class Past:
    """The data of earlier runs that comparisons need."""

    runs: tuple[PastRun, ...] = ()  # oldest first
    last: pl.DataFrame | None = None  # the processes of the last of them
    lowest: pl.DataFrame | None = None  # host, service, and the least native heap of the service there


def past(now: Manifest, rules_version: str, runs: Runs) -> Past:
    """The last PAST_RUNS_MAX complete runs of the same scope and the same rules."""
    found: list[PastRun] = []
    last, sums = None, list[pl.DataFrame]()
    for run_id in reversed(runs.ids()) if rules_version else ():
        if len(found) == PAST_RUNS_MAX:
            break
        processes = _processes(now, rules_version, runs, run_id, NEEDED if last is None else _LOW)
        if processes is None:
            continue
        started_at, table = processes
        found.append(PastRun(run_id, started_at))
        last = table if last is None else last
        sums.append(_service_sums(table))
    lowest = pl.concat(sums).group_by("host", "service").agg(pl.col("_sum").min()) if sums else None
    return Past(tuple(found[::-1]), last, lowest)


def _processes(
    now: Manifest, rules_version: str, runs: Runs, run_id: str, columns: Sequence[str]
) -> tuple[str, pl.DataFrame] | None:
    """The start of a run, and its processes; None if it is not a baseline."""
    for _ in range(2):  # a reclassification may replace it while it is read
        try:
            run = runs.open(run_id)
            closed = run.closed()
            if closed is None or not closed.complete or not is_earlier(now, run.manifest):
                return None
            if closed.rules_version != rules_version:
                return None
            return run.manifest.started_at, Settled(run).table(PROCESSES, columns)
        except (OperatorError, FileNotFoundError):
            continue  # a damaged or deleted run is not a baseline, and must not prevent the report
        except OSError as error:
            if is_the_machines(error) and not is_of_a_place(error):
                raise  # the disk fails, or too many files are open: it says nothing about that run
            log.warning("%s is not compared with %s: %s", now.run_id, run_id, error)  # of another account
            return None
    return None


def is_earlier(now: Manifest, then: Manifest) -> bool:
    """Whether a run is earlier and has the same scope."""
    return then.run_id != now.run_id and then.started_at < now.started_at and then.scope == now.scope


def compared(processes: pl.DataFrame, past: Past) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Processes of some hosts with their growth and bloat, and a table host, service, own_excess_bytes."""
    excess = own_excess(processes, past.lowest)
    return with_bloat(with_growth(processes, past.last), excess), excess


def with_growth(now: pl.DataFrame, then: pl.DataFrame | None) -> pl.DataFrame:
    """Adds growth_bytes and restarted (yes, no, new, or "" if the host was not read then) to processes.

    A process is the same if it has the same pid, the same start ticks and, within a minute, the same start
    time, because pids are reused, and after a reboot start ticks too.
    """
    if then is None:
        return now.with_columns(pl.lit(None, pl.Int64).alias("growth_bytes"), pl.lit("").alias("restarted"))
    before = then.select(
        *_PROCESS,
        pl.col("started_at_s").alias("_started"),
        pl.col(NATIVE).alias("_native"),
        pl.lit(value=True).alias("_was"),
    ).unique(_PROCESS, keep="first", maintain_order=True)
    identities = then.select(*_IDENTITY, pl.lit(value=True).alias("_known")).unique(maintain_order=True)
    seen = then.select("host", pl.lit(value=True).alias("_seen")).unique()
    moved = (pl.col("started_at_s") - pl.col("_started")).abs()
    same = pl.col("_was").fill_null(value=False) & (moved.is_null() | (moved < SAME_START_S))
    joined = (
        now.join(before, on=list(_PROCESS), how="left", maintain_order="left")
        .join(identities, on=list(_IDENTITY), how="left", maintain_order="left")
        .join(seen, on="host", how="left", maintain_order="left")
    )
    restarted = (
        pl.when(pl.col("_seen").is_null())
        .then(pl.lit(""))
        .when(same)
        .then(pl.lit("no"))
        .when(pl.col("_known"))
        .then(pl.lit("yes"))
        .otherwise(pl.lit("new"))
    )
    growth = pl.when(same).then(pl.col(NATIVE) - pl.col("_native"))
    return joined.with_columns(growth.alias("growth_bytes"), restarted.alias("restarted")).drop(
        "_started", "_native", "_was", "_known", "_seen"
    )


def own_excess(now: pl.DataFrame, lowest: pl.DataFrame | None) -> pl.DataFrame:
    """host, service, own_excess_bytes: native heap above the smallest sum that the past runs saw there."""
    here = _service_sums(now)
    if lowest is None:
        return here.select("host", "service", pl.lit(None, pl.Int64).alias("own_excess_bytes"))
    least = lowest.rename({"_sum": "_lowest"})
    excess = (pl.col("_sum") - pl.col("_lowest")).clip(lower_bound=0)
    return here.join(least, on=["host", "service"], how="left", maintain_order="left").select(
        "host", "service", excess.alias("own_excess_bytes")
    )


def _service_sums(processes: pl.DataFrame) -> pl.DataFrame:
    """Native heap of each service on each host; services without a known size are left out."""
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
    """host, growth_bytes, restarted: growth of processes in both runs, number of restarted ones."""
    grown = pl.col("growth_bytes")
    compared = pl.col("restarted") != ""
    return processes.group_by("host").agg(
        pl.when(grown.count() > 0).then(grown.sum()).alias("growth_bytes"),
        pl.when(compared.any()).then((pl.col("restarted") == "yes").sum()).cast(pl.Int64).alias("restarted"),
    )


def service_growth(processes: pl.DataFrame) -> pl.DataFrame:
    """service, growth_bytes."""
    grown = pl.col("growth_bytes")
    return processes.group_by("service").agg(
        pl.when(grown.count() > 0).then(grown.sum()).alias("growth_bytes")
    )
