"""What became of due times, for `mapsweep schedule list` and `mapsweep runs`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from archive.schedule_records import Due, ScheduleRecord, ScheduleRecords
from workers.life.schedules import Schedule


@dataclass(frozen=True, slots=True)
class Unstarted:
    """The last due time of a schedule, of which no run came."""

    schedule: str
    due_at: str  # UTC, RFC 3339
    state: str
    reason: str
    shown: str  # as people read it


def unstarted(schedules: Iterable[Schedule], records: ScheduleRecords) -> list[Unstarted]:
    """The schedules whose last due time did not become a run."""
    found = []
    for schedule in schedules:
        due = last_bad(records.read(schedule.name))
        if due is not None:
            at = schedule.shown(datetime.fromisoformat(due.due_at))
            shown = f"{schedule.name} of {at}: {due.state}: {due.reason}"
            found.append(Unstarted(schedule.name, due.due_at, due.state, due.reason, shown))
    return found


def last_bad(record: ScheduleRecord | None) -> Due | None:
    """The last due time, if it did not become a run."""
    last = record.dues[-1] if record and record.dues else None
    return None if last is None or last.is_good else last
