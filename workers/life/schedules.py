"""Schedules: when their runs are due, and what is owed of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from archive.schedule_records import ScheduleRecord
from domain.moments import in_zone
from domain.records import MailWhen, Scope
from workers.life.crontab import Crontab, parse

OWED_MAX: Final = 20  # due times that are counted one by one, after nobody looked for long


class Overlap(StrEnum):
    """What happens to a due time while the run before is at work."""

    SKIP = "skip"
    QUEUE = "queue"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A scheduled run. `crontab` has been checked with `workers.life.crontab.parse`."""

    name: str  # also the name of the scope, so that runs of one schedule are compared
    hosts: str  # a pattern of the inventory
    crontab: str  # minute hour day month weekday
    time_zone: str = "UTC"  # IANA
    mail_to: tuple[str, ...] = ()
    evidence: str = "maps"
    become: bool = False
    late_s: int = 3600  # a start that is later is not made up for
    overlap: Overlap = Overlap.SKIP
    mail_when: MailWhen = MailWhen.ALWAYS
    digest: str = ""  # when its digest is mailed, as `crontab`; "": never

    @property
    def due(self) -> Crontab:
        """The due times."""
        return parse(self.crontab, self.time_zone)

    @property
    def digest_due(self) -> Crontab | None:
        """When its digest is mailed; None if it has none, or nobody to get it."""
        return parse(self.digest, self.time_zone) if self.digest and self.mail_to else None

    @property
    def scope(self) -> Scope:
        """The scope of its runs."""
        return Scope(self.name, self.hosts, self.evidence, self.become)

    def shown(self, at: datetime) -> str:
        """A time as people read it, in the zone of the schedule and in UTC."""
        return in_zone(at, self.time_zone)

    def owed(self, record: ScheduleRecord, now: datetime) -> tuple[datetime, ...]:
        """The due times until now of which nothing has become yet, the oldest first.

        Where there are more than OWED_MAX, the first ones and the last.
        """
        times: list[datetime] = []
        crontab = self.due
        last = crontab.last_until(now)
        at = crontab.next_after(datetime.fromisoformat(record.last_decided()))
        while at <= last and len(times) < OWED_MAX:
            times.append(at)
            at = crontab.next_after(at)
        return (*times, last) if at <= last else tuple(times)

    def is_late(self, due: datetime, now: datetime) -> bool:
        """Whether it is too late to make up for a start."""
        return now - due > timedelta(seconds=self.late_s)
