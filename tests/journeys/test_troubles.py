"""Twenty hosts, five in trouble each of its own kind: fifteen reports and five reasons, in both modes."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mapsweep.demo.loopback import Behaviour, LoopbackFleet, LoopbackHost
from tests.collector.proc_tree import add_facts, add_process
from tests.journeys.commands import environment, mapsweep
from tests.redis_server import redis_server
from tests.service import serving
from tests.tables import rows_of
from tests.waiting import eventually

pytestmark = pytest.mark.journey

GOOD = [f"good{number:02}" for number in range(15)]
REASONS = {
    "damaged": ("classify", "unreadable_dump"),
    "raises": ("classify", "bug"),
    "kills": ("worker", "worker_lost"),
    "odd": ("auth", "certificate_unreadable"),
    "floods": ("exec", "exec_cut"),
}
SABOTAGE = {"PYTHONPATH": str(Path(__file__).parent / "sabotage")}
DEAR_S = 600  # what masking takes of the host whose masking is dear


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An inventory and settings for the twenty, who are served while the tests run."""
    folder = tmp_path_factory.mktemp("troubles")
    for name in (*GOOD, *REASONS, "dear"):
        root = folder / "trees" / name
        add_process(root, 7, name=name[:15].encode())
        add_facts(root)
    hosts = [
        LoopbackHost(
            name,
            f"127.77.0.{number}",
            Behaviour.FLOODS if name == "floods" else Behaviour.ANSWERS,
            root=str(folder / "trees" / name),
        )
        for number, name in enumerate((*GOOD, *REASONS, "dear"), 1)
    ]
    with LoopbackFleet(hosts, folder) as fleet:
        inventory = {
            host.name: {
                "ansible_host": host.address,
                "ansible_port": host.port,
                "ansible_ssh_private_key_file": host.key_file,
                "mapsweep_root": host.root,
            }
            for host in fleet.hosts()
        }
        inventory["odd"]["ansible_ssh_private_key_file"] = str(shutil.copy(fleet.key_file, folder / "odd"))
        (folder / "odd-cert.pub").write_bytes(b"\xff no certificate \x00")
        (folder / "inventory.yaml").write_text(json.dumps({"all": {"hosts": inventory}}))
        (folder / "mapsweep.yaml").write_text(f"ssh: {{known_hosts: [{fleet.known_hosts_file}]}}\n")
        yield folder


def test_on_this_machine(folder: Path) -> None:
    _swept(folder, folder / "here")


def test_in_a_fleet(folder: Path) -> None:
    with redis_server() as broker:
        password = {"MAPSWEEP_BROKER_PASSWORD": broker.password}
        with _worker(folder, folder / "fleet", broker.url, password):
            _swept(folder, folder / "fleet", "--broker", broker.url, env=password)


def _swept(folder: Path, runs: Path, *more: str, env: dict[str, str] | None = None) -> None:
    options = ("--config", folder / "mapsweep.yaml", "-i", folder / "inventory.yaml", "--runs", runs)
    done = mapsweep("collect", *options, "--hosts", "all:!dear", *more, env=SABOTAGE | (env or {}))
    assert done.returncode == 3, done.stderr
    (run,) = runs.glob("2*")
    report = json.loads((run / "report" / "report.json").read_text())
    ended = {host["name"]: host["status"] for host in rows_of(run, "hosts")}
    assert [name for name, status in ended.items() if status == "failed"] == sorted(REASONS)
    assert {ended[name] for name in GOOD} == {"ok"}
    told = {
        host: (group["stage"], group["reason"])
        for group in report["failures"]["rows"]
        for host in group["hosts"]
    }
    assert told == REASONS
    bug = json.loads(next((run / "failures").rglob("raises*.json")).read_text())
    assert "KeyError: b'raises'" in bug["trace"]
    assert "in sabotaged" in bug["trace"]
    page = (run / "report" / "index.html").read_text()
    assert "please report it with the host" in page
    assert "in sabotaged" not in page


def test_a_host_that_is_dear_to_mask_ends_by_its_deadline(folder: Path, tmp_path: Path) -> None:
    settings = tmp_path / "mapsweep.yaml"
    settings.write_text((folder / "mapsweep.yaml").read_text() + "limits: {total_s: 15}\n")
    options = ("--config", settings, "-i", folder / "inventory.yaml", "--runs", tmp_path)
    done = mapsweep("collect", *options, "--hosts", "good00:dear", env=SABOTAGE)
    assert done.returncode == 3, done.stderr
    (run,) = tmp_path.glob("2*")
    failure = json.loads((run / "failures" / "dear.1.json").read_text())
    assert (failure["stage"], failure["reason"]) == ("read", "unpack_timeout")
    assert failure["elapsed_s"] < DEAR_S / 2


def test_ctrl_c_waits_for_no_masking(folder: Path, tmp_path: Path) -> None:
    options = ("--config", folder / "mapsweep.yaml", "-i", folder / "inventory.yaml", "--runs", tmp_path)
    mapsweep_here = Path(sys.executable).with_name("mapsweep")
    command: list[str | Path] = [mapsweep_here, "collect", *options, "--hosts", "good00:dear"]
    with subprocess.Popen(command, env=environment(SABOTAGE), stderr=subprocess.PIPE) as sweep:
        eventually(lambda: list(tmp_path.glob("2*/results/*/good00.result")), DEAR_S / 2)
        sweep.send_signal(signal.SIGINT)
        _, said = sweep.communicate(timeout=DEAR_S / 4)
    assert sweep.returncode == 130
    assert b"--resume" in said
    assert not list(tmp_path.glob("2*/failures/*"))


@contextmanager
def _worker(folder: Path, runs: Path, broker: str, env: dict[str, str]) -> Iterator[None]:
    """`mapsweep worker` for all queues, until the block ends."""
    settings = folder / "worker.yaml"
    known_hosts = folder / "known_hosts"
    settings.write_text(
        json.dumps(
            {
                "ssh": {"known_hosts": [str(known_hosts)]},
                "broker": broker,
                "runs": str(runs),
                "inventory": str(folder / "inventory.yaml"),
            }
        )
    )
    command = [Path(sys.executable).with_name("mapsweep"), "worker", "--config", settings]
    with serving(command, folder / "worker.log", folder=Path("/"), env=environment(SABOTAGE | env)):
        yield
