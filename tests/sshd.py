"""A real OpenSSH server as a plain child, on one port of every loopback address: each 127.x.y.z is a host."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from domain.records import Host

START_S = 10.0


@dataclass(frozen=True)
class Sshd:
    """A server that runs, and what a client needs to log in to it as this account."""

    port: int
    pid: int
    folder: Path
    key_file: Path
    known_hosts: Path

    def host(self, number: int, *, become: bool = False, root: str = "") -> Host:
        """The `number`th host, from 0."""
        address = f"127.{10 + number // 250}.0.{1 + number % 250}"
        return Host(
            f"host{number:03}", address, self.port, key_file=str(self.key_file), become=become, root=root
        )

    def trust(self, hosts: int) -> None:
        """Writes known_hosts for the first `hosts` of them."""
        key = (self.folder / "hostkey.pub").read_text().rsplit(" ", 1)[0]
        names = (self.host(number).address for number in range(hosts))
        self.known_hosts.write_text("".join(f"[{name}]:{self.port} {key}\n" for name in names))


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> None:
    """A key pair at `path` and path.pub."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path], check=True)


@contextlib.contextmanager
def serve(folder: Path, *options: str, hosts: int = 250, within: Sequence[str] = ()) -> Iterator[Sshd]:
    """Runs sshd until the block ends; `options` are further lines of its configuration.

    `within` is a command that runs another one: in a mount namespace, say.
    """
    binary = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        pytest.fail("openssh-server is not installed: scripts/ in this repository set it up")
    keygen(folder / "hostkey")
    keygen(folder / "key")
    (folder / "authorized_keys").write_text((folder / "key.pub").read_text())
    port = free_port()
    lines = [
        f"Port {port}",
        "ListenAddress 0.0.0.0",
        f"HostKey {folder}/hostkey",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "PidFile none",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "MaxStartups 500",
        "PrintMotd no",
        "LogLevel QUIET",
        *options,
    ]
    if _knows(binary, "PerSourcePenalties", folder):
        lines.append("PerSourcePenalties no")
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd refuses to start as root without it
    with (folder / "sshd.log").open("wb") as log:
        child = subprocess.Popen([*within, binary, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    sshd = Sshd(port, child.pid, folder, folder / "key", folder / "known_hosts")
    sshd.trust(hosts)
    try:
        _await(child, port, folder)
        yield sshd
    finally:
        child.terminate()
        child.wait()


def _knows(binary: str, keyword: str, folder: Path) -> bool:
    """Whether this version of sshd has an option; older ones end on it."""
    config = folder / "try_config"
    config.write_text(f"HostKey {folder}/hostkey\n{keyword} no\n")
    return subprocess.run([binary, "-t", "-f", config], capture_output=True, check=False).returncode == 0


def _await(child: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        if child.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.02)
    pytest.fail(f"sshd does not answer: {(folder / 'sshd.log').read_text()}")
