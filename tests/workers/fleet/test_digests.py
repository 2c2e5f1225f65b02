"""A digest is told once a week, by whichever worker looks, also if no run came."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.digest_records import DigestRecord, DigestRecords
from archive.notices import Notice, Notices
from archive.runs import Runs
from archive.schedule_records import Due, ScheduleRecord, ScheduleRecords, State
from tests.redis_server import RedisServer
from workers.fleet.broker import redis_client
from workers.fleet.digests import Digests
from workers.fleet.worker_settings import WorkerSettings
from workers.life.outbox import is_notice
from workers.life.schedules import Schedule

WEEKLY = Schedule(
    *("nightly", "all", "30 2 * * *", "Europe/Berlin", ("ops@example.org",)), digest="0 8 * * mon"
)
SUNDAY = datetime(2026, 11, 29, 20, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Scene:
    """Workers that look after one schedule's digests, at times that a test sets."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.redis = redis_client(settings)
        self.redis.flushall()
        self.runs = Runs(settings.runs_url)

    def look(self, now: datetime, schedule: Schedule = WEEKLY) -> None:
        Digests(self.settings, self.redis).look_after(schedule, now)

    def notices(self) -> list[Notice]:
        return [Notices(self.runs.store).read(name) for name in self.runs.unmailed() if is_notice(name)]

    def mailed(self) -> None:
        """The outbox has mailed them all, which forgets them."""
        for each in self.notices():
            self.runs.notices.forget(each.notice_id)
            self.runs.unmark_unmailed(each.notice_id)


@pytest.fixture
def scene(server: RedisServer, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(WorkerSettings(server.url, str(tmp_path / "runs"), broker_password=server.password))
    made.look(SUNDAY)
    yield made
    made.redis.close()


def test_a_new_schedule_owes_no_digest_of_the_past(scene: Scene) -> None:
    scene.look(SUNDAY + MINUTE)
    assert scene.notices() == []


def test_it_is_told_once_whoever_looks(scene: Scene) -> None:
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(scene.look, [DUE + MINUTE] * 8))
    (told,) = scene.notices()
    assert (told.to, told.at) == (WEEKLY.mail_to, "2026-11-30T07:00:00+00:00")
    assert told.subject == "nightly, NO RUN in 7 days"
    assert "NO RUN CAME" in told.text
    assert "NO RUN CAME" in told.html
    assert "Mon 2026-11-30 08:00 CET" in " ".join(told.text.split())
    scene.mailed()
    scene.look(DUE + 3 * DAY)
    scene.redis.flushall()  # whatever Redis forgets, the archive knows it
    scene.look(DUE + 6 * DAY)
    assert scene.notices() == []
    scene.look(DUE + 7 * DAY)
    assert [each.at for each in scene.notices()] == ["2026-12-07T07:00:00+00:00"]


def test_of_weeks_without_a_worker_the_last_digest_is_made(scene: Scene) -> None:
    scene.look(DUE + 22 * DAY)
    assert [each.at for each in scene.notices()] == ["2026-12-21T07:00:00+00:00"]


def test_due_times_without_a_run_are_told(scene: Scene) -> None:
    at = "2026-11-28T01:30:00+00:00"
    due = Due(at, State.MISSED, at, reason="nobody looked after schedules in time")
    old = replace(due, due_at="2026-11-20T01:30:00+00:00")
    ScheduleRecords(scene.runs.store).write(
        ScheduleRecord("nightly", WEEKLY.crontab, WEEKLY.time_zone, "2026-11-01T00:00:00+00:00", (old, due))
    )
    scene.look(DUE)
    (told,) = scene.notices()
    assert "1 due time missed" in told.text
    assert "Sat 2026-11-28 02:30 CET (01:30 UTC): DID NOT RUN: nobody looked" in " ".join(told.text.split())
    assert "2026-11-20" not in told.text


def test_a_clock_that_was_ahead_silences_nothing(scene: Scene) -> None:
    DigestRecords(scene.runs.store).write(DigestRecord("nightly", "2027-05-01T00:00:00+00:00"))
    scene.look(DUE - MINUTE)
    scene.look(DUE)
    assert len(scene.notices()) == 1


@pytest.mark.parametrize("changed", [{"digest": ""}, {"mail_to": ()}])
def test_who_wants_none_gets_none(scene: Scene, changed: dict[str, object]) -> None:
    schedule = Schedule(**{**{name: getattr(WEEKLY, name) for name in WEEKLY.__slots__}, **changed})
    scene.look(DUE, schedule)
    assert scene.notices() == []
