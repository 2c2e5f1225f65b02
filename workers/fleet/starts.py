"""Starts the runs that are due. What should have started follows from the schedules' records in the archive.

No message is needed for it: whoever looks after runs asks what is owed, and starts it, tries again, or tells.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from kombu.exceptions import OperationalError
from redis import RedisError

from archive.notices import Notice
from archive.run import Run
from archive.run_ids import new_run_id
from archive.runs import Runs
from archive.schedule_records import Due, ScheduleRecord, ScheduleRecords, State
from domain.about import about
from domain.mistakes import Mistake, OperatorError, reason_of, trace_of
from domain.moments import written
from domain.records import Manifest
from workers.fleet.claims import REMEMBERED_S, claim, disclaim, met, over
from workers.fleet.current_records import current_record
from workers.fleet.stuck import Stuck
from workers.fleet.telling import tell
from workers.fleet.worker_settings import WorkerSettings
from workers.life.notices import gone, not_started, skipped, untended
from workers.life.plan import Means, Request, check, planned
from workers.life.schedules import Overlap, Schedule

if TYPE_CHECKING:
    import redis

TOLD_AFTER_S: Final = 300  # a start that fails is told when it has failed for so long
STARTING_S_MAX: Final = 60  # nobody takes longer to start a run
IDS_MAX: Final = 4  # ids that one due time can have, if the first ones cannot be used

log = logging.getLogger("workers")


@dataclass(frozen=True, slots=True)
class Starts:
    """Looks after the schedules of the settings."""

    settings: WorkerSettings
    redis: "redis.Redis"
    hand_over: Callable[[Run], None]

    def look_after(self, now: datetime) -> None:
        """Start, or tell, whatever is owed. One schedule's trouble does not hold up the others."""
        for schedule in self.settings.schedules:
            what = f"schedule:{schedule.name}"
            if not claim(self.redis, what, STARTING_S_MAX):  # another worker is at it
                continue
            try:
                self._look_after(schedule, now)
                over(self.redis, f"untended:{schedule.name}")
            except (RedisError, OperationalError):
                raise
            except Exception as error:  # whatever it is, it is told
                if claim(self.redis, f"untended:{what}", REMEMBERED_S):
                    words = "the schedule %s could not be looked after: %s"
                    log.error(words, schedule.name, reason_of(error), exc_info=trace_of(error))  # noqa: TRY400
                if now - met(self.redis, f"untended:{schedule.name}", now) >= timedelta(seconds=TOLD_AFTER_S):
                    self._notify(untended(schedule, reason_of(error), now))
            finally:
                disclaim(self.redis, what)

    def _look_after(self, schedule: Schedule, now: datetime) -> None:
        record = current_record(schedule, self._runs.store, self.redis, now)
        owed = schedule.owed(record, now)
        if not owed:
            return
        *earlier, due = owed
        record = self._too_late(schedule, record, earlier, now)
        known = record.of(written(due))
        running = self._still_at_work(record, now)
        is_new = known is None or known.state is State.VOID
        is_failing = known is not None and known.state is State.FAILING
        if running and schedule.overlap is not Overlap.BOTH:
            self._held_up(schedule, record, due, now, running)
        elif schedule.is_late(due, now) and (is_new or is_failing):
            self._too_late(schedule, record, [due], now)
        elif is_new or self._may_try_again(schedule, due):
            self._start(schedule, record, due, now)

    def _may_try_again(self, schedule: Schedule, due: datetime) -> bool:
        return claim(self.redis, f"again:{schedule.name}:{written(due)}", self.settings.pace.again_s)

    def _still_at_work(self, record: ScheduleRecord, now: datetime) -> str:
        """The id of the schedule's last run if the workers have it, and can go on with it; else ""."""
        last = record.last_started()
        if last is None or not self._runs.is_queued(last.run_id):
            return ""
        return "" if Stuck(self.settings, self.redis).is_stuck(last.run_id, now) else last.run_id

    def _held_up(
        self, schedule: Schedule, record: ScheduleRecord, due: datetime, now: datetime, running: str
    ) -> None:
        reason = f"{running} is still at work"
        known = record.of(written(due))
        if schedule.overlap is Overlap.QUEUE:
            if known is None or known.state is not State.WAITING:
                log.warning("%s of %s waits: %s", schedule.name, written(due), reason)
                self._keep(record, Due(written(due), State.WAITING, written(now), reason=reason))
            return
        log.warning("%s of %s is skipped: %s", schedule.name, written(due), reason)
        if not record.is_skipped_for(reason):
            self._notify(skipped(schedule, due, running, now))
        self._keep(record, Due(written(due), State.SKIPPED, written(now), reason=reason, told=True))

    def _too_late(
        self, schedule: Schedule, record: ScheduleRecord, dues: Iterable[datetime], now: datetime
    ) -> ScheduleRecord:
        """Of these due times nothing becomes any more; that is told."""
        missed, changed = [], record
        for due in dues:
            known = record.of(written(due))
            if run_id := "" if known else self._given(schedule, due):  # by one who was killed before it told
                changed = changed.having(Due(written(due), State.STARTED, written(now), run_id))
                continue
            if known and known.state is State.FAILING:
                state, reason = State.FAILED, known.reason
            elif known and known.state is State.WAITING:
                state, reason = State.SKIPPED, known.reason
            else:
                state, reason = State.MISSED, "nobody looked after schedules in time"
            told = bool(known and known.told) or changed.is_skipped_for(reason)
            log.error("%s of %s did not start (%s): %s", schedule.name, written(due), state, reason)
            if not told:
                missed.append((due, reason))
            changed = changed.having(Due(written(due), state, written(now), reason=reason, told=True))
        if missed and not self._notify(gone(schedule, missed, now)):
            return record  # it is told in another round
        if changed is not record:
            self._write(changed)
        return changed

    def _given(self, schedule: Schedule, due: datetime) -> str:
        """The id of the run of a due time that the workers have; else ""."""
        ids = (run_id_of(schedule, due, number) for number in range(IDS_MAX))
        return next((run_id for run_id in ids if self._runs.is_queued(run_id)), "")

    def _start(self, schedule: Schedule, record: ScheduleRecord, due: datetime, now: datetime) -> None:
        try:
            run = self._created(schedule, record, due)
            if run.closed() is None:
                self.settings.audit.planned(run.manifest)
                self.hand_over(run)
        except (RedisError, OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 # whatever it is, it is told, and tried again
            self._failed(schedule, record, due, now, error)
            return
        late_s = (now - due).total_seconds()
        late = f", {late_s:.0f} s late" if late_s > 60 else ""
        with about(run=run.run_id):
            log.info("started %s: %d hosts%s", run.run_id, len(run.manifest.hosts), late)
        self._keep(record, Due(written(due), State.STARTED, written(now), run.run_id))

    def _failed(
        self, schedule: Schedule, record: ScheduleRecord, due: datetime, now: datetime, error: Exception
    ) -> None:
        reason = reason_of(error)
        known = record.of(written(due))
        if known is None or known.reason != reason:
            words = "%s of %s did not start: %s"
            log.error(words, schedule.name, written(due), reason, exc_info=trace_of(error))
        since = self._failing_since(schedule, due, now)  # in Redis as well: a full disk keeps no record
        told = bool(known and known.told)
        if not told and now - since >= timedelta(seconds=TOLD_AFTER_S):
            told = self._notify(not_started(schedule, due, reason, now))
        self._keep(
            record,
            Due(written(due), State.FAILING, written(now), reason=reason, since=written(since), told=told),
        )

    def _failing_since(self, schedule: Schedule, due: datetime, now: datetime) -> datetime:
        return met(self.redis, f"failing:{schedule.name}:{written(due)}", now)

    def _created(self, schedule: Schedule, record: ScheduleRecord, due: datetime) -> Run:
        """The run of a due time. Its id follows from the schedule and the time, so it is made only once."""
        known = record.of(written(due))
        first = 1 if known and known.state is State.VOID else 0
        for number in range(first, IDS_MAX):
            manifest = manifest_of(schedule, due, self.settings, number)
            # without a mail server it is in the outbox
            means = Means(self._runs.store, self.settings.pace, audit=self.settings.audit)
            check(manifest, means)
            try:
                return self._runs.create(manifest)
            except FileExistsError:  # made by a worker that was killed before it could tell
                try:
                    return self._runs.by_id(manifest.run_id)
                except OperatorError as error:
                    log.warning("%s cannot be used, and another id is: %s", manifest.run_id, error)
        raise OperatorError(
            Mistake(f"schedule {schedule.name}", f"{IDS_MAX} runs of {written(due)} are unusable")
        )

    def _keep(self, record: ScheduleRecord, due: Due) -> None:
        self._write(record.having(due))

    def _write(self, record: ScheduleRecord) -> None:
        ScheduleRecords(self._runs.store).write(record)

    def _notify(self, notice: Notice) -> bool:
        return tell(self.redis, self._runs, notice, self.settings.mail)

    @property
    def _runs(self) -> Runs:
        return self.settings.runs


def run_id_of(schedule: Schedule, due: datetime, number: int = 0) -> str:
    """The id of the run of a due time: the same, whoever starts it."""
    return new_run_id(due, schedule.name, _suffix(schedule, due, number))


def _suffix(schedule: Schedule, due: datetime, number: int) -> str:
    again = f" {number}" if number else ""
    return hashlib.sha256(f"{schedule.name} {due:%Y%m%dT%H%MZ}{again}".encode()).hexdigest()[:4]


def manifest_of(schedule: Schedule, due: datetime, settings: WorkerSettings, number: int = 0) -> Manifest:
    """The plan of the run of a due time; OperatorError if the inventory or the pattern is wrong."""
    if settings.inventory is None:
        raise OperatorError(
            Mistake(f"schedule {schedule.name}", "no inventory is set", "set it for the workers")
        )
    from collector.inventory.inventory import load  # noqa: PLC0415 # YAML and pydantic, for this one task
    from collector.inventory.patterns import select  # noqa: PLC0415

    request = Request(
        scope=schedule.scope,
        hosts=select(load(settings.inventory, settings.surroundings), schedule.hosts),
        limits=settings.limits,
        deadline_s=settings.deadline_s,
        command=f"schedule {schedule.name}",
        keep_dumps=settings.keep_dumps,
        mail_to=schedule.mail_to,
        mail_when=schedule.mail_when,
        mail_owners=settings.mail_owners if schedule.mail_to else (),
        mutes=settings.mutes,
    )
    return planned(request, due, _suffix(schedule, due, number))
