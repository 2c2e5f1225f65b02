"""Runs that are kept in a bucket: the same bytes as in a folder, and all commands read them."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from archive.dump_keys import is_encrypted
from archive.run import Run
from archive.runs import Runs
from collector.session import Session
from reports.mail.delivery import MailSettings, Security
from tests.age_keys import age_key
from tests.archive.examples import SIGNING_KEY, dump, host, manifest
from tests.bucket import BucketServer, bucket_server
from tests.journeys.commands import mapsweep
from tests.journeys.same_run import assert_same_results
from tests.redis_server import redis_server
from tests.smtp import MailServer, mail_server
from tests.system_log import facts
from tests.workers.worker_process import PACE, running
from workers.fleet import handover
from workers.fleet.worker_settings import WorkerSettings
from workers.here import embedded
from workers.life.asker import asker
from workers.life.progress import Progress

pytestmark = pytest.mark.journey

HOSTS = 20
RUN_ID = "20261123T045837Z-nightly-0000"
WITHIN_S = 600  # it is stuck after that
# for the objects of a host; 17 were counted. Requests for the run itself grow with the seconds it takes.
REQUESTS_A_HOST_MAX = 25


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
    run = runs.create(replace(manifest(), run_id=RUN_ID, hosts=hosts, mail_to=mail_to, asker=asker({})))
    for seed, each in enumerate(names):
        run.write_dump(dump(each, seed=seed))
    return run


def here(run: Run) -> None:
    """Executes it on this machine."""
    ended = embedded.execute(run, Session(run.manifest.limits), silent, threading.Event(), processes=2)
    assert ended is not None


def test_a_run_on_this_machine_is_the_same_in_a_bucket(
    bucket: BucketServer, in_folder: Run, tmp_path: Path
) -> None:
    place, audit = bucket.runs_url("here"), tmp_path / "audit.log"
    run = filled(Runs(place))
    # as a command, because the processes beside this one may have been started before there was a bucket
    audited = {**bucket.environment, "MAPSWEEP_AUDIT": str(audit)}
    ended = mapsweep("collect", "--resume", RUN_ID, "--runs", place, env=audited)
    assert ended.returncode == 0, ended.stderr
    assert [facts(line)["event"] for line in audit.read_text().splitlines()] == ["resumed", "ended"]
    assert_same_results(in_folder, run)
    listed = mapsweep("runs", "--who", "--runs", place, env=bucket.environment)
    assert (listed.returncode, listed.stdout.count("\n")) == (0, 3), listed.stderr
    assert f" on {socket.gethostname()}" in listed.stdout
    assert RUN_ID in listed.stdout
    shown = mapsweep("report", RUN_ID, "--runs", place, "--format", "csv", env=bucket.environment)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.encode() == in_folder.store.read("report/hosts.csv")


def test_encrypted_dumps_in_a_bucket_are_the_same_run(
    bucket: BucketServer, in_folder: Run, tmp_path: Path
) -> None:
    place, key = bucket.runs_url("encrypted"), age_key(tmp_path)
    run = filled(Runs(place, dump_keys=key.writes))
    assert is_encrypted(run.store.read("dumps/web00.dump"))
    settings = tmp_path / "mapsweep.yaml"
    settings.write_text(f"runs: {place}\ndump_recipients: [{key.public}]\n")
    refused = mapsweep("collect", "--resume", RUN_ID, "--config", settings, env=bucket.environment)
    assert refused.returncode == 2
    told = " ".join(refused.stderr.split())
    assert f"{place}/{RUN_ID}/dumps/web00.dump: the dump is encrypted: set dump_identity_file" in told
    with settings.open("a") as file:
        file.write(f"dump_identity_file: {key.file}\n")
    ended = mapsweep("collect", "--resume", RUN_ID, "--config", settings, env=bucket.environment)
    assert ended.returncode == 0, ended.stderr
    assert_same_results(in_folder, run)


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
    used = bucket.requests() - before
    of_hosts = sum(count for request, count in used.items() if "/web" in request)
    print(f"requests a host: {of_hosts / HOSTS:.1f} for its own objects, {used.total() / HOSTS:.1f} in all")
    assert of_hosts < REQUESTS_A_HOST_MAX * HOSTS
    assert [each.recipients for each in mail.mailbox.received] == [("sre@example.org",)]
    assert_same_results(in_folder, run)
