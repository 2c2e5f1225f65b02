"""The run of a due time of a schedule: started once, however many messages ask for it."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from archive.run import Run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError
from domain.records import Manifest
from workers.fleet.leases import claim, disclaim
from workers.fleet.worker_settings import WorkerSettings
from workers.life.plan import Means, Request, check, planned
from workers.life.schedules import Schedule

if TYPE_CHECKING:
    import redis

CLOCK_SKEW_S = 120  # how far beat's clock may be ahead of a worker's
CLAIMED_S = 2 * 24 * 3600


def start(name: str, settings: WorkerSettings, client: "redis.Redis") -> Run | None:
    """The run of the schedule's last due time; None if it was started already.

    There are two guards: a claim in Redis, and a run id that is made from the schedule and the time, so that
    the manifest can be created only once even if the claim was lost. OperatorError if the inventory or
    the pattern is wrong.
    """
    schedule = named(name, settings)
    due = nearest_due(schedule, datetime.now(UTC))
    what = f"start:{schedule.name}:{due:%Y%m%dT%H%MZ}"
    if not claim(client, what, CLAIMED_S):
        return None
    try:
        manifest = manifest_of(schedule, due, settings)
        runs = Runs(settings.runs_url, settings.signing_key)
        check(manifest, Means(runs.store, settings.pace, has_mail_server=settings.mail is not None))
        return runs.create(manifest)
    except FileExistsError:
        return None
    except BaseException:
        disclaim(client, what)
        raise


def nearest_due(schedule: Schedule, now: datetime) -> datetime:
    """The due time of a message that comes now, even if the clocks of the machines differ a little."""
    last, following = schedule.due.last_until(now), schedule.due.next_after(now)
    skewed = following - now <= timedelta(seconds=CLOCK_SKEW_S) and following - now < now - last
    return following if skewed else last


def named(name: object, settings: WorkerSettings) -> Schedule:
    """The schedule of that name; OperatorError if the settings have none."""
    for schedule in settings.schedules:
        if schedule.name == name:
            return schedule
    problem = "is not among this worker's schedules"
    raise OperatorError(
        Mistake(f"schedule {name!a:.80}", problem, "give beat and the workers the same settings")
    )


def manifest_of(schedule: Schedule, due: datetime, settings: WorkerSettings) -> Manifest:
    """The plan of the run of a due time; OperatorError if the inventory or the pattern is wrong."""
    if settings.inventory is None:
        raise OperatorError(
            Mistake(f"schedule {schedule.name}", "no inventory is set", "set it for the workers")
        )
    from collector.inventory.inventory import load  # noqa: PLC0415 # YAML and pydantic, for this one task
    from collector.inventory.patterns import select  # noqa: PLC0415

    request = Request(
        scope=schedule.scope,
        hosts=select(load(settings.inventory), schedule.hosts),
        limits=settings.limits,
        deadline_s=settings.deadline_s,
        command=f"schedule {schedule.name}",
        keep_dumps=settings.keep_dumps,
        mail_to=schedule.mail_to,
    )
    mark = hashlib.sha256(f"{schedule.name} {due:%Y%m%dT%H%MZ}".encode()).hexdigest()[:4]
    return planned(request, due, mark)
