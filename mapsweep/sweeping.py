"""Executes a run as the settings say: here or by workers; and mails it if requested."""

import os

from archive.records import Connection, Host
from archive.runs import Run
from collector.session import Sessions
from mapsweep import mailing
from mapsweep.composition import access, mail_settings
from mapsweep.execution import HERE, Execute, Stopped, conduct
from mapsweep.exits import Exit, complain
from mapsweep.settings import Settings
from mapsweep.thresholds import Threshold
from reports.delivery import MailSettings
from workers import embedded, steps
from workers.plan import Request, check_for_workers

WORKERS_GO_ON = "no longer watched; the workers continue the run. To watch it again:"


def check(request: Request, settings: Settings) -> None:
    """OperatorError if the settings do not allow the request; checked before anything is written."""
    if _is_for_workers(request.hosts, settings):
        from mapsweep.worker_settings import worker_settings  # noqa: PLC0415 - Celery costs half a second
        from workers.app import require_broker  # noqa: PLC0415 - likewise

        given = worker_settings(settings, os.environ)
        check_for_workers(request.limits, given.pace)
        require_broker(given)
    elif request.mail_to:
        _mail(settings)


def carry_out(run: Run, settings: Settings, wanted: tuple[Threshold, ...]) -> Exit:
    """Execute a run and print its summary; an undelivered report overrides the other exit codes.

    Workers mail the report themselves when they have rendered it.
    """
    by_workers = _is_for_workers(run.manifest.hosts, settings)
    to = () if by_workers else run.manifest.mail_to
    mail = _mail(settings) if to else None
    execute = _by_workers(settings) if by_workers else _here(settings)
    stopped = Stopped(WORKERS_GO_ON, ("--broker", settings.broker)) if by_workers else HERE
    top = settings.report.top
    runs = steps.runs_beside(run)
    ended = conduct(run, runs, execute, wanted, top=top, stopped=stopped, config=settings.file)
    if mail is None or ended is Exit.INTERRUPTED:
        return ended
    delivered = mailing.send_to_list(run, mail)
    return ended if delivered is Exit.OK else delivered


def _is_for_workers(hosts: tuple[Host, ...], settings: Settings) -> bool:
    """Not for a run that reads only this machine, because a worker would read its own."""
    return bool(settings.broker) and any(host.connection is not Connection.LOCAL for host in hosts)


def _mail(settings: Settings) -> MailSettings:
    """Checked before the sweep, so that nobody learns only in the morning that no mail server is set."""
    return mailing.required(mail_settings(settings, os.environ))


def _here(settings: Settings) -> Execute:
    sessions = _sessions(settings)
    return lambda run, tell, stop: embedded.execute(run, sessions.of(run.manifest), tell, stop)


def _by_workers(settings: Settings) -> Execute:
    from mapsweep.worker_settings import worker_settings  # noqa: PLC0415 - Celery costs half a second
    from workers import fleet  # noqa: PLC0415 - likewise

    given = worker_settings(settings, os.environ)
    return lambda run, tell, stop: fleet.execute(run, given, tell, stop)


def _sessions(settings: Settings) -> Sessions:
    sessions = Sessions(access(settings, os.environ))
    if sessions.warning:
        complain(sessions.warning)
    return sessions
