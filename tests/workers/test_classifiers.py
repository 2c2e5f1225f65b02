import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from archive.records import Stage
from archive.runs import Run, Runs
from tests.archive.examples import dump, manifest
from workers import steps
from workers.classifiers import WAITING_MAX, Classifiers

KILLER = "killer"
WAITS_S = 30


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Runs(str(tmp_path)).create(manifest("a", "b", "c", "d", KILLER))


class Ends:
    """What was told of the hosts."""

    def __init__(self) -> None:
        self.hosts: dict[str, bool] = {}

    def __call__(self, host: str, has_footprints: bool) -> None:
        assert host not in self.hosts
        self.hosts[host] = has_footprints


def deadly(run_url: str, host: str) -> bool:
    """Classify a host, unless its dump kills the process."""
    if host == KILLER:
        os.kill(os.getpid(), signal.SIGKILL)
    steps.classify_host(steps.opened(run_url), host)
    return True


def buggy(run_url: str, host: str) -> bool:
    return 1 // 0 == 1


def patient(run_url: str, host: str) -> bool:
    """Wait until the run is let go."""
    go, until = Path(run_url) / "go", time.monotonic() + WAITS_S
    while not go.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return go.exists()


def test_hosts_are_classified_side_by_side(run: Run) -> None:
    ends = Ends()
    with Classifiers(run.url, 2, ends) as classifiers:
        for host in "abcd":
            run.write_dump(dump(host))
            classifiers.submit(host)
        classifiers.drain()
        assert ends.hosts == dict.fromkeys("abcd", True)
    assert run.standing().done == set("abcd")


def test_a_dump_that_is_none_is_told_as_failed(run: Run) -> None:
    ends = Ends()
    run.write_dump(dump("a").__class__("a", "", b"", b""))
    with Classifiers(run.url, 1, ends) as classifiers:
        classifiers.submit("a")
        classifiers.drain()
    assert ends.hosts == {"a": False}
    assert run.standing().failed == {"a"}


def test_a_dump_that_kills_its_process_fails_alone(run: Run) -> None:
    ends = Ends()
    with Classifiers(run.url, 2, ends, classify=deadly) as classifiers:
        for host in ("a", KILLER, "b", "c", "d"):
            run.write_dump(dump(host))
            classifiers.submit(host)
        classifiers.drain()
    assert ends.hosts == {"a": True, "b": True, "c": True, "d": True, KILLER: False}
    failure = run.outcomes()[-1].failure
    assert failure is not None
    assert (failure.host, failure.stage, failure.reason) == (KILLER, Stage.WORKER, "worker_lost")


def test_a_bug_is_raised_where_hosts_are_submitted(run: Run) -> None:
    with Classifiers(run.url, 1, Ends(), classify=buggy) as classifiers:
        classifiers.submit("a")
        with pytest.raises(ZeroDivisionError):
            classifiers.drain()
        with pytest.raises(ZeroDivisionError):
            classifiers.submit("b")
    assert run.standing().failed == frozenset()


def test_no_more_than_a_few_hosts_wait(run: Run) -> None:
    ends, submitted = Ends(), threading.Event()
    room = 1 + WAITING_MAX
    with Classifiers(run.url, 1, ends, classify=patient) as classifiers:
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


def test_the_processes_end_with_a_parent_that_is_killed(run: Run) -> None:
    code = (
        "import multiprocessing, sys, time\n"
        "from tests.workers.test_classifiers import Ends, patient\n"
        "from workers.classifiers import Classifiers\n"
        "classifiers = Classifiers(sys.argv[1], 1, Ends(), classify=patient)\n"
        "classifiers.submit('a')\n"
        "print(*classifiers._pool._processes, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, run.url], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert pids
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + WAITS_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.05)
