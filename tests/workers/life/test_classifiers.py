import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from archive.folder import Folder
from archive.results import Result
from archive.run import Run
from archive.runs import Runs
from domain.records import Limits, Stage
from tests.archive.examples import dump, manifest
from workers.life.classifiers import WAITING_MAX, Classifier, Classifiers
from workers.life.host_steps import classify_host, make_result

pytestmark = pytest.mark.slow

KILLER = "killer"
WAITS_S = 300
REPEATS = int(os.environ.get("MAPSWEEP_REPEATS", "3"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Runs(str(tmp_path)).create(manifest("a", "b", "c", "d", KILLER))


class Ends:
    """What was told of the hosts."""

    def __init__(self) -> None:
        self.hosts: dict[str, bool] = {}

    def __call__(self, host: str, has_result: bool) -> None:
        assert host not in self.hosts
        self.hosts[host] = has_result


def deadly(run: Run, host: str) -> bool:
    """Classify a host, unless its dump kills the process."""
    if host == KILLER:
        os.kill(os.getpid(), signal.SIGKILL)
    classify_host(run, host)
    return True


def forbidden(run: Run, host: str) -> bool:
    """What a read-only disk does, whatever the host."""
    raise OSError(30, f"Read-only file system of {run.run_id}", host)


def patient(run: Run, host: str) -> bool:
    """Wait until the run is let go; leave word of the process that waits."""
    (Path(run.url) / f"{host}.pid").write_text(str(os.getpid()))
    go, until = Path(run.url) / "go", time.monotonic() + WAITS_S
    while not go.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return go.exists()


def told(run: Run, host: str) -> Result | bool:
    """The result of a host; leave word that a process has begun with it."""
    (Path(run.url) / f"{host}.pid").write_text(str(os.getpid()))
    made = make_result(run, host)
    assert isinstance(made, Result)
    return made


class Knot:
    """What only the garbage collector finds, once nothing refers to it."""

    def __init__(self) -> None:
        self.itself = self


_knots: list[weakref.ref[Knot]] = []
_kept: list[list[str]] = []  # what the first host of a run leaves, as a module would


def tying(run: Run, host: str) -> bool:
    """Leave a knot; whether the collector rests meanwhile, and the knots of earlier hosts are gone.

    From the second host on, also whether it leaves alone what was there before.
    """
    are_gone = not any(knot() for knot in _knots)
    _knots.append(weakref.ref(Knot()))
    is_aside = not any(each is kept for kept in _kept for each in gc.get_objects())
    if not _kept:
        _kept.append([host])
    return are_gone and is_aside and not gc.isenabled() and run.asks(host)


class SlowDisk(Folder):
    """A folder whose results are not synced before it is told to."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.go = threading.Event()

    def write_once(self, path: str, content: bytes | Iterable[bytes], *, lasting: bool = True) -> bool:
        assert not path.startswith("results/") or self.go.wait(WAITS_S)
        return super().write_once(path, content, lasting=lasting)


def pid_at(run: Run, host: str) -> int:
    """The process that waits at a host."""
    left, until = Path(run.url) / f"{host}.pid", time.monotonic() + WAITS_S
    while not (left.exists() and left.read_text()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return int(left.read_text())


def test_hosts_are_classified_side_by_side(run: Run) -> None:
    ends = Ends()
    with Classifiers(run, 2, ends, threading.Event()) as classifiers:
        for host in "abcd":
            run.write_dump(dump(host))
            classifiers.submit(host)
        classifiers.drain()
        assert ends.hosts == dict.fromkeys("abcd", True)
    assert run.standing().done == set("abcd")


def test_a_dump_that_is_none_is_told_as_failed(run: Run) -> None:
    ends = Ends()
    run.write_dump(dump("a").__class__("a", "", b"", b""))
    with Classifiers(run, 1, ends, threading.Event()) as classifiers:
        classifiers.submit("a")
        classifiers.drain()
    assert ends.hosts == {"a": False}
    assert run.standing().failed == {"a"}


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_a_dump_that_kills_its_process_fails_alone(run: Run, repeat: int) -> None:
    ends = Ends()
    hosts = [*"abcd"]
    hosts.insert(repeat % 5, KILLER)
    with Classifiers(run, 2, ends, threading.Event(), classify=deadly) as classifiers:
        for host in hosts:
            run.write_dump(dump(host))
            classifiers.submit(host)
        classifiers.drain()
    assert ends.hosts == {"a": True, "b": True, "c": True, "d": True, KILLER: False}
    failure = run.outcomes()[-1].failure
    assert failure is not None
    assert (failure.host, failure.stage, failure.reason) == (KILLER, Stage.WORKER, "worker_lost")
    assert "OOM" in failure.remedy


def test_a_dump_that_takes_too_long_fails_alone(tmp_path: Path) -> None:
    asked = replace(manifest("a", "b"), limits=replace(Limits(), classify_s=15.0))
    run = Runs(str(tmp_path)).create(asked)
    ends = Ends()
    with Classifiers(run, 1, ends, threading.Event(), classify=patient) as classifiers:
        classifiers.submit("a")
        while not ends.hosts:
            time.sleep(0.05)
        (Path(run.url) / "go").touch()
        classifiers.submit("b")
        classifiers.drain()
    assert ends.hosts == {"a": False, "b": True}
    failure = run.outcomes()[0].failure
    assert failure is not None
    assert (failure.stage, failure.reason) == (Stage.CLASSIFY, "classify_timeout")
    assert "classify_s" in failure.remedy


def test_a_process_that_is_killed_while_idle_is_replaced(run: Run) -> None:
    (Path(run.url) / "go").touch()
    classifier = Classifier(1, patient)
    assert classifier.classify(run, "a")
    os.kill(pid_at(run, "a"), signal.SIGKILL)
    for host in "bcd":
        assert classifier.classify(run, host) or classifier.classify_again(run, host)
    classifier.stop()


def test_what_is_no_hosts_fault_is_raised_where_hosts_are_submitted(run: Run) -> None:
    with Classifiers(run, 1, Ends(), threading.Event(), classify=forbidden) as classifiers:
        classifiers.submit("a")
        with pytest.raises(OSError, match="Read-only"):
            classifiers.drain()
        with pytest.raises(OSError, match="Read-only"):
            classifiers.submit("b")
    assert run.standing().failed == frozenset()


def test_a_process_has_the_next_host_while_the_disk_takes_the_result(run: Run) -> None:
    ends, disk = Ends(), SlowDisk(run.url)
    slow = Run(disk, run.manifest)
    for host in "ab":
        run.write_dump(dump(host))
    with Classifiers(slow, 1, ends, threading.Event(), classify=told) as classifiers:
        for host in "ab":
            classifiers.submit(host)
        assert pid_at(run, "a") == pid_at(run, "b")
        assert ends.hosts == {}
        disk.go.set()
        classifiers.drain()
    assert ends.hosts == {"a": True, "b": True}
    assert run.standing().done == {"a", "b"}


def test_a_disk_that_does_not_take_a_result_is_no_hosts_failure(run: Run) -> None:
    run.write_dump(dump("a"))
    (Path(run.url) / "results").touch()  # so that the folder cannot be made
    with Classifiers(run, 1, Ends(), threading.Event(), classify=told) as classifiers:
        classifiers.submit("a")
        with pytest.raises(NotADirectoryError):
            classifiers.drain()
    assert run.standing().failed == frozenset()


def test_garbage_is_looked_for_between_hosts_alone(run: Run) -> None:
    ends = Ends()
    with Classifiers(run, 1, ends, threading.Event(), classify=tying) as classifiers:
        for host in "abc":
            classifiers.submit(host)
        classifiers.drain()
    assert ends.hosts == dict.fromkeys("abc", True)


def test_no_more_than_a_few_hosts_wait(run: Run) -> None:
    ends, submitted = Ends(), threading.Event()
    room = 1 + WAITING_MAX
    with Classifiers(run, 1, ends, threading.Event(), classify=patient) as classifiers:
        for host in "abcd"[:room]:
            classifiers.submit(host)

        def one_more() -> None:
            classifiers.submit(KILLER)
            submitted.set()

        thread = threading.Thread(target=one_more)
        thread.start()
        assert not submitted.wait(0.3)
        (Path(run.url) / "go").touch()
        thread.join()
        classifiers.drain()
    assert ends.hosts == dict.fromkeys([*"abcd"[:room], KILLER], True)


def test_a_stop_waits_for_nothing_and_leaves_the_rest(run: Run) -> None:
    ends, stop = Ends(), threading.Event()
    began = time.monotonic()
    with Classifiers(run, 1, ends, stop, classify=patient) as classifiers:
        for host in "abc":
            classifiers.submit(host)
        waiting = threading.Thread(target=classifiers.submit, args=("d",))
        waiting.start()
        pid_at(run, "a")
        stop.set()
        classifiers.drain()
        waiting.join()
    assert time.monotonic() - began < WAITS_S
    assert ends.hosts == {}
    assert run.standing().failed == frozenset()


def test_the_processes_end_with_a_parent_that_is_killed(run: Run) -> None:
    code = (
        "import sys, threading, time\n"
        "from archive.runs import open_run\n"
        "from tests.workers.life.test_classifiers import Ends, patient\n"
        "from workers.life.classifiers import Classifiers\n"
        "classifiers = Classifiers(open_run(sys.argv[1]), 1, Ends(), threading.Event(), classify=patient)\n"
        "classifiers.__enter__().submit('a')\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, run.url])
    pid = pid_at(run, "a")
    parent.kill()
    parent.wait()
    until = time.monotonic() + WAITS_S
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
