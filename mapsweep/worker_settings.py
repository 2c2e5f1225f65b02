"""Settings -> what workers, beat and those who give runs to them have to know."""

from importlib.metadata import version
from pathlib import Path

from mapsweep.composition import accepted_keys, broker_password, credentials, mail_settings
from mapsweep.setting_sources import Environment
from mapsweep.settings import Settings, find_inventory
from workers.app import WorkerSettings
from workers.schedules import Schedule


def worker_settings(settings: Settings, environment: Environment) -> WorkerSettings:
    """All of it; secrets that are files are read here. OperatorError where one cannot be read."""
    return WorkerSettings(
        broker_url=settings.broker,
        runs_url=settings.runs,
        broker_password=broker_password(settings, environment),
        inventory=find_inventory(settings, environment) if settings.schedules else None,
        schedules=schedules(settings),
        known_hosts=tuple(map(Path, settings.ssh.known_hosts)),
        host_key_policy=settings.ssh.host_key_policy,
        accepted_keys=accepted_keys(settings),
        credentials=credentials(settings, environment),
        mail=mail_settings(settings, environment),
        limits=settings.limits.limits(),
        deadline_s=settings.deadline_s,
        masking=settings.masking,
        keep_dumps=settings.keep_dumps,
        tool_version=version("mapsweep"),
    )


def schedules(settings: Settings) -> tuple[Schedule, ...]:
    """The scheduled runs as the workers know them."""
    return tuple(
        Schedule(
            name=each.name,
            hosts=each.hosts,
            crontab=each.crontab,
            time_zone=each.timezone,
            mail_to=each.mail,
            evidence=each.evidence,
            become=each.become,
        )
        for each in settings.schedules
    )
