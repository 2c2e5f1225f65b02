"""A row a host that was asked: how it ended, what it says of itself, its place in the rankings."""

from typing import Final

import polars as pl

from archive.runs import Outcome
from reports.measures import NATIVE, STACKS, sum_any
from reports.meminfo import ACCOUNT_SCHEMA, account
from reports.status import FAILED, status

HOST_EXTRAS: Final[dict[str, type[pl.DataType]]] = {
    "place": pl.Int64,  # in the order of the report: ranked, then read in part, then failed
    "others": pl.Int64,  # processes that a report does not show one by one
    "others_native_heap_bytes": pl.Int64,
    "others_stacks_bytes": pl.Int64,
}
_ENDING: Final[dict[str, type[pl.DataType]]] = {
    "name": pl.String,
    "status": pl.String,
    "stage": pl.String,
    "reason": pl.String,
    "detail": pl.String,
    "remedy": pl.String,
}


def asked(outcomes: list[Outcome]) -> pl.DataFrame:
    """How these hosts ended and what they say of themselves."""
    return pl.DataFrame([_row(one) for one in outcomes], schema={**_ENDING, **ACCOUNT_SCHEMA})


def _row(outcome: Outcome) -> dict[str, str | int | float | None]:
    stands = status(outcome)
    ending: dict[str, str | int | float | None] = {
        "name": outcome.host.name,
        "status": stands.status,
        "stage": stands.stage,
        "reason": stands.reason,
        "detail": stands.detail,
        "remedy": stands.remedy,
    }
    if outcome.record is not None:
        return ending | account(outcome.record)
    failure = outcome.failure
    if failure is not None:
        ending |= {"at": failure.at, "elapsed_s": failure.elapsed_s, "attempt": failure.attempt}
    return ending | {"kernel": "", "os_name": "", "thp_mode": ""}


def others_of(processes: pl.DataFrame) -> pl.DataFrame:
    """host, and the sums over the processes that a report does not show one by one."""
    hidden = ~pl.col("shown")
    return processes.group_by("host").agg(
        hidden.sum().cast(pl.Int64).alias("others"),
        sum_any(pl.col(NATIVE).filter(hidden)).alias("others_native_heap_bytes"),
        sum_any(pl.col(STACKS).filter(hidden)).alias("others_stacks_bytes"),
    )


def ranked(hosts: pl.DataFrame) -> pl.DataFrame:
    """With ranks by native heap and by stacks, ties by name; the unknown have none and follow."""
    known = hosts.filter(pl.col(NATIVE).is_not_null())
    heap = known.sort([NATIVE, "name"], descending=[True, False]).select("name").with_row_index("rank", 1)
    by_stacks = [pl.col(STACKS).fill_null(0), pl.col("name")]
    stack = known.sort(by_stacks, descending=[True, False]).select("name").with_row_index("stack_rank", 1)
    names = hosts.columns
    table = (
        hosts.drop("rank", "stack_rank", "place")
        .join(heap, on="name", how="left", maintain_order="left")
        .join(stack, on="name", how="left", maintain_order="left")
        .sort(pl.col("rank"), pl.col("status") == FAILED, "name", nulls_last=True)
        .with_row_index("place", 1)
        .sort("name")
    )
    return table.select(names).with_columns(pl.col("rank", "stack_rank", "place").cast(pl.Int64))
