import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from archive.run import LOCK, Run
from archive.runs import Runs, open_run, runs_beside
from collector.session import Session
from domain.mistakes import OperatorError
from domain.records import Closed, Connection, Stage
from reports.tables.status import DEADLINE_REASON
from tests.archive.examples import dump, host, is_rendered, manifest
from tests.ports import free_port
from workers.here import locks
from workers.here.embedded import execute
from workers.life.progress import Progress, progress_of

pytestmark = pytest.mark.slow


class Seen(list[Progress]):
    """The progress as it was told, which only ever grows."""

    def __call__(self, progress: Progress) -> None:
        if self:
            before = self[-1]
            assert progress.collected >= before.collected
            assert progress.ended > before.ended or progress.collected > before.collected
        self.append(progress)


def start(folder: Path, *names: str) -> Run:
    return Runs(str(folder / "runs")).create(manifest(*names))


def go_on(run: Run, seen: Seen, stop: threading.Event | None = None) -> object:
    ended = execute(run, Session(run.manifest.limits), seen, stop or threading.Event(), processes=2)
    return ended.closed if ended else None


def test_a_run_on_this_machine_is_swept_classified_closed_and_rendered(
    key: Path, made_root: Path, tmp_path: Path
) -> None:
    asked = manifest()
    here = [host(name, root=str(made_root)) for name in ("this", "=cmd()")]
    unreachable = replace(host("closed", free_port(), Connection.SSH), key_file=str(key))
    run = Runs(str(tmp_path)).create(replace(asked, hosts=(*here, unreachable)))
    seen = Seen()
    closed = go_on(run, seen)
    assert closed == run.closed()
    assert seen[0] == Progress(3, 0, 0, 0)
    assert (seen[-1].collected, seen[-1].classified, seen[-1].failed) == (3, 2, 1)
    this, strange, refused = run.outcomes()
    assert this.record is not None
    assert this.record.sent > 0
    assert strange.record is not None
    assert refused.failure is not None
    assert (refused.failure.stage, refused.failure.reason) == (Stage.TCP, "tcp_refused")
    assert set(run.store.list("report")) == {"index.html", "report.json", "hosts.csv", "services.csv"}
    assert run.store.read(LOCK) == b""  # nobody is at it any more


def test_kept_dumps_are_classified_without_asking_the_hosts(tmp_path: Path) -> None:
    run = start(tmp_path, "a", "b")
    for name in ("a", "b"):
        run.write_dump(dump(name))
    seen = Seen()
    assert go_on(run, seen) is not None
    assert seen[0] == Progress(2, 2, 0, 0)
    assert (seen[-1].classified, progress_of(run).classified) == (2, 2)


def test_a_closed_run_is_rendered_again_and_nothing_else(tmp_path: Path) -> None:
    run = start(tmp_path, "a")
    run.write_dump(dump("a"))
    closed = go_on(run, Seen())
    run.store.remove("report/index.html")
    seen = Seen()
    assert go_on(run, seen) == closed
    assert seen == []
    assert is_rendered(run)


def test_a_run_that_the_workers_of_a_fleet_have_is_left_to_them(tmp_path: Path) -> None:
    run = start(tmp_path, "this")
    runs = runs_beside(run)
    runs.queue(run.run_id)
    with pytest.raises(OperatorError, match=r"given to the workers.*--broker.*/queued/") as refused:
        go_on(run, Seen())
    (place,) = [word for word in str(refused.value).split() if "/queued/" in word]
    Path(place.rstrip(")")).unlink()  # as the remedy says
    assert go_on(run, Seen()) is not None


def test_a_stopped_run_is_open_and_goes_on(tmp_path: Path) -> None:
    run = start(tmp_path, "a", "b", "c")
    run.write_dump(dump("a"))
    stop = threading.Event()
    stop.set()
    assert go_on(run, Seen(), stop) is None
    assert run.closed() is None
    assert len(run.pending()) == 3
    assert go_on(run, Seen()) is not None


def test_a_run_that_another_process_executes_is_left_alone(tmp_path: Path) -> None:
    run = start(tmp_path, "a")
    with locks.held(run), pytest.raises(OperatorError, match="is being executed"):
        go_on(run, Seen())


MAIN = """
import os, sys, threading, time
from archive.runs import open_run
from collector.session import Session
from workers.here.embedded import execute
def progress(now):
    print(now.classified, flush=True)
    if len(sys.argv) > 2 and now.classified >= 1:
        time.sleep(60)
if __name__ == "__main__":
    run = open_run(sys.argv[1])
    execute(run, Session(run.manifest.limits), progress, threading.Event(), processes=1)
    print(sorted({name.partition(".")[0] for name in sys.modules} & {"celery", "redis", "kombu"}))
"""


def test_no_redis_and_no_celery_is_imported(tmp_path: Path) -> None:
    run = start(tmp_path, "a")
    run.write_dump(dump("a"))
    script = tmp_path / "main.py"
    script.write_text(MAIN)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    printed = subprocess.check_output([sys.executable, str(script), run.url], text=True, env=environment)
    assert printed.splitlines() == ["0", "1", "[]"]


def test_a_killed_run_goes_on_to_the_same_result(tmp_path: Path) -> None:
    names = ("a", "b", "c", "d")
    run, whole = start(tmp_path / "killed", *names), start(tmp_path / "whole", *names)
    for name in names:
        run.write_dump(dump(name, seed=ord(name)))
        whole.write_dump(dump(name, seed=ord(name)))
    script = tmp_path / "main.py"
    script.write_text(MAIN)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, str(script), run.url, "then wait"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    assert process.stdout
    while process.stdout.readline().strip() != "1":
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert go_on(open_run(run.url), Seen()) is not None
    assert go_on(whole, Seen()) is not None
    for name in names:
        assert run.read_result(name) == whole.read_result(name)


def test_past_the_deadline_no_host_is_asked_and_what_was_sent_is_classified(
    tmp_path: Path, key: Path
) -> None:
    asked = manifest("kept", hours=2 / 3600)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection and says nothing
        slow = replace(host("slow", silent.getsockname()[1], Connection.SSH), key_file=str(key))
        limits = replace(asked.limits, banner_s=600.0, total_s=600.0, attempts=1)
        run = Runs(str(tmp_path)).create(replace(asked, hosts=(*asked.hosts, slow), limits=limits))
        run.write_dump(dump("kept"))
        began = time.monotonic()
        closed = go_on(run, Seen())
    assert isinstance(closed, Closed)
    assert (closed.failed, closed.complete) == (1, False)
    assert time.monotonic() - began < limits.banner_s / 2
    kept, failed = run.outcomes()
    assert kept.record is not None
    assert failed.failure is not None
    assert failed.failure.reason == DEADLINE_REASON
