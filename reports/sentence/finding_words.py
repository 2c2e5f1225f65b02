"""Findings in words: how many there are of each standing, and which of them are told."""

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


def counts(report: Report) -> str:
    """`3 new, 1 worse, 40 the same, 2 resolved, 5 only worth knowing, 1 muted`, without counts of 0.

    Of a run whose findings have nothing to compare with only how many there are.
    """
    told = [group for group in report.findings if not group.is_muted]
    grave = [group for group in told if not _is_remark(group)]
    first = sum(one.is_first_looked for one in grave)
    parts = [
        (sum(one.standing == each and not one.is_first_looked for one in grave), said)
        for each, said in _SAID.items()
    ]
    parts.append((first, "first looked for in this run"))
    if not report.run.findings_compared_with:
        parts = [(len(grave), "in all, the first that are counted")]
    remarks = sum(_is_remark(group) and group.standing in LIVE for group in told)
    muted = sum(group.is_muted for group in report.findings if group.standing in LIVE)
    parts += [(remarks, "only worth knowing"), (muted, "muted")]
    return ", ".join(f"{number(count)} {said}" for count, said in parts if count)


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
