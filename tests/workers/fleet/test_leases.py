"""Leases in a real Redis: of one owner, for a time, counted."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from redis.exceptions import ResponseError

from tests.redis_server import RedisServer, redis_server
from tests.waiting import eventually
from workers.fleet.broker import KEY_PREFIX, redis_client
from workers.fleet.claims import claim, disclaim, first_met, met, over
from workers.fleet.leases import Leases, Step
from workers.fleet.renewal import KEYS_AT_ONCE, Renewal
from workers.fleet.worker_settings import WorkerSettings

if TYPE_CHECKING:
    import redis

LEASE_S = 600


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


@pytest.fixture
def client(server: RedisServer) -> Iterator["redis.Redis"]:
    with server.client() as opened:
        opened.flushall()
        yield opened


@pytest.fixture
def run_id() -> str:
    return f"20261123T045837Z-{uuid4().hex[:8]}-0a1b"


def lapse(client: "redis.Redis", run_id: str, step: Step, host: str) -> None:
    """What Redis does when the time of a lease is up."""
    assert client.delete(f"{KEY_PREFIX}run:{run_id}:lease:{step}:{host}") == 1


def has(client: "redis.Redis", renewal: Renewal, host: str) -> bool:
    """Whether a process holds the lease on a host, as itself and Redis say."""
    return any(client.get(lease.key) == lease.owner for lease in renewal.held() if lease.host == host)


def test_a_lease_is_one_workers_at_a_time(client: "redis.Redis", run_id: str) -> None:
    first, second = Leases(client, run_id, LEASE_S), Leases(client, run_id, LEASE_S)
    assert first.take(Step.COLLECT, "a")
    assert not second.take(Step.COLLECT, "a")
    assert not first.take(Step.COLLECT, "a")
    assert second.take(Step.CLASSIFY, "a")
    assert second.held(Step.COLLECT, ["a", "b"]) == {"a"}
    first.release(Step.COLLECT, "a")
    assert second.take(Step.COLLECT, "a")
    assert second.attempts(Step.COLLECT) == {"a": 2}


def test_a_lease_that_lapsed_and_is_anothers_is_not_released_by_the_first(
    client: "redis.Redis", run_id: str
) -> None:
    first, second, third = (Leases(client, run_id, LEASE_S) for _ in range(3))
    assert first.take(Step.COLLECT, "a")
    lapse(client, run_id, Step.COLLECT, "a")
    assert second.take(Step.COLLECT, "a")
    first.release(Step.COLLECT, "a")  # back at last
    assert third.held(Step.COLLECT, ["a"]) == {"a"}
    assert not third.take(Step.COLLECT, "a")
    second.release(Step.COLLECT, "a")
    assert third.take(Step.COLLECT, "a")


def test_a_lease_that_lapsed_is_released_by_nobody(client: "redis.Redis", run_id: str) -> None:
    leases = Leases(client, run_id, LEASE_S)
    leases.release(Step.COLLECT, "a")
    assert leases.take(Step.COLLECT, "a")
    lapse(client, run_id, Step.COLLECT, "a")
    leases.release(Step.COLLECT, "a")
    assert leases.held(Step.COLLECT, ["a"]) == frozenset()


TAKEN_BY_ANOTHER = """
import os, sys, redis
from workers.fleet.leases import Leases, Step
client = redis.Redis(port=int(sys.argv[1]), password=sys.argv[2], decode_responses=True)
assert Leases(client, sys.argv[3], int(sys.argv[4])).take(Step.COLLECT, "a")
sys.stdin.read()
os._exit(0)
"""


@contextmanager
def another_process(server: RedisServer, run_id: str, lease_s: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has taken the host."""
    given = [str(server.port), server.password, run_id, str(lease_s)]
    command = [sys.executable, "-c", TAKEN_BY_ANOTHER, *given]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=Path(__file__).parents[3]) as process:
        with server.client() as client:
            eventually(lambda: Leases(client, run_id, lease_s).held(Step.COLLECT, ["a"]) == {"a"})
        yield process
        process.kill()


def test_a_lease_lapses_after_its_process_died_and_not_before(
    server: RedisServer, client: "redis.Redis", run_id: str
) -> None:
    other, key = Leases(client, run_id, 3), f"{KEY_PREFIX}run:{run_id}:lease:{Step.COLLECT}:a"

    def left_ms() -> int:
        return int(str(client.pttl(key)))

    with another_process(server, run_id, 3) as process:
        for _ in range(4):  # longer than a lease, because it is renewed after each third
            eventually(lambda: left_ms() < 2500)
            eventually(lambda: left_ms() > 2500)
            assert not other.take(Step.COLLECT, "a")
        process.kill()
        eventually(lambda: other.take(Step.COLLECT, "a"))
    assert other.attempts(Step.COLLECT) == {"a": 2}
    other.release(Step.COLLECT, "a")


