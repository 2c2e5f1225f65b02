"""The first rows of rankings: the most of one measure over the fleet, found part by part."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from reports import settled
from reports.column import names_of
from reports.columns import HOSTS, PROCESSES, SERVICES
from reports.measures import NATIVE, STACKS
from reports.report import Report
from reports.settled import Settled

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
_PROCESS: Final = ("host", "pid", "start_ticks")


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


def _top(table: pl.DataFrame, column: str, ties: tuple[str, ...]) -> Top:
    """The first rows by a measure. They are copied: a slice would keep the whole table in memory."""
    value = pl.col(column)
    placed = value.is_not_null() if column == NATIVE else value > 0
    ranked = table.select(value.filter(placed)).to_series()
    least = ranked.top_k(ROWS_MAX).min()
    few = table.filter(placed & (value >= least)) if ranked.len() else table.clear()
    rows = few.sort([column, *ties], descending=[True] + [False] * len(ties)).head(ROWS_MAX)
    return Top(pl.DataFrame(rows.rows(), schema=table.schema, orient="row"), of=ranked.len())
