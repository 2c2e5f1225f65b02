"""What the page says of changes and findings without its script: the first of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from reports.changes.rows import Change, ChangeRow, Subject
from reports.findings.muting import IN_FORCE
from reports.findings.rows import FindingGroup, MuteRow, Standing
from reports.report import Report
from reports.sentence import finding_words, first_advice
from reports.sentence.change_list import lead_first, short_list
from reports.sentence.first_advice import Step
from reports.sentence.headline import Headline
from reports.text.plain import shortened

CHANGES_MAX: Final = 8
FINDINGS_MAX: Final = 10
FOLDED_MAX: Final = 10  # named of those that are resolved, muted, or of the severity `info`
ADVICE_LENGTH_MAX: Final = 240  # characters, of the advice at the top
TONES: Final[dict[str, str]] = {
    Change.GREW: "warn",
    Change.FAILED: "bad",
    Change.SHRANK: "good",
    Change.RECOVERED: "good",
    Standing.NEW: "warn",
    Standing.WORSE: "bad",
    Standing.RESOLVED: "good",
}
_FOLDED: Final = (finding_words.RESOLVED, finding_words.MUTED, finding_words.REMARK)


@dataclass(frozen=True, slots=True)
class Folded:
    """Findings that are counted, and shown to those who ask."""

    name: str
    count: int
    first: tuple[FindingGroup, ...]


@dataclass(frozen=True, slots=True)
class FirstNews:
    """The first changes and findings, and how many there are."""

    changes: tuple[ChangeRow, ...]
    is_cut: bool  # whether there are more pieces of news
    changes_count: int  # of all rows
    is_known: bool  # whether changes were computed when the run was closed
    places: tuple[int, ...]  # of `changes`, in the page's table of changes
    remedies: dict[tuple[str, str], str]  # by stage and reason
    findings: tuple[FindingGroup, ...]
    finding_places: tuple[int, ...]  # in the page's table of findings
    standing: tuple[tuple[str, int], ...]  # of all that stand, in words
    findings_of_all: int  # also those that are folded away
    folded: tuple[Folded, ...]
    mutes: tuple[MuteRow, ...]  # which mute nothing, because they have ended or match no finding

    @property
    def findings_count(self) -> int:
        """How many findings stand."""
        return sum(count for _, count in self.standing)

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that are named."""
        return frozenset(row.host for row in self.changes if row.host) | {host for host, _ in self.members}

    @property
    def processes(self) -> frozenset[tuple[str, int]]:
        """The processes that are named and are there still."""
        there = {
            (row.host, row.pid)
            for row in self.changes
            if row.subject == Subject.PROCESS and row.change != Change.WENT and row.pid is not None
        }
        return frozenset(there | self.members)

    @property
    def members(self) -> set[tuple[str, int]]:
        """The processes that findings name."""
        return {(one.host, one.pid) for group in self.findings for one in group.first}


def by_standing(groups: Sequence[FindingGroup]) -> tuple[FindingGroup, ...]:
    """What is new first, then what is worse, then what is the same; otherwise in their order."""
    order = {standing.value: place for place, standing in enumerate(Standing)}
    return tuple(sorted(groups, key=lambda group: order.get(group.standing, len(order))))


def first_news(report: Report) -> FirstNews:
    """Changes and findings in the order of their tables."""
    ordered = by_standing(report.findings)
    standing = [group for group in ordered if finding_words.sort_of(group) not in _FOLDED]
    told = short_list(report, CHANGES_MAX)
    table = lead_first(report, report.changes.rows.table).with_row_index("_at")
    at = {
        place: row
        for row, place in table.filter(pl.col("place").is_in([row.place for row in told.rows]))
        .select("_at", "place")
        .iter_rows()
    }
    first = standing[:FINDINGS_MAX]
    return FirstNews(
        changes=told.rows,
        is_cut=told.is_cut,
        changes_count=sum(each.count for each in report.changes.counts) or len(report.changes.rows),
        is_known=report.changes.is_known,
        places=tuple(at[row.place] for row in told.rows),
        remedies={(group.stage, group.reason): group.remedy for group in report.failures},
        findings=tuple(first),
        finding_places=tuple(ordered.index(group) for group in first),
        standing=tuple(each for each in finding_words.sorts(report).items() if each[0] not in _FOLDED),
        findings_of_all=len(ordered),
        mutes=tuple(mute for mute in report.mutes if mute.state != IN_FORCE),
        folded=tuple(
            _folded(name, some)
            for name in _FOLDED
            if (some := [group for group in report.findings if finding_words.sort_of(group) == name])
        ),
    )


def to_do(report: Report) -> Step | None:
    """What a reader should do first, in few words."""
    step = next(iter(first_advice.steps(report)), None)
    return step and replace(step, advice=shortened(step.advice, ADVICE_LENGTH_MAX))


def split(head: Headline) -> tuple[str, str]:
    """The sentence as its first clause with what joins it, and the rest."""
    first = head.clauses[0] if head.clauses else ""
    if not first or not head.sentence.startswith(first):
        return head.sentence, ""
    end = head.sentence.find(" ", len(first)) + 1 or len(head.sentence)
    return head.sentence[:end], head.sentence[end:]


def _folded(name: str, groups: Sequence[FindingGroup]) -> Folded:
    return Folded(name, len(groups), tuple(groups[:FOLDED_MAX]))
