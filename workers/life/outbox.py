"""The outbox: mails reports and notices until each recipient has them or is refused, for as long as is set.

What is to be mailed has a mark in the archive until then; whoever looks after runs tries what is due.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from typing import TYPE_CHECKING, Final

from archive.codec import NewerError
from archive.mail_record import MailRecord, Posted, Sender
from archive.notices import NOTICE_ID, Notice
from archive.run import Run
from archive.run_mail import TO_THE_LIST, RunMail
from archive.runs import Runs, runs_beside
from domain.mistakes import OperatorError
from domain.records import Refusal
from workers.life.letters import Letters
from workers.life.tries import Parcel, Tell, to_nobody, tried

if TYPE_CHECKING:
    from reports.mail.delivery import MailSettings

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
    withheld: str = ""  # why the list gets none: there are no news


def mail_run(run: Run, mail: "MailSettings | None", sender: Sender, tell: Tell = to_nobody) -> Mailed:
    """Mail a closed run to those of its list, and of its owners' lists, who have not got it.

    What cannot be sent now is marked, to be tried again.
    """
    return _mail_run(run, mail, sender, lambda _: True, tell)


def mail_what_is_due(run: Run, mail: "MailSettings", sender: Sender) -> Mailed:
    """Mail what could not be sent before, where it is time for another try."""
    return _mail_run(run, replace(mail, attempts=1), sender, is_due, to_nobody)


def _mail_run(
    run: Run, mail: "MailSettings | None", sender: Sender, is_wanted: Callable[[MailRecord], bool], tell: Tell
) -> Mailed:
    runs, all_mails = runs_beside(run), run.mail
    if all_mails.is_over():
        runs.unmark_unmailed(run.run_id)
        return Mailed()
    runs.mark_unmailed(run.run_id)
    if mail is None:
        return Mailed(unmailed=NO_SERVER)
    letters, became = Letters(run, mail), []
    for owner, record in all_mails.records():
        if record.is_over() or not is_wanted(record):
            continue
        withheld = letters.withheld(owner)
        mailed = (
            _withheld(record, owner, withheld)
            if withheld
            else _tried(record, partial(letters.message, owner, record.to), mail, sender, tell)
        )
        _tell(run.run_id if owner == TO_THE_LIST else f"{run.run_id}: the part of {owner}", mailed)
        became.append(mailed)
    if all_mails.is_over():
        runs.unmark_unmailed(run.run_id)
    return _together(became)


def _withheld(record: MailRecord, owner: str, why: str) -> Mailed:
    """Put on record that a mail has no news."""
    record.withhold(why)
    return Mailed(withheld=why) if owner == TO_THE_LIST else Mailed()


def _together(became: list[Mailed]) -> Mailed:
    """What became of several mails, as of one; its id is that of the first."""
    return Mailed(
        message_id=next((each.message_id for each in became if each.message_id), ""),
        accepted=tuple(dict.fromkeys(name for each in became for name in each.accepted)),
        refused=tuple(refusal for each in became for refusal in each.refused),
        unmailed="; ".join(dict.fromkeys(each.unmailed for each in became if each.unmailed)),
        withheld=next((each.withheld for each in became if each.withheld), ""),
    )


def mail_notice(runs: Runs, notice: Notice, mail: "MailSettings", sender: Sender) -> Mailed:
    """Mail a notice to those who have not got it, and forget it after that."""
    record = runs.notices.mail_record(notice)
    server = replace(mail, attempts=1)
    mailed = (
        Mailed()
        if record.is_over()
        else _tried(record, lambda: notice_message(notice, server), server, sender, to_nobody)
    )
    if record.is_over():
        runs.unmark_unmailed(notice.notice_id)
        runs.notices.forget(notice.notice_id)
    _tell(notice.about, mailed)
    return mailed


def keep_notice(runs: Runs, notice: Notice) -> None:
    """Put a notice into the outbox, unless there is one about the same."""
    runs.notices.write(notice)
    runs.mark_unmailed(notice.notice_id)


def drop_notice(runs: Runs, notice_id: str, keep_trying_s: int, reason: str) -> None:
    """Forget a notice that was removed, or that for long nobody may get, and why.

    Its addresses left the settings, or nobody who may wrote it.
    """
    if runs.notices.exists(notice_id):
        about, is_old = _about(runs, notice_id, keep_trying_s)
        if not is_old:
            return
        runs.notices.forget(notice_id)
        log.error("%s was not mailed: %s", about, reason)
    runs.unmark_unmailed(notice_id)


def _about(runs: Runs, notice_id: str, keep_trying_s: int) -> tuple[str, bool]:
    """What a notice is about, and whether it has been kept long enough; one that is damaged has."""
    try:
        notice = runs.notices.unchecked(notice_id)
    except NewerError:
        return notice_id, False
    except OperatorError:
        return notice_id, True
    age = datetime.now(UTC) - datetime.fromisoformat(notice.at)
    return notice.about, age >= timedelta(seconds=keep_trying_s)


def send_now(notice: Notice, mail: "MailSettings") -> bool:
    """Send a notice that no archive can keep; False if nobody took it."""
    from reports.mail.delivery import DeliveryError, send  # noqa: PLC0415

    try:
        send(notice_message(notice, mail), replace(mail, attempts=1))
    except DeliveryError as error:
        log.error("%s was not mailed: %s", notice.about, error.reason)  # noqa: TRY400
        return False
    return True


def is_notice(name: str) -> bool:
    """Whether a mark of the outbox is about a notice, and not about a run."""
    return NOTICE_ID.fullmatch(name) is not None


def is_due(record: MailRecord | RunMail) -> bool:
    """Whether it is time to try again."""
    now = datetime.now(UTC)
    return record.is_due(now) if isinstance(record, RunMail) else record.posted().is_due(now)


def so_far(mail: RunMail) -> Mailed:
    """What became of the mails of a run so far, without a try."""
    if mail.is_over():
        return Mailed(refused=mail.refusals(), withheld=mail.withheld())
    return Mailed(unmailed=_unmailed(mail.posted(), Sender.WORKERS))


def report_message(
    run: Run, to: tuple[str, ...], mail: "MailSettings", owner: str = TO_THE_LIST
) -> EmailMessage:
    """The report of a closed run as a mail, or what of it concerns an owner; it names where the page is."""
    return Letters(run, mail).message(owner, to)


def notice_message(notice: Notice, mail: "MailSettings") -> EmailMessage:
    """A notice as a mail."""
    from reports.mail import render_email  # noqa: PLC0415 # starts Polars and Jinja

    return render_email.notice(notice, mail)


def _tried(
    record: MailRecord, message: Callable[[], EmailMessage], mail: "MailSettings", sender: Sender, tell: Tell
) -> Mailed:
    """One try, to those who have not got it."""
    from reports.mail.delivery import send  # noqa: PLC0415 # only who mails waits for it

    written = message()
    name = str(written["Message-ID"] or "")
    parcel = Parcel(name, lambda left: send(written, mail, only=left, tell=tell), mail.keep_trying_s)
    posted = tried(record, parcel, sender)
    if posted is None:
        return Mailed(unmailed=ANOTHER)
    if record.is_over():
        return Mailed(posted.message_id, posted.accepted, posted.refused)
    return Mailed(posted.message_id, posted.accepted, _finally(posted), _unmailed(posted, sender))


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
