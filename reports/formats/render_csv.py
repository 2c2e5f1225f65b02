r"""A table as CSV: integers, empty if unknown, safe in a spreadsheet.

A text cell that starts with = + - @, also in full width, a tab or a carriage return, also after blanks, gets
a leading ', so that no spreadsheet reads it as a formula. So does what comes after a semicolon, because where
decimals have commas, a spreadsheet begins a new cell there, whatever is quoted. Control bytes are written as
\xNN, so a cell is one line.
"""

import re
from collections.abc import Iterable, Iterator
from io import BytesIO

import polars as pl

from reports.columns.column import Column, Unit

ROWS_AT_ONCE = 16_384  # written as text at one time
_FULL_WIDTH = "\uff1d\uff0b\uff0d\uff20"  # = + - @
_FORMULA = rf"\s*[=+\-@\t\r{_FULL_WIDTH}]"
_BEGINS_FORMULA = re.compile(rf"(^|;)(?={_FORMULA})")
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"
_CONTROLS = re.compile(_CONTROL)
_ODD = rf"(?:^|;){_FORMULA}|{_CONTROL}"


def rendered(parts: Iterable[pl.DataFrame], columns: tuple[Column, ...]) -> Iterator[bytes]:
    """The heading and the rows of a table that is given in parts, in pieces of ROWS_AT_ONCE rows."""
    heading = True
    for part in parts:
        for some in part.iter_slices(ROWS_AT_ONCE) if part.height else [part]:
            yield _csv(some, columns, heading=heading)
            heading = False


def _csv(table: pl.DataFrame, columns: tuple[Column, ...], *, heading: bool) -> bytes:
    content = BytesIO()
    series = [_harmless(table[column.name], column) for column in columns]
    pl.DataFrame(series).write_csv(content, include_header=heading)
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
    return text.replace(odd, pl.Series([_written_out(cell) for cell in odd.to_list()], dtype=pl.String))


def _written_out(text: str) -> str:
    guarded = _BEGINS_FORMULA.sub(r"\1'", text)
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}", guarded)