def test_a_lease_that_redis_forgot_is_set_again_and_anothers_is_not(
    client: "redis.Redis", run_id: str
) -> None:
    renewal, others = Renewal(client, LEASE_S), Renewal(client, LEASE_S)
    first, second = Leases(client, run_id, LEASE_S, renewal), Leases(client, run_id, LEASE_S, others)
    assert first.take(Step.COLLECT, "a")
    assert first.take(Step.COLLECT, "b")
    client.flushall()
    assert second.take(Step.COLLECT, "b")
    assert [lease.host for lease in renewal.renew()] == ["b"]
    assert first.held(Step.COLLECT, ["a", "b"]) == {"a", "b"}
    assert has(client, renewal, "a")
    assert not has(client, renewal, "b")
    assert has(client, others, "b")
    first.release(Step.COLLECT, "b")
    assert has(client, others, "b")


def test_what_was_released_is_not_renewed(client: "redis.Redis", run_id: str) -> None:
    renewal = Renewal(client, LEASE_S)
    leases = Leases(client, run_id, LEASE_S, renewal)
    assert leases.take(Step.COLLECT, "a")
    leases.release(Step.COLLECT, "a")
    assert renewal.renew() == frozenset()
    assert leases.held(Step.COLLECT, ["a"]) == frozenset()
    assert renewal.held() == ()


def test_a_host_that_is_given_back_is_free_and_was_not_begun(client: "redis.Redis", run_id: str) -> None:
    others = Renewal(client, LEASE_S)
    first, second = Leases(client, run_id, LEASE_S), Leases(client, run_id, LEASE_S, others)
    assert first.take(Step.COLLECT, "a")
    first.give_back(Step.COLLECT, "a")
    first.give_back(Step.COLLECT, "a")
    assert first.attempts(Step.COLLECT) == {}
    assert second.take(Step.COLLECT, "a")
    assert second.attempts(Step.COLLECT) == {"a": 1}
    first.give_back(Step.COLLECT, "a")  # it is not his
    assert has(client, others, "a")
    assert second.attempts(Step.COLLECT) == {"a": 1}
    second.release(Step.COLLECT, "a")


def test_an_attempt_that_is_given_back_late_is_not_counted(client: "redis.Redis", run_id: str) -> None:
    others = Renewal(client, LEASE_S)
    first, second = Leases(client, run_id, LEASE_S), Leases(client, run_id, LEASE_S, others)
    assert first.take(Step.COLLECT, "a")
    lapse(client, run_id, Step.COLLECT, "a")
    assert second.take(Step.COLLECT, "a")
    first.give_back(Step.COLLECT, "a")
    assert has(client, others, "a")
    assert second.attempts(Step.COLLECT) == {"a": 1}


def test_all_that_a_process_holds_is_given_back_at_once(client: "redis.Redis", run_id: str) -> None:
    renewal = Renewal(client, LEASE_S)
    leases, other = Leases(client, run_id, LEASE_S, renewal), Leases(client, f"{run_id}x", LEASE_S, renewal)
    names = [f"h{number}" for number in range(KEYS_AT_ONCE + 1)]  # more than one command renews
    assert all(leases.take(Step.COLLECT, name) for name in names)
    assert other.take(Step.CLASSIFY, "b")
    assert renewal.renew() == frozenset()
    assert {lease.host for lease in renewal.give_back_all()} == {*names, "b"}
    assert leases.held(Step.COLLECT, names) == other.held(Step.CLASSIFY, ["b"]) == frozenset()
    assert leases.attempts(Step.COLLECT) == other.attempts(Step.CLASSIFY) == {}


def test_what_is_owed_is_given_back_when_redis_answers_again(
    client: "redis.Redis", run_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "workers")
    renewal = Renewal(client, 1)
    leases = Leases(client, run_id, 1, renewal)
    assert leases.take(Step.COLLECT, "a")
    begun = f"{KEY_PREFIX}run:{run_id}:begun:{Step.COLLECT}"
    client.rename(begun, f"{begun}:kept")
    client.set(begun, "another kind of value")  # Redis refuses
    renewal.owe_all()
    assert renewal.held() == ()
    eventually(lambda: "leases could not be renewed" in caplog.text)
    client.rename(f"{begun}:kept", begun)
    eventually(lambda: leases.attempts(Step.COLLECT) == {})
    assert leases.held(Step.COLLECT, ["a"]) == frozenset()


def test_errors_at_a_host_are_counted_once_in_a_time(client: "redis.Redis", run_id: str) -> None:
    leases = Leases(client, run_id, LEASE_S)
    assert [leases.errors(Step.CLASSIFY, "a", LEASE_S) for _ in range(3)] == [1, 1, 1]
    client.delete(f"{KEY_PREFIX}run:{run_id}:errors:{Step.CLASSIFY}:a")  # the time is up
    assert leases.errors(Step.CLASSIFY, "a", LEASE_S) == 2


