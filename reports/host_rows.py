"""The rows of hosts from the tables of a run, in the order of the report."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from reports import settled
from reports.kinds import COLUMNS
from reports.page_rows import SEVERITIES, graver_first
from reports.rows import Advice, AdviceGroup, HostRow, KindRow, field_names
from reports.settled import Settled

MEMBERS_A_GROUP_MAX = 5  # hosts named per advice
_FIELDS = sorted(field_names(HostRow))
_KIND_COLUMNS = tuple(name for name in COLUMNS if name != "family")
_SAID = ("severity", "advice", "confirm", "not_shown")


def host_rows(tables: Settled) -> tuple[HostRow, ...]:
    """One row per host of the run."""
    hosts = tables.table(settled.HOSTS).sort("place").select(_FIELDS)
    return tuple(HostRow(**row) for row in hosts.iter_rows(named=True))


def kind_rows(table: pl.DataFrame) -> Iterator[KindRow]:
    """The rows of a table of kinds."""
    return (KindRow(*row) for row in table.select(_KIND_COLUMNS).iter_rows())


def advice_groups(tables: Settled) -> tuple[AdviceGroup, ...]:
    """Equal advice for several processes as one group: the most severe first, then by rank of the host."""
    places = tables.table(settled.HOSTS, ("name", "place")).rename({"name": "host"})
    urgent = graver_first(tables.table(settled.FINDINGS)).filter(pl.col("severity") != SEVERITIES[-1])
    ordered = urgent.join(places, on="host", how="left", maintain_order="left").sort(
        "gravity", "place", maintain_order=True
    )
    members = pl.struct("host", "pid", "comm", "evidence").head(MEMBERS_A_GROUP_MAX).alias("members")
    grouped = ordered.group_by(*_SAID, maintain_order=True).agg(members, pl.len().alias("count"))
    return tuple(
        AdviceGroup(severity, advice, confirm, not_shown, _members(severity, some), count)
        for severity, advice, confirm, not_shown, some, count in grouped.iter_rows()
    )


def _members(severity: str, rows: list[dict[str, Any]]) -> tuple[Advice, ...]:
    return tuple(Advice(severity, **row) for row in rows)
