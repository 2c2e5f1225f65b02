r"""Rows of tables as JSON, in ASCII: what is not ASCII, and DEL, is written as \uXXXX.

A name that came from a host can then do nothing to a terminal, and no reader has to know an encoding.
"""

import json
import re
from collections.abc import Iterator
from typing import Final, TypeAlias

import polars as pl

ROWS_AT_ONCE: Final = 16_384  # written as text at one time; before that they are columns
_ODD: Final = re.compile(r"[^\x00-\x7e]")

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


def text(value: Json) -> str:
    """A value in one line."""
    written = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return written.replace("\x7f", "\\u007f")


def lines(table: pl.DataFrame) -> Iterator[bytes]:
    """An object a row, each with its line feed; in pieces of ROWS_AT_ONCE rows."""
    for some in table.iter_slices(ROWS_AT_ONCE):
        yield _ascii(some.write_ndjson().encode())


def objects(table: pl.DataFrame) -> list[str]:
    """An object a row."""
    return _ascii(table.write_ndjson().encode()).decode("ascii").splitlines()


def _ascii(written: bytes) -> bytes:
    """JSON with all else written out; it stands in texts alone."""
    if written.isascii() and b"\x7f" not in written:
        return written
    return _ODD.sub(_escape, written.decode()).encode("ascii")


def _escape(match: re.Match[str]) -> str:
    return text(match[0])[1:-1]
