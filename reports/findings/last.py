"""What the last run knew of its findings: that with which the standing of today's is told."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from archive import tables
from archive.run import Run
from archive.runs import Runs
from domain.mistakes import OperatorError
from reports.columns.column import schema_of
from reports.columns.group_columns import CARRIED, GROUPS, GROWING, HOLDERS
from reports.findings.rows import MadeBy
from reports.tables import settled
from reports.tables.past_runs import PastRun
from reports.tables.status import ANSWERED

log = logging.getLogger("reports")


@dataclass(frozen=True, slots=True)
class Last:
    """The findings of a run, and what it carried on from those before it."""

    run_id: str  # "" if there is no run to compare with
    started_at: str
    made_by: MadeBy
    groups: pl.DataFrame
    holders: pl.DataFrame
    growing: pl.DataFrame
    answered: pl.Series  # names of hosts


NOTHING = Last(
    run_id="",
    started_at="",
    made_by=MadeBy("", {}),
    groups=pl.DataFrame(schema={**schema_of(GROUPS), **CARRIED}),
    holders=pl.DataFrame(schema=HOLDERS),
    growing=pl.DataFrame(schema=GROWING),
    answered=pl.Series([], dtype=pl.String),
)


def last(runs: Runs, past: Iterable[PastRun]) -> Last:
    """The findings of the last of these runs, oldest first, that has any; NOTHING if none has.

    A run that an older mapsweep closed has none, and one that cannot be read is no run to compare with.
    """
    for each in reversed(tuple(past)):
        try:
            return _of(runs.by_id(each.run_id), each)
        except FileNotFoundError:
            continue
        except OperatorError as error:
            log.warning("the findings of %s cannot be read, so an earlier run counts: %s", each.run_id, error)
    return NOTHING


def _of(run: Run, past: PastRun) -> Last:
    """FileNotFoundError if it has no findings by fingerprint."""
    content = run.read_settled(settled.FINDING_GROUPS, 0)
    groups = tables.from_parquet(content, f"{run.run_id}: {settled.FINDING_GROUPS}")
    there = settled.Settled(run)
    hosts = there.table(settled.HOSTS, ("name", "status"))
    return Last(
        run_id=past.run_id,
        started_at=past.started_at,
        made_by=MadeBy(there.closed.rules_version, there.closed.finding_codes),
        groups=_as_declared(groups, {**schema_of(GROUPS), **CARRIED}),
        holders=there.table(settled.FINDING_HOLDERS, tuple(HOLDERS)),
        growing=there.table(settled.FINDING_GROWING, tuple(GROWING)),
        answered=hosts.filter(pl.col("status").is_in(ANSWERED))["name"],
    )


def _as_declared(table: pl.DataFrame, schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    """The table with the columns of today; those that the run did not know are empty."""
    missing = [
        pl.lit("" if kind is pl.String else None, kind).alias(name)
        for name, kind in schema.items()
        if name not in table.columns
    ]
    return table.with_columns(missing).select(*schema)