def test_every_lease_is_counted_and_every_count_is_a_lease(server: RedisServer, run_id: str) -> None:
    """Workers that take and let go at once: as many attempts as leases were had."""
    had: list[str] = []
    together = threading.Barrier(4)

    def work() -> None:
        with server.client() as own:
            leases = Leases(own, run_id, LEASE_S)
            together.wait()
            for _ in range(100):
                if leases.take(Step.CLASSIFY, "a"):
                    had.append("a")
                    leases.release(Step.CLASSIFY, "a")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with server.client() as own:
        assert Leases(own, run_id, LEASE_S).attempts(Step.CLASSIFY) == {"a": len(had)}


def test_a_count_that_redis_refuses_leaves_no_lease(client: "redis.Redis", run_id: str) -> None:
    begun = f"{KEY_PREFIX}run:{run_id}:begun:{Step.COLLECT}"
    client.set(begun, "another kind of value")
    leases = Leases(client, run_id, LEASE_S)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        leases.take(Step.COLLECT, "a")
    client.delete(begun)
    assert leases.held(Step.COLLECT, ["a"]) == frozenset()
    assert leases.take(Step.COLLECT, "a")


@pytest.mark.parametrize("planted", ["x", "", "1.5", "-3", "1e3", "9" * 19, "9" * 5000, b"\xff"])
def test_a_count_that_is_none_is_dropped(planted: str | bytes, settings: WorkerSettings, run_id: str) -> None:
    """Nobody has to remove it by hand, and neither a worker nor one who waits for the run meets an error."""
    with redis_client(settings) as client:
        leases = Leases(client, run_id, LEASE_S)
        prefix = f"{KEY_PREFIX}run:{run_id}"
        client.hset(f"{prefix}:begun:collect", "a", planted)
        client.hset(f"{prefix}:errors:collect", "a", planted)
        client.set(f"{prefix}:overdue", planted)
        assert leases.attempts(Step.COLLECT) == {"a": 0}
        assert leases.errors(Step.COLLECT, "a", LEASE_S) == 1
        assert leases.overdue_s() >= 0
        assert leases.take(Step.COLLECT, "a")
        assert leases.attempts(Step.COLLECT) == {"a": 1}
        client.hset(f"{prefix}:begun:collect", "a", planted)
        leases.give_back(Step.COLLECT, "a")
        assert leases.held(Step.COLLECT, ["a"]) == frozenset()


def test_a_planted_lease_does_not_keep_the_others_from_being_renewed(
    client: "redis.Redis", run_id: str
) -> None:
    renewal = Renewal(client, LEASE_S)
    leases = Leases(client, run_id, LEASE_S, renewal)
    assert leases.take(Step.COLLECT, "a")
    assert leases.take(Step.COLLECT, "b")
    lapse(client, run_id, Step.COLLECT, "a")
    client.rpush(f"{KEY_PREFIX}run:{run_id}:lease:collect:a", "planted")
    lapse(client, run_id, Step.COLLECT, "b")
    assert {lease.host for lease in renewal.renew()} == {"a"}
    assert has(client, renewal, "b")
    leases.release(Step.COLLECT, "a")


def test_a_redis_that_forgot_the_scripts_is_given_them_again(client: "redis.Redis", run_id: str) -> None:
    leases = Leases(client, run_id, LEASE_S)
    assert leases.take(Step.COLLECT, "a")
    client.script_flush()
    leases.release(Step.COLLECT, "a")
    client.script_flush()
    assert leases.take(Step.COLLECT, "a")


def test_leases_and_counts_do_not_stay(client: "redis.Redis", run_id: str) -> None:
    Leases(client, run_id, LEASE_S).take(Step.COLLECT, "a")
    keys = client.keys(f"{KEY_PREFIX}run:{run_id}:*")
    assert isinstance(keys, list)
    assert len(keys) == 2
    assert all(client.ttl(key) > 0 for key in keys)


def test_a_claim_is_the_first_ones_until_it_is_given_up(client: "redis.Redis") -> None:
    assert claim(client, "x", LEASE_S)
    assert not claim(client, "x", LEASE_S)
    disclaim(client, "x")
    assert claim(client, "x", LEASE_S)


def test_a_trouble_is_known_since_it_was_first_met_until_it_is_over(client: "redis.Redis") -> None:
    first, later = datetime(2026, 11, 29, 1, tzinfo=UTC), datetime(2026, 11, 29, 2, tzinfo=UTC)
    assert first_met(client, "x") is None
    assert met(client, "x", first) == met(client, "x", later) == first_met(client, "x") == first
    over(client, "x")
    assert met(client, "x", later) == later


@pytest.mark.parametrize("planted", ["x", "", "2026-11-29", "2026-11-29T01:00:00", b"\xff"])
def test_a_trouble_without_a_time_is_met_now(planted: str | bytes, settings: WorkerSettings) -> None:
    first, later = datetime(2026, 11, 29, 1, tzinfo=UTC), datetime(2026, 11, 29, 2, tzinfo=UTC)
    with redis_client(settings) as client:
        client.set(f"{KEY_PREFIX}met:y", planted)
        assert first_met(client, "y") is None
        assert met(client, "y", first) == first
        assert met(client, "y", later) == first
        over(client, "y")
