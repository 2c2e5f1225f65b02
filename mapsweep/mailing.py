"""Mails the report of a run, and reports the result."""

from collections.abc import Callable

import click

from archive.mistakes import Mistake, OperatorError
from archive.runs import Run
from mapsweep.exits import Exit, complain
from mapsweep.setting_values import mail_address
from reports import render_email
from reports.delivery import Delivery, DeliveryError, MailSettings
from reports.rank import report
from workers import steps

_REMEDY = "set mail.server and mail.from in mapsweep.yaml"


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


def required(settings: MailSettings | None) -> MailSettings:
    """The settings; OperatorError if there are none."""
    if settings is None:
        raise OperatorError(Mistake("mail", "no mail server is set", _REMEDY))
    return settings


def send(run: Run, to: tuple[str, ...], settings: MailSettings) -> Exit:
    """Send the report; exit code 5 if a recipient did not get it, with the reason on standard error."""
    return _told(lambda: steps.mail_report(run, to, settings))


def send_to_list(run: Run, settings: MailSettings) -> Exit:
    """Send the report to the run's mail list, unless it was sent; the exit codes are the same."""
    return _told(lambda: steps.mail_to_list(run, settings))


def _told(sending: Callable[[], Delivery | None]) -> Exit:
    try:
        delivery = sending()
    except DeliveryError as error:
        complain(f"not delivered: {error.reason}")
        return Exit.UNDELIVERED
    if delivery is None:
        return Exit.OK
    click.echo(f"{delivery.message_id} accepted for {', '.join(delivery.accepted)}")
    for refusal in delivery.refused:
        complain(f"not delivered to {refusal.recipient}: {refusal.code} {refusal.reason}")
    return Exit.UNDELIVERED if delivery.refused else Exit.OK
