"""Which kind of memory a change is made of."""

from collections.abc import Iterable
from typing import Final

import polars as pl

from procmaps.kinds import Family, Kind

PART: Final = 0.5  # of a change that one kind has to account for; else the kind is not known
_KEY: Final = ("host", "pid", "start_ticks")
_SIZES: Final = ("committed_bytes", "resident_bytes", "resident_max_bytes", "swap_bytes")
# Kinds whose pages are no anonymous or shared memory, so they are no part of a size that is compared.
_OTHERS: Final = (Kind.DEVICE, Kind.RESERVED, Kind.FILE_CODE, Kind.FILE_RODATA, Kind.FILE_DATA)
_LABELS: Final = tuple(
    kind.label for kind in Kind if kind not in _OTHERS and kind.family is not Family.SYSTEM
)
SCHEMA: Final[dict[str, type[pl.DataType]]] = {
    "host": pl.String,
    "pid": pl.Int64,
    "start_ticks": pl.Int64,
    "kind": pl.String,
    "kind_before_bytes": pl.Int64,
    "kind_now_bytes": pl.Int64,
    "kind_exact": pl.String,
}


def summed(footprints: pl.DataFrame) -> pl.DataFrame:
    """Footprints of processes, or kinds of hosts, as `of_rows` needs them: one row per owner and kind."""
    has = footprints.columns
    rows = footprints.with_columns(
        *(
            pl.lit(None, pl.Int64).alias(name)
            for name in ("pid", "start_ticks", "swap_bytes")
            if name not in has
        )
    ).filter(pl.col("kind").is_in(_LABELS))
    resident = pl.col("resident_bytes")
    exact = pl.when(resident.null_count() == 0).then((resident + pl.col("swap_bytes").fill_null(0)).sum())
    return rows.group_by(*_KEY, "kind").agg(
        exact.alias("exact"),
        pl.col("committed_bytes").sum().alias("committed"),
        pl.col("resident_max_bytes").sum().alias("most"),
    )


def of_rows(rows: pl.DataFrame, now: pl.DataFrame, then: pl.DataFrame) -> pl.DataFrame:
    """SCHEMA: the kind of each row that has one.

    `rows` have host, pid, start_ticks, before_bytes, now_bytes; `now` and `then` are `summed`. With smaps
    it is the kind whose resident and swapped memory changed most. Maps alone know what is committed: the
    kind that changed most in that, or the only one that has room for the change. Never across two grades
    of evidence.
    """
    sizes = pl.col("before_bytes"), pl.col("now_bytes")
    lasting = (sizes[0].is_not_null() & sizes[1].is_not_null()).alias("_lasting")
    wanted = rows.select(*_KEY, lasting, pl.col("before_bytes", "now_bytes").fill_null(0)).with_columns(
        (sizes[1] - sizes[0]).alias("_change")
    )
    sides = now.join(then, on=[*_KEY, "kind"], how="full", coalesce=True, suffix="_then", nulls_equal=True)
    both = wanted.join(sides, on=list(_KEY), how="inner", nulls_equal=True).with_columns(
        _graded(when).over(*_KEY).alias(f"grade{when}") for when in ("", "_then")
    )
    grade = pl.coalesce("grade", "grade_then")
    alike = both.filter(~pl.col("_lasting") | (pl.col("grade") == pl.col("grade_then"))).with_columns(
        pl.col("^(exact|committed|most)(_then)?$").fill_null(0), (grade == 1).alias("_exact")
    )
    sign, least = pl.col("_change").sign(), pl.col("_change").abs() * PART

    def step(name: str) -> pl.Expr:
        return (pl.col(name) - pl.col(f"{name}_then")) * sign

    own = pl.when("_exact").then(step("exact")).otherwise(step("committed")).alias("_step")
    first = (
        alike.with_columns(own)
        .filter(pl.col("_step") >= least)
        .sort("_step", descending=True)
        .unique(_KEY, keep="first", maintain_order=True)
    )
    room = alike.join(first, on=list(_KEY), how="anti", nulls_equal=True).filter(
        ~pl.col("_exact") & (step("most") >= least)
    )
    only = room.filter(pl.len().over(*_KEY) == 1)
    shown = [pl.when("_exact").then(f"exact{when}").otherwise(f"most{when}") for when in ("_then", "")]
    return pl.concat([first.drop("_step"), only]).select(
        *_KEY,
        "kind",
        _bounded(shown[0], "before_bytes").alias("kind_before_bytes"),
        _bounded(shown[1], "now_bytes").alias("kind_now_bytes"),
        pl.when("_exact").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("kind_exact"),
    )


def _graded(when: str) -> pl.Expr:
    """Of a process in one run: 1 if all kinds are exact, 0 if one is a bound, null if it has none."""
    known = pl.col(f"most{when}").is_not_null()
    bounds = (known & pl.col(f"exact{when}").is_null()).sum()
    return pl.when(known.sum() > 0).then((bounds == 0).cast(pl.Int64))


def _bounded(size: pl.Expr, whole: str) -> pl.Expr:
    """A bound is no more than the whole process."""
    return pl.when(pl.col("_exact")).then(size).otherwise(pl.min_horizontal(size, whole))


def none() -> pl.DataFrame:
    """No kind is known."""
    return pl.DataFrame(schema=SCHEMA)


def together(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Kinds from several sources."""
    return pl.concat([none(), *(frame.select(SCHEMA.keys()) for frame in frames)])
