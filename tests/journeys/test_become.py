"""A scheduled run that asks for `become` reads every process, through the real sudo and the printed rule."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.run import Run
from archive.runs import Runs
from collector import sudoers
from mapsweep.settings.for_workers import worker_settings
from mapsweep.settings.settings import load
from tests.collector.test_sudoers import needs_root
from tests.redis_server import redis_server
from tests.sshd import Sshd, serve
from tests.sudo_host import SudoHost
from workers.fleet.broker import redis_client
from workers.fleet.starts import manifest_of
from workers.fleet.tasks import Worker, worker_app
from workers.fleet.worker_settings import WorkerSettings

pytestmark = [pytest.mark.journey, needs_root]

ACCOUNT = "nobody"


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A server where an account without rights has a shell, and the sudoers line for the probe."""
    own = SudoHost(tmp_path)
    own.prepare(sudoers.rule(ACCOUNT), {ACCOUNT: "/bin/sh"})
    with serve(tmp_path, within=own.within) as server:
        yield server


def test_a_scheduled_run_reads_as_root(sshd: Sshd, tmp_path: Path) -> None:
    """Where the top level of the settings asks for it, and where the schedule does."""
    denied = _scheduled(sshd, tmp_path, {}, {})
    # these tests, their sshd and Redis are root's; what not even root may read is denied each time
    assert _scheduled(sshd, tmp_path, {"become": True}, {}) <= denied - 3
    assert _scheduled(sshd, tmp_path, {}, {"become": True}) <= denied - 3


def _scheduled(sshd: Sshd, folder: Path, top: dict[str, bool], own: dict[str, bool]) -> int:
    """One run as a schedule starts it and a worker does it: of how many processes the maps were denied."""
    host = {
        "ansible_host": sshd.host(0).address,
        "ansible_port": sshd.port,
        "ansible_user": ACCOUNT,
        "ansible_ssh_private_key_file": str(sshd.key_file),
    }
    (folder / "inventory.yaml").write_text(json.dumps({"all": {"hosts": {"web": host}}}))
    with redis_server() as broker:
        settings = {
            "runs": str(folder / f"runs{len(list(folder.glob('runs*')))}"),
            "inventory": str(folder / "inventory.yaml"),
            "broker": broker.url,
            "ssh": {"known_hosts": [str(sshd.known_hosts)]},
            "schedules": [{"name": "nightly", "hosts": "all", "crontab": "* * * * *", **own}],
            **top,
        }
        (folder / "mapsweep.yaml").write_text(json.dumps(settings))
        password = {"MAPSWEEP_BROKER_PASSWORD": broker.password}
        given = worker_settings(load(folder / "mapsweep.yaml", password), password)
        worker = Worker(given, worker_app(given))
        run = _started(given)
        worker.collect(run.run_id, ["web"])
        worker.classify(run.run_id, "web")
        with redis_client(given) as client:
            client.flushall()
    (outcome,) = run.outcomes()
    assert outcome.record is not None, outcome.failure
    return outcome.record.denied


def _started(settings: WorkerSettings) -> Run:
    """The run of the schedule's last due time, as a worker plans it."""
    (schedule,) = settings.schedules
    due = schedule.due.last_until(datetime.now(UTC))
    runs = Runs(settings.runs_url)
    run = runs.create(manifest_of(schedule, due, settings))
    runs.queue(run.run_id)
    return run


def _only_run(url: str) -> Run:
    runs = Runs(url)
    (run_id,) = runs.ids()
    return runs.by_id(run_id)
