"""The settings of workers, beat, and commands that give runs to workers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from collector.session import Access
from collector.ssh.keys import Credentials
from domain.mistakes import OperatorError
from mapsweep.settings.composition import (
    access,
    audit,
    broker_password,
    dump_keys,
    mail_settings,
    owner_lists,
    signing_key,
    webhook_settings,
)
from mapsweep.settings.settings import Settings, find_inventory, surroundings
from mapsweep.settings.sources import Environment
from workers.fleet.app import COLLECT, QUEUES, REPORT
from workers.fleet.worker_settings import WorkerSettings
from workers.life.schedules import Schedule


def worker_settings(
    settings: Settings, environment: Environment, queues: Sequence[str] = QUEUES
) -> WorkerSettings:
    """Everything that the tasks of these queues need; beat has none. OperatorError for an unreadable secret.

    Other secrets are not read, because the settings file may be the same on every machine while the file of a
    secret exists only where it is needed.
    """
    collects, reports = COLLECT in queues, REPORT in queues
    return replace(
        only_broker(settings, broker_password(settings, environment)),
        signing_key=signing_key(settings, environment) if collects or reports else b"",
        surroundings=surroundings(settings, environment, runs_programs=False),
        inventory=_inventory(settings, environment, required=reports and bool(settings.schedules)),
        schedules=schedules(settings),
        access=access(settings, environment) if collects else Access(Credentials(use_agent=False)),
        mail=mail_settings(settings, environment) if reports else None,
        webhook=webhook_settings(settings, environment) if reports else None,
        limits=settings.limits.limits(),
        deadline_s=settings.deadline_s,
        keep_dumps=settings.keep_dumps,
        dump_keys=dump_keys(settings),
        mail_owners=owner_lists(settings),
        mutes=tuple(mute.mute() for mute in settings.mutes),
        pace=settings.fleet.pace(),
        keep=settings.keep.keep() if settings.keep else None,
        audit=audit(settings),
    )


def only_broker(settings: Settings, password: str) -> WorkerSettings:
    """What is needed to reach the broker."""
    return WorkerSettings(
        broker_url=settings.broker,
        runs_url=settings.runs,
        broker_password=password,
        broker_username=settings.broker_username,
        broker_ca_file=Path(settings.broker_ca_file) if settings.broker_ca_file else None,
        broker_without_password=settings.broker_without_password,
    )


def _inventory(settings: Settings, environment: Environment, *, required: bool) -> tuple[str, ...] | None:
    """The inventory, for schedules, and to check runs if there is no signing key."""
    try:
        return find_inventory(settings, environment)
    except OperatorError:
        if required:
            raise
        return None


def schedules(settings: Settings) -> tuple[Schedule, ...]:
    """The schedules in the form of the workers."""
    return tuple(
        Schedule(
            name=each.name,
            hosts=each.hosts,
            crontab=each.crontab,
            time_zone=each.timezone,
            mail_to=each.mail,
            mail_when=each.mail_when,
            digest=each.digest,
            evidence=each.evidence,
            become=each.become or settings.become,  # the setting applies to every host
            late_s=each.late_s,
            overlap=each.overlap,
        )
        for each in settings.schedules
    )
