"""What is at the workers and cannot be looked after, such as a run that another key signed.

It is told to the list of its schedule after some minutes, because another worker may manage. From then on
nobody waits for it: the next due time of its schedule is started.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from kombu.exceptions import OperationalError
from redis import RedisError

from archive.notices import Notice
from archive.runs import Runs
from archive.schedule_records import ScheduleRecords
from domain.mistakes import reason_of
from workers.fleet import claims
from workers.fleet.claims import claim
from workers.fleet.clock import fleet_now
from workers.fleet.telling import tell
from workers.fleet.worker_settings import WorkerSettings
from workers.life.notices import removed, stuck, unseen
from workers.life.outbox import send_now
from workers.life.schedules import Schedule

if TYPE_CHECKING:
    import redis

STUCK_AFTER_S: Final = 300  # since it was first met, if no worker managed in between
AGAIN_S: Final = 60  # a mail that no archive can keep is tried again so often
ARCHIVE: Final = "archive"


@dataclass(frozen=True, slots=True)
class Stuck:
    """The runs of one archive that no worker manages to look after."""

    settings: WorkerSettings
    redis: "redis.Redis"

    def watched(self, run_id: str, act: Callable[[], object], step: str = "") -> None:
        """Take a step of a run; whatever it raises is noted, and raised."""
        try:
            act()
        except (RedisError, OperationalError):
            raise
        except Exception as error:
            self.met(run_id, reason_of(error), fleet_now(self.redis), step)
            raise
        self.over(run_id, step)

    def met(self, run_id: str, reason: str, now: datetime, step: str = "") -> None:
        """A worker could not look after a run; told once, after some time."""
        since = claims.met(self.redis, _trouble(run_id, step), now)
        if now - since < timedelta(seconds=STUCK_AFTER_S):
            return
        runs = self.settings.runs
        for schedule in self._schedules_of(run_id, runs):
            tell(self.redis, runs, stuck(schedule, run_id, reason, now), self.settings.mail)

    def gone(self, run_id: str, now: datetime) -> None:
        """A run was removed before it was mailed."""
        runs = self.settings.runs
        for schedule in self._schedules_of(run_id, runs):
            tell(self.redis, runs, removed(schedule, run_id, now), self.settings.mail)

    def over(self, run_id: str, step: str = "") -> None:
        """A worker could look after it."""
        claims.over(self.redis, _trouble(run_id, step))

    def is_stuck(self, run_id: str, now: datetime) -> bool:
        """Whether no worker has managed for some time."""
        since = claims.first_met(self.redis, _trouble(run_id))
        return since is not None and now - since >= timedelta(seconds=STUCK_AFTER_S)

    def archive_met(self, reason: str, now: datetime) -> None:
        """A worker does not see the archive; mailed at once if no worker has seen it for some time.

        Nothing is kept: the folder may be the one on which the archive is not mounted.
        """
        since, mail = claims.met(self.redis, ARCHIVE, now), self.settings.mail
        if mail is None or now - since < timedelta(seconds=STUCK_AFTER_S):
            return
        for notice in self._unseen(reason, now):
            is_told = claims.is_told(self.redis, notice.notice_id)
            if (
                not is_told
                and claim(self.redis, f"again:{notice.notice_id}", AGAIN_S)
                and send_now(notice, mail)
            ):
                claims.note_told(self.redis, notice.notice_id)

    def archive_seen(self, now: datetime) -> None:
        """A worker sees the archive; if it goes again, that is told again."""
        if claims.first_met(self.redis, ARCHIVE) is None:
            return
        claims.over(self.redis, ARCHIVE)
        for notice in self._unseen("", now):
            claims.forget_told(self.redis, notice.notice_id)

    def _unseen(self, reason: str, now: datetime) -> Iterator[Notice]:
        """One notice for each mail list."""
        for to in sorted({each.mail_to for each in self.settings.schedules if each.mail_to}):
            names = [each.name for each in self.settings.schedules if each.mail_to == to]
            yield unseen(names, to, reason, now)

    def _schedules_of(self, run_id: str, runs: Runs) -> Iterator[Schedule]:
        """The schedule that has started it; the addresses are those of the settings, not of the run."""
        for schedule in self.settings.schedules:
            record = ScheduleRecords(runs.store).read(schedule.name) if schedule.mail_to else None
            if record and any(due.run_id == run_id for due in record.dues):
                yield schedule


def _trouble(run_id: str, step: str = "") -> str:
    return f"stuck:{run_id}:{step}"
