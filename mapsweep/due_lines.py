"""What became of due times, for `mapsweep schedule list` and `mapsweep runs`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from archive.schedule_records import Due, ScheduleRecord, ScheduleRecords
from domain.moments import written
from workers.life.schedules import Schedule

OWED: Final = "owed"
OWED_AFTER: Final = timedelta(minutes=5)  # workers look after schedules every few seconds
NOBODY: Final = "nobody has looked after it: are `mapsweep beat`, Redis and a worker of `report` there?"


@dataclass(frozen=True, slots=True)
class Unstarted:
    """The last due time of a schedule, of which no run came."""

    schedule: str
    due_at: str  # UTC, RFC 3339
    state: str
    reason: str
    shown: str  # as people read it


def unstarted(schedules: Iterable[Schedule], records: ScheduleRecords, now: datetime) -> list[Unstarted]:
    """The schedules whose last due time did not become a run."""
    found = []
    for schedule in schedules:
        record = records.read(schedule.name)
        if owed := owed_at(schedule, record, now):
            shown = f"{schedule.name} of {schedule.shown(owed)}: {OWED}: {NOBODY}"
            found.append(Unstarted(schedule.name, written(owed), OWED, NOBODY, shown))
        elif due := last_bad(record):
            at = schedule.shown(datetime.fromisoformat(due.due_at))
            shown = f"{schedule.name} of {at}: {due.state}: {due.reason}"
            found.append(Unstarted(schedule.name, due.due_at, due.state, due.reason, shown))
    return found


def owed_at(schedule: Schedule, record: ScheduleRecord | None, now: datetime) -> datetime | None:
    """The last due time, if nobody has decided anything about it for some minutes."""
    if record is None or (record.crontab, record.time_zone) != (schedule.crontab, schedule.time_zone):
        return None
    owed = schedule.owed(record, now - OWED_AFTER)
    return owed[-1] if owed and record.of(written(owed[-1])) is None else None


def last_bad(record: ScheduleRecord | None) -> Due | None:
    """The last due time, if it did not become a run."""
    last = record.dues[-1] if record and record.dues else None
    return None if last is None or last.is_good else last
