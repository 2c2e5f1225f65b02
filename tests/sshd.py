"""A real OpenSSH server as a plain child, on one port of every loopback address: each 127.x.y.z is a host."""

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from domain.records import Host
from tests.ports import free_port

START_S = 180.0
# limits of a sweep where no deadline is the subject: a busy machine is no fault
PATIENT: Final = {
    **dict.fromkeys(("banner_s", "kex_s", "auth_s"), 60.0),
    **dict.fromkeys(("exec_s", "idle_s"), 120.0),  # the probe runs with low priority
    "total_s": 300.0,
}
DEFAULTS = {
    "PidFile": "none",
    "StrictModes": "no",
    "UsePAM": "no",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
    "MaxStartups": "500",
    "PrintMotd": "no",
    "LogLevel": "QUIET",
}


@dataclass(frozen=True)
class Sshd:
    """A server that runs, and what a client needs to log in to it as this account."""

    port: int
    folder: Path
    key_file: Path
    known_hosts: Path
    _server: "_Server" = field(repr=False)

    @property
    def pid(self) -> int:
        """Of the process that listens."""
        return self._server.pid

    def restart(self, *options: str) -> None:
        """Goes on with other lines of configuration, on the same port."""
        self._server.stop()
        self._server.start(options)

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
    (folder / "home").mkdir(exist_ok=True)
    server = _Server(binary, folder, free_port(), within)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd refuses to start as root without it
    sshd = Sshd(server.port, folder, folder / "key", folder / "known_hosts", server)
    sshd.trust(hosts)
    try:
        server.start(options)
        yield sshd
    finally:
        server.stop()


class _Server:
    """The process that listens, under one configuration at a time."""

    def __init__(self, binary: str, folder: Path, port: int, within: Sequence[str]) -> None:
        self._binary = binary
        self._folder = folder
        self._within = within
        self._child: subprocess.Popen[bytes] | None = None
        self.port = port

    @property
    def pid(self) -> int:
        """Of the process that listens."""
        assert self._child is not None
        return self._child.pid

    def start(self, options: Sequence[str]) -> None:
        """Returns when it answers."""
        (self._folder / "sshd_config").write_text("\n".join(self._lines(options)) + "\n")
        with (self._folder / "sshd.log").open("wb") as log:
            self._child = subprocess.Popen(
                [*self._within, self._binary, "-D", "-e", "-f", self._folder / "sshd_config"], stderr=log
            )
        _await(self._child, self.port, self._folder)

    def stop(self) -> None:
        """Connections that are open stay so."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait()

    def _lines(self, options: Sequence[str]) -> list[str]:
        """Of a keyword that comes twice, sshd takes the first."""
        defaults = [f"{key} {value}" for key, value in DEFAULTS.items() if not _sets(options, key)]
        return [
            f"Port {self.port}",
            "ListenAddress 0.0.0.0",
            f"HostKey {self._folder}/hostkey",
            f"AuthorizedKeysFile {self._folder}/authorized_keys",
            *(["PerSourcePenalties no"] if _knows(self._binary, "PerSourcePenalties", self._folder) else []),
            *defaults,
            _environment(self._folder, options),
            *options,
        ]


def _sets(options: Sequence[str], key: str) -> bool:
    return any(line.startswith(f"{key} ") for line in _of_all(options))


def _of_all(options: Sequence[str]) -> Iterator[str]:
    """The lines that are for all hosts: those before the first Match."""
    return itertools.takewhile(lambda line: not line.startswith("Match "), options)


def _environment(folder: Path, options: Sequence[str]) -> str:
    """The SetEnv of all hosts, of which sshd takes only the first line.

    The login shell must not read the start files of whoever runs the tests: they may do anything, as wait for
    each other (`pyenv init` does).
    """
    given = next((line for line in _of_all(options) if line.startswith("SetEnv ")), "SetEnv")
    return f"{given} HOME={folder}/home"


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
