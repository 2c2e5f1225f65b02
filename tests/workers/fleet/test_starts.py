"""What should have started is started, made up for, or told, whoever was away and whatever failed."""

import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.notices import Notices
from archive.runs import Runs
from archive.schedule_records import ScheduleRecord, ScheduleRecords, State
from domain.mistakes import OperatorError
from tests.archive.examples import SIGNING_KEY
from tests.redis_server import RedisServer
from tests.system_log import system_log
from workers.fleet.broker import redis_client
from workers.fleet.current_records import unwatched
from workers.fleet.starts import TOLD_AFTER_S, Starts, manifest_of
from workers.fleet.stuck import STUCK_AFTER_S, Stuck
from workers.fleet.worker_settings import WorkerSettings
from workers.life.audit import Audit
from workers.life.audit_places import SystemLog
from workers.life.schedules import OWED_MAX, Overlap, Schedule

INVENTORY = "all:\n  hosts:\n    this:\n      ansible_connection: local\n"
NIGHTLY = Schedule("nightly", "all", "30 2 * * *", "Europe/Berlin", ("ops@example.org",))
EVENING = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 29, 1, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Scene:
    """A schedule, looked after at times that a test sets."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.redis = redis_client(settings)
        self.redis.flushall()
        self.runs = Runs(settings.runs_url)

    def look(self, now: datetime, schedule: Schedule = NIGHTLY) -> None:
        """One round; a start that failed is tried again in each."""
        for key in self.redis.scan_iter("mapsweep:claim:again:*"):
            self.redis.delete(key)
        settings = replace(self.settings, schedules=(schedule,))
        Starts(settings, self.redis, lambda run: self.runs.queue(run.run_id)).look_after(now)

    def states(self) -> list[tuple[str, str]]:
        return [(due.due_at[:16], due.state.value) for due in self.record.dues]

    @property
    def record(self) -> ScheduleRecord:
        record = ScheduleRecords(self.runs.store).read("nightly")
        assert record is not None
        return record

    def mails(self) -> list[str]:
        """The subjects in the outbox."""
        return sorted(Notices(self.runs.store).read(name).subject for name in self.runs.unmailed())

    def text(self) -> str:
        (name,) = self.runs.unmailed()
        return Notices(self.runs.store).read(name).text


@pytest.fixture
def scene(server: RedisServer, tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    (tmp_path / "runs").mkdir()
    made = Scene(
        WorkerSettings(
            server.url,
            str(tmp_path / "runs"),
            signing_key=SIGNING_KEY,
            broker_password=server.password,
            inventory=tmp_path / "inventory.yaml",
        )
    )
    made.look(EVENING)
    yield made
    made.redis.close()


def inventory(scene: Scene, text: str) -> None:
    assert scene.settings.inventory is not None
    Path(str(scene.settings.inventory)).write_text(text)


def test_a_schedule_that_is_new_owes_nothing_of_the_past(scene: Scene) -> None:
    assert scene.states() == []
    assert scene.runs.ids() == []


def test_a_due_time_is_started_once_however_often_somebody_looks(scene: Scene) -> None:
    for seconds in (-1, 0, 15, 3600):
        scene.look(DUE + timedelta(seconds=seconds))
    assert scene.states() == [("2026-11-29T01:30", "started")]
    (run_id,) = scene.runs.ids()
    assert scene.runs.is_queued(run_id)
    assert scene.runs.by_id(run_id).manifest.due_at == "2026-11-29T01:30:00+00:00"
    assert scene.mails() == []


def test_the_audit_says_who_planned_a_due_time_before_a_host_is_asked(scene: Scene, tmp_path: Path) -> None:
    log = tmp_path / "log"
    scene.settings = replace(scene.settings, audit=Audit(SystemLog(log)))
    scene.look(DUE)  # nobody listens yet
    assert scene.states() == [("2026-11-29T01:30", "failing")]
    assert scene.runs.ids() == []
    with system_log(log) as listening:
        scene.look(DUE + MINUTE)
        (planned,) = listening.received()
        scene.look(DUE + HOUR)
        assert listening.received() == []
    assert scene.states() == [("2026-11-29T01:30", "started")]
    (run_id,) = scene.runs.ids()
    asker = scene.runs.by_id(run_id).manifest.asker
    assert asker is not None
    assert (asker.schedule, asker.uid, asker.machine) == ("nightly", os.getuid(), socket.gethostname())
    told = {name: planned[name] for name in ("event", "run", "schedule", "machine", "host_keys", "arguments")}
    assert told == {
        "event": "planned",
        "run": run_id,
        "schedule": "nightly",
        "machine": asker.machine,
        "host_keys": "by_workers",
        "arguments": "by_workers",
    }


def test_a_run_that_the_audit_did_not_take_is_not_given_to_the_workers(scene: Scene, tmp_path: Path) -> None:
    """The place was good when it was looked at, and was not when the line came."""
    audit = Audit(_GoneAfterACheck(tmp_path / "log"))
    scene.settings = replace(scene.settings, audit=audit)
    scene.look(DUE)
    (run_id,) = scene.runs.ids()
    assert not scene.runs.is_queued(run_id)
    assert scene.states() == [("2026-11-29T01:30", "failing")]
    with system_log(tmp_path / "log") as listening:
        scene.look(DUE + MINUTE)
        (planned,) = listening.received()
    assert (planned["run"], scene.runs.is_queued(run_id)) == (run_id, True)


class _GoneAfterACheck(SystemLog):
    def check(self) -> None:
        """It seems to be there."""


def test_redis_that_loses_all_starts_nothing_twice(scene: Scene) -> None:
    scene.look(DUE)
    scene.redis.flushall()
    scene.look(DUE + MINUTE)
    assert len(scene.runs.ids()) == 1


def test_a_record_that_was_lost_starts_nothing_twice(scene: Scene) -> None:
    before = scene.record
    scene.look(DUE)
    ScheduleRecords(scene.runs.store).write(before)  # as if killed before it was told
    scene.look(DUE + MINUTE)
    assert len(scene.runs.ids()) == 1
    assert scene.states() == [("2026-11-29T01:30", "started")]


def test_a_run_that_was_made_and_not_handed_over_is_handed_over(scene: Scene) -> None:
    settings = replace(scene.settings, schedules=(NIGHTLY,))
    Runs(settings.runs_url, SIGNING_KEY).create(manifest_of(NIGHTLY, DUE, settings))
    scene.look(DUE + MINUTE)
    (run_id,) = scene.runs.ids()
    assert scene.runs.is_queued(run_id)


def test_a_run_that_nobody_signed_is_not_taken_for_ours(scene: Scene) -> None:
    settings = replace(scene.settings, schedules=(NIGHTLY,))
    scene.runs.create(manifest_of(NIGHTLY, DUE, settings))  # killed before it was signed, or somebody else
    scene.look(DUE)
    assert len(scene.runs.ids()) == 2
    (queued,) = scene.runs.queued()
    assert Runs(settings.runs_url, SIGNING_KEY).by_id(queued).manifest.due_at == DUE.isoformat()


def test_a_late_start_is_made_up_for_within_the_setting(scene: Scene) -> None:
    scene.look(DUE + HOUR)
    assert scene.states() == [("2026-11-29T01:30", "started")]


def test_what_was_missed_is_told(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    for minutes in (61, 62, 63):
        scene.look(DUE + minutes * MINUTE)
    assert scene.states() == [("2026-11-29T01:30", "missed")]
    assert scene.mails() == ["nightly of 29 Nov 02:30 did not start"]
    assert "2026-11-29 02:30 CET (01:30 UTC): nobody looked after schedules in time" in scene.text()
    assert "nightly of 2026-11-29T01:30:00+00:00 did not start (missed)" in caplog.text
    assert scene.runs.ids() == []


def test_all_that_was_missed_is_told_in_one_mail_and_the_last_one_is_made_up_for(scene: Scene) -> None:
    scene.look(DUE + 3 * DAY + MINUTE)
    assert [state for _, state in scene.states()] == ["missed", "missed", "missed", "started"]
    assert scene.mails() == ["nightly of 01 Dec 02:30 did not start"]
    assert scene.text().count("nobody looked after schedules") == 3


def test_after_a_long_time_not_every_minute_is_counted(scene: Scene) -> None:
    often = replace(NIGHTLY, crontab="* * * * *")
    scene.look(EVENING, often)
    scene.look(EVENING + 30 * DAY, often)
    assert len(scene.record.dues) == OWED_MAX + 1
    assert scene.states()[-1] == ("2026-12-28T20:00", "started")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("all: [broken\n", "inventory.yaml"), ("all:\n  hosts: {}\n", "has no hosts")],
)
def test_a_start_that_fails_is_tried_again_and_told(
    scene: Scene, caplog: pytest.LogCaptureFixture, text: str, reason: str
) -> None:
    inventory(scene, text)
    scene.look(DUE)
    assert scene.states() == [("2026-11-29T01:30", "failing")]
    assert scene.mails() == []  # it may be a file that is just being written
    for seconds in (60, TOLD_AFTER_S, TOLD_AFTER_S + 60):
        scene.look(DUE + timedelta(seconds=seconds))
    assert scene.mails() == ["nightly of 29 Nov 02:30 has not started"]
    assert reason in scene.text()
    assert caplog.text.count("did not start") == 1  # not in each round
    inventory(scene, INVENTORY)
    scene.look(DUE + 20 * MINUTE)
    assert scene.states() == [("2026-11-29T01:30", "started")]
    assert len(scene.runs.ids()) == 1


def test_a_start_that_fails_is_given_up_in_the_end(scene: Scene) -> None:
    inventory(scene, "all: [broken\n")
    for minutes in (0, 10, 61, 62):
        scene.look(DUE + minutes * MINUTE)
    assert scene.states() == [("2026-11-29T01:30", "failed")]
    assert scene.mails() == ["nightly of 29 Nov 02:30 has not started"]  # one mail about it
    inventory(scene, INVENTORY)
    scene.look(DUE + DAY)
    assert scene.states()[-1] == ("2026-11-30T01:30", "started")


def test_a_start_that_fails_is_not_tried_in_each_round(scene: Scene) -> None:
    inventory(scene, "all: [broken\n")
    scene.look(DUE)
    again = f"mapsweep:claim:again:nightly:{DUE.isoformat()}"
    settings = replace(scene.settings, schedules=(NIGHTLY,))
    starts = Starts(settings, scene.redis, lambda _: None)
    starts.look_after(DUE + MINUTE)
    assert 0 < int(scene.redis.ttl(again)) <= scene.settings.pace.again_s
    inventory(scene, INVENTORY)
    starts.look_after(DUE + MINUTE)
    assert scene.runs.ids() == []


@pytest.mark.parametrize(
    ("overlap", "states", "mails"),
    [
        (Overlap.SKIP, ["started", "skipped", "skipped"], ["nightly of 30 Nov 02:30 was skipped"]),
        (Overlap.QUEUE, ["started", "skipped", "waiting"], ["nightly of 30 Nov 02:30 did not start"]),
        (Overlap.BOTH, ["started", "started", "started"], []),
    ],
)
def test_a_run_that_is_still_at_work(
    scene: Scene, overlap: Overlap, states: list[str], mails: list[str]
) -> None:
    schedule = replace(NIGHTLY, overlap=overlap)
    for days in range(3):
        scene.look(DUE + days * DAY, schedule)
        scene.look(DUE + days * DAY + MINUTE, schedule)
    assert [state for _, state in scene.states()] == states
    assert scene.mails() == mails


def test_what_waits_is_started_when_the_run_before_has_ended_however_late(scene: Scene) -> None:
    schedule = replace(NIGHTLY, overlap=Overlap.QUEUE)
    scene.look(DUE, schedule)
    scene.look(DUE + DAY, schedule)
    scene.runs.unqueue(scene.runs.ids()[0])
    scene.look(DUE + DAY + 5 * HOUR, schedule)
    assert [state for _, state in scene.states()] == ["started", "started"]


def test_a_clock_that_was_ahead_costs_no_night(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.look(DUE + DAY)  # both clocks were a day ahead
    assert scene.states() == [("2026-11-29T01:30", "missed"), ("2026-11-30T01:30", "started")]
    scene.look(DUE - HOUR)
    assert "a clock was ahead" in caplog.text
    for day in (DUE, DUE + DAY):
        for run_id in scene.runs.queued():  # it has ended by then
            scene.runs.unqueue(run_id)
        scene.look(day)
    assert [state for _, state in scene.states()] == ["started", "started"]
    assert len(scene.runs.ids()) == 3


def test_a_schedule_that_was_changed_owes_nothing_of_the_past(scene: Scene) -> None:
    scene.look(DUE)
    scene.look(DUE + HOUR, replace(NIGHTLY, crontab="0 3 * * *"))
    assert len(scene.runs.ids()) == 1


def test_workers_with_different_times_of_a_schedule_start_both_and_say_so(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """One worker was not restarted after a change: each takes the other's times for a new change."""
    older, newer = NIGHTLY, replace(NIGHTLY, crontab="30 4 * * *")
    for minutes in range(-4, 130):
        scene.look(DUE + minutes * MINUTE, older if minutes % 2 else newer)
        for run_id in scene.runs.queued():  # it has ended by then
            scene.runs.unqueue(run_id)
    assert scene.states() == [("2026-11-29T01:30", "started"), ("2026-11-29T03:30", "started")]
    assert caplog.text.count("workers differ about the schedule nightly") == 1


