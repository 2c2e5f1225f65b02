r"""hosts.csv, processes.csv and footprints.csv: integers, empty where unknown, safe in a spreadsheet.

A text cell that starts with = + - @, a tab or a carriage return, after blanks too, gets a leading ', so that
no spreadsheet takes it for a formula. Control bytes are written as \xNN: a cell is one line.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from itertools import islice

import polars as pl

from archive.runs import Run
from procmaps.kinds import KIND_BY_LABEL
from reports import answers
from reports.columns import FOOTPRINTS, HOSTS, PROCESSES, Column, Unit
from reports.rank import Report
from reports.rows import cell

HOSTS_AT_ONCE = 128  # hosts whose footprints are in memory together

_FORMULA = r"^\s*[=+\-@\t\r]"
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"
_CONTROLS = re.compile(_CONTROL)
_FOOTPRINT_SCHEMA: dict[str, type[pl.DataType]] = {**answers.FOOTPRINT_SCHEMA, "family": pl.String}
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
    return b"".join(footprint_pieces(run))


def footprint_pieces(run: Run) -> Iterator[bytes]:
    """footprints.csv in pieces, some hosts each, the heading first."""
    yield _csv(pl.DataFrame(schema=_FOOTPRINT_SCHEMA), FOOTPRINTS)
    names = iter(sorted(outcome.host.name for outcome in run.outcomes() if outcome.record))
    while some := list(islice(names, HOSTS_AT_ONCE)):
        table = pl.concat(answers.footprints(run, name) for name in some)
        family = pl.col("kind").replace_strict(_FAMILIES, default="", return_dtype=pl.String)
        yield _csv(table.with_columns(family.alias("family")), FOOTPRINTS, heading=False)


def _csv(table: pl.DataFrame, columns: tuple[Column, ...], *, heading: bool = True) -> bytes:
    content = BytesIO()
    series = [_harmless(table[column.name], column) for column in columns]
    pl.DataFrame(series).write_csv(content, include_header=heading)
    return content.getvalue()


def _harmless(values: pl.Series, column: Column) -> pl.Series:
    """Text that is one line and no formula; all else as it is."""
    if column.unit is not Unit.TEXT:
        return values
    text = values.fill_null("")
    formula = text.str.contains(_FORMULA)
    if text.str.contains(_CONTROL).any():
        text = pl.Series(text.name, [_written_out(cell) for cell in text.to_list()], dtype=pl.String)
    return text.zip_with(~formula, "'" + text).alias(column.name)


def _written_out(text: str) -> str:
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
