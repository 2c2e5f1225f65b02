"""The report as a mail: complete plain text, HTML that loads nothing, hosts.csv.gz attached."""

import gzip
import hashlib
import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import partial

from archive.notices import Notice
from reports import doubts, exports, render_text, verdict
from reports.delivery import MailSettings
from reports.plain import ascii_only, shortened
from reports.report import Report
from reports.rows import HostRow
from reports.sizes import growth, instant, number, size
from reports.templating import environment

HTML_BYTES_MAX = 80 * 1024  # some mail programs cut HTML off near 102 KB
SUBJECT_LENGTH_MAX = 77
HOSTS_MAX = 25
ADVICE_MAX = 5
MEMBERS_MAX = 3
GROUPS_MAX = 12
TEXT_HOSTS_MAX = 1000
BAR_PIXELS = 80
ATTACHMENT = "hosts.csv.gz"
POLICY = SMTP.clone(
    max_line_length=200
)  # a subject is one line, because some mail programs show a blank where it is folded
_DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,253}")


def message(report: Report, to: tuple[str, ...], settings: MailSettings, page: str = "") -> EmailMessage:
    """The message for these recipients; equal reports and recipients give equal bytes.

    `page` is the path or URL of the whole report.
    """
    hosts_gz = gzip.compress(b"".join(exports.rows(report.tables, "hosts", exports.CSV)), 9, mtime=0)
    attached = len(hosts_gz) <= settings.attach_max_bytes
    attachment = f"{ATTACHMENT}, attached" if attached else f"{ATTACHMENT} is too large to attach"
    mail = EmailMessage(policy=POLICY)
    subject = _subject(report, settings)
    _headers(mail, report, to, settings)
    mail["Subject"] = subject
    text = b"".join(render_text.render(report, hosts_max=TEXT_HOSTS_MAX)).decode()
    whole = f"The whole report: {page}\n" if page else ""
    mail.set_content(text + f"\n{whole}All hosts: {attachment}.\n")
    mail.add_alternative(_html(report, subject, attachment, page), subtype="html")
    if attached:
        mail.add_attachment(hosts_gz, maintype="application", subtype="gzip", filename=ATTACHMENT)
    _fixed_boundaries(mail, report.run.run_id)
    return mail


def notice(about: Notice, settings: MailSettings) -> EmailMessage:
    """A notice as a mail of plain text; equal notices give equal bytes."""
    mail = EmailMessage(policy=POLICY)
    domain = _senders(mail, settings)
    mail["To"] = ", ".join(about.to)
    mail["Date"] = format_datetime(datetime.fromisoformat(about.at))
    mail["Message-ID"] = f"<{about.notice_id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    prefix = ascii_only(settings.subject_prefix)
    mail["Subject"] = shortened(f"[{prefix}] {ascii_only(about.subject)}", SUBJECT_LENGTH_MAX)
    mail.set_content(about.text)
    return mail


def _senders(mail: EmailMessage, settings: MailSettings) -> str:
    """Set From; the domain for the ids of messages."""
    name, address = parseaddr(settings.sender)
    mail["From"] = Address(display_name=name, addr_spec=address) if name else address
    domain = address.rpartition("@")[2]
    return domain if _DOMAIN.fullmatch(domain) else "localhost"


def _headers(mail: EmailMessage, report: Report, to: tuple[str, ...], settings: MailSettings) -> None:
    """All headers except the subject. Text of hosts or inventories is never in a header."""
    safe_domain = _senders(mail, settings)
    recipients = hashlib.sha256("\n".join(sorted(to)).encode()).hexdigest()[:16]
    run_id = re.sub(r"[^A-Za-z0-9.-]", "-", report.run.run_id)
    scope = re.sub(r"[^a-z0-9-]+", "-", report.run.scope.lower()).strip("-")[:40] or "run"
    mail["To"] = ", ".join(to)
    moment = instant(report.run.closed_at) or instant(report.run.started_at)
    if moment is not None:
        mail["Date"] = format_datetime(moment)
    so_far = "" if report.run.closed_at else f".so-far-{report.run.asked - report.run.waiting}"
    mail["Message-ID"] = f"<{run_id}{so_far}.{recipients}@{safe_domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["List-Id"] = f"<{scope}.mapsweep.{safe_domain}>"
    mail["X-Mapsweep-Run"] = run_id
    mail["X-Mapsweep-Status"] = verdict.word(report).value


def _subject(report: Report, settings: MailSettings) -> str:
    """`[mapsweep prod] PARTIAL: native heap <= 41 GiB, 486/500 hosts (22 Nov)`, ASCII, below 78 long."""
    run, totals = report.run, report.totals
    heap = size(totals.native_heap.resident_max_bytes, bound=totals.native_heap.is_bound, plain=True)
    started, grown = instant(run.started_at), len(verdict.grown(report))
    change = f", {growth(totals.growth_bytes, plain=True)}" if totals.growth_bytes is not None else ""
    hosts = f", {number(grown)} {'host' if grown == 1 else 'hosts'} grew" if grown else ""
    date = f" ({started.day} {started:%b})" if started else ""
    answered = f", {run.ok + run.partial}/{run.asked} hosts"
    name = ascii_only(f"{settings.subject_prefix} {run.scope}")
    told = f"native heap {heap}"
    for rest in (change + hosts + answered + date, change + answered + date, answered + date, answered):
        subject = f"[{name}] {verdict.word(report)}: {told}{rest}"
        if len(subject) <= SUBJECT_LENGTH_MAX:
            return subject
    over = len(subject) - SUBJECT_LENGTH_MAX
    return f"[{shortened(name, max(len(name) - over, 0))}] {verdict.word(report)}: {told}{answered}"


def _html(report: Report, subject: str, attachment: str, page: str) -> str:
    """The HTML part, with fewer hosts if it would exceed HTML_BYTES_MAX."""
    made = environment()
    largest = max((row.native_heap_resident_max_bytes or 0 for row in report.hosts[:1]), default=0)

    def bar(row: HostRow) -> int:
        return (
            max(1, round(BAR_PIXELS * (row.native_heap_resident_max_bytes or 0) / largest)) if largest else 1
        )

    made.filters.update(bar=bar, doubts=partial(doubts.of_row, plain=False))
    template = made.get_template("mail.html.j2")
    for hosts_max in (HOSTS_MAX, 10, 5, 0):
        html = template.render(
            report=report,
            subject=subject,
            word=verdict.word(report).value,
            sentence=verdict.sentence(report, plain=False),
            late=verdict.late(report),
            doubtful=doubts.line(report, hosts_max, plain=False),
            native_span=doubts.span(report.totals.native_range),
            failures=verdict.failures(report),
            groups_max=GROUPS_MAX,
            advice_max=ADVICE_MAX,
            members_max=MEMBERS_MAX,
            hosts_max=hosts_max,
            bar_pixels=BAR_PIXELS,
            attachment=attachment,
            page=page,
            is_url=page.startswith(("https://", "http://")),
        )
        if len(html.encode()) <= HTML_BYTES_MAX:
            break
    return html


def _fixed_boundaries(mail: EmailMessage, run_id: str) -> None:
    """Boundaries that depend only on the run; by default they are random."""
    for place, part in enumerate(part for part in mail.walk() if part.is_multipart()):
        digest = hashlib.sha256(f"{run_id} {place}".encode()).hexdigest()[:32]
        part.set_boundary(f"={digest}")
