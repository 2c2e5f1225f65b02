"""Mails the report of a run, and reports the result."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from archive.mail_record import Sender
from archive.run import Run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError
from mapsweep.documents import Json
from mapsweep.manner import Manner
from mapsweep.settings.values import mail_address
from mapsweep.terminal.exits import Exit, complain
from reports.delivery import DeliveryError, MailSettings
from reports.delivery import send as send_message
from workers.here.locks import held
from workers.life.outbox import Mailed, is_notice, mail_run, report_message
from workers.life.plan import NO_MAIL_SERVER


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the mail of one run."""

    run_id: str
    mailed: Mailed
    note: str = ""  # why nothing was sent, where nothing had to be

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


def written(run: Run, to: tuple[str, ...], settings: MailSettings | None) -> bytes:
    """The message, as it is sent."""
    sender = settings or MailSettings(sender="mapsweep@localhost", server="")
    return bytes(report_message(run, to, sender))


def send(run: Run, to: tuple[str, ...], settings: MailSettings | None) -> Sent:
    """Send the report to these, whoever has it. OperatorError if no mail server is set."""
    if settings is None:
        raise OperatorError(NO_MAIL_SERVER)
    try:
        done = send_message(report_message(run, to, settings), settings)
    except DeliveryError as error:
        return Sent(run.run_id, Mailed(unmailed=error.reason))
    return Sent(run.run_id, Mailed(done.message_id, done.accepted, done.refused))


def send_to_list(run: Run, settings: MailSettings | None) -> Sent:
    """Send the report to those of the run's list who have not got it. OperatorError as above."""
    if settings is None:
        raise OperatorError(NO_MAIL_SERVER)
    if run.mail_record.is_over():
        said = run.mail_record.refusals()
        missing = f", but {len(said)} who were refused" if said else ""
        note = f"all on the list of {run.run_id} have it{missing}; --to sends it again"
        return Sent(run.run_id, Mailed(), note)
    with held(run):
        return Sent(run.run_id, mail_run(run, settings, Sender.HERE))


def send_unsent(runs: Runs, settings: MailSettings | None, but: str = "") -> Iterator[Sent]:
    """Send what somebody has not got yet, of all runs `but` one. OperatorError as above.

    Runs that the workers of a fleet mail, and notices, are left to them.
    """
    if settings is None:
        raise OperatorError(NO_MAIL_SERVER)
    for name in runs.unmailed():
        if name == but or is_notice(name) or runs.is_queued(name):
            continue
        try:
            yield send_to_list(runs.by_id(name), settings)
        except OperatorError as error:  # another is at it, or its folder is gone: the others are sent
            yield Sent(name, Mailed(unmailed=str(error)))


def told(sent: Sent, manner: Manner) -> Exit:
    """Report the result of a mail: what went well as the manner says, trouble on standard error."""
    mailed = sent.mailed
    if manner.says and sent.note:
        click.echo(sent.note)
    if manner.says and mailed.accepted:
        click.echo(f"{mailed.message_id} accepted for {', '.join(mailed.accepted)}")
    for refusal in mailed.refused:
        complain(f"not delivered to {refusal}")
    if mailed.unmailed:
        complain(f"not delivered: {mailed.unmailed}")
    return sent.code


def as_json(sent: Sent) -> dict[str, Json]:
    """The result for --json; `unmailed` says why somebody has not got it yet, or is null."""
    mailed = sent.mailed
    return {
        "run_id": sent.run_id,
        "message_id": mailed.message_id or None,
        "accepted": list(mailed.accepted),
        "refused": [asdict(refusal) for refusal in mailed.refused],
        "unmailed": mailed.unmailed or None,
    }
