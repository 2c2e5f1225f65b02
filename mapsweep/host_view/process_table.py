"""The processes of a host as a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import polars as pl

from mapsweep.host_view.amounts import Column, known, process_name, table_lines, text_column
from mapsweep.terminal.terminal import Style, Terminal
from reports.text.sizes import growth, number, size
from reports.views.one_host import OneHost, Row

PROCESSES_MAX: Final = 20  # without --limit and --all


class Order(StrEnum):
    """What processes can be sorted by, the most first; by pid and name, the first first."""

    NATIVE_HEAP = "native-heap"
    STACKS = "stacks"
    JAVA_HEAP = "java-heap"
    GROWTH = "growth"
    BLOAT = "bloat"
    RSS = "rss"
    SWAP = "swap"
    VSZ = "vsz"
    THREADS = "threads"
    PID = "pid"
    NAME = "name"


_COLUMN_OF: Final = {
    Order.NATIVE_HEAP: "native_heap_resident_max_bytes",
    Order.STACKS: "stacks_resident_max_bytes",
    Order.JAVA_HEAP: "java_heap_resident_max_bytes",
    Order.GROWTH: "growth_bytes",
    Order.BLOAT: "bloat_bytes",
    Order.RSS: "rss_bytes",
    Order.SWAP: "swap_bytes",
    Order.VSZ: "vm_size_bytes",
    Order.THREADS: "threads",
    Order.PID: "pid",
    Order.NAME: "comm",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which processes, and how many rows of everything."""

    order: Order = Order.NATIVE_HEAP
    limit: int | None = PROCESSES_MAX  # None: all
    all: bool = False


def ordered(view: OneHost, wanted: Wanted) -> pl.DataFrame:
    """The processes of a host in the order that is wanted; those of which it is unknown are last."""
    is_first_first = wanted.order in {Order.PID, Order.NAME}
    return view.processes.sort(
        _COLUMN_OF[wanted.order], descending=not is_first_first, nulls_last=True, maintain_order=True
    )


def process_lines(view: OneHost, terminal: Terminal, wanted: Wanted) -> Iterator[str]:
    """A line per process, and one that says how many are not shown."""
    rows = list(ordered(view, wanted).iter_rows(named=True))
    shown = rows if wanted.all or wanted.limit is None else rows[: wanted.limit]
    heading, *lines = table_lines(_process_columns(shown), terminal)
    yield terminal.styled(heading, Style.FAINT)
    yield from lines
    if len(shown) < len(rows):
        left = sum(row["native_heap_resident_max_bytes"] or 0 for row in rows[len(shown) :])
        native = size(left, bound=True, plain=True)
        yield f"and {len(rows) - len(shown):,} more with {native} of native heap: --all"


def _process_columns(rows: Sequence[Row]) -> list[Column]:
    return [
        Column("pid", [str(row["pid"]) for row in rows]),
        text_column("name", [process_name(row) for row in rows], least=12),
        Column("native heap", [known(row, "native_heap") for row in rows]),
        Column("growth", [_growth(row) for row in rows], need=2),
        Column("stacks", [known(row, "stacks") for row in rows], need=4),
        Column("threads", [number(row["threads"], plain=True) for row in rows], need=5),
        Column("RSS", [size(row["rss_bytes"], plain=True) for row in rows], need=3),
        text_column("service", [row["service"] for row in rows], need=6, least=16),
    ]


def _growth(row: Row) -> str:
    """A restarted process has none; that it is new is news as well."""
    if row["restarted"] == "yes":
        return "restarted"
    return row["restarted"] if row["restarted"] == "new" else growth(row["growth_bytes"], plain=True)
