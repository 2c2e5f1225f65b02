"""A Redis that dies, comes back, or stands still while workers are at work."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from archive.run import Run
from archive.runs import Runs
from domain.records import Limits
from tests.archive.examples import SIGNING_KEY, dump, manifest
from tests.redis_server import PASSWORD, Broker
from tests.waiting import eventually
from tests.workers.fleet.test_deaths import QUICK, STOPS_WITHIN_S
from tests.workers.worker_process import running
from workers.fleet.app import celery_app
from workers.fleet.leases import Leases, Step
from workers.fleet.post import Post, post_office
from workers.fleet.tending import hand_over, look_after
from workers.fleet.worker_settings import WorkerSettings

pytestmark = pytest.mark.journey

LARGE = 3000  # processes: a dump that takes a second or more to classify


@contextmanager
def broker(folder: Path, *, keeps: bool = False) -> Iterator[Broker]:
    started = Broker(folder, append_only=keeps)
    started.start()
    try:
        yield started
    finally:
        started.kill()


def in_work(broker: Broker, folder: Path) -> tuple[WorkerSettings, Post, Run]:
    """A run whose dumps take a while to classify."""
    settings = WorkerSettings(
        broker.url,
        str(folder / "runs"),
        signing_key=SIGNING_KEY,
        broker_password=PASSWORD,
        pace=QUICK,
    )
    names = [f"h{number}" for number in range(6)]
    run = Runs(settings.runs_url, SIGNING_KEY).create(replace(manifest(*names), limits=Limits()))
    for name in names:
        run.write_dump(dump(name, processes=LARGE))
    return settings, post_office(settings), run


def looked_at(run: Run, post: Post) -> bool:
    """Look after the run; whether its hosts are done."""
    with suppress(redis.RedisError, OSError):
        look_after(run, post, QUICK)
    return not run.pending()


@pytest.mark.parametrize("keeps", [False, True], ids=["keeps nothing", "keeps all"])
def test_a_redis_that_is_killed_while_all_processes_are_at_work_costs_no_host(
    keeps: bool, tmp_path: Path
) -> None:
    with broker(tmp_path / "redis", keeps=keeps) as server:
        settings, post, run = in_work(server, tmp_path)
        leases = Leases(post.redis, run.run_id, QUICK.lease_s)
        with running("worker", settings, tmp_path, queues=["classify"]):
            hand_over(run, post)
            eventually(lambda: len(leases.attempts(Step.CLASSIFY)) >= 2)
            server.kill()
            log = tmp_path / "worker.log"
            eventually(
                lambda: log.read_text().count("raised unexpected") >= 2
            )  # both processes were at a host
            server.start()
            eventually(lambda: looked_at(run, post))
        assert run.standing().failed == frozenset()
        assert set(leases.attempts(Step.CLASSIFY).values()) <= {1, 2}
        post.redis.close()


@pytest.mark.parametrize("end", ["ack", "reject"])
def test_a_message_that_cannot_be_ended_leaves_room_for_another(end: str, tmp_path: Path) -> None:
    """Otherwise a worker with as many messages as it may take would never ask Redis again."""
    with broker(tmp_path / "redis") as server:
        settings, post, run = in_work(server, tmp_path)
        post.classify(run.run_id, "h0")
        with celery_app(settings).connection_for_read() as connection:
            channel: Any = connection.default_channel
            channel.basic_qos(0, 1, False)
            message = channel.basic_get("classify")
            assert not channel.qos.can_consume()
            server.kill()
            with pytest.raises(redis.ConnectionError):
                getattr(message, end)()
            assert channel.qos.can_consume()
            server.start()  # so that the connection can be closed
        post.redis.close()


def test_a_redis_that_stands_still_for_longer_than_a_lease_costs_no_host(tmp_path: Path) -> None:
    with broker(tmp_path / "redis") as server:
        settings, post, run = in_work(server, tmp_path)
        leases = Leases(post.redis, run.run_id, QUICK.lease_s)
        with running("worker", settings, tmp_path, queues=["classify"]):
            hand_over(run, post)
            eventually(lambda: len(leases.attempts(Step.CLASSIFY)) >= 2)
            server.send(signal.SIGSTOP)
            time.sleep(2 * QUICK.lease_s)
            server.send(signal.SIGCONT)
            eventually(lambda: looked_at(run, post))
        assert run.standing().failed == frozenset()
        post.redis.close()


def test_a_worker_without_redis_stops_when_it_is_told_to(tmp_path: Path) -> None:
    with broker(tmp_path / "redis") as server:
        settings, post, run = in_work(server, tmp_path)
        leases = Leases(post.redis, run.run_id, QUICK.lease_s)
        with running("worker", settings, tmp_path, queues=["classify"]) as worker:
            hand_over(run, post)
            eventually(lambda: len(leases.attempts(Step.CLASSIFY)) >= 2)
            server.kill()
            log = tmp_path / "worker.log"
            eventually(lambda: log.read_text().count("raised unexpected") >= 2)
            worker.terminate()
            assert worker.wait(timeout=STOPS_WITHIN_S) in {0, 1}
        post.redis.close()
