"""Beat has runs looked after, by its own seconds; what that does is in test_starts and test_tasks."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from archive.runs import Runs
from archive.schedule_records import ScheduleRecords
from domain.mistakes import OperatorError
from tests.archive.examples import is_rendered
from tests.ports import free_port
from tests.redis_server import redis_server
from tests.waiting import eventually
from tests.workers.worker_process import running
from workers.fleet.app import REPORT
from workers.fleet.beat import WAITING_MAX, run_beat
from workers.fleet.broker import KEY_PREFIX, redis_client
from workers.fleet.worker_settings import WorkerSettings
from workers.life.pace import Pace
from workers.life.schedules import Schedule

pytestmark = pytest.mark.slow

INVENTORY = "all:\n  hosts:\n    this:\n      ansible_connection: local\n      mapsweep_root: {root}\n"
BEAT_WITHIN_S = 600


@pytest.fixture
def settings(made_root: Path, tmp_path: Path) -> Iterator[WorkerSettings]:
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(INVENTORY.format(root=made_root))
    with redis_server() as server:
        yield WorkerSettings(
            server.url,
            str(tmp_path / "runs"),
            broker_password=server.password,
            inventory=inventory,
            schedules=(Schedule("nightly", "all", "* * * * *", "Europe/Berlin"),),
            pace=Pace(tend_s=1),
        )


def test_a_broker_that_does_not_answer_is_the_operators_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.fleet.beat.BROKER_WAIT_S", 0)
    nothing = WorkerSettings(f"redis://127.0.0.1:{free_port()}/0", str(tmp_path))
    with pytest.raises(OperatorError, match="does not answer"):
        run_beat(nothing, Event())


def test_messages_that_nobody_takes_do_not_pile_up_and_a_file_says_that_beat_is_alive(
    settings: WorkerSettings, tmp_path: Path
) -> None:
    client, stop, alive = redis_client(settings), Event(), tmp_path / "alive"
    client.rpush(KEY_PREFIX + REPORT, *("{}" for _ in range(WAITING_MAX)))
    beat = Thread(target=run_beat, args=(settings, stop, alive))
    beat.start()
    eventually(alive.exists)
    alive.unlink()
    eventually(alive.exists)
    assert client.llen(KEY_PREFIX + REPORT) == WAITING_MAX
    client.delete(KEY_PREFIX + REPORT)
    eventually(lambda: client.llen(KEY_PREFIX + REPORT) > 0)
    stop.set()
    beat.join()
    client.close()


def test_beat_that_is_told_to_end_does_not_wait_for_its_next_message(
    settings: WorkerSettings, tmp_path: Path
) -> None:
    with running("beat", replace(settings, pace=Pace(tend_s=3600)), tmp_path) as beat:
        client = redis_client(settings)
        eventually(lambda: client.llen(KEY_PREFIX + REPORT) > 0)
        client.close()
        beat.send_signal(signal.SIGTERM)
        assert beat.wait(timeout=300) == 0


def _is_finished(runs: Runs) -> bool:
    """Whether the first run is there, and its report."""
    return bool(runs.ids()) and runs.store.exists(f"{runs.ids()[0]}/report/index.html")


@pytest.mark.journey
def test_two_beats_start_the_run_of_the_next_minute_once(settings: WorkerSettings, tmp_path: Path) -> None:
    runs, log = Runs(settings.runs_url), tmp_path / "worker.log"
    with (
        running("worker", settings, tmp_path),
        running("beat", settings, tmp_path, "1"),
        running("beat", settings, tmp_path, "2"),
    ):
        eventually(lambda: _is_finished(runs), BEAT_WITHIN_S, log.read_text)
    record = ScheduleRecords(runs.store).read("nightly")
    assert record is not None
    assert {due.run_id for due in record.dues} == set(runs.ids())
    minutes = {run_id[:13] for run_id in runs.ids()}
    assert len(minutes) == len(runs.ids())  # one a minute, though both beats asked
    run = runs.open(runs.ids()[0])
    closed = run.closed()
    assert closed is not None
    assert closed.ok + closed.partial == 1
    assert is_rendered(run)
