"""The changes that a short list tells: one row for what is one piece of news, the sentence's first."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.changes.rows import Change, ChangeRow, Subject
from reports.report import Report
from reports.sentence import change_clauses

_MOST: Final = 2  # a row is explained by finer ones if they make up one part in so many, or more
_SIZES: Final = (Change.GREW, Change.SHRANK)
_TOLD: Final = {  # the order of the sentence, if nothing changed in size
    f"{change} {subject}": place
    for place, (change, subject) in enumerate(
        (
            (Change.FAILED, Subject.HOST),
            *(
                (change, subject)
                for subject in (Subject.HOST, Subject.SERVICE, Subject.PROCESS)
                for change in (Change.WENT, Change.APPEARED, Change.RECOVERED)
            ),
        )
    )
}


@dataclass(frozen=True, slots=True)
class ShortList:
    """The first changes, and how many more pieces of news there are."""

    rows: tuple[ChangeRow, ...]
    more: int  # changes that the table has beyond them, without repetition, and all that it has no room for

    @property
    def is_cut(self) -> bool:
        """Whether there are more pieces of news."""
        return self.more > 0


def short_list(report: Report, rows_max: int) -> ShortList:
    """At most `rows_max` changes. A host or service whose processes are told already is left out.

    Of a service that changed as a whole, its largest process is told, and the others are left out.
    """
    table = report.changes.rows.table
    counted = sum(each.count for each in report.changes.counts)
    if not table.height:
        return ShortList((), counted)
    told = lead_first(report, _without_repetition(table))
    more = max(0, told.height - rows_max) + max(0, counted - table.height)
    return ShortList(tuple(report.changes.rows.of(told.head(rows_max))), more)


def lead_first(report: Report, table: pl.DataFrame) -> pl.DataFrame:
    """Changes by their place, but what the sentence names before all else."""
    first = change_clauses.lead(report)
    if first is not None:
        return table.sort(pl.col("place") != first.place, "place")
    sort = pl.concat_str("change", "subject", separator=" ")
    told = sort.replace_strict(_TOLD, default=len(_TOLD), return_dtype=pl.Int64)
    return table.sort(told, "place", maintain_order=True)


def _without_repetition(table: pl.DataFrame) -> pl.DataFrame:
    """The rows in their order, without those of size that others explain."""
    amount = pl.col("change_bytes").abs().fill_null(0)
    sizes = table.filter(pl.col("change").is_in(_SIZES)).with_columns(amount.alias("_amount"))
    processes = sizes.filter(pl.col("subject") == Subject.PROCESS)
    sizes = sizes.filter(pl.col("count_before").is_null())  # no process tells of more processes
    dropped: list[pl.DataFrame] = []
    for subject, name in ((Subject.SERVICE, "service"), (Subject.HOST, "host")):
        made = processes.group_by("change", name).agg(
            pl.col("_amount").sum().alias("_sum"), pl.col("_amount").max().alias("_largest")
        )
        wider = sizes.filter(pl.col("subject") == subject).join(made, on=["change", name], how="inner")
        explained = pl.col("_sum") * _MOST >= pl.col("_amount")
        together = pl.col("_amount") >= pl.col("_largest") * _MOST
        if subject == Subject.SERVICE:
            dropped.append(wider.filter(explained & ~together).select("place"))
            whole = wider.filter(together).select("change", "service")
            members = processes.join(whole, on=["change", "service"], how="semi")
            dropped.append(
                members.sort("_amount", descending=True, maintain_order=True)
                .filter(~pl.struct("change", "service").is_first_distinct())
                .select("place")
            )
        else:
            dropped.append(wider.filter(explained).select("place"))
    return table.join(pl.concat(dropped), on="place", how="anti", maintain_order="left").sort("place")