def test_schedules_that_only_beat_knows_are_told(scene: Scene) -> None:
    changed, unknown = replace(NIGHTLY, crontab="30 4 * * *"), replace(NIGHTLY, name="weekly")
    assert unwatched((NIGHTLY, changed, unknown), scene.redis) == ("nightly", "weekly")
    assert unwatched((NIGHTLY,), scene.redis) == ()
    scene.redis.flushall()
    assert unwatched((NIGHTLY,), scene.redis) == ("nightly",)


def test_what_waits_for_one_run_is_told_once(scene: Scene) -> None:
    often = replace(NIGHTLY, crontab="* * * * *", overlap=Overlap.QUEUE)
    for minutes in range(6):
        scene.look(DUE + minutes * MINUTE, often)
    assert [state for _, state in scene.states()] == ["started", *["skipped"] * 3, "waiting"]
    assert len(scene.mails()) == 1


def test_a_run_that_was_given_and_not_recorded_was_not_missed(scene: Scene) -> None:
    often = replace(NIGHTLY, crontab="*/2 * * * *")
    scene.look(DUE - MINUTE, often)
    before = scene.record
    scene.look(DUE, often)
    ScheduleRecords(scene.runs.store).write(before)  # as if killed before it was told
    scene.look(DUE + 2 * MINUTE, often)
    assert scene.states() == [("2026-11-29T01:30", "started"), ("2026-11-29T01:32", "skipped")]
    assert scene.mails() == ["nightly of 29 Nov 02:32 was skipped"]


