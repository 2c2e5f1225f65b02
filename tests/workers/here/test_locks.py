import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from archive.run import LOCK, Run
from archive.runs import Runs, open_run
from domain.mistakes import OperatorError
from tests.archive.examples import manifest
from workers.here.locks import PUT_HELD_S_MAX, held

HOLD = """
import subprocess, sys
from archive.runs import open_run
from workers.here.locks import held
with held(open_run(sys.argv[1])):
    child = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Run:
    return Runs(str(tmp_path)).create(manifest("a"))


@pytest.fixture
def bucket() -> Run:
    return Runs(f"memory://{uuid4().hex}/runs").create(manifest("a"))


@pytest.fixture(params=["folder", "bucket"])
def run(request: pytest.FixtureRequest) -> Run:
    found: Run = request.getfixturevalue(request.param)
    return found


def take(run: Run) -> None:
    with held(run):
        pass


@contextmanager
def holder(run: Run) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that holds the run, and the process id of one that it has started."""
    command = [sys.executable, "-c", HOLD, run.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        child = int(other.stdout.readline())
        try:
            yield other, child
        finally:
            os.kill(child, signal.SIGKILL)
            other.kill()


def test_a_run_is_executed_by_one_at_a_time(run: Run) -> None:
    with held(run), pytest.raises(OperatorError, match=f"is being executed by process {os.getpid()} on "):
        take(run)
    take(run)


def test_the_lock_goes_with_an_exception(run: Run) -> None:
    with pytest.raises(ZeroDivisionError), held(run):
        raise ZeroDivisionError
    with held(run):
        pass


def test_one_that_was_refused_takes_nothing_from_the_holder(run: Run) -> None:
    with held(run):
        before = run.store.read(LOCK)
        for _ in range(2):
            with pytest.raises(OperatorError, match="is being executed"), held(run):
                pass
        assert run.store.read(LOCK) == before


def test_another_process_holds_it_and_is_named(folder: Run) -> None:
    with holder(folder) as (other, _):
        with pytest.raises(OperatorError, match=f"process {other.pid} on .*end that process"), held(folder):
            pass
        assert other.stdin is not None
        other.stdin.close()
        other.wait()
        with held(folder):
            pass
    assert folder.store.read(LOCK) == b""


def test_the_kernel_lets_go_of_a_killed_holder_though_its_children_live(folder: Run) -> None:
    with holder(folder) as (other, child):
        other.kill()
        other.wait()
        assert b"pid" in folder.store.read(LOCK)  # what is left of it counts for nothing
        os.kill(child, 0)
        with held(folder), pytest.raises(OperatorError, match=f"process {os.getpid()} "), held(folder):
            pass


def test_the_file_is_the_same_for_all_who_come(folder: Run) -> None:
    """One who has the file open from before, and locks it now, shuts out those who come by its name."""
    path = folder.store.local_path(LOCK)
    assert path is not None
    with held(folder):
        early = path.stat().st_ino
    with held(folder):
        assert path.stat().st_ino == early


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"host": 1}', b"\x00", b"x" * 10_000])
def test_what_is_in_the_file_of_a_folder_decides_nothing(folder: Run, text: bytes) -> None:
    folder.store.replace(LOCK, text)
    with held(folder):
        assert json.loads(folder.store.read(LOCK))["pid"] == os.getpid()


def test_a_folder_that_is_gone_is_not_made_again(folder: Run) -> None:
    path = folder.store.local_path("")
    assert path is not None
    (path / "manifest.json").unlink()
    path.rmdir()
    with pytest.raises(FileNotFoundError), held(folder):
        pass
    assert not path.exists()


@pytest.mark.parametrize("planted", ["link", "dangling link", "folder", "pipe"])
def test_what_is_no_file_is_refused_and_kept(folder: Run, tmp_path: Path, planted: str) -> None:
    path = folder.store.local_path(LOCK)
    assert path is not None
    target = tmp_path / "elsewhere"
    if planted == "link":
        target.write_text("precious")
    if planted == "folder":
        path.mkdir()
    elif planted == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    with pytest.raises(OperatorError, match=r"lock\.json: cannot be locked: .*has to be a file"):
        take(folder)
    assert target.exists() == (planted == "link")
    assert not target.exists() or target.read_text() == "precious"


def put(run: Run, age_s: float, **changed: object) -> None:
    since = datetime.now(UTC) - timedelta(seconds=age_s)
    text = {"host": "other", "pid": 1, "since": since.isoformat()} | changed
    run.store.replace(LOCK, json.dumps(text).encode())


def test_a_lock_in_a_bucket_counts_for_a_day(bucket: Run) -> None:
    put(bucket, PUT_HELD_S_MAX - 60)
    with pytest.raises(OperatorError, match=f"process 1 on other.*remove {bucket.url}/lock.json"):
        take(bucket)
    put(bucket, PUT_HELD_S_MAX)
    take(bucket)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"host": 1}', b"\x00", b"x" * 10_000])
def test_a_lock_in_a_bucket_that_cannot_be_read_is_left_to_the_operator(bucket: Run, text: bytes) -> None:
    bucket.store.replace(LOCK, text)
    with pytest.raises(OperatorError, match="lock is unreadable"), held(bucket):
        pass
    assert bucket.store.read(LOCK) == text


@pytest.mark.parametrize("since", ["", "yesterday", "2026-11-23T00:00:00", None])
def test_a_lock_in_a_bucket_without_its_time_is_left_to_the_operator(bucket: Run, since: object) -> None:
    put(bucket, 0, since=since)
    with pytest.raises(OperatorError, match="lock is unreadable"), held(bucket):
        pass


def test_what_another_has_put_meanwhile_is_not_removed(bucket: Run) -> None:
    with held(bucket):
        put(bucket, 0)
    assert open_run(bucket.url).store.exists(LOCK)
