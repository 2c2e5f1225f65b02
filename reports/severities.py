"""The severities of findings, the gravest first."""

from typing import Final

import polars as pl

SEVERITIES: Final = ("alarm", "warning", "info")
GRAVITY: Final = pl.col("severity").replace_strict(
    {name: place for place, name in enumerate(SEVERITIES)}, default=len(SEVERITIES), return_dtype=pl.Int64
)
FINDINGS_A_HOST_MAX: Final = 100  # shown per host; the table has all of them


def graver_first(table: pl.DataFrame) -> pl.DataFrame:
    """The shown findings of each host, the most severe first, hosts by name."""
    few = table.filter(pl.int_range(pl.len()).over("host") < FINDINGS_A_HOST_MAX)
    return few.with_columns(GRAVITY.alias("gravity")).sort("host", "gravity", maintain_order=True)
