"""The HTML part of the mail: the sentence, what changed, findings, what is missing, and a short ranking.

It is a column of tables that fits a width of 320 pixels, loads nothing, and stays below HTML_BYTES_MAX.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from reports.changes.rows import Change, ChangeRow
from reports.findings.rows import FindingGroup, Standing
from reports.mail.mail_templates import templates
from reports.report import Report
from reports.rows import HostRow
from reports.sentence import change_words, doubts, finding_words, first_advice, verdict
from reports.sentence.change_list import short_list
from reports.sentence.headline import headline
from reports.tables.severities import SEVERITIES
from reports.text.plain import shortened
from reports.text.sizes import growth, instant, number, size

HTML_BYTES_MAX: Final = 80 * 1024  # some mail programs cut HTML off near 102 KB
CHANGES_MAX: Final = 12
HOSTS_MAX: Final = 10
NAMES_MAX: Final = 3  # of the hosts of a finding
FAILURES_MAX: Final = 8
GROUPS_MAX: Final = {Standing.NEW: 8, Standing.WORSE: 8, Standing.RESOLVED: 5, Standing.SAME: 5}
_TITLES: Final = {
    Standing.NEW: "New findings",
    Standing.WORSE: "Findings that got worse",
    Standing.RESOLVED: "Resolved",
    Standing.SAME: "Still there",
}
_FIRST: Final = "Findings, no earlier run to compare with"
_REMARK: Final = SEVERITIES[-1]
_SMALLER: Final = (1, 0.5, 0.25, 0)  # of each limit, until it is small enough


@dataclass(frozen=True, slots=True)
class About:
    """What a mail says of itself."""

    owner: str  # "": the whole report
    page: str  # path or URL; "" if nobody knows
    attachment: str
    reason: str  # why the recipients get it

    @property
    def is_url(self) -> bool:
        """Whether the page can be opened by a click."""
        return self.page.startswith(("https://", "http://"))

    def plain_text(self) -> str:
        """The end of the text part."""
        lines = (
            f"The whole report: {self.page}" if self.page else "",
            f"All hosts: {self.attachment}." if self.attachment else "",
            self.reason,
        )
        return "".join(f"{line}\n" for line in ("", *filter(None, lines)))


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one standing; the count is of all, also of those that are not shown."""

    title: str
    shown: tuple[FindingGroup, ...]
    count: int


def render(report: Report, subject: str, about: About) -> str:
    """The HTML, with fewer rows if it would exceed HTML_BYTES_MAX."""
    made = templates()
    made.filters.update(
        share=partial(_share, _largest(report)),
        doubts=partial(doubts.of_row, plain=False),
        where=partial(change_words.where, plain=False),
        change=partial(_change, elapsed=change_words.elapsed(report.run)),
        beside=_beside,
        memory=_memory,
        day=_day,
        finding=_finding,
    )
    lead, _, rest = headline(report, plain=False).sentence.partition("; ")
    template = made.get_template("mail.html.j2")
    for part in _SMALLER:
        html = template.render(
            report=report,
            subject=subject,
            about=about,
            steps=first_advice.steps(report),
            word=verdict.words(report),
            lead=lead,
            rest=rest,
            counts=verdict.counts(report),
            late=verdict.late(report),
            totals=verdict.sums(report, plain=False),
            doubtful=doubts.line(report, HOSTS_MAX, plain=False),
            failures=verdict.failures(report),
            failures_max=int(FAILURES_MAX * part),
            changes=short_list(report, int(CHANGES_MAX * part)),
            groups=tuple(_groups(report, part)),
            left_out=_left_out(report),
            hosts_max=int(HOSTS_MAX * part),
        )
        if len(html.encode()) <= HTML_BYTES_MAX:
            break
    return html


def _groups(report: Report, part: float) -> Iterator[Group]:
    """The findings by standing; those of a first run are no news. Remarks and muted ones are not told."""
    told = [each for each in report.findings if not each.is_muted and each.severity != _REMARK]
    for standing, title in _TITLES.items():
        found = tuple(each for each in told if each.standing == standing and not each.is_first_looked)
        if standing == Standing.NEW and not report.run.findings_compared_with:
            title = _FIRST  # noqa: PLW2901 # of the same findings
        if found:
            yield Group(title, found[: int(GROUPS_MAX[standing] * part)], len(found))


def _left_out(report: Report) -> str:
    """`1 cannot be told in this run, 12 only worth knowing, 3 muted: in the report`."""
    counts = finding_words.sorts(report)
    said = ", ".join(f"{number(counts[what])} {what}" for what in finding_words.NOT_LISTED if what in counts)
    return f"{said}: in the report" if said else ""


def _largest(report: Report) -> int:
    return max((row.native_heap_resident_max_bytes or 0 for row in report.hosts[:1]), default=0)


def _share(largest_bytes: int, row: HostRow) -> str:
    """How long a bar is, in percent of the largest: in scale at every width, and never nothing."""
    share = (row.native_heap_resident_max_bytes or 0) / largest_bytes if largest_bytes else 0
    return f"{max(0.5, 100 * share):.1f}"


def _change(row: ChangeRow, elapsed: str) -> str:
    """`native heap +720 MiB in a day (arenas 76.0 to 796 MiB)`, `newly fails (auth_rejected)`."""
    return change_words.what(row, elapsed, plain=False)


def _memory(row: ChangeRow) -> str:
    """The change of size, or the size of what is new or gone; "" where it is about no size."""
    if row.change in {Change.GREW, Change.SHRANK}:
        return growth(row.change_bytes)
    known = {Change.APPEARED: row.now_bytes, Change.WENT: row.before_bytes}.get(Change(row.change))
    return "" if known is None else size(known)


def _day(time_utc: str) -> str:
    """`22 Nov 2026`; other text is shown unchanged."""
    moment = instant(time_utc)
    return time_utc if moment is None else f"{moment.day} {moment:%b %Y}"


def _beside(row: ChangeRow) -> str:
    """`java (1315); 5 peers did not grow; owner payments`: what else is known of a change."""
    trend = f"{growth(row.trend_per_day_bytes)} a day over the last runs"
    words = (
        f"{shortened(row.comm, 32)} ({row.pid})" if row.pid is not None else "",
        change_words.peers(row),
        trend if row.change in {Change.GREW, Change.SHRANK} and row.trend_per_day_bytes else "",
        f"owner {shortened(row.owner, 40)}" if row.owner else "",
    )
    return "; ".join(each for each in words if each)


def _finding(group: FindingGroup) -> str:
    """`checkout.service; 5 processes on 9 hosts; app-03, app-04, app-05, ...; owner payments`."""
    names = list(dict.fromkeys(each.host for each in group.first))
    shown = [shortened(each, 40) for each in names[:NAMES_MAX]] + ["..."] * (group.hosts > NAMES_MAX)
    processes = f"{number(group.members)} {'process' if group.members == 1 else 'processes'}"
    hosts = f"{number(group.hosts)} {'host' if group.hosts == 1 else 'hosts'}"
    words = (
        shortened(group.service, 60),
        f"{processes} on {hosts}" if group.members else "",
        ", ".join(shown),
        f"owner {shortened(group.owner, 40)}" if group.owner else "",
    )
    return "; ".join(each for each in words if each)
