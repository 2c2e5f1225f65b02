"""Kinds from the footprints of hosts, summed per host and per shown process."""

from collections.abc import Iterable
from typing import Final

import polars as pl

from procmaps.kinds import KIND_BY_LABEL, Family, Kind

ROWS_A_PROCESS_MAX = 16  # rows of block sizes per process; more are added up per kind
SEVERAL_SIZES = 0

COLUMNS: Final = (
    *("kind", "family", "block_bytes", "count", "reserved_bytes", "committed_bytes", "resident_bytes"),
    "resident_max_bytes",
)
OF_PROCESS: Final = ("host", "pid", "start_ticks")
_SUMMED: Final = ("count", "reserved_bytes", "committed_bytes", "resident_max_bytes")
_BOUNDED: Final = tuple(kind.label for kind in Kind if kind.family in {Family.NATIVE_HEAP, Family.STACK})
_PLACES: Final = {label: int(kind) for label, kind in KIND_BY_LABEL.items()}
_FAMILIES: Final = {label: kind.family.label for label, kind in KIND_BY_LABEL.items()}
_PLACE: Final = pl.col("kind").replace_strict(_PLACES, default=len(Kind), return_dtype=pl.Int64)
_FAMILY: Final = pl.col("kind").replace_strict(_FAMILIES, default="", return_dtype=pl.String)


def numbered(footprints: pl.DataFrame) -> pl.DataFrame:
    """Adds `_process`, a number for all rows of a process, from 0 in the order of rows.

    The core writes the rows of a process one after the other; where they stand otherwise they are sorted.
    """
    rows = footprints.with_columns(pl.struct(OF_PROCESS).rle_id().alias("_process"))
    if owners(rows).select(OF_PROCESS).is_duplicated().any():
        return numbered(footprints.sort(OF_PROCESS, maintain_order=True))
    return rows.with_columns(pl.col("_process").set_sorted())


def owners(numbered_rows: pl.DataFrame) -> pl.DataFrame:
    """host, pid, start_ticks, _process: the processes that have rows, in the order of their numbers."""
    number = pl.col("_process")
    return numbered_rows.select(*OF_PROCESS, number).filter(number.ne_missing(number.shift()))


def of_hosts(footprints: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """One row per host and kind; native heap and stacks are bounded by each process's RssAnon, as everywhere.

    `footprints` are numbered, `limits` are host, pid, rss_anon_bytes.
    """
    of_process = ["host", "pid"]
    first = limits.unique(of_process, keep="first", maintain_order=True)
    bounds = owners(footprints).join(first, on=of_process, how="left", maintain_order="left")
    labels = footprints["kind"].unique()
    is_bounded = pl.col("kind").is_in(_BOUNDED)
    # What is bounded is summed by process first, all else by host; one number is grouped faster than texts.
    owner = pl.when(is_bounded).then(pl.col("_process")).otherwise(bounds.height + pl.col("host").rle_id())
    kind = pl.col("kind").cast(pl.Enum(labels)).to_physical()
    summed = (
        footprints.select(
            *("_process", "host", "kind", *_SUMMED, "resident_bytes"),
            (owner.cast(pl.Int64) * len(labels) + kind).alias("_key"),
        )
        .group_by("_key")
        .agg(pl.col("host", "kind", "_process").first(), *_sums())
    )
    most, limit = pl.col("resident_max_bytes"), bounds["rss_anon_bytes"].gather(summed["_process"])
    over = is_bounded & pl.col("resident_bytes").is_null() & (most > limit)
    bounded = summed.with_columns(pl.when(over).then(limit).otherwise(most).alias("resident_max_bytes"))
    return _ordered(bounded.group_by("host", "kind").agg(*_sums()), "host")


def of_fleet(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The kinds of all hosts, one row per kind, from the parts of their table."""
    of_parts = pl.concat(part.group_by("kind").agg(*_sums(any_known=True)) for part in parts)
    return _ordered(of_parts.group_by("kind").agg(*_sums(any_known=True)))


def of_processes(footprints: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """One row per kind and block size, the largest first; above ROWS_A_PROCESS_MAX one row per kind.

    `footprints` are numbered, `shown` are the host and pid of the processes that are wanted.
    """
    of_process = ["host", "pid"]
    chosen = owners(footprints).join(shown, on=of_process, how="semi")
    rows = (
        footprints.join(chosen, on="_process", how="semi", maintain_order="left")
        .with_columns(_PLACE.alias("_kind"), pl.col("resident_max_bytes").fill_null(0).alias("_most"))
        .sort(
            ["_process", "_most", "reserved_bytes", "_kind", "block_bytes"],
            descending=[False, True, True, False, False],
            maintain_order=True,
        )
        .with_columns(pl.int_range(pl.len()).over("_process").alias("_place"))
    )
    few, many = (
        rows.filter(pl.col("_place") < ROWS_A_PROCESS_MAX),
        rows.filter(pl.col("_place") >= ROWS_A_PROCESS_MAX),
    )
    sizes = pl.col("block_bytes")
    one_size = pl.when(sizes.n_unique() == 1).then(sizes.first()).otherwise(SEVERAL_SIZES)
    folded = many.group_by("_process", "kind").agg(
        pl.col(of_process).first(),
        *_sums(any_known=True),
        one_size.cast(pl.Int64).alias("block_bytes"),
        pl.col("_place").min(),
    )
    names = [*of_process, *(name for name in COLUMNS if name != "family"), "_process", "_place"]
    together = pl.concat([few.select(names), folded.select(names)]).sort("_process", "_place")
    return together.with_columns(_FAMILY.alias("family")).select(*of_process, *COLUMNS)


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
