r"""hosts.csv, processes.csv and footprints.csv: integers, empty if unknown, safe in a spreadsheet.

A text cell that starts with = + - @, a tab or a carriage return, also after blanks, gets a leading ', so that
no spreadsheet reads it as a formula. Control bytes are written as \xNN, so a cell is one line.
"""

import re
from collections.abc import Iterator
from io import BytesIO

import polars as pl

from reports import settled
from reports.column import Column, Unit, names_of
from reports.columns import FOOTPRINTS, HOSTS, PROCESSES
from reports.report import Report
from reports.settled import Settled

ROWS_AT_ONCE = 16_384  # written as text at one time
_FORMULA = r"^\s*[=+\-@\t\r]"
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"
_CONTROLS = re.compile(_CONTROL)
_ODD = f"{_FORMULA}|{_CONTROL}"


def hosts(report: Report) -> bytes:
    """One line per host of the run, in the order of the ranking, failed ones last."""
    return _csv(report.tables.table(settled.HOSTS).sort("place"), HOSTS)


def processes(tables: Settled) -> Iterator[bytes]:
    """A line a process of every host, ordered by host and pid; in pieces, some hosts each."""
    return _pieces(tables, settled.PROCESSES, PROCESSES)


def footprints(tables: Settled) -> Iterator[bytes]:
    """A line a process, kind and block size of every host, ordered by host; in pieces likewise."""
    return _pieces(tables, settled.FOOTPRINTS, FOOTPRINTS)


def _pieces(tables: Settled, name: str, columns: tuple[Column, ...]) -> Iterator[bytes]:
    """A table as CSV, the heading first."""
    for number, part in enumerate(tables.parts(name, names_of(columns))):
        yield _csv(part, columns, heading=number == 0)


def _csv(table: pl.DataFrame, columns: tuple[Column, ...], *, heading: bool = True) -> bytes:
    content = BytesIO()
    series = [_harmless(table[column.name], column) for column in columns]
    pl.DataFrame(series).write_csv(content, include_header=heading, batch_size=ROWS_AT_ONCE)
    return content.getvalue()


def _harmless(values: pl.Series, column: Column) -> pl.Series:
    """Text as one line that is not a formula; other values unchanged."""
    if column.unit is not Unit.TEXT:
        return values
    text = values.fill_null("") if values.null_count() else values
    distinct = text.unique()  # most columns say the same over and over
    odd = distinct.filter(distinct.str.contains(_ODD))
    if odd.is_empty():
        return text
    written = pl.Series([_written_out(cell) for cell in odd.to_list()], dtype=pl.String)
    return text.replace(odd, written.zip_with(~odd.str.contains(_FORMULA), "'" + written))


def _written_out(text: str) -> str:
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
