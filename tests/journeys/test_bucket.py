"""Runs that are kept in a bucket: the same bytes as in a folder, and all commands read them."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from archive.run import Run
from archive.runs import Runs
from collector.session import Session
from reports.delivery import MailSettings, Security
from tests.archive.examples import SIGNING_KEY, dump, host, manifest
from tests.bucket import BucketServer, bucket_server
from tests.journeys.commands import mapsweep
from tests.redis_server import redis_server
from tests.smtp import MailServer, mail_server
from tests.workers.worker_process import PACE, running
from workers.fleet import handover
from workers.fleet.worker_settings import WorkerSettings
from workers.here import embedded
from workers.life.progress import Progress

pytestmark = pytest.mark.journey

HOSTS = 20
RUN_ID = "20261123T045837Z-nightly-0000"
WITHIN_S = 60
REQUESTS_A_HOST_MAX = 60  # of a fleet and the client that watches it; 38 were counted


@pytest.fixture(scope="module")
def bucket() -> Iterator[BucketServer]:
    with bucket_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path, "plain") as server:
        yield server


def silent(progress: Progress) -> None:
    """Nobody looks."""


@pytest.fixture(scope="module")
def in_folder(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run in a folder, executed on this machine: what the others are compared with."""
    run = filled(Runs(str(tmp_path_factory.mktemp("runs"))))
    here(run)
    return run


def filled(runs: Runs, *mail_to: str) -> Run:
    """A run whose hosts have all sent their dumps."""
    names = [f"web{number:02}" for number in range(HOSTS)]
    hosts = tuple(map(host, names))
    run = runs.create(replace(manifest(), run_id=RUN_ID, hosts=hosts, mail_to=mail_to))
    for seed, each in enumerate(names):
        run.write_dump(dump(each, seed=seed))
    return run


def here(run: Run) -> None:
    """Executes it on this machine."""
    ended = embedded.execute(run, Session(run.manifest.limits), silent, threading.Event(), processes=2)
    assert ended is not None


def assert_equal(run: Run, other: Run) -> None:
    """Results and tables are the same bytes."""
    for folder in ("results/1", "settled/1"):
        names = run.store.list(folder)
        assert names
        assert other.store.list(folder) == names
        for name in names:
            if not name.startswith("fleet-"):  # it says when the run was closed
                assert other.store.read(f"{folder}/{name}") == run.store.read(f"{folder}/{name}"), name


def test_a_run_on_this_machine_is_the_same_in_a_bucket(bucket: BucketServer, in_folder: Run) -> None:
    place = bucket.runs_url("here")
    run = filled(Runs(place))
    # as a command, because the processes beside this one may have been started before there was a bucket
    ended = mapsweep("collect", "--resume", RUN_ID, "--runs", place, env=bucket.environment)
    assert ended.returncode == 0, ended.stderr
    assert_equal(in_folder, run)
    listed = mapsweep("runs", "--runs", place, env=bucket.environment)
    assert (listed.returncode, listed.stdout.count("\n")) == (0, 1), listed.stderr
    assert RUN_ID in listed.stdout
    shown = mapsweep("report", RUN_ID, "--runs", place, "--format", "csv", env=bucket.environment)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.encode() == in_folder.store.read("report/hosts.csv")


def test_a_fleet_works_on_a_bucket(
    bucket: BucketServer, mail: MailServer, in_folder: Run, tmp_path: Path
) -> None:
    with redis_server() as broker:
        settings = WorkerSettings(
            broker.url,
            bucket.runs_url("fleet"),
            signing_key=SIGNING_KEY,
            broker_password=broker.password,
            mail=MailSettings("mapsweep@example.org", mail.host, mail.port, Security.NONE),
            pace=PACE,
        )
        run = filled(Runs(settings.runs_url, SIGNING_KEY), "sre@example.org")
        before, stop = bucket.requests(), threading.Event()
        late = threading.Timer(WITHIN_S, stop.set)
        late.start()
        with running("worker", settings, tmp_path):
            ended = handover.execute(run, settings, silent, stop)
        late.cancel()
    assert ended is not None
    assert ended.closed.ok == HOSTS
    used = (bucket.requests() - before) / HOSTS
    print(f"requests a host: {used:.1f}")
    assert used < REQUESTS_A_HOST_MAX
    assert [each.recipients for each in mail.mailbox.received] == [("sre@example.org",)]
    assert_equal(in_folder, run)
