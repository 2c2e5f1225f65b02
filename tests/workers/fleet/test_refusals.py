"""A Redis that answers, but refuses: a real worker outlives it, and loses no message."""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from archive.run import Run
from archive.runs import Runs
from tests.archive.examples import dump, manifest
from tests.redis_server import RedisServer, redis_server
from tests.waiting import eventually
from tests.workers.worker_process import running
from workers.fleet.app import celery_app
from workers.fleet.broker import KEY_PREFIX
from workers.fleet.post import Post
from workers.fleet.tending import hand_over
from workers.fleet.worker_settings import WorkerSettings

if TYPE_CHECKING:
    import redis

UNACKED, INDEX, COLLECT, CLASSIFY = (
    KEY_PREFIX + name for name in ("unacked", "unacked_index", "collect", "classify")
)

pytestmark = pytest.mark.journey


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """One for each test, because each spoils it."""
    with redis_server() as started:
        yield started


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is done to Redis, how that is taken back, and what the worker's log says of it."""

    bring: Callable[["redis.Redis"], object]
    take_back: Callable[["redis.Redis"], object]
    said: str
    message_waits: bool = True


def another_value_at(key: str, *, message_waits: bool = True) -> Trouble:
    return Trouble(lambda at: at.set(key, "x"), lambda at: at.delete(key), "WRONGTYPE", message_waits)


def replica(*, message_waits: bool) -> Trouble:
    """A replica of a Redis that nobody reaches; it keeps what it has."""
    return Trouble(
        lambda at: at.replicaof("127.0.0.1", 1),
        lambda at: at.replicaof("no", "one"),
        "read only replica",
        message_waits,
    )


TROUBLES = {
    "full": Trouble(
        lambda at: at.config_set("maxmemory", 1), lambda at: at.config_set("maxmemory", 0), "used memory >"
    ),
    "a replica": replica(message_waits=False),
    "a replica, with a message": replica(message_waits=True),
    "another value for the taken": another_value_at(UNACKED),
    "another value for the index": another_value_at(INDEX),
    "another value for a queue": another_value_at(COLLECT, message_waits=False),
}


def run_to_classify(settings: WorkerSettings) -> Run:
    runs = Runs(settings.runs_url, settings.signing_key)
    run = runs.create(manifest("a"))
    run.write_dump(dump("a"))
    runs.queue(run.run_id)
    return run


def classify_message(run: Run) -> dict[str, object]:
    """As it is left in the queue, and put among the taken."""
    post = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    body = json.dumps([[], {"run_id": run.run_id, "host": "a"}, post]).encode()
    return {
        "body": b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": "mapsweep.classify", "id": str(uuid4())},
        "properties": {
            "correlation_id": str(uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "classify"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }


def good_run(post: Post, settings: WorkerSettings) -> None:
    run = run_to_classify(settings)
    hand_over(run, post)
    eventually(lambda: run.has_ended("a"))


def nothing_is_taken(post: Post) -> bool:
    return not post.redis.hlen(UNACKED) and not post.redis.zcard(INDEX)


def outlived(trouble: Trouble, post: Post, settings: WorkerSettings, log: Path) -> None:
    """Redis is brought into trouble and out of it: what waits is done, and so is what comes after."""
    waiting = run_to_classify(settings)
    eventually(lambda: nothing_is_taken(post))
    said_before = len(log.read_text())
    with post.redis.pipeline() as at_once:  # no worker comes between the message and the trouble
        if trouble.message_waits:
            at_once.lpush(CLASSIFY, json.dumps(classify_message(waiting)))
        trouble.bring(at_once)
        at_once.execute()
    eventually(lambda: trouble.said in log.read_text()[said_before:])
    trouble.take_back(post.redis)
    if trouble.message_waits:
        eventually(lambda: waiting.has_ended("a"))
    good_run(post, settings)
    eventually(lambda: nothing_is_taken(post))


def test_a_worker_outlives_each_refusal(post: Post, settings: WorkerSettings, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with running("worker", settings, tmp_path) as worker:
        good_run(post, settings)
        for name, trouble in TROUBLES.items():
            outlived(trouble, post, settings, log)
            assert worker.poll() is None, name
    assert "Unrecoverable" not in log.read_text()


def test_a_worker_waits_between_its_tries(post: Post, settings: WorkerSettings, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    post.redis.set(COLLECT, "x")
    with running("worker", settings, tmp_path):
        eventually(lambda: "Redis refuses" in log.read_text())
        time.sleep(3)  # for a worker that does not wait to show it: Celery itself says so at the sixth try
        eventually(lambda: log.read_text().count("Redis refuses") >= 3)
        post.redis.delete(COLLECT)
        good_run(post, settings)
    assert "Frequent restarts" not in log.read_text()


def test_a_worker_that_keeps_a_message_can_be_stopped(
    post: Post, settings: WorkerSettings, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    with running("worker", settings, tmp_path) as worker:
        good_run(post, settings)
        with post.redis.pipeline() as at_once:
            at_once.lpush(CLASSIFY, json.dumps(classify_message(run_to_classify(settings))))
            at_once.config_set("maxmemory", 1)
            at_once.execute()
        eventually(lambda: "refuses to mark" in log.read_text())
        worker.terminate()
        worker.wait(timeout=300)
    assert "was lost" in log.read_text()


def test_a_taken_message_waits_for_its_queue(post: Post, settings: WorkerSettings) -> None:
    entry = json.dumps([classify_message(run_to_classify(settings)), "", "classify"])
    post.redis.hset(UNACKED, "tag", entry)
    post.redis.zadd(INDEX, {"tag": 1})
    post.redis.set(CLASSIFY, "x")
    with celery_app(settings).connection_for_read() as connection:
        channel: Any = connection.default_channel
        channel.qos.restore_by_tag("tag")
        assert post.redis.hget(UNACKED, "tag") == entry
        post.redis.delete(CLASSIFY)
        channel.qos.restore_by_tag("tag")
    assert post.waiting("classify") == 1
    assert nothing_is_taken(post)
