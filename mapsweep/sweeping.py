"""A run carried out as the settings say: here or by workers."""

import os

from archive.runs import Run
from collector.session import Sessions
from domain.records import Connection, Manifest
from mapsweep.execution import HERE, Execute, Stopped, conduct
from mapsweep.settings.composition import access, mail_settings
from mapsweep.settings.settings import Settings
from mapsweep.terminal.exits import Exit, complain
from mapsweep.thresholds import Threshold
from workers.here import embedded
from workers.life import plan

WORKERS_GO_ON = "no longer watched; the workers go on with the run. To watch it again:"


def check(manifest: Manifest, settings: Settings) -> None:
    """OperatorError where the settings do not allow a plan; asked before anything is written."""
    if not _is_for_workers(manifest, settings):
        plan.check(manifest, pace=None, has_mail_server=settings.mail is not None)
        return
    from mapsweep.settings.worker_settings import worker_settings  # noqa: PLC0415 - Celery costs half a second
    from workers.fleet.app import require_broker  # noqa: PLC0415 - likewise

    given = worker_settings(settings, os.environ)
    plan.check(manifest, pace=given.pace, has_mail_server=True)  # mail is the workers'
    require_broker(given)


def carry_out(run: Run, settings: Settings, wanted: tuple[Threshold, ...]) -> Exit:
    """Execute a run to its end, and tell it on the terminal."""
    by_workers = _is_for_workers(run.manifest, settings)
    execute = _by_workers(settings) if by_workers else _here(settings)
    stopped = Stopped(WORKERS_GO_ON, ("--broker", settings.broker)) if by_workers else HERE
    return conduct(run, execute, wanted, top=settings.report.top, stopped=stopped, config=settings.file)


def _is_for_workers(manifest: Manifest, settings: Settings) -> bool:
    """A run that reads this machine alone is not: a worker would read its own."""
    return bool(settings.broker) and any(host.connection is not Connection.LOCAL for host in manifest.hosts)


def _here(settings: Settings) -> Execute:
    sessions = Sessions(access(settings, os.environ))
    if sessions.warning:
        complain(sessions.warning)
    mail = mail_settings(settings, os.environ)
    return lambda run, tell, stop: embedded.execute(run, sessions.of(run.manifest), tell, stop, mail=mail)


def _by_workers(settings: Settings) -> Execute:
    from mapsweep.settings.worker_settings import worker_settings  # noqa: PLC0415 - Celery costs half a second
    from workers.fleet import handover  # noqa: PLC0415 - likewise

    given = worker_settings(settings, os.environ)
    return lambda run, tell, stop: handover.execute(run, given, tell, stop)
