"""Which processes a report shows one by one: the largest by native heap, and a few for their stacks.

Those of the probe come after all others.
"""

from typing import Final

import polars as pl

from reports.tables.measures import NATIVE, OF_PROBE, STACKS

PROCESSES_A_HOST_MAX: Final = 20  # the largest; the table has all of them
STACK_PROCESSES_A_HOST_MAX: Final = 5  # at most so many of these only for their stacks


def with_places(processes: pl.DataFrame) -> pl.DataFrame:
    """Adds host_place, by native heap among the processes of its host, and shown; the order of rows stays."""
    number = pl.int_range(pl.len()).over("_host")
    by_heap = (
        # only what is sorted by: a process has some sixty columns
        processes.select(
            pl.col("host").rank("dense").alias("_host"), OF_PROBE.alias("_own"), "pid", NATIVE, STACKS
        )
        .with_row_index("_row")
        .sort(
            ["_host", "_own", NATIVE, "pid"],
            descending=[False, False, True, False],
            nulls_last=True,
            maintain_order=True,
        )
        .with_columns(number.alias("host_place"))
    )
    by_stack = by_heap.sort(
        ["_host", "_own", STACKS, "host_place"], descending=[False, False, True, False], nulls_last=True
    ).with_columns(number.alias("_stack"))
    for_stacks = (pl.col("_stack") < STACK_PROCESSES_A_HOST_MAX) & (pl.col(STACKS) > 0)
    chosen = by_stack.sort("_host", ~for_stacks.fill_null(value=False), "host_place").with_columns(
        (number < PROCESSES_A_HOST_MAX).alias("shown")
    )
    return processes.with_columns(chosen.sort("_row").select("host_place", "shown"))
