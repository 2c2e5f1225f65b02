"""The findings of a run by fingerprint, as a report tells them."""

from typing import Final

import polars as pl

from reports.columns.column import names_of
from reports.columns.group_columns import GROUPS, MUTES
from reports.findings.rows import FindingGroup, Member, MuteRow
from reports.tables import settled
from reports.tables.settled import Settled

_ABSENT: Final = pl.col("absent_runs").fill_null(0)
OF_TODAY: Final = (_ABSENT == 0) | (pl.col("resolved_after").fill_null(1) == _ABSENT)


def groups(tables: Settled) -> tuple[FindingGroup, ...]:
    """In the order of the table: what a reader should see first comes first. None in older runs.

    Of those that are resolved only what is told in this run; the table remembers others for some runs.
    """
    columns = (*names_of(GROUPS), "first")
    table = tables.table(settled.FINDING_GROUPS, columns, OF_TODAY)
    return tuple(
        FindingGroup(**{**row, "first": tuple(Member(**one) for one in row["first"])})
        for row in table.select(columns).iter_rows(named=True)
    )


def mutes(tables: Settled) -> tuple[MuteRow, ...]:
    """The mutes of the run, also the expired ones and those that match nothing."""
    table = tables.table(settled.FINDING_MUTES, names_of(MUTES))
    return tuple(MuteRow(**row) for row in table.iter_rows(named=True))
