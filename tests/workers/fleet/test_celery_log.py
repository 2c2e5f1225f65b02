"""The log of `mapsweep worker` and `mapsweep beat`, as real processes over a real Redis."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from archive.run import Run
from archive.runs import Runs
from domain.records import Connection
from tests.archive.examples import SIGNING_KEY, dump, host, manifest
from tests.service import serving
from tests.waiting import eventually
from workers.fleet.broker import KEY_PREFIX
from workers.fleet.celery_log import known_of
from workers.fleet.leases import Step
from workers.fleet.post import Post
from workers.fleet.worker_settings import WorkerSettings

if TYPE_CHECKING:
    import subprocess

STOPS_WITHIN_S = 300


class Service:
    """A command that runs until its end is asked for, and what it has logged."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process, self._log = process, log

    def lines(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def told(self, part: str) -> list[dict[str, str]]:
        return [line for line in self.lines() if part in line["message"]]


@contextmanager
def service(verb: str, settings: WorkerSettings, folder: Path, *options: str) -> Iterator[Service]:
    config, log = folder / "mapsweep.yaml", folder / f"{verb}.log"
    inventory = folder / "inventory.yaml"
    inventory.write_text("all: {hosts: {web-1: {}}}\n")
    config.write_text(
        f"runs: {settings.runs_url}\nbroker: {settings.broker_url}\ninventory: {inventory}\n"
        "schedules: [{name: nightly, hosts: all, crontab: '0 0 1 1 *'}]\n"
    )
    secrets = {
        "MAPSWEEP_BROKER_PASSWORD": settings.broker_password,
        "MAPSWEEP_SIGNING_KEY": SIGNING_KEY.decode(),
    }
    command = (sys.executable, "-m", "mapsweep", verb, "--config", config, *options)
    with serving(command, log, folder=Path("/"), env={**os.environ, **secrets}) as process:
        yield Service(process, log)


def created(settings: WorkerSettings, name: str, **known: object) -> Run:
    asked = replace(host(name), **known)  # type: ignore[arg-type] # fields of Host
    runs = Runs(settings.runs_url, settings.signing_key)
    run = runs.create(replace(manifest(), hosts=(asked,)))
    runs.queue(run.run_id)  # workers take no other
    return run


def messages(post: Post) -> int:
    """How many messages were sent since the test began."""
    statistics: dict[str, dict[str, int]] = post.redis.info("commandstats")
    return statistics.get("cmdstat_lpush", {}).get("calls", 0)


def is_idle(post: Post, sent: int) -> bool:
    """Whether beat has sent so many messages, and the worker has taken all."""
    return messages(post) >= sent and post.waiting("report") == 0


@pytest.mark.journey
@pytest.mark.slow
def test_idle_services_say_nothing(post: Post, settings: WorkerSettings, tmp_path: Path) -> None:
    post.redis.config_resetstat()
    with (
        service("worker", settings, tmp_path, "--concurrency", "1") as worker,
        service("beat", settings, tmp_path) as beat,
    ):
        eventually(lambda: bool(worker.told("ready")))
        eventually(lambda: is_idle(post, 1))  # what is told at the start is told
        before = len(worker.lines()), len(beat.lines())
        eventually(lambda: is_idle(post, 2))
        assert (len(worker.lines()), len(beat.lines())) == before
    assert worker.lines()[-1]["message"] == "the worker ends"
    assert all({"time", "level", "room", "message"} <= set(line) for line in worker.lines() + beat.lines())


@pytest.mark.journey
def test_an_unexpected_failure_names_the_run_and_the_host(
    post: Post, settings: WorkerSettings, tmp_path: Path
) -> None:
    run = created(settings, "web-1")
    run.write_dump(dump("web-1"))
    post.redis.set(f"{KEY_PREFIX}run:{run.run_id}:begun:{Step.CLASSIFY}", "no table")
    with service("worker", settings, tmp_path, "--concurrency", "1") as worker:
        post.classify(run.run_id, "web-1")
        eventually(lambda: any("WRONGTYPE" in line.get("trace", "") for line in worker.lines()))
        told = next(line for line in worker.lines() if "WRONGTYPE" in line.get("trace", ""))
    assert (told["run"], told["host"], told["stage"]) == (run.run_id, "web-1", "classify")


@pytest.mark.journey
def test_a_task_that_is_killed_names_the_run_and_the_host(
    post: Post, settings: WorkerSettings, tmp_path: Path, key: Path
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = int(silent.getsockname()[1])
        run = created(
            settings, "web-1", connection=Connection.SSH, address="127.0.0.1", port=port, key_file=str(key)
        )
        with service("worker", settings, tmp_path, "--concurrency", "1") as worker:
            post.collect(run.run_id, ["web-1"], 1)
            lease = f"{KEY_PREFIX}run:{run.run_id}:lease:{Step.COLLECT}:web-1"
            eventually(lambda: bool(post.redis.exists(lease)))
            for child in psutil.Process(worker.process.pid).children():
                child.kill()
            eventually(lambda: any("WorkerLost" in str(line) for line in worker.lines()))
            told = next(line for line in worker.lines() if "WorkerLost" in str(line))
    assert (told.get("run"), told.get("host"), told["stage"]) == (run.run_id, "web-1", "collect")


@pytest.mark.journey
def test_a_mistake_at_the_start_is_json_too(settings: WorkerSettings, tmp_path: Path) -> None:
    with service("worker", settings, tmp_path, "--queues", "colect") as worker:
        assert worker.process.wait(STOPS_WITHIN_S) == 2
    assert worker.told("--queues colect: is not a queue")[0]["level"] == "error"


def test_what_is_known_of_a_message_comes_from_its_names_alone() -> None:
    assert known_of("mapsweep.collect", {"run_id": "r1", "hosts": ["a", "b"]}) == {
        "stage": "collect",
        "run": "r1",
    }
    assert known_of("mapsweep.collect", {"run_id": 7, "hosts": ["a"]}) == {"stage": "collect", "host": "a"}
    assert known_of("mapsweep.classify", {"host": {"x": 1}, "password": "p"}) == {"stage": "classify"}
    assert known_of("mapsweep.tend", None) == {"stage": "tend"}
    run_id = "20261123T045837Z-nightly-aaaa"
    assert known_of("mapsweep.mail", {"name": run_id}) == {"stage": "mail", "run": run_id}
