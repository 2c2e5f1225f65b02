"""The record of a schedule as it counts now: of its present times, and without what a wrong clock decided."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from archive.schedule_records import ScheduleRecord, ScheduleRecords, State
from archive.store import Store
from domain.moments import written
from workers.fleet.broker import KEY_PREFIX
from workers.fleet.claims import claim
from workers.fleet.kept_values import moment_of
from workers.life.schedules import Schedule

if TYPE_CHECKING:
    import redis

CLOCK_SKEW_S: Final = 120  # decisions about times further ahead were made by a wrong clock
IN_USE_S: Final = 600  # a worker that has a schedule looks after it more often
DIFFERS_AGAIN_S: Final = 3600

log = logging.getLogger("workers")


def current_record(schedule: Schedule, store: Store, client: "redis.Redis", now: datetime) -> ScheduleRecord:
    """The record of a schedule; one that is new, or was changed, owes nothing of the past."""
    records = ScheduleRecords(store)
    record = records.read(schedule.name)
    if record is None:
        record = ScheduleRecord(schedule.name, schedule.crontab, schedule.time_zone, written(now))
        records.write(record)
    elif (record.crontab, record.time_zone) != (schedule.crontab, schedule.time_zone):
        since = _since(schedule, record, client, now)
        record = replace(record, crontab=schedule.crontab, time_zone=schedule.time_zone, since=since)
        records.write(record)
    client.set(_in_use(schedule), record.since, nx=True)
    client.expire(_in_use(schedule), IN_USE_S)
    return _without_future(record, records, now)


def unwatched(schedules: Iterable[Schedule], client: "redis.Redis") -> tuple[str, ...]:
    """The schedules that no worker looks after, or only by other times."""
    return tuple(each.name for each in schedules if not client.exists(_in_use(each)))


def _since(schedule: Schedule, record: ScheduleRecord, client: "redis.Redis", now: datetime) -> str:
    """Since when a schedule owes something whose record is by other times.

    If workers have different settings, the record goes to and fro, and what each of them has counts.
    """
    words = record.crontab, record.time_zone, schedule.crontab, schedule.time_zone
    known = moment_of(client.get(_in_use(schedule)))
    if known is None:
        log.info("the schedule %s is changed from %r (%s) to %r (%s)", schedule.name, *words)
        return written(now)
    if claim(client, f"differs:{schedule.name}", DIFFERS_AGAIN_S):
        log.error(
            "workers differ about the schedule %s: %r (%s) and %r (%s), so runs start by both. Give all the"
            " same settings, and restart those that have older ones",
            *(schedule.name, *words),
        )
    return min(written(known), written(now))


def _without_future(record: ScheduleRecord, records: ScheduleRecords, now: datetime) -> ScheduleRecord:
    """Without what was decided while a clock was ahead."""
    limit = written(now + timedelta(seconds=CLOCK_SKEW_S))
    ahead = [due for due in record.dues if due.due_at > limit and due.state is not State.VOID]
    if ahead:
        log.warning(
            "%s: a clock was ahead; what was decided about %s counts for nothing",
            record.name,
            ahead[0].due_at,
        )
    for due in ahead:
        record = record.having(replace(due, state=State.VOID))
    if ahead or record.since > limit:
        record = replace(record, since=min(record.since, written(now)))
        records.write(record)
    return record


def _in_use(schedule: Schedule) -> str:
    """The key that is there while a worker has these times."""
    times = hashlib.sha256(f"{schedule.crontab} {schedule.time_zone}".encode()).hexdigest()[:16]
    return f"{KEY_PREFIX}schedule:{schedule.name}:{times}"
