import subprocess
import threading
from pathlib import Path

import pytest

from mapsweep.demo.loopback import Behaviour, LoopbackFleet, LoopbackHost
from tests.collector.hosts_side import find


def ssh(
    fleet: LoopbackFleet, name: str, command: str, *, said: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """OpenSSH's own client, so that both sides here are checked against a third one."""
    host = next(host for host in fleet.hosts() if host.name == name)
    return subprocess.run(
        [find("ssh"), "-F", "none", "-o", f"UserKnownHostsFile={fleet.known_hosts_file}",
         "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", fleet.key_file,
         "-p", str(host.port), host.address, command],
        input=said, capture_output=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet").mkdir()
    return tmp_path / "fleet"


@pytest.mark.journey
def test_openssh_runs_commands_on_it(folder: Path) -> None:
    hosts = (LoopbackHost("a", "127.0.0.2"), LoopbackHost("b", "127.0.0.3", noise=b"motd\n"))
    with LoopbackFleet(hosts, folder) as fleet:
        done = ssh(fleet, "a", "cat; echo 'it''s' >&2; exit 7", said=b"\0in\n" * 100_000)
        assert (done.returncode, done.stdout, done.stderr) == (7, b"\0in\n" * 100_000, b"its\n")
        assert ssh(fleet, "b", "echo out").stdout == b"motd\nout\n"


@pytest.mark.journey
def test_it_admits_its_own_key_alone(folder: Path) -> None:
    with LoopbackFleet((LoopbackHost("a", "127.0.0.2"),), folder) as fleet:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "other"], check=True)
        fleet.key_file = folder / "other"
        assert b"Permission denied" in ssh(fleet, "a", "echo out").stderr


def test_the_key_is_its_owners_alone(folder: Path) -> None:
    with LoopbackFleet((LoopbackHost("a", "127.0.0.2"),), folder) as fleet:
        assert fleet.key_file.stat().st_mode & 0o077 == 0


def test_it_leaves_nothing_running(folder: Path) -> None:
    before = threading.active_count()
    hosts = tuple(LoopbackHost(kind.name, f"127.0.0.{kind.value}", kind) for kind in Behaviour)
    with LoopbackFleet(hosts, folder) as fleet:
        assert len(fleet.hosts()) == len(hosts)
        assert threading.active_count() == before + len(hosts)
    assert threading.active_count() == before


def test_other_addresses_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="loopback"):
        LoopbackFleet((LoopbackHost("a", "0.0.0.0"),), folder)
