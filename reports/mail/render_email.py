"""The report as a mail: complete plain text, HTML that loads nothing, hosts.csv.gz attached."""

import gzip
import re
from datetime import datetime
from email.message import EmailMessage
from typing import Final

from archive.notices import Notice
from reports.formats import exports, render_text
from reports.mail import mail_headers, mail_html
from reports.mail.delivery import MailSettings
from reports.report import Report
from reports.sentence import verdict
from reports.sentence.headline import headline
from reports.text.plain import printable
from reports.text.sizes import instant

TEXT_HOSTS_MAX: Final = 1000
ATTACHMENT: Final = "hosts.csv.gz"


def message(
    report: Report, to: tuple[str, ...], settings: MailSettings, page: str = "", owner: str = ""
) -> EmailMessage:
    """The message for these recipients; equal reports and recipients give equal bytes.

    `page` is the path or URL of the whole report. With `owner`, the report is of the hosts of this owner, and
    nothing is attached.
    """
    hosts_gz = b"" if owner else _attachment(report)
    attached = bool(hosts_gz) and len(hosts_gz) <= settings.attach_max_bytes
    mail = mail_headers.begun(to, settings, _message_id(report, to, owner), _moment(report))
    mail["List-Id"] = (
        f"<{mail_headers.list_label(report.run.scope)}.mapsweep.{mail_headers.domain_of(settings)}>"
    )
    mail["X-Mapsweep-Run"] = re.sub(r"[^A-Za-z0-9.-]", "-", report.run.run_id)
    mail["X-Mapsweep-Status"] = verdict.words(report)
    mail["Subject"] = subject(report, settings, owner)
    about = mail_html.About(
        owner=owner,
        page=page,
        attachment=_told(is_attached=attached, is_there=bool(hosts_gz)),
        reason=_reason(report, owner),
    )
    text = b"".join(render_text.render(report, hosts_max=TEXT_HOSTS_MAX)).decode()
    mail.set_content(text + about.plain_text())
    mail.add_alternative(mail_html.render(report, mail["Subject"], about), subtype="html")
    if attached:
        mail.add_attachment(hosts_gz, maintype="application", subtype="gzip", filename=ATTACHMENT)
    mail_headers.fix_boundaries(mail, report.run.run_id)
    return mail


def subject(report: Report, settings: MailSettings, owner: str = "") -> str:
    """`[mapsweep prod] PARTIAL, CHANGED: app-03 native heap +720 MiB (29 Nov)`, at most 77 characters."""
    started = instant(report.run.started_at)
    date = f"{started.day} {started:%b}" if started else ""
    name = " ".join(filter(None, (report.run.scope, owner)))
    news = headline(report, plain=True).short
    return mail_headers.subject(settings.subject_prefix, name, verdict.words(report), news, date)


def notice(about: Notice, settings: MailSettings) -> EmailMessage:
    """A notice as a mail, of plain text and, if it has one, of HTML; equal notices give equal bytes."""
    at = datetime.fromisoformat(about.at)
    mail = mail_headers.begun(about.to, settings, about.notice_id, at)
    mail["Subject"] = mail_headers.short_subject(settings.subject_prefix, about.subject)
    mail.set_content(about.text)
    if about.html:
        mail.add_alternative(about.html, subtype="html")
        mail_headers.fix_boundaries(mail, about.notice_id)
    return mail


def trial(to: tuple[str, ...], settings: MailSettings, here: str, at: datetime) -> EmailMessage:
    """A small mail by which somebody sees that mail arrives; `here` names this machine."""
    mail = mail_headers.begun(to, settings, f"test.{at:%Y%m%dT%H%M%S.%f}", at)
    mail["Subject"] = mail_headers.short_subject(settings.subject_prefix, "a test: mail arrives")
    place = f"{settings.server}:{settings.port}, security {settings.security.value}"
    mail.set_content(
        f"This is a test of the settings of mapsweep on {printable(here)}.\n"
        f"It was sent by {place}, from {mail_headers.address_of(settings.sender)}.\n"
        "Nothing needs to be done.\n"
    )
    return mail


def _attachment(report: Report) -> bytes:
    return gzip.compress(b"".join(exports.rows(report.tables, "hosts", exports.CSV)), 9, mtime=0)


def _moment(report: Report) -> datetime | None:
    return instant(report.run.closed_at) or instant(report.run.started_at)


def _message_id(report: Report, to: tuple[str, ...], owner: str) -> str:
    run = report.run
    so_far = "" if run.closed_at else f".so-far-{run.asked - run.waiting}"
    part = f".{mail_headers.list_label(owner)}" if owner else ""
    return f"{run.run_id}{so_far}{part}.{mail_headers.recipients_digest(to)}"


def _told(*, is_attached: bool, is_there: bool) -> str:
    if not is_there:
        return ""
    return f"{ATTACHMENT}, attached" if is_attached else f"{ATTACHMENT} is too large to attach"


def _reason(report: Report, owner: str) -> str:
    """Why the recipients get it."""
    scope = printable(report.run.scope)
    if report.run.redacted:
        return f"Somebody sent you this report of {scope}. It is redacted: {report.run.redaction}."
    if owner:
        return (
            f"You get this mail because mail.owners names you for the hosts of {printable(owner)} in {scope}."
        )
    return f"You get this mail because you are in the mail list of {scope}."
