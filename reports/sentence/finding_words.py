"""Findings in words: how many there are of each sort, and which of them are told."""

from collections import Counter
from typing import Final

from reports.findings.rows import FindingGroup, Standing
from reports.report import Report
from reports.tables.severities import SEVERITIES
from reports.text.sizes import day_time, number, size

LIVE: Final = (Standing.NEW, Standing.WORSE, Standing.SAME)
_SAID: Final = {
    Standing.NEW: "new",
    Standing.WORSE: "worse",
    Standing.SAME: "the same",
    Standing.RESOLVED: "resolved",
    Standing.UNSEEN: "cannot be told in this run",
}
RESOLVED: Final = _SAID[Standing.RESOLVED]
FIRST_LOOKED: Final = "first looked for in this run"
REMARK: Final = "only worth knowing"
MUTED: Final = "muted"
NOT_COMPARED: Final = "(no earlier run to compare with)"
NOT_LISTED: Final = (_SAID[Standing.UNSEEN], FIRST_LOOKED, REMARK, MUTED)  # only counted in a mail
_SORTS: Final = (*_SAID.values(), FIRST_LOOKED, REMARK, MUTED)


def counts(report: Report) -> str:
    """`3 new, 1 worse, 40 the same, 2 resolved, 5 only worth knowing, 1 muted`, without counts of 0.

    Of a run whose findings have nothing to compare with no standing is told: `8 (no earlier run to compare
    with), 5 only worth knowing`.
    """
    return ", ".join(f"{number(count)} {said}" for said, count in sorts(report).items())


def sorts(report: Report) -> dict[str, int]:
    """How many findings there are of each sort that has some; their sum is the number of all findings."""
    counted = Counter(map(sort_of, report.findings))
    if not report.run.findings_compared_with:
        counted[NOT_COMPARED] = sum(counted.pop(said, 0) for said in (*_SAID.values(), FIRST_LOOKED))
    return {said: counted[said] for said in (NOT_COMPARED, *_SORTS) if counted[said]}


def sort_of(group: FindingGroup) -> str:
    """The one sort under which every output counts a finding, in words: `muted`, `the same`."""
    if group.is_muted:
        return MUTED
    if _is_remark(group):
        return REMARK
    return FIRST_LOOKED if group.is_first_looked else _SAID[Standing(group.standing)]


def live(report: Report) -> tuple[FindingGroup, ...]:
    """Those that somebody has now, without remarks and what is muted: news first, then in their order."""
    told = [
        group
        for group in report.findings
        if group.standing in LIVE and not group.is_muted and not _is_remark(group)
    ]
    return tuple(sorted(told, key=lambda group: not group.is_news))


def resolved(report: Report) -> tuple[FindingGroup, ...]:
    """Those that nobody has any more, without remarks and what is muted."""
    return tuple(
        group
        for group in report.findings
        if group.standing == Standing.RESOLVED and not group.is_muted and not _is_remark(group)
    )


def _is_remark(group: FindingGroup) -> bool:
    return group.severity == SEVERITIES[-1]


def head(report: Report, group: FindingGroup) -> str:
    """`new, warning, owner payments: checkout.service on app-03 grew ...`; no standing in a first run."""
    standing = group.standing if report.run.findings_compared_with else ""
    marks = (standing, group.severity, group.owner and f"owner {group.owner}")
    return f"{', '.join(mark for mark in marks if mark)}: {group.title}"


def since(group: FindingGroup) -> str:
    """`since Fri 20 Nov 05:00 UTC, 1.2 GiB`: of a finding that is no news."""
    parts = (f"since {day_time(group.since_at)}" if group.since_at else "", _amount(group))
    return ", ".join(part for part in parts if part)


def _amount(group: FindingGroup) -> str:
    return "" if group.bytes is None else size(group.bytes, plain=True)
