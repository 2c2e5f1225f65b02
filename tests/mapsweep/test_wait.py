"""mapsweep wait, for runs that other processes execute."""

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from archive.mail_record import Posted
from archive.run import LOCK, Run
from archive.runs import Runs
from domain.mistakes import OperatorError
from domain.records import Failure, Stage
from mapsweep.conduct import Executor, Stopped, conduct
from mapsweep.durations import DAYS_MAX
from mapsweep.terminal.exits import Exit
from tests.archive.examples import dump, host, manifest
from tests.mapsweep.conftest import Here
from tests.waiting import eventually
from workers.here import watching
from workers.life.ending import close_run, render_report
from workers.life.host_steps import classify_host

COMMAND = str(Path(sys.executable).with_name("mapsweep"))


def created(folder: Path, *names: str, mail_to: tuple[str, ...] = ()) -> Run:
    planned = replace(manifest(), hosts=tuple(map(host, names)), mail_to=mail_to)
    return Runs(str(folder)).create(planned)


def answer(run: Run, name: str) -> None:
    run.write_dump(dump(name))
    classify_host(run, name)


def fail(run: Run, name: str) -> None:
    run.write_failure(
        Failure(name, Stage.TCP, "tcp_refused", "refused", "", 1, "2026-11-23T05:00:00+00:00", 0.1)
    )


def end(run: Run) -> None:
    close_run(run)
    render_report(run)


@contextmanager
def later(work: "threading.Thread") -> Iterator[None]:
    work.start()
    yield
    work.join()


def test_a_run_that_others_close(here: Here, tmp_path: Path) -> None:
    runs, run = tmp_path / "runs", created(tmp_path / "runs", "web-1", "web-2")
    Runs(str(runs)).queue(run.run_id)

    def work() -> None:
        answer(run, "web-1")
        fail(run, "web-2")
        end(run)
        Runs(str(runs)).unqueue(run.run_id)

    with later(threading.Timer(0.5, work)):
        ended = here("wait", run.run_id, "--runs", runs)
    assert ended.code == Exit.SOME_FAILED
    assert "1 failed" in ended.out
    assert ended.err.startswith(f"run {run.run_id}: 2 hosts\n")


@pytest.mark.parametrize(
    ("names", "failing", "code"),
    [(("a",), (), Exit.OK), (("a", "b"), ("b",), Exit.SOME_FAILED), (("a",), ("a",), Exit.ALL_FAILED)],
)
def test_a_closed_run_ends_as_collect_did(
    names: tuple[str, ...], failing: tuple[str, ...], code: Exit, here: Here, tmp_path: Path
) -> None:
    run = created(tmp_path / "runs", *names)
    for name in names:
        (fail if name in failing else answer)(run, name)
    end(run)
    waited = here("wait", "latest", "--runs", tmp_path / "runs")
    resumed = here("collect", "--resume", run.run_id, "--runs", tmp_path / "runs")
    assert (waited.code, waited.out) == (resumed.code, resumed.out)
    assert waited.code == code
    met = here("wait", "latest", "--runs", tmp_path / "runs", "--fail-on", "native-heap=1")
    assert met.code == (code if set(names) == set(failing) else Exit.THRESHOLD)


def test_the_time_is_limited_and_the_run_goes_on(here: Here, tmp_path: Path) -> None:
    run = created(tmp_path / "runs", "web-1", "web-2")
    Runs(str(tmp_path / "runs")).queue(run.run_id)
    fail(run, "web-1")
    ended = here("wait", run.run_id, "--runs", tmp_path / "runs", "--timeout", "1s")
    assert ended.code == Exit.TIMED_OUT
    assert ended.err.endswith(f"mapsweep: {run.run_id}: not over after 1s: 1 of 2 hosts are done\n")
    assert Runs(str(tmp_path / "runs")).is_queued(run.run_id)


