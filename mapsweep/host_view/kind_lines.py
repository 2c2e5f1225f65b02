"""Kinds of memory as a table with bars on one scale, and the sum below them."""

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from mapsweep.host_view.amounts import Column, table_lines
from mapsweep.terminal.terminal import Style, Terminal
from reports.text.sizes import number, size

ROWS_MAX: Final = 16  # of block sizes, without --all; the others are added up
OTHERS: Final = "others"
SUM: Final = "sum"
_SIZES: Final = ("reserved_bytes", "committed_bytes", "resident_bytes", "resident_max_bytes")
_AMOUNTS: Final = ("count", *_SIZES)


def kind_lines(rows: pl.DataFrame, terminal: Terminal, *, rows_max: int | None = ROWS_MAX) -> Iterator[str]:
    """A line per kind (and block size), the most that can be resident first, those above `rows_max` as one.

    `rows` have kind, block_bytes, and the columns of sizes. The bars show what is at most resident.
    """
    ordered = rows.sort("resident_max_bytes", "reserved_bytes", descending=True, nulls_last=True)
    shown = list(ordered.head(rows_max or len(ordered)).iter_rows(named=True))
    rest = ordered.slice(len(shown))
    if len(rest):
        shown.append({"kind": f"{len(rest):,} {OTHERS}", "block_bytes": 0} | sums(rest))
    told = [*shown, {"kind": SUM, "block_bytes": 0} | sums(rows)]
    most = max((row["resident_max_bytes"] or 0 for row in shown), default=0)
    bars = [(row["resident_max_bytes"] or 0) / max(1, most) for row in shown] + [0.0]
    heading, *lines = table_lines(_columns(told), terminal, bars)
    yield terminal.styled(heading, Style.FAINT)
    yield from lines[:-1]
    yield terminal.styled(lines[-1], Style.STRONG)


def sums(rows: pl.DataFrame) -> dict[str, Any]:
    """The sums of counts and sizes; resident is known if it is for each row."""
    total = {name: int(rows[name].sum()) for name in _AMOUNTS}
    return total | {
        "resident_bytes": None if rows["resident_bytes"].null_count() else total["resident_bytes"]
    }


def _columns(rows: list[dict[str, Any]]) -> list[Column]:
    each = [size(row["block_bytes"], plain=True) if row["block_bytes"] else "" for row in rows]
    columns = [
        Column("kind", [row["kind"] for row in rows], is_text=True),
        Column("count", [number(row["count"], plain=True) for row in rows], need=2),
    ]
    if any(each):
        columns.append(Column("each", each, need=3))
    return [
        *columns,
        Column("reserved", [size(row["reserved_bytes"], plain=True) for row in rows], need=1),
        Column("committed", [size(row["committed_bytes"], plain=True) for row in rows]),
        Column("resident", [_resident(row) for row in rows]),
    ]


def _resident(row: dict[str, Any]) -> str:
    return size(row["resident_max_bytes"], bound=row["resident_bytes"] is None, plain=True)
