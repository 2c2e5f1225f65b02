"""All rows of a table of a run, as CSV, NDJSON, JSON or Parquet: read and written part by part."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, TypeAlias

import polars as pl
from polars.io.plugins import register_io_source

from reports.columns.column import Column, names_of, schema_of
from reports.columns.columns import TABLES
from reports.findings.groups import OF_TODAY
from reports.formats import json_text, render_csv
from reports.tables import settled
from reports.tables.settled import Settled

CSV, NDJSON, JSON, PARQUET = FORMATS = ("csv", "ndjson", "json", "parquet")
_KEPT_AS: Final = {"kinds": settled.HOST_KINDS}  # the others under their own names
_RUN: Final = {"run": pl.String, "scope": pl.String}  # before the declared columns in Parquet
_PIECE_BYTES: Final = 1 << 20

Parts: TypeAlias = Iterator[pl.DataFrame]


def rows(tables: Settled, table: str, form: str) -> Iterator[bytes]:
    """A table of `reports.columns.columns.TABLES` in pieces; hosts and services ranked, others by host.

    `form` is one of FORMATS. Parquet has the columns `run` and `scope` before all others, as the tables in
    the run's folder have, so that several runs can be read together.
    """
    columns = TABLES[table]
    if form == PARQUET:
        return _parquet(partial(_parts, tables, table, [*_RUN, *names_of(columns)]), columns)
    parts = _parts(tables, table, names_of(columns))
    if form == CSV:
        return render_csv.rendered(parts, columns)
    return _array(parts) if form == JSON else _lines(parts)


def _parts(tables: Settled, table: str, wanted: list[str]) -> Parts:
    """The table in parts; hosts in one, by their place in the report."""
    if table == settled.HOSTS:
        yield tables.table(table, [*wanted, "place"]).sort("place").select(wanted)
    elif table == settled.FINDING_GROUPS:
        yield tables.table(table, wanted, OF_TODAY)
    else:
        yield from tables.parts(_KEPT_AS.get(table, table), wanted)


def _lines(parts: Iterable[pl.DataFrame]) -> Iterator[bytes]:
    for part in parts:
        yield from json_text.lines(part)


def _array(parts: Iterable[pl.DataFrame]) -> Iterator[bytes]:
    """An array with an object a line."""
    between = b"["
    for piece in _lines(parts):
        yield between + b"\n" + piece.removesuffix(b"\n").replace(b"\n", b",\n")
        between = b","
    yield b"\n]\n" if between == b"," else b"[\n]\n"


def _parquet(parts: Callable[[], Parts], columns: tuple[Column, ...]) -> Iterator[bytes]:
    """One Parquet file; Polars writes it to a temporary file, because its index is made at the end."""
    failed: list[BaseException] = []

    def source(*_pushed_down: object) -> Parts:
        try:
            yield from parts()
        except BaseException as error:
            failed.append(error)
            raise

    with tempfile.NamedTemporaryFile(prefix="mapsweep-", suffix=".parquet") as file:
        frame = register_io_source(source, schema={**_RUN, **schema_of(columns)})
        try:
            frame.sink_parquet(file.name, maintain_order=True)
        except pl.exceptions.PolarsError:
            if failed:  # as Polars reports it, it is text alone
                raise failed[0] from None
            raise
        while piece := file.read(_PIECE_BYTES):
            yield piece