@pytest.mark.parametrize(
    "text", ["", "0s", "2", "1x", "-1h", "1h 2m", "h", f"{DAYS_MAX + 1}d", "9" * 400 + "s"]
)
def test_a_wrong_time_is_a_mistake(text: str, here: Here, tmp_path: Path) -> None:
    ended = here("wait", "latest", "--runs", tmp_path, "--timeout", text)
    assert ended.code == Exit.USAGE
    assert "--timeout" in ended.err


def test_mail_is_waited_for_while_somebody_is_to_send_it(here: Here, tmp_path: Path) -> None:
    runs = Runs(str(tmp_path / "runs"))
    run = created(tmp_path / "runs", "web-1", mail_to=("ops@example.org",))
    answer(run, "web-1")
    runs.queue(run.run_id)
    end(run)
    words = ("wait", run.run_id, "--runs", tmp_path / "runs")
    late = here(*words, "--timeout", "1s")
    assert (late.code, "closed, not mailed yet" in late.err) == (Exit.TIMED_OUT, True)
    runs.unqueue(run.run_id)  # nobody is to mail it
    ended = here(*words)
    assert ended.code == Exit.UNDELIVERED
    assert "not delivered" in ended.err
    runs.mark_unmailed(run.run_id)  # it is tried again
    assert here(*words, "--timeout", "1s").code == Exit.TIMED_OUT
    run.mail_record.close(Posted(message_id="<1@example.org>", accepted=run.manifest.mail_to))
    runs.unmark_unmailed(run.run_id)
    assert here(*words).code == Exit.OK


@pytest.mark.parametrize("left", [b"", b'{"host": "web", "pid": 7, "since": "2026-11-23T04:58:37+00:00"}'])
def test_a_run_that_nobody_executes_is_not_waited_for(
    left: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a killed process has left in the lock: the kernel has freed it."""
    run = created(tmp_path / "runs", "web-1")
    run.store.write_once(LOCK, left)
    monkeypatch.setattr(watching, "NOBODY_S", 0.2)
    monkeypatch.setattr(watching, "POLL_S", 0.05)
    with pytest.raises(OperatorError, match="nobody executes it"):
        watching.wait(run, lambda _: None, threading.Event(), 30)


def test_a_run_that_is_removed_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = created(tmp_path / "runs", "web-1")
    Runs(str(tmp_path / "runs")).queue(run.run_id)
    monkeypatch.setattr(watching, "POLL_S", 0.05)
    gone = threading.Timer(0.3, shutil.rmtree, [run.url])
    with later(gone), pytest.raises(OperatorError, match="was removed"):
        watching.wait(run, lambda _: None, threading.Event(), 30)


def test_ctrl_c_at_once_is_no_other_than_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as the run is told of."""

    class Impatient(io.StringIO):
        def write(self, text: str) -> int:
            if text.startswith("run "):
                signal.raise_signal(signal.SIGINT)
            return super().write(text)

    run, said = created(tmp_path / "runs", "web-1"), Impatient()
    monkeypatch.setattr("sys.stderr", said)
    waiting = Executor(
        lambda one, tell, stop: watching.wait(one, tell, stop, 1), Stopped("To wait again:", (), ("wait",))
    )
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # or a signal that comes too soon ends the tests
    try:
        assert conduct(run, waiting) == Exit.INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, before)
    assert f"mapsweep wait {run.run_id}" in said.getvalue()


def test_ctrl_c_ends_the_waiting_and_says_how_to_wait_again(tmp_path: Path) -> None:
    run = created(tmp_path / "runs", "web-1")
    Runs(str(tmp_path / "runs")).queue(run.run_id)
    errors = tmp_path / "errors"
    with errors.open("wb") as written:
        process = subprocess.Popen(
            (COMMAND, "wait", run.run_id, "--runs", str(tmp_path / "runs")),
            stderr=written,
            env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path)},
        )
    eventually(lambda: b"run " in errors.read_bytes())
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == Exit.INTERRUPTED
    assert f"mapsweep wait {run.run_id}" in errors.read_text()
