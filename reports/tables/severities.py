"""The severities of findings, the gravest first."""

from typing import Final

import polars as pl

SEVERITIES: Final = ("alarm", "warning", "info")
GRAVITY: Final = pl.col("severity").replace_strict(
    {name: place for place, name in enumerate(SEVERITIES)}, default=len(SEVERITIES), return_dtype=pl.Int64
)
FINDINGS_A_HOST_MAX: Final = 100  # shown per host; the table has all of them
