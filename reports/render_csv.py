r"""hosts.csv, processes.csv and footprints.csv: integers, empty where unknown, safe in a spreadsheet.

A text cell that starts with = + - @, a tab or a carriage return, after blanks too, gets a leading ', so that
no spreadsheet takes it for a formula. Control bytes are written as \xNN: a cell is one line.
"""

from collections.abc import Iterable
from io import BytesIO

import polars as pl

from archive.runs import Run
from procmaps.kinds import KIND_BY_LABEL
from reports import answers
from reports.columns import FOOTPRINTS, HOSTS, PROCESSES, Column, Unit
from reports.rank import Report
from reports.rows import cell

_FORMULA = r"^\s*[=+\-@\t\r]"
_FAMILIES = {label: kind.family.label for label, kind in KIND_BY_LABEL.items()}
_TYPES: dict[Unit, type[pl.DataType]] = {
    Unit.TEXT: pl.String,
    Unit.TIME: pl.String,
    Unit.SECONDS: pl.Float64,
    Unit.EPOCH: pl.Float64,
    Unit.BYTES: pl.Int64,
    Unit.CHANGE: pl.Int64,
    Unit.COUNT: pl.Int64,
}


def hosts(report: Report) -> bytes:
    """A line a host asked, in the order of the ranking, failed ones last."""
    values = [[cell(row, column.name) for column in HOSTS] for row in report.hosts]
    schema = {column.name: _TYPES[column.unit] for column in HOSTS}
    return _csv(pl.DataFrame(values, schema=schema, orient="row"), HOSTS)


def processes(report: Report) -> bytes:
    """A line a process of every host, ordered by host and pid."""
    return _csv(report.processes, PROCESSES)


def footprints(run: Run) -> bytes:
    """A line a process, kind and block size of every host, ordered by host."""
    return b"".join(footprint_lines(run, (outcome.host.name for outcome in run.outcomes() if outcome.record)))


def footprint_lines(run: Run, names: Iterable[str]) -> Iterable[bytes]:
    """footprints.csv in pieces, a host each, the heading first."""
    empty = pl.DataFrame(schema=answers.FOOTPRINT_SCHEMA)
    yield _csv(_with_family(empty), FOOTPRINTS)
    for name in sorted(names):
        yield _csv(_with_family(answers.footprints(run, name)), FOOTPRINTS, heading=False)


def _with_family(table: pl.DataFrame) -> pl.DataFrame:
    family = pl.col("kind").replace_strict(_FAMILIES, default="", return_dtype=pl.String)
    return table.with_columns(family.alias("family"))


def _csv(table: pl.DataFrame, columns: tuple[Column, ...], *, heading: bool = True) -> bytes:
    content = BytesIO()
    table.select(_harmless(column) for column in columns).write_csv(content, include_header=heading)
    return content.getvalue()


def _harmless(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    if column.unit is not Unit.TEXT:
        return value
    text = value.fill_null("")
    formula = text.str.contains(_FORMULA)
    for code in _CONTROLS:
        text = text.str.replace_all(chr(code), f"\\x{code:02x}", literal=True)
    return pl.when(formula).then(pl.lit("'") + text).otherwise(text).alias(column.name)


_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
