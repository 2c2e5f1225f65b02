"""Celery beat: starts the scheduled runs, and has runs looked after."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from celery.schedules import BaseSchedule, schedstate

from domain.mistakes import Mistake, OperatorError
from workers.fleet.app import REPORT
from workers.fleet.broker import BROKER_WAIT_S, require_broker
from workers.fleet.celery_log import keep_our_log
from workers.fleet.post import START_TASK, TEND_TASK
from workers.fleet.tasks import worker_app
from workers.fleet.worker_settings import WorkerSettings
from workers.life.crontab import parse

log = logging.getLogger("workers")

LATE_S_MAX = 3600  # starts that beat missed by more than this are not made up for
STARTED_WITHIN_S = 3600  # a start message that no worker took within this time expires


class DueTimes(BaseSchedule):
    """A crontab in its own time zone, as a schedule of Celery."""

    def __init__(self, crontab: str, time_zone: str) -> None:
        super().__init__()
        self.crontab, self.time_zone = crontab, time_zone
        self._due = parse(crontab, time_zone)

    def now(self) -> datetime:
        """The current time, which beat keeps as the last start."""
        return datetime.now(UTC)

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Whether to start now, and in how many seconds to ask again."""
        now = self.now()
        since = max(_aware(last_run_at), now - timedelta(seconds=LATE_S_MAX))
        due = self._due.next_after(since)
        if due <= now:
            following = self._due.next_after(now)
            return schedstate(is_due=True, next=(following - now).total_seconds())
        return schedstate(is_due=False, next=(due - now).total_seconds())

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        """How long until the next start."""
        return self._due.next_after(_aware(last_run_at)) - self.now()

    def __reduce__(self) -> tuple[type["DueTimes"], tuple[str, str]]:
        """For pickling, because beat keeps its entries in a file."""
        return DueTimes, (self.crontab, self.time_zone)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DueTimes) and self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash((self.crontab, self.time_zone))


def beat_entries(settings: WorkerSettings) -> dict[str, dict[str, object]]:
    """The messages that beat sends: one start per schedule, and one to look after runs."""
    pace = settings.pace
    entries: dict[str, dict[str, object]] = {
        "tend": {
            "task": TEND_TASK,
            "schedule": timedelta(seconds=pace.tend_s),
            "options": {"queue": REPORT, "expires": max(pace.tend_s, 1)},  # they must not pile up
        }
    }
    for schedule in settings.schedules:
        entries[f"start {schedule.name}"] = {
            "task": START_TASK,
            "schedule": DueTimes(schedule.crontab, schedule.time_zone),
            "kwargs": {"schedule": schedule.name},
            "options": {"queue": REPORT, "expires": STARTED_WITHIN_S},
        }
    return entries


def run_beat(settings: WorkerSettings, state: Path) -> None:
    """Run beat until it is told to stop; `state` is the folder where it keeps what it has started.

    OperatorError if there is no schedule, or the broker does not answer.
    """
    if not settings.schedules:
        raise OperatorError(Mistake("schedule", "no run is scheduled", "add one to the settings file"))
    require_broker(settings, BROKER_WAIT_S)
    for schedule in settings.schedules:
        due = schedule.due.next_after(datetime.now(UTC))
        log.info("beat: %s is due by %r, next at %s", schedule.name, schedule.crontab, due.isoformat())
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep_our_log()
    app = worker_app(settings)
    app.conf.beat_schedule = beat_entries(settings)
    app.conf.beat_max_loop_interval = min(settings.pace.tend_s, 30)
    app.Beat(schedule=str(state / "beat"), loglevel="INFO", redirect_stdouts=False, quiet=True).run()


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
