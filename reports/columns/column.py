"""A column of the reports: its name, source, meaning and unit."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import polars as pl

from domain.records import HostRecord

Of: TypeAlias = Callable[[HostRecord], str | int | float | None]


class Unit(StrEnum):
    """The unit of a value."""

    TEXT = "text"
    BYTES = "bytes"
    CHANGE = "bytes, signed"
    COUNT = "count"
    SECONDS = "s"
    TIME = "UTC, RFC 3339"
    EPOCH = "s since 1970"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, source and meaning."""

    name: str
    title: str
    unit: Unit
    source: str
    width: int  # characters in plain text
    meaning: str
    of: Of | None = None  # its value in a host's record; None if `reports.tables` computes it


def text(
    name: str, title: str, source: str, meaning: str, width: int = 32, *, of: Of | None = None
) -> Column:
    """A column of text."""
    return Column(name, title, Unit.TEXT, source, width, meaning, of)


def size(
    name: str, title: str, source: str, meaning: str, width: int = 11, *, of: Of | None = None
) -> Column:
    """A column of bytes."""
    return Column(name, title, Unit.BYTES, source, width, meaning, of)


def change(
    name: str, title: str, source: str, meaning: str, width: int = 10, *, of: Of | None = None
) -> Column:
    """A column of bytes with a sign."""
    return Column(name, title, Unit.CHANGE, source, width, meaning, of)


def count(
    name: str, title: str, source: str, meaning: str, width: int = 6, *, of: Of | None = None
) -> Column:
    """A column of counts."""
    return Column(name, title, Unit.COUNT, source, width, meaning, of)


_TYPES: Final[dict[Unit, type[pl.DataType]]] = {
    Unit.TEXT: pl.String,
    Unit.TIME: pl.String,
    Unit.SECONDS: pl.Float64,
    Unit.EPOCH: pl.Float64,
    Unit.BYTES: pl.Int64,
    Unit.CHANGE: pl.Int64,
    Unit.COUNT: pl.Int64,
}


def names_of(columns: tuple[Column, ...]) -> list[str]:
    """The names of columns, in their order."""
    return [column.name for column in columns]


def schema_of(columns: tuple[Column, ...]) -> dict[str, type[pl.DataType]]:
    """The types of columns as a table holds them."""
    return {column.name: _TYPES[column.unit] for column in columns}


def by_name(columns: tuple[Column, ...], *names: str) -> tuple[Column, ...]:
    """The named columns, in the order asked for."""
    declared = {column.name: column for column in columns}
    return tuple(declared[name] for name in names)
