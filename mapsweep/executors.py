"""Who executes a run, as the settings say: this process, or the workers of a fleet."""

import os

from archive.store import store_at
from collector.session import Sessions
from domain.records import Connection, Manifest
from mapsweep.conduct import Executor, Stopped
from mapsweep.settings.composition import access, mail_settings
from mapsweep.settings.settings import Settings
from mapsweep.terminal.exits import complain
from workers.here import embedded
from workers.life import plan

WORKERS_GO_ON = "no longer watched; the workers continue the run. To watch it again:"


def check(manifest: Manifest, settings: Settings, *, is_new: bool = True) -> None:
    """OperatorError if the settings do not allow a plan; asked before anything is written."""
    if not _is_for_workers(manifest, settings):
        means = plan.Means(store_at(settings.runs), has_mail_server=settings.mail is not None)
        plan.check(manifest, means, is_new=is_new)
        return
    from mapsweep.settings.for_workers import worker_settings  # noqa: PLC0415 - Celery costs half a second
    from workers.fleet.broker import require_broker  # noqa: PLC0415 - likewise

    given = worker_settings(settings, os.environ)
    means = plan.Means(store_at(settings.runs), given.pace)  # the workers send the mail, by their settings
    plan.check(manifest, means, is_new=is_new)
    require_broker(given)


def executor(manifest: Manifest, settings: Settings) -> Executor:
    """Who executes the run of a plan. OperatorError if a secret that it needs cannot be read."""
    return _workers(settings) if _is_for_workers(manifest, settings) else _here(settings)


def _is_for_workers(manifest: Manifest, settings: Settings) -> bool:
    """Not for a run that reads only this machine, because a worker would read its own."""
    return bool(settings.broker) and any(host.connection is not Connection.LOCAL for host in manifest.hosts)


def _here(settings: Settings) -> Executor:
    sessions = Sessions(access(settings, os.environ))
    if sessions.warning:
        complain(sessions.warning)
    mail = mail_settings(settings, os.environ)
    return Executor(
        lambda run, tell, stop: embedded.execute(run, sessions.of(run.manifest), tell, stop, mail=mail)
    )


def _workers(settings: Settings) -> Executor:
    from mapsweep.settings.for_workers import worker_settings  # noqa: PLC0415 - Celery costs half a second
    from workers.fleet import handover  # noqa: PLC0415 - likewise

    given = worker_settings(settings, os.environ)
    return Executor(
        lambda run, tell, stop: handover.execute(run, given, tell, stop),
        Stopped(WORKERS_GO_ON, ("--broker", settings.broker)),
    )