def test_a_notice_that_could_not_be_kept_is_kept_later(scene: Scene) -> None:
    inventory(scene, "all: [broken\n")
    scene.look(DUE)
    in_the_way = Path(scene.settings.runs_url, "notices")
    in_the_way.write_text("no folder")
    scene.look(DUE + 6 * MINUTE)
    in_the_way.unlink()
    assert scene.mails() == []
    scene.look(DUE + 7 * MINUTE)
    assert scene.mails() == ["nightly of 29 Nov 02:30 has not started"]
    in_the_way.rename(in_the_way.with_name("kept"))
    in_the_way.write_text("no folder")
    for name in scene.runs.unmailed():
        scene.runs.unmark_unmailed(name)
    scene.look(DUE + DAY + 2 * HOUR)
    in_the_way.unlink()
    scene.look(DUE + DAY + 2 * HOUR + MINUTE)
    assert scene.mails() == ["nightly of 30 Nov 02:30 did not start"]


def test_a_schedule_whose_record_is_damaged_is_told(scene: Scene) -> None:
    scene.runs.store.replace("schedules/nightly.json", b"{")
    for seconds in (0, 60, TOLD_AFTER_S - 1):
        scene.look(DUE + timedelta(seconds=seconds))
    assert scene.mails() == []
    for seconds in (TOLD_AFTER_S, TOLD_AFTER_S + 60):
        scene.look(DUE + timedelta(seconds=seconds))
    assert scene.mails() == ["nightly is not looked after"]
    assert "nightly.json" in scene.text()


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE])
def test_a_run_that_no_worker_can_go_on_with_holds_up_no_other_night(scene: Scene, overlap: Overlap) -> None:
    """Its key was rotated while it was queued, for example."""
    schedule = replace(NIGHTLY, overlap=overlap)
    scene.look(DUE, schedule)
    (stuck_id,) = scene.runs.ids()
    stuck = Stuck(replace(scene.settings, schedules=(schedule,)), scene.redis)
    stuck.met(stuck_id, "manifest.sig: does not match manifest.json", DUE)
    stuck.over(stuck_id)  # another worker has the key
    for seconds in (0, STUCK_AFTER_S - 1):
        stuck.met(stuck_id, "manifest.sig: does not match manifest.json", DUE + timedelta(seconds=seconds))
    assert scene.mails() == []
    for seconds in (STUCK_AFTER_S, STUCK_AFTER_S + 60):
        stuck.met(stuck_id, "manifest.sig: does not match manifest.json", DUE + timedelta(seconds=seconds))
    assert scene.mails() == [f"{stuck_id}: the workers cannot go on"]
    assert "does not match" in scene.text()
    scene.look(DUE + DAY, schedule)
    assert [state for _, state in scene.states()] == ["started", "started"]
    assert scene.runs.is_queued(stuck_id)  # it goes on if the key comes back


def test_one_schedules_trouble_does_not_hold_up_the_others(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.runs.store.replace("schedules/other.json", b"{")
    other = replace(NIGHTLY, name="other")
    settings = replace(scene.settings, schedules=(other, NIGHTLY))
    for _ in range(3):
        Starts(settings, scene.redis, lambda _: None).look_after(DUE)
    assert scene.states() == [("2026-11-29T01:30", "started")]
    assert caplog.text.count("the schedule other could not be looked after") == 1


def test_a_run_needs_an_inventory(scene: Scene) -> None:
    with pytest.raises(OperatorError, match="no inventory is set"):
        manifest_of(NIGHTLY, DUE, replace(scene.settings, inventory=None))


def test_the_end_of_a_day_that_has_no_half_past_two(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    spring = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)
    scene.look(spring)
    scene.redis.flushall()
    before = len(scene.runs.ids())
    for minute in range(24 * 60):
        if minute % 15 == 0:
            scene.look(spring + minute * MINUTE)
    assert len(scene.runs.ids()) == before + 1
    assert scene.states()[-1] == ("2027-03-28T01:30", State.STARTED.value)
