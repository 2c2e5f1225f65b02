"""Leases in a real Redis: of one owner, for a time, counted."""

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from redis.exceptions import ResponseError

from tests.redis_server import RedisServer, redis_server
from workers.fleet.broker import KEY_PREFIX
from workers.fleet.leases import Leases, Step, claim, disclaim

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


def test_a_lease_lapses_by_itself(client: "redis.Redis", run_id: str) -> None:
    short, other = Leases(client, run_id, 1), Leases(client, run_id, 1)
    assert short.take(Step.COLLECT, "a")
    until = time.monotonic() + 60
    while not other.take(Step.COLLECT, "a"):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert other.attempts(Step.COLLECT) == {"a": 2}


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
