import json
import pickle
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.runs import Runs
from domain.mistakes import OperatorError
from tests.archive.examples import is_rendered
from tests.redis_server import free_port, redis_server
from tests.workers.worker_process import running
from workers.fleet import starts
from workers.fleet.beat import DueTimes, beat_entries, run_beat
from workers.fleet.broker import redis_client
from workers.fleet.worker_settings import WorkerSettings
from workers.life.pace import Pace
from workers.life.schedules import Schedule

pytestmark = pytest.mark.slow

INVENTORY = "all:\n  hosts:\n    this:\n      ansible_connection: local\n"
BEAT_WITHIN_S = 180


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[WorkerSettings]:
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(INVENTORY)
    with redis_server() as server:
        yield WorkerSettings(
            server.url,
            str(tmp_path / "runs"),
            broker_password=server.password,
            inventory=inventory,
            schedules=(Schedule("nightly", "all", "* * * * *", "Europe/Berlin"),),
            pace=Pace(tend_s=1),
        )


def test_due_times_are_due_once_each() -> None:
    every_minute = DueTimes("* * * * *", "Europe/Berlin")
    now = every_minute.now()
    due = every_minute.is_due(now - timedelta(minutes=2))
    assert due.is_due
    assert 0 <= due.next <= 60
    just_now = every_minute.is_due(now)
    assert not just_now.is_due
    assert 0 <= just_now.next <= 60


def test_what_was_missed_by_more_than_an_hour_is_not_made_up_for() -> None:
    now = datetime.now(UTC)
    for hours, is_due in ((2, False), (0.5, True)):
        then = now - timedelta(hours=hours)
        daily = DueTimes(f"{then.minute} {then.hour} * * *", "UTC")
        assert daily.is_due(now - timedelta(hours=3)).is_due is is_due


@pytest.mark.parametrize(
    ("crontab", "now", "due"),
    [
        ("*/2 * * * *", "06:12:01", "06:12"),
        ("*/2 * * * *", "06:12:50", "06:12"),
        ("*/2 * * * *", "06:11:55", "06:12"),
        ("* * * * *", "06:11:50", "06:12"),
        ("0 3 * * *", "02:58:30", "03:00"),
        ("0 3 * * *", "03:40:00", "03:00"),
    ],
)
def test_a_message_belongs_to_the_nearest_due_time(crontab: str, now: str, due: str) -> None:
    at = datetime.fromisoformat(f"2026-11-23T{now}+00:00")
    assert f"{starts.nearest_due(Schedule('often', 'all', crontab), at):%H:%M}" == due


def test_a_naive_time_that_beat_kept_is_utc() -> None:
    every_minute = DueTimes("* * * * *", "UTC")
    assert every_minute.is_due(datetime(2020, 1, 1)).is_due  # noqa: DTZ001
    assert every_minute.remaining_estimate(every_minute.now()) <= timedelta(minutes=1)


def test_due_times_are_kept_in_beats_file_and_compared() -> None:
    nightly = DueTimes("58 4 * * *", "Europe/Berlin")
    assert pickle.loads(pickle.dumps(nightly)) == nightly
    assert nightly != DueTimes("58 4 * * *", "UTC")
    assert len({nightly, DueTimes("58 4 * * *", "Europe/Berlin")}) == 1


def test_beat_sends_references_on_the_report_queue() -> None:
    entries = beat_entries(
        WorkerSettings(
            "redis://x/0", "/x", schedules=(Schedule("n", "all", "0 5 * * *"),), pace=Pace(tend_s=7)
        )
    )
    assert entries["start n"]["kwargs"] == {"schedule": "n"}
    assert entries["start n"]["schedule"] == DueTimes("0 5 * * *", "UTC")
    assert entries["tend"]["schedule"] == timedelta(seconds=7)
    assert json.dumps([entry["kwargs"] for entry in entries.values() if "kwargs" in entry])


def test_a_due_time_is_started_once_however_many_ask(settings: WorkerSettings) -> None:
    daily = replace(settings, schedules=(Schedule("nightly", "all", "0 0 1 1 *", "UTC"),))
    started: list[str] = []

    def ask() -> None:
        client = redis_client(daily)
        run = starts.start("nightly", daily, client)
        if run:
            started.append(run.run_id)
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == 1
    (run_id,) = Runs(daily.runs_url).ids()
    assert run_id == started[0]
    manifest = Runs(daily.runs_url).open(run_id).manifest
    assert manifest.scope.name == "nightly"
    assert [host.name for host in manifest.hosts] == ["this"]


def test_a_lost_claim_does_not_start_it_twice(settings: WorkerSettings) -> None:
    daily = replace(settings, schedules=(Schedule("nightly", "all", "0 0 1 1 *", "UTC"),))
    client = redis_client(daily)
    assert starts.start("nightly", daily, client) is not None
    client.flushall()
    assert starts.start("nightly", daily, client) is None
    client.close()
    assert len(Runs(daily.runs_url).ids()) == 1


def test_a_start_that_failed_can_be_asked_for_again(settings: WorkerSettings) -> None:
    daily = replace(settings, schedules=(Schedule("nightly", "nobody*", "0 0 1 1 *", "UTC"),))
    client = redis_client(daily)
    for _ in range(2):
        with pytest.raises(OperatorError):
            starts.start("nightly", daily, client)
    with pytest.raises(OperatorError, match="not among this worker's schedules"):
        starts.start("weekly", daily, client)
    client.close()


def test_beat_without_schedule_or_broker_is_the_operators_mistake(tmp_path: Path) -> None:
    nothing = WorkerSettings(f"redis://127.0.0.1:{free_port()}/0", str(tmp_path))
    with pytest.raises(OperatorError, match="no run is scheduled"):
        run_beat(nothing, tmp_path)


def _is_finished(runs: Runs) -> bool:
    """Whether the first run is there, and its report."""
    return bool(runs.ids()) and runs.store.exists(f"{runs.ids()[0]}/report/index.html")


@pytest.mark.journey
def test_two_beats_start_the_run_of_the_next_minute_once(settings: WorkerSettings, tmp_path: Path) -> None:
    runs, until = Runs(settings.runs_url), time.monotonic() + BEAT_WITHIN_S
    log = tmp_path / "worker.log"
    with (
        running("worker", settings, tmp_path),
        running("beat", settings, tmp_path, "1"),
        running("beat", settings, tmp_path, "2"),
    ):
        while not ("was started already" in log.read_text() and _is_finished(runs)):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
    minutes = {run_id[:13] for run_id in runs.ids()}
    assert len(minutes) == len(runs.ids())  # one a minute, though both beats asked
    run = runs.open(runs.ids()[0])
    closed = run.closed()
    assert closed is not None
    assert closed.ok + closed.partial == 1
    assert is_rendered(run)
