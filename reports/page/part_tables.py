"""Tables of a run: all of it, or one part of its hosts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

import polars as pl

from reports.tables import settled
from reports.tables.settled import Settled

_OF_HOSTS: Final = (
    settled.HOSTS,
    settled.PROCESSES,
    settled.FINDINGS,
    settled.HOST_KINDS,
    settled.FOOTPRINTS,
)


class Tables(Protocol):
    """What `reports.tables.settled.Settled` has, and a part of it too."""

    def parts(self, name: str, wanted: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The parts of a table, or these columns of them."""
        ...

    def table(self, name: str, wanted: Sequence[str] | None = None) -> pl.DataFrame:
        """A whole table, or these columns of it."""
        ...


class PartTables:
    """The tables of one part of the hosts, and those that are not by host."""

    def __init__(self, tables: Mapping[str, pl.DataFrame]) -> None:
        self._tables = tables

    def parts(self, name: str, wanted: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The only part of a table."""
        yield self.table(name, wanted)

    def table(self, name: str, wanted: Sequence[str] | None = None) -> pl.DataFrame:
        """A table, or these columns of it."""
        table = self._tables[name]
        return table.select(wanted) if wanted else table


def part_by_part(tables: Settled) -> Iterator[PartTables]:
    """The parts of a run, one after the other."""
    services = tables.table(settled.SERVICES)
    for parts in zip(*(tables.parts(name) for name in _OF_HOSTS), strict=True):
        yield PartTables({settled.SERVICES: services, **dict(zip(_OF_HOSTS, parts, strict=True))})
