"""The order of changes: what a person has to know first has the lowest place."""

from typing import Final

import polars as pl

ROWS_MAX: Final = 500  # of one sort of change and subject

# Changes of one class are ordered by their bytes. A host that fails hides everything else about it.
_CLASSES: Final = (
    (("failed", "host"),),
    (
        ("grew", "process"),
        ("grew", "service"),
        ("grew", "host"),
        ("appeared", "process"),
        ("appeared", "service"),
    ),
    (("restarted", "host"), ("went", "host"), ("appeared", "host"), ("recovered", "host")),
    (("restarted", "service"), ("went", "service"), ("went", "process")),
    (("shrank", "process"), ("shrank", "service"), ("shrank", "host")),
)
# A service comes before its process only if it grew by a quarter more, so that the cause is told first.
_PARTS: Final = {"process": 1.0, "service": 0.8, "host": 0.6}


def ordered(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their `place` from 1, at most ROWS_MAX of each sort."""
    change, subject = pl.col("change"), pl.col("subject")
    sort = pl.concat_str(change, subject, separator=" ")
    classes = {f"{of} {whom}": number for number, them in enumerate(_CLASSES) for of, whom in them}
    amount = pl.coalesce("change_bytes", pl.max_horizontal("before_bytes", "now_bytes")).abs().fill_null(0)
    weight = amount * subject.replace_strict(_PARTS, return_dtype=pl.Float64)
    return (
        rows.with_columns(
            sort.replace_strict(classes, return_dtype=pl.Int64).alias("_class"), weight.alias("_weight")
        )
        .sort(
            ["_class", "_weight", "subject", "change", "host", "service", "pid", "start_ticks"],
            descending=[False, True, *[False] * 6],
        )
        .filter(pl.int_range(pl.len()).over("change", "subject") < ROWS_MAX)
        .with_columns(pl.int_range(1, pl.len() + 1).cast(pl.Int64).alias("place"))
        .drop("_class", "_weight")
    )
