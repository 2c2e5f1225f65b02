"""Mails the report of a run, and reports the result."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from socket import gethostname
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from archive.mail_record import Sender
from archive.run import Run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError
from domain.records import OWNER
from mapsweep.deliveries import tries_told
from mapsweep.documents import Json
from mapsweep.manner import FOR_PEOPLE, Manner
from mapsweep.settings.settings import Settings
from mapsweep.settings.values import mail_address
from mapsweep.terminal.exits import Exit, complain
from reports.mail.delivery import DeliveryError, MailSettings
from reports.mail.delivery import send as send_message
from workers.here.locks import held
from workers.life.digests import digest_notice
from workers.life.outbox import Mailed, is_notice, mail_run, notice_message, report_message

OWNERS_SHOWN_MAX: Final = 20
if TYPE_CHECKING:
    from reports.redaction.names import Redaction

Write: TypeAlias = Callable[[MailSettings], EmailMessage]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the mail of one run."""

    run_id: str  # "": it is about no run
    mailed: Mailed
    note: str = ""  # why nothing was sent, where nothing had to be
    answer: str = ""  # what the mail server said of the message

    @property
    def code(self) -> Exit:
        """Exit code 5 if somebody has not got it."""
        return Exit.UNDELIVERED if self.mailed.unmailed or self.mailed.refused else Exit.OK


