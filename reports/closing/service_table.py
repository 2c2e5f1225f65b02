"""The table of services, from parts of the fleet: sums of each part, and then sums of those.

A median needs all values at once: of each process, the first pass keeps one number, its native heap.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import polars as pl

from archive import tables
from reports.tables.measures import (
    BLOAT_EXCESS_MIN_BYTES,
    BLOAT_FACTOR_MIN,
    LEAST,
    MOST,
    NATIVE,
    PEERS_MIN,
    RANKED,
    doubts,
    residents,
    sum_any,
)

_MORE: Final = ("growth_bytes", "anon_growth_bytes", "rss_anon_bytes", "swap_bytes")
_SUMMED: Final = (*RANKED, *_MORE, "guessed_bytes", "present_bytes", "doubtful")
_ALL_OR_NOTHING: Final = ("native_heap_resident_bytes", "stacks_resident_bytes", LEAST, MOST)
_MAX: Final = "native_heap_max_bytes"
_MEDIAN: Final = "_median"
_BLOATED: Final = "_bloated"


def amounts(processes: pl.DataFrame) -> pl.DataFrame:
    """service, and the native heaps of its processes that are known, as a list."""
    known = processes.filter(pl.col("service") != "").group_by("service").agg(pl.col(NATIVE).drop_nulls())
    return tables.with_own_texts(known)


def medians(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """service, _median and _members: of the known native heaps, from the `amounts` of all parts."""
    native = pl.col(NATIVE)
    return (
        pl.concat(parts)
        .explode(NATIVE)
        .group_by("service")
        .agg(native.median().alias(_MEDIAN), native.count().alias("_members"))
    )


def of_part(processes: pl.DataFrame, medians_: pl.DataFrame) -> pl.DataFrame:
    """One row per service of some hosts, to be `combined`."""
    native = pl.col(NATIVE)
    median = pl.col(_MEDIAN)
    # One comparison and no "and" of two: in an aggregation of no rows Polars 1.20 has no type for that.
    bloated = native >= pl.max_horizontal(median * BLOAT_FACTOR_MIN, median + BLOAT_EXCESS_MIN_BYTES)
    largest = pl.col("host").sort_by([NATIVE, "host"], descending=[True, False], nulls_last=True).first()
    rows = (
        processes.filter(pl.col("service") != "")
        .join(medians_, on="service", how="left")
        .group_by("service")
        .agg(
            native.count().cast(pl.Int64).alias("members"),
            pl.col("host").n_unique().cast(pl.Int64).alias("hosts"),
            *(sum_any(pl.col(name)).alias(name) for name in (*RANKED, *_MORE)),
            *residents("native_heap", "stacks"),
            *doubts(),
            native.max().alias(_MAX),
            largest.alias("largest_host"),
            bloated.sum().cast(pl.Int64).alias(_BLOATED),
        )
    )
    return tables.with_own_texts(rows)


def combined(parts: Iterable[pl.DataFrame], medians_: pl.DataFrame) -> pl.DataFrame:
    """One row per service over the fleet, by name, from the rows of all parts; no host is in two parts."""
    largest = pl.col("largest_host").sort_by(
        [_MAX, "largest_host"], descending=[True, False], nulls_last=True
    )
    rows = (
        pl.concat(parts)
        .group_by("service")
        .agg(
            pl.col("members").sum(),
            pl.col("hosts").sum(),
            *(sum_any(pl.col(name)).alias(name) for name in _SUMMED),
            *_all_or_nothing(),
            pl.col(_MAX).max(),
            largest.first().alias("largest_host"),
            pl.col(_BLOATED).sum(),
        )
    )
    median = pl.col(_MEDIAN).round().cast(pl.Int64).alias("native_heap_median_bytes")
    bloated = pl.when(pl.col("members") >= PEERS_MIN).then(pl.col(_BLOATED)).alias("bloated")
    return rows.join(medians_, on="service", how="left").with_columns(median, bloated).sort("service")


def _all_or_nothing() -> Iterator[pl.Expr]:
    """Sums over the parts that have a process that was read; null as soon as one of them is not known."""
    for name in _ALL_OR_NOTHING:
        values = pl.col(name).filter(pl.col("members") > 0)
        known = (values.len() > 0) & (values.null_count() == 0)
        yield pl.when(known).then(values.sum()).alias(name)
