"""The rows of hosts, services and kinds from the tables of a run, in the order of the report."""

from collections.abc import Iterator

import polars as pl

from reports.row_table import RowTable
from reports.rows import HostRow, KindRow, ServiceRow, field_names
from reports.tables import settled
from reports.tables.kinds import COLUMNS
from reports.tables.settled import Settled

_KIND_COLUMNS = tuple(name for name in COLUMNS if name != "family")


def host_rows(tables: Settled) -> RowTable[HostRow]:
    """One row per host of the run."""
    wanted = sorted(field_names(HostRow))
    hosts = tables.table(settled.HOSTS, (*wanted, "place")).sort("place")
    return RowTable(hosts.select(wanted), HostRow)


def service_rows(tables: Settled) -> RowTable[ServiceRow]:
    """One row per service of the fleet."""
    wanted = sorted(field_names(ServiceRow))
    return RowTable(tables.table(settled.SERVICES, wanted), ServiceRow)


def kind_rows(table: pl.DataFrame) -> Iterator[KindRow]:
    """The rows of a table of kinds."""
    return (KindRow(*row) for row in table.select(_KIND_COLUMNS).iter_rows())
