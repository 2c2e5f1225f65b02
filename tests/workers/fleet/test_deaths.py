"""Workers that die, stop for a while, or are told to stop, with hosts in work."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from archive.run import Run
from archive.runs import Runs
from domain.records import Connection, Failure, Host, Limits, Stage
from reports.mail.delivery import MailSettings, Security
from tests.archive.examples import dump, host, manifest
from tests.waiting import eventually
from tests.workers.worker_process import PACE, kill_all, running
from workers.fleet.leases import RUN, Leases, Step
from workers.fleet.post import Post
from workers.fleet.tending import hand_over, look_after
from workers.fleet.worker_settings import WorkerSettings

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.journey

QUICK = replace(PACE, tend_s=1, lease_s=4, again_s=1, rest_s=2)
STOPS_WITHIN_S = 150.0  # by itself, which a worker does that does not wait for its hosts
PATIENT = Limits(banner_s=300, total_s=300)  # a tarpit is waited for longer than any test takes


@pytest.fixture
def quick(settings: WorkerSettings) -> WorkerSettings:
    return replace(settings, pace=QUICK)


@contextmanager
def tarpit() -> Iterator[int]:
    """A port where something listens and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


def created(settings: WorkerSettings, *hosts: Host, mail_to: tuple[str, ...] = ()) -> Run:
    asked = replace(manifest(), hosts=hosts, limits=PATIENT, mail_to=mail_to)
    return Runs(settings.runs_url, settings.signing_key).create(asked)


def slow_host(port: int, key: Path, name: str = "slow") -> Host:
    return replace(host(name, port=port, connection=Connection.SSH), key_file=str(key))


@contextmanager
def looked_after(run: Run, post: Post, settings: WorkerSettings) -> Iterator[None]:
    """As beat and a report worker do it."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            look_after(run, post, settings.pace)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def children(worker: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """The processes of a worker's pool."""
    return [each for each in psutil.Process(worker.pid).children() if each.is_running()]


def test_the_host_of_a_killed_process_is_begun_again_within_a_lease(
    post: Post, quick: WorkerSettings, key: Path, tmp_path: Path
) -> None:
    with tarpit() as port, running("worker", quick, tmp_path, queues=["collect"]) as worker:
        run = created(quick, slow_host(port, key))
        leases = Leases(post.redis, run.run_id, QUICK.lease_s)
        hand_over(run, post)
        eventually(lambda: leases.attempts(Step.COLLECT) == {"slow": 1})
        for child in children(worker):
            child.kill()
        with looked_after(run, post, quick):
            eventually(lambda: leases.attempts(Step.COLLECT) == {"slow": 2})
            time.sleep(2 * QUICK.lease_s)
            assert leases.held(Step.COLLECT, ["slow"]) == {"slow"}  # it is renewed
        assert leases.attempts(Step.COLLECT) == {"slow": 2}
        kill_all(worker)


def is_begun(leases: Leases, times: int) -> bool:
    """Whether any host was begun so often."""
    return times in leases.attempts(Step.COLLECT).values()


def test_two_kills_of_a_worker_give_up_no_host(
    post: Post, quick: WorkerSettings, key: Path, tmp_path: Path
) -> None:
    with tarpit() as port:
        run = created(quick, *(slow_host(port, key, f"slow{number}") for number in range(5)))
        leases, names = Leases(post.redis, run.run_id, QUICK.lease_s), [each.name for each in run.pending()]
        hand_over(run, post)
        for kill in (1, 2):
            with running("worker", quick, tmp_path, str(kill)) as worker, looked_after(run, post, quick):
                # hosts that were begun are posted alone, so two at once are begun again
                eventually(partial(is_begun, leases, kill))
                kill_all(worker)
            eventually(lambda: not leases.held(Step.COLLECT, names))
    with running("worker", quick, tmp_path, "3"), looked_after(run, post, quick):
        eventually(lambda: not run.pending())
    failures = {each.failure.reason for each in run.outcomes() if each.failure}
    assert failures == {"tcp_refused"}  # the tarpit is gone: each was asked again, and answered for itself


