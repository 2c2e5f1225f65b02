"""What became of services: those that came, went, were restarted, grew or shrank."""

from collections.abc import Iterable
from typing import Final

import polars as pl

from archive import tables
from reports.changes.noise import SERVICE_BYTES, exceeds_floor, spread

READ: Final = (
    "service",
    "members",
    "hosts",
    "largest_host",
    "rss_anon_bytes",
    "swap_bytes",
)  # of the last run
_SUMS: Final = (
    *("before_bytes", "now_bytes", "change_bytes", "rises_squared", "falls_squared", "same"),
    *("restarted", "restarted_before_bytes", "restarted_now_bytes", "restarted_hosts"),
    *("came", "left", "left_bytes", "left_hosts"),
)
_ANON: Final = pl.col("rss_anon_bytes") + pl.col("swap_bytes")
_NONE: Final = pl.lit(None, pl.Int64)


def combined(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One row per service over the fleet, from those of all parts (`reports.changes.part`)."""
    rows = pl.concat(parts)
    return rows.group_by("service").agg(
        *(pl.col(name).sum() for name in _SUMS),
        *(pl.col(name).drop_nulls().min() for name in ("restarted_host", "left_host")),
    )


def changed(sums: pl.DataFrame, now: pl.DataFrame, known: pl.DataFrame, unsure: pl.DataFrame) -> pl.DataFrame:
    """The changes of services: change, service, host, before_bytes, now_bytes, change_bytes, count.

    `sums` are `combined`, `now` is the table of services, `known` names those that an earlier run saw,
    `unsure` those that can be on hosts which a run did not read. Growth and restarts may still be usual.
    """
    seen_then, seen_now = (unsure.filter(pl.col("seen") == run) for run in ("then", "now"))
    came = now.join(known, on="service", how="anti").join(seen_now, on="service", how="anti")
    gone = sums.join(now, on="service", how="anti").join(seen_then, on="service", how="anti")
    return tables.with_own_texts(
        pl.concat([_grown(sums, now), _restarted(sums), _came(came, sums), _left(gone)])
    )


def _grown(sums: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    change = pl.col("change_bytes")
    chance = spread(pl.col("rises_squared"), pl.col("falls_squared"))
    return (
        sums.join(now.select("service", "hosts", "largest_host"), on="service", how="left")
        .filter(exceeds_floor(change, pl.col("before_bytes")) & (change.abs() > chance))
        .select(
            pl.when(change > 0).then(pl.lit("grew")).otherwise(pl.lit("shrank")).alias("change"),
            "service",
            _only("hosts", "largest_host"),
            "before_bytes",
            "now_bytes",
            "change_bytes",
            pl.col("same").alias("count"),
        )
    )


def _restarted(sums: pl.DataFrame) -> pl.DataFrame:
    return sums.filter(pl.col("restarted") > 0).select(
        pl.lit("restarted").alias("change"),
        "service",
        _only("restarted_hosts", "restarted_host"),
        pl.col("restarted_before_bytes").alias("before_bytes"),
        pl.col("restarted_now_bytes").alias("now_bytes"),
        _NONE.alias("change_bytes"),
        pl.col("restarted").alias("count"),
    )


def _came(came: pl.DataFrame, sums: pl.DataFrame) -> pl.DataFrame:
    return (
        came.filter(_ANON >= SERVICE_BYTES)
        .join(sums.select("service", "came"), on="service", how="left")
        .select(
            pl.lit("appeared").alias("change"),
            "service",
            _only("hosts", "largest_host"),
            _NONE.alias("before_bytes"),
            _ANON.alias("now_bytes"),
            _NONE.alias("change_bytes"),
            pl.max_horizontal("members", "came").alias("count"),  # of some the memory was not read
        )
    )


def _left(gone: pl.DataFrame) -> pl.DataFrame:
    return gone.filter((pl.col("left") > 0) & (pl.col("left_bytes") >= SERVICE_BYTES)).select(
        pl.lit("went").alias("change"),
        "service",
        _only("left_hosts", "left_host"),
        pl.col("left_bytes").alias("before_bytes"),
        _NONE.alias("now_bytes"),
        _NONE.alias("change_bytes"),
        pl.col("left").alias("count"),
    )


def _only(count: str, host: str) -> pl.Expr:
    """The host, if it is the only one."""
    return pl.when(pl.col(count) == 1).then(pl.col(host)).otherwise(pl.lit("")).fill_null("").alias("host")
