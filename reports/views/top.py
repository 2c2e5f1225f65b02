"""The first rows of rankings: the most of one measure over the fleet, found part by part."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.columns.column import names_of
from reports.columns.columns import HOSTS, PROCESSES, SERVICES
from reports.report import Report
from reports.tables import settled
from reports.tables.measures import NATIVE, STACKS
from reports.tables.settled import Settled

ROWS_MAX: Final = 50  # of a ranking
PROCESS_COLUMNS: Final = tuple(column for column in PROCESSES if column.name != "arguments")
_COLUMNS: Final = {
    "native_heap": NATIVE,
    "stacks": STACKS,
    "growth": "growth_bytes",
    "bloat": "bloat_bytes",
}
MEASURES: Final[dict[str, tuple[str, ...]]] = {  # by table
    "hosts": tuple(_COLUMNS),
    "services": ("native_heap",),
    "processes": tuple(_COLUMNS),
}
ANON: Final = ("rss_anon_bytes", "swap_bytes")
_PROCESS: Final = ("host", "pid", "start_ticks")
_TIES: Final = {settled.HOSTS: ("name",), settled.SERVICES: ("service",), settled.PROCESSES: _PROCESS}
_ANON: Final = "anon_bytes"
ORDERS: Final[dict[str, str]] = {  # what a single ranking can be asked for, and its column
    "native-heap": NATIVE,
    "stacks": STACKS,
    "java-heap": "java_heap_resident_max_bytes",
    "growth": "growth_bytes",
    "bloat": "bloat_bytes",
    "rss": "rss_bytes",
    "anon": _ANON,
    "swap": "swap_bytes",
    "threads": "threads",
}
_DECLARED: Final = {
    settled.HOSTS: HOSTS,
    settled.SERVICES: SERVICES,
    settled.PROCESSES: PROCESS_COLUMNS,
}


@dataclass(frozen=True, slots=True)
class Top:
    """The first rows of a ranking, with the declared columns of their table."""

    rows: pl.DataFrame
    of: int  # rows that have a place: the measure is known, and above 0 unless it is the native heap


def rankings(report: Report) -> dict[str, dict[str, Top]]:
    """By table and measure; the same names in every run."""
    hosts = report.tables.table(settled.HOSTS, names_of(HOSTS))
    services = report.tables.table(settled.SERVICES, names_of(SERVICES))
    return {
        "hosts": {measure: _top(hosts, _COLUMNS[measure], ("name",)) for measure in MEASURES["hosts"]},
        "services": {
            measure: _top(services, _COLUMNS[measure], ("service",)) for measure in MEASURES["services"]
        },
        "processes": _processes(report.tables),
    }


def orders(table: str) -> tuple[str, ...]:
    """What a table can be ranked by: those of ORDERS that it has a column for."""
    names = set(names_of(_DECLARED[table]))
    has_anon = set(ANON) <= names
    return tuple(name for name, column in ORDERS.items() if column in names or (column == _ANON and has_anon))


def ranking(
    tables: Settled, table: str, order: str, rows_max: int, where: pl.Expr | None = None
) -> tuple[Top, int]:
    """The first rows of a table by one of its `orders`, and how many rows `where` holds.

    They have the declared columns, and anon_bytes: resident anonymous memory and swap.
    """
    names, column = names_of(_DECLARED[table]), ORDERS[order]
    best: Top | None = None
    count = 0
    for part in tables.parts(table, names, where):
        count += part.height
        summed = part.with_columns((pl.col(ANON[0]) + pl.col(ANON[1])).alias(_ANON)) if _has(part) else part
        found = _top(summed, column, _TIES[table], rows_max)
        if best is not None:
            both = pl.concat([best.rows, found.rows])
            found = Top(_top(both, column, _TIES[table], rows_max).rows, of=best.of + found.of)
        best = found
    if best is None:
        raise ValueError(f"the table {table} has no part")
    return best, count


def _has(part: pl.DataFrame) -> bool:
    return set(ANON) <= set(part.columns)


def _processes(tables: Settled) -> dict[str, Top]:
    """The rankings of processes: the first so far, and of each part of the table what comes before those."""
    best: dict[str, Top] = {}
    for part in tables.parts(settled.PROCESSES, names_of(PROCESS_COLUMNS)):
        for measure in MEASURES["processes"]:
            column = _COLUMNS[measure]
            found = _top(part, column, _PROCESS)
            if before := best.get(measure):
                both = pl.concat([before.rows, found.rows])
                found = Top(_top(both, column, _PROCESS).rows, of=before.of + found.of)
            best[measure] = found
    return best


def _top(table: pl.DataFrame, column: str, ties: tuple[str, ...], rows_max: int = ROWS_MAX) -> Top:
    """The first rows by a measure. They are copied: a slice would keep the whole table in memory."""
    value = pl.col(column)
    placed = value.is_not_null() if column == NATIVE else value > 0
    ranked = table.select(value.filter(placed)).to_series()
    least = ranked.top_k(rows_max).min()
    few = table.filter(placed & (value >= least)) if ranked.len() else table.clear()
    rows = few.sort([column, *ties], descending=[True] + [False] * len(ties)).head(rows_max)
    return Top(pl.DataFrame(rows.rows(), schema=table.schema, orient="row"), of=ranked.len())
