"""Mails the report of a run, and reports the result."""

import click

from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from mapsweep.settings.values import mail_address
from mapsweep.terminal.exits import Exit, complain
from reports import render_email
from reports.delivery import Delivery, DeliveryError, MailSettings
from reports.report import report
from workers.life.ending import Ended, mail_report
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
    return bytes(render_email.message(report(run), to, sender))


def send(run: Run, to: tuple[str, ...], settings: MailSettings | None) -> Exit:
    """Send the report; exit code 5 if a recipient did not get it, with the reason on standard error.

    OperatorError if no mail server is set.
    """
    if settings is None:
        raise OperatorError(NO_MAIL_SERVER)
    try:
        return _told(mail_report(run, to, settings))
    except DeliveryError as error:
        return _undelivered(error.reason)


def told(ended: Ended) -> Exit:
    """Report the result of the mail to the run's list; the exit codes are the same."""
    if ended.unmailed:
        return _undelivered(ended.unmailed)
    for refusal in ended.refused:
        complain(f"not delivered to {refusal}")
    if ended.refused:
        return Exit.UNDELIVERED
    return _told(ended.delivery) if ended.delivery else Exit.OK


def _undelivered(reason: str) -> Exit:
    complain(f"not delivered: {reason}")
    return Exit.UNDELIVERED


def _told(delivery: Delivery) -> Exit:
    click.echo(f"{delivery.message_id} accepted for {', '.join(delivery.accepted)}")
    for refusal in delivery.refused:
        complain(f"not delivered to {refusal.recipient}: {refusal.code} {refusal.reason}")
    return Exit.UNDELIVERED if delivery.refused else Exit.OK