def recipients(typed: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses, each once; OperatorError with every invalid one."""
    mistakes = []
    for address in typed:
        try:
            mail_address(address)
        except ValueError as error:
            mistakes.append(Mistake("--to", str(error)))
    if mistakes:
        raise OperatorError(*mistakes)
    if not typed:
        raise OperatorError(Mistake("--to", "no recipient is given, and the run has no mail list"))
    return tuple(dict.fromkeys(typed))


def report_of(run: Run, to: tuple[str, ...], owner: str = "") -> Write:
    """The report of a run, or what of it concerns an owner. OperatorError if the owner has no host in it."""
    owners = {dict(host.labels).get(OWNER, "") for host in run.manifest.hosts} if owner else {owner}
    if owner not in owners:
        known = ", ".join(sorted(filter(None, owners))[:OWNERS_SHOWN_MAX]) or "none"
        problem = f"no host of {run.run_id} has the label owner={owner}"
        raise OperatorError(Mistake("--owner", problem, f"owners are: {known}"))
    return lambda settings: report_message(run, to, settings, owner)


def redacted_report_of(run: Run, to: tuple[str, ...], redaction: "Redaction") -> Write:
    """What a redaction leaves of the report of a run; it does not name where the whole report is.

    OperatorError from what is returned if the mail's own header would name a host.
    """
    from reports.mail import render_email  # noqa: PLC0415 - starts Polars and Jinja
    from reports.redaction.tables import Redacted  # noqa: PLC0415 - likewise
    from reports.report import report_of  # noqa: PLC0415 - likewise

    def write(settings: MailSettings) -> EmailMessage:
        tables = Redacted(run, redaction)
        mistakes = [
            Mistake(
                f"mail.{name}", f"names a host of the run: {text!r}", "mail the redacted report by another"
            )
            for name, text in (("from", settings.sender), ("subject_prefix", settings.subject_prefix))
            if tables.names_host(text)
        ]
        if mistakes:
            raise OperatorError(*mistakes)
        return render_email.message(report_of(tables), to, settings)

    return write


def digest_of(runs: Runs, settings: Settings, scope: str, days: int, to: tuple[str, ...]) -> Write:
    """What stands of a scope over the last days."""
    from reports.mail.digest import Span  # noqa: PLC0415 - starts Polars

    zone = next((each.timezone for each in settings.schedules if each.name == scope), "UTC")
    span = Span(scope, datetime.now(UTC).replace(microsecond=0), days, zone)
    return lambda sender: notice_message(digest_notice(runs, span, to), sender)


def trial(to: tuple[str, ...]) -> Write:
    """A small mail by which somebody sees that mail arrives."""
    from reports.mail import render_email  # noqa: PLC0415 - starts Polars and Jinja

    return lambda settings: render_email.trial(to, settings, gethostname(), datetime.now(UTC))


def written(write: Write, settings: MailSettings | None) -> bytes:
    """The message, as it is sent."""
    return bytes(write(settings or MailSettings(sender="mapsweep@localhost", server="")))


def no_server(where: str) -> Mistake:
    """What to say where mail is wanted and no server is set; `where` says where one belongs."""
    return Mistake("mail", "no mail server is set", f"set mail.server and mail.from {where}")


def required(settings: MailSettings | None, where: str) -> MailSettings:
    """The mail server; OperatorError if none is set."""
    if settings is None:
        raise OperatorError(no_server(where))
    return settings


def send(write: Write, settings: MailSettings, run_id: str = "", manner: Manner = FOR_PEOPLE) -> Sent:
    """Send a message to all its recipients; tell before each pause why it is tried again, unless quiet."""
    try:
        done = send_message(write(settings), settings, tell=tries_told(manner))
    except DeliveryError as error:
        return Sent(run_id, Mailed(unmailed=error.reason))
    return Sent(run_id, Mailed(done.message_id, done.accepted, done.refused), answer=done.answer)


def send_to_list(run: Run, settings: MailSettings, manner: Manner = FOR_PEOPLE) -> Sent:
    """Send the report to those of the run's list who have not got it; `manner` as above."""
    if run.mail.is_over():
        said = run.mail.refusals()
        missing = f", but {len(said)} who were refused" if said else ""
        note = f"all on the list of {run.run_id} have it{missing}; --to sends it again"
        withheld = run.mail.withheld()
        if withheld:
            note = f"not mailed: {withheld} (mail_when: {run.manifest.mail_when}); --to sends it"
        return Sent(run.run_id, Mailed(withheld=withheld), note)
    with held(run):
        return Sent(run.run_id, mail_run(run, settings, Sender.HERE, tries_told(manner)))


def send_unsent(
    runs: Runs, settings: MailSettings, but: str = "", manner: Manner = FOR_PEOPLE
) -> Iterator[Sent]:
    """Send what somebody has not got yet, of all runs `but` one.

    Runs that the workers of a fleet mail, and notices, are left to them.
    """
    for name in runs.unmailed():
        if name == but or is_notice(name) or runs.is_queued(name):
            continue
        try:
            yield send_to_list(runs.by_id(name), settings, manner)
        except OperatorError as error:  # another is at it, or its folder is gone: the others are sent
            yield Sent(name, Mailed(unmailed=str(error)))


def told(sent: Sent, manner: Manner) -> Exit:
    """Report the result of a mail: what went well as the manner says, trouble on standard error."""
    mailed = sent.mailed
    if manner.says and sent.note:
        click.echo(sent.note)
    elif manner.says and mailed.withheld:
        click.echo(f"not mailed: {mailed.withheld}")
    if manner.says and mailed.accepted:
        said = f": {sent.answer}" if sent.answer else ""
        click.echo(f"{mailed.message_id} accepted for {', '.join(mailed.accepted)}{said}")
    for refusal in mailed.refused:
        complain(f"not delivered to {refusal}")
    if mailed.unmailed:
        complain(f"not delivered: {mailed.unmailed}")
    return sent.code


def as_json(sent: Sent) -> dict[str, Json]:
    """The result for --json.

    `unmailed` says why somebody has not got it yet, `withheld` why nobody gets it, `answer` what the mail
    server said; each is null where there is nothing to say.
    """
    mailed = sent.mailed
    return {
        "run_id": sent.run_id or None,
        "message_id": mailed.message_id or None,
        "accepted": list(mailed.accepted),
        "refused": [asdict(refusal) for refusal in mailed.refused],
        "unmailed": mailed.unmailed or None,
        "withheld": mailed.withheld or None,
        "answer": sent.answer or None,
    }
