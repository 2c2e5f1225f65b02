"""Whether a report is mailed to those who want a mail only if there is news."""

from typing import Final

from domain.records import MailWhen
from reports.report import Report
from reports.sentence import verdict
from reports.sentence.verdict import News
from reports.text.sizes import day_time

_NOTHING: Final = {MailWhen.CHANGED: "nothing changed", MailWhen.REGRESSED: "nothing got worse"}


def why_not(report: Report, when: MailWhen) -> str:
    """Why a report is not to be mailed, "" if it is.

    A run that is not complete always is, and so is one of which nobody knows what changed: unknown is no news
    that there is none.
    """
    run, news = report.run, verdict.news(report)
    if when is MailWhen.ALWAYS or run.failed or run.partial or news in {News.FIRST, News.UNKNOWN}:
        return ""
    has_news = verdict.regressed(report) if when is MailWhen.REGRESSED else news is News.CHANGED
    return "" if has_news else f"{_NOTHING[when]} since {day_time(run.compared_at)}"


def has_anything(report: Report) -> bool:
    """Whether there is anything to say of these hosts: a failure, a change, or a finding that stands."""
    run = report.run
    return bool(run.failed or run.partial or report.changes.counts or report.findings)
