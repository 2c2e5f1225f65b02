"""The outbox: mails reports and notices until each recipient has them or is refused, for as long as is set.

What is to be mailed has a mark in the archive until then; whoever looks after runs tries what is due.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING, Final

from archive.mail_record import CUT_OFF_MAX, MailRecord, Posted, Sender, Try
from archive.notices import NOTICE_ID, Notice, Notices
from archive.run import PAGE, Run
from archive.runs import Runs, runs_beside
from domain.records import Refusal

if TYPE_CHECKING:
    from reports.delivery import MailSettings

NO_SERVER: Final = "no mail server is set"
ANOTHER: Final = "another process is mailing it"

log = logging.getLogger("workers")


@dataclass(frozen=True, slots=True)
class Mailed:
    """What became of a mail, after a try or without one."""

    message_id: str = ""
    accepted: tuple[str, ...] = ()  # who has it, after a try
    refused: tuple[Refusal, ...] = ()  # who will not get it
    unmailed: str = ""  # why somebody has not got it yet, and what is done about it


def mail_run(run: Run, mail: "MailSettings | None", sender: Sender, attempts: int | None = None) -> Mailed:
    """Mail the report of a closed run to those of its list who have not got it.

    What cannot be sent now is marked, to be tried again.
    """
    runs, record = runs_beside(run), run.mail_record
    if record.is_over():
        runs.unmark_unmailed(run.run_id)
        return Mailed()
    runs.mark_unmailed(run.run_id)
    if mail is None:
        return Mailed(unmailed=NO_SERVER)
    server = mail if attempts is None else replace(mail, attempts=attempts)
    mailed = _tried(record, lambda: report_message(run, run.manifest.mail_to, server), server, sender)
    if record.is_over():
        runs.unmark_unmailed(run.run_id)
    _tell(run.run_id, mailed)
    return mailed


def mail_notice(runs: Runs, notice: Notice, mail: "MailSettings", sender: Sender) -> Mailed:
    """Mail a notice to those who have not got it, and forget it after that."""
    notices = Notices(runs.store)
    record = notices.mail_record(notice)
    server = replace(mail, attempts=1)
    mailed = (
        Mailed()
        if record.is_over()
        else _tried(record, lambda: notice_message(notice, server), server, sender)
    )
    if record.is_over():
        runs.unmark_unmailed(notice.notice_id)
        notices.forget(notice)
    _tell(notice.about, mailed)
    return mailed


def keep_notice(runs: Runs, notice: Notice) -> None:
    """Put a notice into the outbox, unless there is one about the same."""
    Notices(runs.store).write(notice)
    runs.mark_unmailed(notice.notice_id)


def drop_notice(runs: Runs, notice_id: str, keep_trying_s: int) -> None:
    """Forget a notice that was removed, or that for long nobody may get: its addresses left the settings."""
    notices = Notices(runs.store)
    if notices.exists(notice_id):
        notice = notices.read(notice_id)
        if datetime.now(UTC) - datetime.fromisoformat(notice.at) < timedelta(seconds=keep_trying_s):
            return
        notices.forget(notice)
        log.error("%s was not mailed: no schedule names its recipients any more", notice.about)
    runs.unmark_unmailed(notice_id)


def send_now(notice: Notice, mail: "MailSettings") -> bool:
    """Send a notice that no archive can keep; False if nobody took it."""
    from reports.delivery import DeliveryError, send  # noqa: PLC0415

    try:
        send(notice_message(notice, mail), replace(mail, attempts=1))
    except DeliveryError as error:
        log.error("%s was not mailed: %s", notice.about, error.reason)  # noqa: TRY400
        return False
    return True


def is_notice(name: str) -> bool:
    """Whether a mark of the outbox is about a notice, and not about a run."""
    return NOTICE_ID.fullmatch(name) is not None


def is_due(record: MailRecord) -> bool:
    """Whether it is time to try again."""
    return record.posted().is_due(datetime.now(UTC))


def so_far(record: MailRecord) -> Mailed:
    """What became of a mail so far, without a try."""
    if record.is_over():
        return Mailed(refused=record.refusals() if record.to else ())
    return Mailed(unmailed=_unmailed(record.posted(), Sender.WORKERS))


def report_message(run: Run, to: tuple[str, ...], mail: "MailSettings") -> EmailMessage:
    """The report of a closed run as a mail, which names where its page is."""
    from reports import render_email  # noqa: PLC0415 # starts Polars and Jinja
    from reports.report import report  # noqa: PLC0415 # likewise

    base = mail.base_url.rstrip("/")
    page = f"{base}/{run.run_id}/report/{PAGE}" if base else run.report_path(PAGE)
    return render_email.message(report(run), to, mail, page)


def notice_message(notice: Notice, mail: "MailSettings") -> EmailMessage:
    """A notice as a mail."""
    from reports import render_email  # noqa: PLC0415 # starts Polars and Jinja

    return render_email.notice(notice, mail)


def _tried(
    record: MailRecord, message: Callable[[], EmailMessage], mail: "MailSettings", sender: Sender
) -> Mailed:
    """One try, to those who have not got it."""
    from reports.delivery import DeliveryError, send  # noqa: PLC0415

    written = message()
    begun = record.begin(sender, datetime.now(UTC))
    if begun is None:
        return Mailed(unmailed=ANOTHER)
    mine, before = begun
    left = before.left(record.to)
    if not left or before.cut_off >= CUT_OFF_MAX:
        return _ended(record, mine, _unknown(before, left), mail)
    if before.cut_off:
        log.warning("%s may come twice: a try before this one was cut off", written["Message-ID"])
    before = replace(before, message_id=str(written["Message-ID"] or ""))
    try:
        delivery = send(written, mail, only=left)
    except DeliveryError as error:
        posted = _after(before, mine, (), error.refused, error.reason)
        return _ended(record, mine, _counted(posted, is_cut_off=error.is_cut_off), mail)
    posted = _after(before, mine, delivery.accepted, delivery.refused, "")
    return _ended(record, mine, _counted(posted, is_cut_off=delivery.is_cut_off), mail)


def _after(
    before: Posted, mine: Try, accepted: tuple[str, ...], refused: tuple[Refusal, ...], problem: str
) -> Posted:
    """What came of all tries, with this one."""
    known = {each.recipient: each for each in (*before.refused, *refused)}
    return replace(
        before,
        tries=before.tries + 1,
        since=before.since or mine.at,
        last=mine.at,
        accepted=(*before.accepted, *accepted),
        refused=tuple(each for name, each in known.items() if name not in accepted),
        problem=" ".join(problem.split()),
    )


def _counted(posted: Posted, *, is_cut_off: bool) -> Posted:
    """With a try of which nobody knows what came of it."""
    return replace(posted, cut_off=posted.cut_off + is_cut_off)


def _ended(record: MailRecord, mine: Try, posted: Posted, mail: "MailSettings") -> Mailed:
    """Record a try, and whether it was the last one."""
    left = posted.left(record.to)
    if left and posted.cut_off >= CUT_OFF_MAX:
        posted, left = _unknown(posted, left), ()
    if left and posted.is_given_up(datetime.now(UTC), mail.keep_trying_s):
        said = {each.recipient: f"{each.code} {each.reason}" for each in posted.refused}
        reason = f"given up after {posted.tries} tries since {posted.since}"
        posted = _without(posted, left, lambda name: f"{reason}: {said.get(name) or posted.problem}")
        left = ()
    record.end(mine, posted)
    if left:
        return Mailed(posted.message_id, posted.accepted, _finally(posted), _unmailed(posted, mine.sender))
    record.close(posted)
    return Mailed(posted.message_id, posted.accepted, posted.refused)


def _unknown(before: Posted, left: tuple[str, ...]) -> Posted:
    """No try is made where two may have arrived."""
    reason = f"nobody knows whether it arrived: {before.cut_off} tries were cut off"
    if before.problem:
        reason = f"{reason}; {before.problem}"
    return _without(before, left, lambda _: reason)


def _without(posted: Posted, names: tuple[str, ...], reason: Callable[[str], str]) -> Posted:
    """For these recipients nothing more is done."""
    others = tuple(each for each in posted.refused if each.recipient not in names)
    return replace(posted, refused=(*others, *(Refusal(name, 0, reason(name)) for name in names)))


def _finally(posted: Posted) -> tuple[Refusal, ...]:
    return tuple(each for each in posted.refused if each.is_final)


def _unmailed(posted: Posted, sender: Sender) -> str:
    """Why somebody has not got it yet, and who tries again."""
    if not posted.tries:
        return "not mailed yet"
    following = posted.next_at()
    if sender is Sender.HERE:
        return (
            f"not mailed yet ({posted.why()}); `mapsweep mail --unsent` tries again, and so does the next run"
        )
    when = f"{following:%H:%M} UTC" if following else "now"
    return f"not mailed yet ({posted.why()}); the next try is due at {when}"


def _tell(what: str, mailed: Mailed) -> None:
    """Log who did not get it; it is there anyway."""
    if mailed.unmailed and mailed.unmailed != ANOTHER:
        log.error("%s: %s", what, mailed.unmailed)
    for refusal in mailed.refused:
        log.error("%s was not mailed to %s", what, refusal)
    if mailed.accepted and not mailed.unmailed:
        log.info("%s was mailed to %d", what, len(mailed.accepted))
