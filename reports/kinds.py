"""Kinds from the footprints of hosts, summed per host and per shown process."""

from typing import Final

import polars as pl

from procmaps.kinds import KIND_BY_LABEL, Family, Kind

ROWS_A_PROCESS_MAX = 16  # rows of block sizes per process; more are added up per kind
SEVERAL_SIZES = 0

COLUMNS: Final = (
    *("kind", "family", "block_bytes", "count", "reserved_bytes", "committed_bytes", "resident_bytes"),
    "resident_max_bytes",
)
_SUMMED: Final = ("count", "reserved_bytes", "committed_bytes", "resident_max_bytes")
_BOUNDED: Final = tuple(kind.label for kind in Kind if kind.family in {Family.NATIVE_HEAP, Family.STACK})
_PLACES: Final = {label: int(kind) for label, kind in KIND_BY_LABEL.items()}
_FAMILIES: Final = {label: kind.family.label for label, kind in KIND_BY_LABEL.items()}
_PLACE: Final = pl.col("kind").replace_strict(_PLACES, default=len(Kind), return_dtype=pl.Int64)
_FAMILY: Final = pl.col("kind").replace_strict(_FAMILIES, default="", return_dtype=pl.String)


def of_hosts(footprints: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """One row per host and kind; native heap and stacks are bounded by each process's RssAnon, as everywhere.

    `limits` are host, pid, rss_anon_bytes.
    """
    of_process = ["host", "pid"]
    by_process = (
        footprints.group_by(*of_process, "kind")
        .agg(*_sums())
        .join(limits.unique(of_process, keep="first", maintain_order=True), on=of_process, how="left")
    )
    most, limit = pl.col("resident_max_bytes"), pl.col("rss_anon_bytes")
    over = pl.col("kind").is_in(_BOUNDED) & pl.col("resident_bytes").is_null() & (most > limit)
    bounded = by_process.with_columns(pl.when(over).then(limit).otherwise(most).alias("resident_max_bytes"))
    return _ordered(bounded.group_by("host", "kind").agg(*_sums()), "host")


def of_fleet(hosts: pl.DataFrame) -> pl.DataFrame:
    """The kinds of all hosts, one row per kind."""
    return _ordered(hosts.group_by("kind").agg(*_sums(any_known=True)))


def of_processes(footprints: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """One row per kind and block size, the largest first; above ROWS_A_PROCESS_MAX one row per kind.

    `shown` are the host and pid of the processes that are wanted.
    """
    process = ["host", "pid"]
    rows = (
        footprints.join(shown.unique(), on=process, how="semi")
        .with_columns(_PLACE.alias("_kind"), pl.col("resident_max_bytes").fill_null(0).alias("_most"))
        .sort(
            [*process, "_most", "reserved_bytes", "_kind", "block_bytes"],
            descending=[False, False, True, True, False, False],
            maintain_order=True,
        )
        .with_columns(pl.int_range(pl.len()).over(process).alias("_place"))
    )
    few, many = (
        rows.filter(pl.col("_place") < ROWS_A_PROCESS_MAX),
        rows.filter(pl.col("_place") >= ROWS_A_PROCESS_MAX),
    )
    sizes = pl.col("block_bytes")
    one_size = pl.when(sizes.n_unique() == 1).then(sizes.first()).otherwise(SEVERAL_SIZES)
    folded = many.group_by(*process, "kind").agg(
        *_sums(any_known=True), one_size.cast(pl.Int64).alias("block_bytes"), pl.col("_place").min()
    )
    names = [*process, *COLUMNS]
    return (
        pl.concat(
            [
                few.with_columns(_FAMILY.alias("family")).select(*names, "_place"),
                folded.with_columns(_FAMILY.alias("family")).select(*names, "_place"),
            ]
        )
        .sort([*process, "_place"])
        .drop("_place")
    )


def _sums(*, any_known: bool = False) -> list[pl.Expr]:
    """Sums of rows; resident is known if it is known for each row, and a bound (`any_known`) if for any."""
    resident, most = pl.col("resident_bytes"), pl.col("resident_max_bytes")
    known = pl.when(resident.null_count() == 0).then(resident.sum()).alias("resident_bytes")
    bound = pl.when(most.count() > 0).then(most.sum()) if any_known else most.sum()
    return [*(pl.col(name).sum() for name in _SUMMED[:-1]), bound.alias(_SUMMED[-1]), known]


def _ordered(summed: pl.DataFrame, *before: str) -> pl.DataFrame:
    """In the order of kinds, with what only a table of blocks tells apart."""
    return (
        summed.with_columns(
            _FAMILY.alias("family"),
            pl.lit(SEVERAL_SIZES, pl.Int64).alias("block_bytes"),
            _PLACE.alias("_kind"),
        )
        .sort(*before, "_kind")
        .select(*before, *COLUMNS)
    )
