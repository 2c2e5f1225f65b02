"""One row per host of the run: how it ended, its facts, its place in the rankings."""

from typing import Final

import polars as pl

from archive.run import Outcome
from reports.columns.column import Unit, schema_of
from reports.columns.columns import HOSTS
from reports.tables.measures import NATIVE, OF_PROBE, STACKS, YES, sum_any
from reports.tables.status import FAILED, WAITING, status

HOST_EXTRAS: Final[dict[str, type[pl.DataType]]] = {
    "place": pl.Int64,  # the order of the report: ranked, then partial, failed, waiting
    "others": pl.Int64,  # processes that a report does not show one by one
    "others_native_heap_bytes": pl.Int64,
    "others_stacks_bytes": pl.Int64,
    "largest_pid": pl.Int64,
    "largest": pl.String,  # name and pid of the process with the most native heap, if any
    "most_stacks": pl.String,  # and of the one with the most thread stacks
    "owner": pl.String,  # the label of that name
}
_ENDING: Final[dict[str, type[pl.DataType]]] = {
    "name": pl.String,
    "status": pl.String,
    "stage": pl.String,
    "reason": pl.String,
    "detail": pl.String,
    "remedy": pl.String,
    "labels": pl.String,
    "owner": pl.String,
}


OWNER: Final = "owner"
RANKS: Final = ("rank", "stack_rank", "place")  # once all hosts are known
_LAST: Final = (pl.col("status") == WAITING, pl.col("status") == FAILED)
_TOLD: Final = tuple(column for column in HOSTS if column.of is not None)


def asked(outcomes: list[Outcome]) -> pl.DataFrame:
    """How these hosts ended, and their facts."""
    return pl.DataFrame([_row(one) for one in outcomes], schema={**_ENDING, **schema_of(_TOLD)})


def _row(outcome: Outcome) -> dict[str, str | int | float | None]:
    stands = status(outcome)
    ending: dict[str, str | int | float | None] = {
        "name": outcome.host.name,
        "status": stands.status,
        "stage": stands.stage,
        "reason": stands.reason,
        "detail": stands.detail,
        "remedy": stands.remedy,
        "labels": " ".join(f"{name}={text}" for name, text in sorted(outcome.host.labels)),
        "owner": dict(outcome.host.labels).get(OWNER, ""),
    }
    record, failure = outcome.record, outcome.failure
    if record is not None:
        return ending | {column.name: column.of(record) for column in _TOLD if column.of is not None}
    ending |= {column.name: "" for column in _TOLD if column.unit is Unit.TEXT or column.name == "at"}
    if failure is not None:
        ending |= {"at": failure.at, "elapsed_s": failure.elapsed_s, "attempt": failure.attempt}
    return ending


def others_of(processes: pl.DataFrame) -> pl.DataFrame:
    """host, its largest and most guessed processes, and the sums over those that are not shown one by one."""
    hidden, doubtful = ~pl.col("shown"), (pl.col("doubtful") == YES) & ~OF_PROBE
    named = pl.col("shown") & ~OF_PROBE
    first = named & (pl.col("host_place") == pl.col("host_place").filter(named).min())
    name = pl.when(pl.col("comm") != "").then(pl.col("comm")).otherwise(pl.col("exe"))
    said = pl.format("{} ({})", pl.when(name != "").then(name).otherwise(pl.lit("?")), "pid")
    unnamed = pl.format("{} ({})", name, "pid")
    stacks = pl.col(STACKS).fill_null(0)

    def first_of(value: pl.Expr, some: pl.Expr, most: pl.Expr) -> pl.Expr:
        """Of the rows of a host that hold `some`, the one with the `most`; of equal ones the first pid."""
        value, held = (each.sort_by(most, "pid", descending=[True, False]) for each in (value, some))
        return value.filter(held).first()

    return processes.group_by("host").agg(
        hidden.sum().cast(pl.Int64).alias("others"),
        sum_any(pl.col(NATIVE).filter(hidden)).alias("others_native_heap_bytes"),
        sum_any(pl.col(STACKS).filter(hidden)).alias("others_stacks_bytes"),
        pl.col("pid").filter(first).first().alias("largest_pid"),
        pl.when(pl.col(NATIVE).filter(first).first() > 0)
        .then(said.filter(first).first())
        .otherwise(pl.lit(""))
        .alias("largest"),
        pl.when(first_of(pl.col("stacks"), named, stacks) > 0)
        .then(first_of(unnamed, named, stacks))
        .otherwise(pl.lit(""))
        .alias("most_stacks"),
        first_of(said, doubtful, pl.col("guessed_bytes")).alias("most_guessed"),
    )


def ranked(hosts: pl.DataFrame) -> pl.DataFrame:
    """With ranks by native heap and by stacks, then by name; hosts without a figure get no rank."""
    known = hosts.filter(pl.col(NATIVE).is_not_null())
    heap = known.sort([NATIVE, "name"], descending=[True, False]).select("name").with_row_index("rank", 1)
    by_stacks = [pl.col(STACKS).fill_null(0), pl.col("name")]
    stack = known.sort(by_stacks, descending=[True, False]).select("name").with_row_index("stack_rank", 1)
    names = hosts.columns
    table = (
        hosts.drop("rank", "stack_rank", "place")
        .join(heap, on="name", how="left", maintain_order="left")
        .join(stack, on="name", how="left", maintain_order="left")
        .sort(pl.col("rank"), *_LAST, "name", nulls_last=True)
        .with_row_index("place", 1)
        .sort("name")
    )
    return table.select(names).with_columns(pl.col("rank", "stack_rank", "place").cast(pl.Int64))