def test_a_worker_that_stood_still_does_not_take_its_host_from_another(
    post: Post, quick: WorkerSettings, key: Path, tmp_path: Path
) -> None:
    with tarpit() as port, running("worker", quick, tmp_path, "1", queues=["collect"]) as first:
        run = created(quick, slow_host(port, key))
        leases = Leases(post.redis, run.run_id, QUICK.lease_s)
        hand_over(run, post)
        eventually(lambda: leases.attempts(Step.COLLECT) == {"slow": 1})
        os.killpg(first.pid, signal.SIGSTOP)
        lease = f"mapsweep:run:{run.run_id}:lease:collect:slow"
        with running("worker", quick, tmp_path, "2", queues=["collect"]) as second:
            with looked_after(run, post, quick):
                eventually(lambda: leases.attempts(Step.COLLECT) == {"slow": 2})
            owner = post.redis.get(lease)
            os.killpg(first.pid, signal.SIGCONT)
            log = tmp_path / "worker1.log"
            eventually(lambda: "slow was taken by another worker" in log.read_text())
            assert post.redis.get(lease) == owner
            kill_all(first)
            assert post.redis.get(lease) == owner
            kill_all(second)


def to_main(worker: "subprocess.Popen[bytes]", number: int) -> None:
    os.kill(worker.pid, number)


def to_all(worker: "subprocess.Popen[bytes]", number: int) -> None:
    os.killpg(worker.pid, number)


def twice(worker: "subprocess.Popen[bytes]", number: int) -> None:
    to_main(worker, number)
    time.sleep(0.5)
    if worker.poll() is None:
        to_main(worker, number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("send", [to_main, to_all, twice])
def test_a_worker_that_is_told_to_stop_gives_its_hosts_back(
    send: Callable[["subprocess.Popen[bytes]", int], None],
    number: int,
    post: Post,
    quick: WorkerSettings,
    key: Path,
    tmp_path: Path,
) -> None:
    with tarpit() as port, running("worker", quick, tmp_path, queues=["collect"]) as worker:
        run = created(quick, slow_host(port, key), slow_host(port, key, "other"))
        leases = Leases(post.redis, run.run_id, QUICK.lease_s)
        hand_over(run, post)
        eventually(lambda: leases.attempts(Step.COLLECT) == {"slow": 1, "other": 1})
        send(worker, number)
        assert worker.wait(timeout=STOPS_WITHIN_S) == 0
    assert leases.attempts(Step.COLLECT) == {}
    assert leases.held(Step.COLLECT, ["slow", "other"]) == frozenset()
    assert post.waiting("collect") >= 1
    assert {each.name for each in run.pending()} == {"slow", "other"}


def test_a_dump_in_work_is_given_back_where_the_worker_stops(
    post: Post, quick: WorkerSettings, tmp_path: Path
) -> None:
    run = created(quick, host("large"))
    run.write_dump(dump("large", processes=20_000))
    leases = Leases(post.redis, run.run_id, QUICK.lease_s)
    with running("worker", quick, tmp_path, queues=["classify"]) as worker:
        hand_over(run, post)
        eventually(lambda: leases.attempts(Step.CLASSIFY) == {"large": 1})
        to_all(worker, signal.SIGTERM)
        assert worker.wait(timeout=STOPS_WITHIN_S) == 0
    assert leases.attempts(Step.CLASSIFY) == {}
    assert post.waiting("classify") == 1
    assert [each.name for each in run.pending()] == ["large"]


def test_a_report_that_does_not_come_to_its_end_is_cut(
    post: Post, quick: WorkerSettings, tmp_path: Path
) -> None:
    with tarpit() as port:
        mail = MailSettings("mapsweep@example.org", "127.0.0.1", port, security=Security.NONE, timeout_s=600)
        settings = replace(quick, mail=mail)
        run = created(settings, host("a"), mail_to=("you@example.org",))
        run.write_failure(Failure("a", Stage.TCP, "tcp_refused"))
        leases = Leases(post.redis, run.run_id, QUICK.lease_s)
        with running("worker", settings, tmp_path, queues=["report"]) as worker:
            Runs(settings.runs_url).queue(run.run_id)
            post.finish(run.run_id)
            eventually(lambda: run.store.exists("report/index.html"))
            to_main(worker, signal.SIGTERM)
            assert worker.wait(timeout=STOPS_WITHIN_S) in {0, 1}  # 1: not even the pool ended in time
    assert leases.attempts(Step.FINISH) == {}
    assert leases.held(Step.FINISH, [RUN]) == frozenset()
    assert post.waiting("report") == 1
