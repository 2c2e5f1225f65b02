"""A table of a report as a sequence of rows, which are made when they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

import polars as pl

Row = TypeVar("Row")


class RowTable(Sequence[Row], Generic[Row]):
    """Rows of one type over a table that has a column for each of their fields."""

    __slots__ = ("_made", "table")

    def __init__(self, table: pl.DataFrame, made: Callable[..., Row]) -> None:
        self.table = table
        self._made = made

    def of(self, table: pl.DataFrame) -> "RowTable[Row]":
        """The same rows in another order, or some of them."""
        return RowTable(table, self._made)

    def __len__(self) -> int:
        return self.table.height

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> "RowTable[Row]": ...
    def __getitem__(self, at: int | slice) -> "Row | RowTable[Row]":
        if isinstance(at, slice):
            return self.of(self.table[at])
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return self._made(**self.table.row(at, named=True))

    def __iter__(self) -> Iterator[Row]:
        for row in self.table.iter_rows(named=True):
            yield self._made(**row)
