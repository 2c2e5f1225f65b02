"""The formats of commands that print rows: a table for people, or all columns for programs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from mapsweep.documents import SCHEMA_VERSION

if TYPE_CHECKING:
    import polars as pl

    from reports.columns.column import Column

PLAIN, CSV, NDJSON, JSON = FORMATS = ("plain", "csv", "ndjson", "json")


def format_of(form: str | None, *, as_json: bool) -> str:
    """The format that is asked for; UsageError if two are."""
    if as_json and form not in {None, JSON}:
        raise click.UsageError(f"--json and --format {form} exclude each other.")
    return JSON if as_json else form or PLAIN


def rows_in(form: str, rows: "pl.DataFrame", columns: "tuple[Column, ...]") -> Iterator[str]:
    """The lines of declared columns as CSV or NDJSON, safe in a spreadsheet and on a terminal."""
    from reports.formats import json_text, render_csv  # noqa: PLC0415 - --help does not wait for Polars

    wanted = rows.select(column.name for column in columns)
    pieces = render_csv.rendered([wanted], columns) if form == CSV else json_text.lines(wanted)
    yield from b"".join(pieces).decode().removesuffix("\n").split("\n")  # a cell can hold other breaks


def document(members: Mapping[str, Any]) -> str:
    """One JSON document, in ASCII."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **members}, indent=1)


def filled(rows: "Iterable[Mapping[str, Any]]") -> list[dict[str, Any]]:
    """Rows for JSON: an empty text is unknown."""
    return [{name: None if value == "" else value for name, value in row.items()} for row in rows]
