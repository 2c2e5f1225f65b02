"""What changed, the findings with their standing, and the last runs, as far as a page can show them."""

from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from reports.columns.column import names_of
from reports.columns.group_columns import GROUPS
from reports.page import fields
from reports.page.first_news import by_standing
from reports.report import Report
from reports.sentence.change_list import lead_first
from reports.tables import settled

CHANGES_MAX: Final = 2_000
GROUPS_MAX: Final = 1_000
RUNS_MAX: Final = 15  # this run and the 14 before it
GONE_MAX: Final = 1_000  # hosts and services that only earlier runs have


@dataclass(frozen=True, slots=True)
class News:
    """What is told of a run beside its own figures; all empty if it was closed before these were known."""

    changes: pl.DataFrame  # fields.OF_CHANGES, what the headline names first, then by importance
    changes_of: int  # how many there are
    groups: pl.DataFrame  # fields.OF_GROUPS
    groups_of: int
    members: pl.DataFrame  # fields.OF_MEMBERS, and _group, the row of their group
    runs: pl.DataFrame  # run_id and started_at of the last runs, this one last
    history: pl.DataFrame  # subject, name, and of each measure a list with a value a run


def read(report: Report) -> News:
    """The news of a run."""
    runs = report.tables.table(settled.HISTORY_RUNS).select("run_id", "started_at")
    last = min(runs.height, RUNS_MAX)
    history = report.tables.table(settled.HISTORY, ("subject", "name", *fields.MEASURES))
    groups = [
        {"_group": at, **{name: getattr(group, name) for name in names_of(GROUPS)}, "first": group.first}
        for at, group in enumerate(by_standing(report.findings)[:GROUPS_MAX])
    ]
    return News(
        changes=lead_first(report, report.changes.rows.table).head(CHANGES_MAX).select(fields.OF_CHANGES),
        changes_of=sum(each.count for each in report.changes.counts) or len(report.changes.rows),
        groups=pl.DataFrame([_without_members(each) for each in groups], schema=fields.GROUPS_SCHEMA),
        groups_of=len(report.findings),
        members=pl.DataFrame(
            [_member(each["_group"], one) for each in groups for one in each["first"]],
            schema=fields.MEMBERS_SCHEMA,
        ),
        runs=runs.tail(last),
        history=history.with_columns(pl.col(name).list.tail(last) for name in fields.MEASURES),
    )


def _without_members(group: dict[str, Any]) -> dict[str, Any]:
    return {name: group[name] for name in fields.OF_GROUPS}


def _member(group: int, member: object) -> dict[str, Any]:
    return {"_group": group, **{name: getattr(member, name) for name in fields.OF_MEMBERS}}


def of_host(news: News, name: str) -> News:
    """What concerns one host, for a page of its own."""
    members = news.members.filter(pl.col("host") == name)
    numbers = members["_group"].unique().sort()
    order = pl.DataFrame({"_group": numbers}).with_row_index("_new")
    changes = news.changes.filter(pl.col("host") == name)
    return replace(
        news,
        changes=changes,
        changes_of=changes.height,
        groups=news.groups[numbers.to_list()],
        groups_of=numbers.len(),
        members=members.join(order, on="_group", maintain_order="left").with_columns(
            pl.col("_new").cast(pl.Int64).alias("_group")
        ),
        history=news.history.filter((pl.col("subject") == "host") & (pl.col("name") == name)),
    )


def history(news: News, hosts: pl.Series, services: pl.Series, bits: int) -> pl.DataFrame:
    """The table `fields.HISTORY_TABLE`: the hosts in their order, the services, then those that are gone.

    Sizes are counts of a power of two, of which the largest of a row has at least 2**bits, unless that is
    less than a byte.
    """
    here = pl.concat(
        pl.DataFrame({"subject": [subject], "name": [names]}).explode("name").drop_nulls("name")
        for subject, names in (("host", hosts), ("service", services))
    )
    known = here.join(news.history, on=["subject", "name"], how="left", maintain_order="left")
    gone = news.history.join(here, on=["subject", "name"], how="anti", maintain_order="left")
    nothing = pl.lit("").alias("subject"), pl.lit("").alias("name")
    rows = pl.concat([known.with_columns(nothing), gone.head(GONE_MAX).select(known.columns)])
    return rows.select(
        "subject", "name", *(each for name in fields.MEASURES for each in _counts(name, bits, news))
    )


def _counts(measure: str, bits: int, news: News) -> list[pl.Expr]:
    """The power of two, and the counts of it, the last run first."""
    values = pl.col(measure)
    largest = values.list.max().fill_null(0).clip(1)
    power = (largest.log(2).floor().cast(pl.Int64) - bits).clip(0)
    unit = pl.lit(2, pl.Int64).pow(power)
    short = measure.removesuffix("_bytes")
    return [
        power.alias(f"{short}_power"),
        *(
            ((values.list.get(run, null_on_oob=True) + unit // 2) // unit).alias(f"{short}_{run}")
            for run in reversed(range(news.runs.height))
        ),
    ]
