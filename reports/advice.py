"""Findings that ask for the same, as one group: how many processes it concerns, and the first of them.

The findings of a run are read part by part, and a part leaves its groups only: a fleet has some hundred
thousand findings, and a few dozen groups of them.
"""

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from reports.rows import Advice, AdviceGroup
from reports.tables import settled
from reports.tables.settled import Settled
from reports.tables.severities import GRAVITY, SEVERITIES

MEMBERS_A_GROUP_MAX: Final = 5  # processes named per advice
_SAID: Final = ("severity", "code", "advice", "confirm", "not_shown")
_READ: Final = ("host", "pid", "comm", "evidence", *_SAID)


def advice_groups(tables: Settled) -> tuple[AdviceGroup, ...]:
    """Those above the severity `info`: the most severe first, then by the place of their first host."""
    places = tables.table(settled.HOSTS, ("name", "place")).rename({"name": "host"})
    parts = [_of_part(part, places) for part in tables.parts(settled.FINDINGS, _READ)]
    counts = pl.concat(count for _, count in parts).group_by(_SAID).agg(pl.col("count").sum())
    member = pl.struct("host", "pid", "comm", "evidence").head(MEMBERS_A_GROUP_MAX)
    told = (
        pl.concat(first for first, _ in parts)
        .sort("gravity", "place", maintain_order=True)
        .group_by(_SAID, maintain_order=True)
        .agg(member.alias("members"))
        .join(counts, on=_SAID, how="left", maintain_order="left")
    )
    return tuple(
        AdviceGroup(severity, advice, confirm, not_shown, tuple(_members(severity, some)), count, code)
        for severity, code, advice, confirm, not_shown, some, count in told.iter_rows()
    )


def _of_part(part: pl.DataFrame, places: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first members of each group of a part of the hosts, and how many the groups have."""
    urgent = part.filter(pl.col("severity") != SEVERITIES[-1]).with_columns(GRAVITY.alias("gravity"))
    ordered = urgent.join(places, on="host", how="left", maintain_order="left").sort(
        "gravity", "place", maintain_order=True
    )
    first = ordered.group_by(_SAID, maintain_order=True).head(MEMBERS_A_GROUP_MAX)
    return first.select("place", "gravity", *_READ), ordered.group_by(_SAID).agg(pl.len().alias("count"))


def _members(severity: str, rows: list[dict[str, Any]]) -> Iterator[Advice]:
    return (Advice(severity, **row) for row in rows)
