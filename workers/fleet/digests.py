"""Puts the digests that are due into the outbox: each once, whichever worker looks."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from archive.digest_records import DigestRecord, DigestRecords
from archive.runs import Runs
from domain.moments import written
from workers.fleet.claims import claim, disclaim
from workers.fleet.current_records import CLOCK_SKEW_S
from workers.fleet.telling import tell
from workers.fleet.worker_settings import WorkerSettings
from workers.life.digests import digest_notice
from workers.life.schedules import Schedule

if TYPE_CHECKING:
    import redis

MAKING_S_MAX: Final = 600  # nobody takes longer to make one

log = logging.getLogger("workers")


@dataclass(frozen=True, slots=True)
class Digests:
    """Looks after the digests of the schedules of the settings."""

    settings: WorkerSettings
    redis: "redis.Redis"

    def look_after(self, schedule: Schedule, now: datetime) -> None:
        """Make the last digest that is due and was not told; of several that were missed only that one.

        A schedule that is new here, or whose record a wrong clock wrote, owes none of the past.
        """
        crontab = schedule.digest_due
        if crontab is None:
            return
        records = DigestRecords(self._runs.store)
        record = records.read(schedule.name)
        if record is None or record.until > written(now + timedelta(seconds=CLOCK_SKEW_S)):
            records.write(DigestRecord(schedule.name, written(now)))
            return
        due = crontab.last_until(now)
        if written(due) <= record.until or not claim(self.redis, self._what(schedule), MAKING_S_MAX):
            return
        try:
            record = records.read(schedule.name)  # another worker may have told it before the claim
            if record is None or written(due) > record.until:
                self._tell(schedule, due)
        finally:
            disclaim(self.redis, self._what(schedule))

    def _tell(self, schedule: Schedule, due: datetime) -> None:
        from reports.mail.digest import Span  # noqa: PLC0415 # starts Polars

        span = Span(schedule.name, due, zone=schedule.time_zone)
        if tell(
            self.redis, self._runs, digest_notice(self._runs, span, schedule.mail_to), self.settings.mail
        ):
            DigestRecords(self._runs.store).write(DigestRecord(schedule.name, written(due)))
            log.info("the digest of %s to %s is in the outbox", schedule.name, written(due))

    def _what(self, schedule: Schedule) -> str:
        return f"digest:{schedule.name}"

    @property
    def _runs(self) -> Runs:
        return self.settings.runs
