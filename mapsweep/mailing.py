"""Mails the report of a run, and reports the result."""

import click

from archive.mail_record import Sender
from archive.run import Run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError
from mapsweep.settings.values import mail_address
from mapsweep.terminal.exits import Exit, complain
from reports.delivery import Delivery, DeliveryError, MailSettings
from reports.delivery import send as send_message
from workers.here.locks import held
from workers.life.outbox import Mailed, is_notice, mail_run, report_message
from workers.life.plan import NO_MAIL_SERVER


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


def send(run: Run, to: tuple[str, ...], settings: MailSettings | None) -> Exit:
    """Send the report to these, whoever has it; exit code 5 if a recipient did not get it.

    The reason is on standard error. OperatorError if no mail server is set.
    """
    if settings is None:
        raise OperatorError(NO_MAIL_SERVER)
    try:
        return _delivered(send_message(report_message(run, to, settings), settings))
    except DeliveryError as error:
        return _undelivered(error.reason)


def send_to_list(run: Run, settings: MailSettings | None) -> Exit:
    """Send the report to those of the run's list who have not got it; exit codes as above."""
    if settings is None:
        raise OperatorError(NO_MAIL_SERVER)
    if run.mail_record.is_over():
        said = run.mail_record.refusals()
        missing = f", but {len(said)} who were refused" if said else ""
        click.echo(f"all on the list of {run.run_id} have it{missing}; --to sends it again")
        return Exit.OK
    with held(run):
        return told(mail_run(run, settings, Sender.HERE))


def send_unsent(runs: Runs, settings: MailSettings | None, but: str = "") -> Exit:
    """Send what somebody has not got yet, of all runs `but` one; exit code 5 if that is still so of one.

    Runs that the workers of a fleet mail, and notices, are left to them.
    """
    if settings is None:
        raise OperatorError(NO_MAIL_SERVER)
    code = Exit.OK
    for name in runs.unmailed():
        if name == but or is_notice(name) or runs.is_queued(name):
            continue
        try:
            if send_to_list(runs.by_id(name), settings) is Exit.UNDELIVERED:
                code = Exit.UNDELIVERED
        except OperatorError as error:  # another is at it, or its folder is gone: the others are sent
            complain(f"not delivered: {error}")
            code = Exit.UNDELIVERED
    return code


def told(mailed: Mailed) -> Exit:
    """Report the result of the mail to the run's list; exit code 5 if somebody has not got it."""
    if mailed.accepted:
        click.echo(f"{mailed.message_id} accepted for {', '.join(mailed.accepted)}")
    for refusal in mailed.refused:
        complain(f"not delivered to {refusal}")
    if mailed.unmailed:
        return _undelivered(mailed.unmailed)
    return Exit.UNDELIVERED if mailed.refused else Exit.OK


def _undelivered(reason: str) -> Exit:
    complain(f"not delivered: {reason}")
    return Exit.UNDELIVERED


def _delivered(delivery: Delivery) -> Exit:
    return told(Mailed(delivery.message_id, delivery.accepted, delivery.refused))
