"""Two hundred hosts through three workers: the same bytes as in one process, and one mail."""

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from archive.run import Run
from archive.runs import Runs
from mapsweep.demo.demo_fleet import unpack
from tests.journeys.commands import environment, mapsweep
from tests.journeys.same_run import assert_same_results
from tests.redis_server import RedisServer, redis_server
from tests.service import serving
from tests.smtp import MailServer, mail_server
from tests.sshd import Sshd, serve

pytestmark = [pytest.mark.journey, pytest.mark.slow]

HOSTS = 200
GONE = "gone"
STOPS_WITHIN_S = 300
LIMITS = {
    "exec_s": 100.0,
    "total_s": 150.0,
    "auth_s": 60.0,
    "kex_s": 60.0,
    "banner_s": 60.0,
}  # cores are shared


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with serve(tmp_path_factory.mktemp("hosts")) as served:
        yield served


@pytest.fixture
def settings(tmp_path: Path, sshd: Sshd) -> dict[str, object]:
    """Settings without a broker; the recorded hosts are replayed by turns."""
    trees = sorted((tmp_path / "trees" / name) for name in unpack(tmp_path / "trees"))
    hosts = {
        f"host{number:03}": {
            "ansible_host": sshd.host(number).address,
            "ansible_port": sshd.port,
            "ansible_ssh_private_key_file": str(sshd.key_file),
            "mapsweep_root": str(trees[number % len(trees)]),
        }
        for number in range(HOSTS)
    }
    hosts[GONE] = hosts["host000"] | {"ansible_port": 1}
    (tmp_path / "inventory.yaml").write_text(json.dumps({"fleet": {"hosts": hosts}}))
    return {
        "runs": str(tmp_path / "runs"),
        "inventory": str(tmp_path / "inventory.yaml"),
        "ssh": {"known_hosts": [str(sshd.known_hosts)], "use_agent": False},
        "limits": LIMITS,
    }


def test_the_same_bytes_as_in_one_process_and_one_mail(tmp_path: Path, settings: dict[str, object]) -> None:
    with ExitStack() as stack:
        broker = stack.enter_context(redis_server())
        mail = stack.enter_context(mail_server(tmp_path, "plain"))
        config = written(tmp_path, settings | for_workers(tmp_path, broker, mail))
        for queue in ("collect", "classify", "report"):
            stack.enter_context(worker(tmp_path, config, queue))
        swept = mapsweep("collect", "--config", config, "--mail-to", "sre@example.org")
        assert swept.returncode == 3, swept.stderr
        with broker.client() as client:
            assert client.llen("mapsweep:collect") == client.llen("mapsweep:classify") == 0
        received = tuple(mail.mailbox.received)
    assert [each.recipients for each in received] == [("sre@example.org",)]
    (run_id,) = Runs(str(tmp_path / "runs")).ids()
    run = Runs(str(tmp_path / "runs")).by_id(run_id)
    closed = run.closed()
    assert closed is not None
    assert (closed.asked, closed.ok + closed.partial, closed.failed) == (HOSTS + 1, HOSTS, 1)

    here = copied(run, tmp_path / "here")
    ended = mapsweep("collect", "--resume", here.url, "--config", written(tmp_path, settings))
    assert ended.returncode == 3, ended.stderr
    assert_same_results(run, here)
    for name in ("services.csv", "hosts.csv"):
        assert here.store.read(f"report/{name}") == run.store.read(f"report/{name}"), name


def copied(run: Run, folder: Path) -> Run:
    """What the workers collected of a run, as if it had been stopped before it was classified."""
    made = Runs(str(folder)).create(replace(run.manifest, mail_to=()))
    for host in sorted(run.dumped()):
        made.write_dump(run.read_dump(host))
    (failure,) = (each.failure for each in run.outcomes() if each.failure is not None)
    made.write_failure(failure)
    return made


def for_workers(folder: Path, broker: RedisServer, mail: MailServer) -> dict[str, object]:
    for name, secret in (("broker-password", broker.password), ("signing-key", "k" * 44)):
        (folder / name).write_text(secret)
        (folder / name).chmod(0o600)
    return {
        "broker": broker.url,
        "broker_password_file": str(folder / "broker-password"),
        "signing_key_file": str(folder / "signing-key"),
        "mail": {
            "from": "mapsweep@example.org",
            "server": mail.host,
            "port": mail.port,
            "security": "none",
        },
    }


def written(folder: Path, settings: Mapping[str, object]) -> Path:
    path = folder / ("fleet.yaml" if "broker" in settings else "here.yaml")
    path.write_text(json.dumps(dict(settings)))
    return path


@contextmanager
def worker(folder: Path, config: Path, queue: str) -> Iterator[None]:
    """`mapsweep worker` of one queue; it ends with 0 when it is told to."""
    program = Path(sys.executable).with_name("mapsweep")
    command = [program, "worker", "--queues", queue, "--concurrency", "2", "--config", config]
    with serving(command, folder / f"{queue}.log", folder=Path("/"), env=environment()) as process:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOPS_WITHIN_S) == 0
