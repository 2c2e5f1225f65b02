"""What changed between any two runs, as closing a run tells it against the run before.

Where the later run was compared with the earlier one when it was closed, its own tables are the answer, so
that all outputs agree. Otherwise the two are compared now, by the same code and with no other run beside
them: what is usual for a host or a service is not known then, and is told as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from archive.run import Run
from reports.changes import noise
from reports.changes.changes import Changes
from reports.changes.closing import Comparison, Now
from reports.changes.rows import ChangeCount, ChangeRow
from reports.columns.change_columns import CHANGES
from reports.columns.column import names_of
from reports.findings.rows import FindingGroup
from reports.report import Report, report
from reports.row_table import RowTable
from reports.sentence import finding_words
from reports.tables import settled, trend
from reports.tables.past_runs import chosen
from reports.tables.settled import Settled

FLOOR: Final = "Not told: changes below 64 MiB or 2 % of the earlier size."
_ADDED: Final = ("growth_bytes", "anon_growth_bytes", "restarted")  # by the comparison of the later run


@dataclass(frozen=True, slots=True)
class RunChanges:
    """Two runs, and what changed between them: the report of the later one, with the changes of the two."""

    before: Run
    now: Run
    report: Report
    rests_on: str  # what the comparison lacks; "": nothing
    noise: str  # what is not told
    whole: Report  # of the later run, as it was closed

    @property
    def findings(self) -> tuple[FindingGroup, ...]:
        """What somebody has in the later run, the gravest first, also where the two are compared now."""
        return finding_words.live(self.whole)

    @property
    def table(self) -> pl.DataFrame:
        """By reports.columns.change_columns.CHANGES, the most important first."""
        return self.report.changes.rows.table.select(names_of(CHANGES))


def run_changes(before: Run, now: Run) -> RunChanges:
    """What changed from one closed run to a later one. OperatorError if a file of them is damaged or gone."""
    whole = report(now)
    if whole.run.compared_with == before.run_id and whole.changes.is_known:
        return RunChanges(before, now, whole, whole.run.rests_on, noise.SENTENCE, whole)
    told, labels = _compared(Settled(before), Settled(now))
    rests_on = " ".join(filter(None, (*_lacks(before, now), labels)))
    facts = replace(
        whole.run,
        compared_with=before.run_id,
        compared_at=before.manifest.started_at,
        rests_on=rests_on,
        findings_compared_with="",
    )
    compared = replace(whole, run=facts, changes=told, findings=())
    return RunChanges(before, now, compared, rests_on, FLOOR, whole)


def _lacks(before: Run, now: Run) -> Iterator[str]:
    """What makes two runs less than comparable."""
    was, is_now = before.manifest.scope, now.manifest.scope
    if (was.name, was.hosts) != (is_now.name, is_now.hosts):
        yield (
            f"The runs were asked for other hosts ({was.name}: {was.hosts}; {is_now.name}: {is_now.hosts}), "
            "so a host that only one of them asked is told as new, or as no longer in the inventory, though "
            "both may have it."
        )
    if was.become != is_now.become:
        yield "One run read all processes and the other only those of its account."
    if was.evidence != is_now.evidence:
        yield "One run read smaps and the other maps alone; native heaps of the two are not compared."
    closed = [run.closed() for run in (before, now)]
    if any(each is not None and not each.complete for each in closed):
        yield "The deadline of one run came before all hosts were done."


def _compared(before: Settled, now: Settled) -> tuple[Changes, str]:
    """Compare two runs part by part of the later one; and what that could not rest on."""
    rules = now.closed.rules_version
    tapes = chosen(before, has_same_rules=before.closed.rules_version == rules != "")
    hosts = now.table(settled.HOSTS)
    services = now.table(settled.SERVICES)
    asked = hosts.drop("rss_anon_bytes", "swap_bytes")
    comparison = Comparison(now.run, rules, tapes, asked, services["service"])
    for number in range(now.count(settled.PROCESSES)):
        names = now.part(settled.HOSTS, number, ("name",))["name"].sort()
        past = tapes.of(str(names.min() or ""), str(names.max() or ""))
        then = comparison.relabelled(names, past.last)
        processes = now.part(settled.PROCESSES, number).drop(_ADDED, strict=False)
        comparison.add(names, trend.with_growth(processes, then), then)
    found = comparison.tables(Now(hosts, services, now.parts(settled.HOST_KINDS)))
    counts = tuple(ChangeCount(*row) for row in found.counts.iter_rows())
    return Changes(RowTable(found.changes, ChangeRow), counts, is_known=True), found.rests_on
