"""Hosts that send the most they may, beside healthy ones: memory is bounded, and the healthy lose nothing.

`make hostile` has 72 of them, 64 at once, with the limits as by default; `make test` one of each kind.
"""

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import psutil
import pytest

from archive.dump_file import decode
from tests.collector.proc_tree import add_facts, add_process
from tests.farm.endless import KINDS
from tests.farm.fakes import GREETING, Fake
from tests.journeys.commands import environment
from tests.sshd import Sshd, serve

pytestmark = [pytest.mark.journey, pytest.mark.slow]

GIB: Final = 2**30
MIB: Final = 2**20
EACH: Final = int(os.environ.get("MAPSWEEP_HOSTILE_EACH", "1"))  # hosts of each kind
HEALTHY: Final = 8
IS_LARGE: Final = EACH > 1
# small ones, so that one host of each kind reaches them, and in a minute
LIMITS: Final[dict[str, Any]] = (
    {}
    if IS_LARGE
    else {
        **dict.fromkeys(("banner_s", "kex_s", "auth_s", "exec_s"), 60),
        "total_s": 60,
        "classify_s": 60,
        "received_bytes": 32 * MIB,
        "sweep_bytes": 64 * MIB,
        "inflated_bytes": 256 * MIB,
        "classify_bytes": 512 * MIB,
    }
)
MOST_BYTES: Final = 4 * GIB if IS_LARGE else 1400 * MIB
MOST_COLLECTOR_BYTES: Final = 2 * GIB if IS_LARGE else 700 * MIB
ROOT: Final = Path(__file__).parents[2]
RUN_S: Final = 1800 if IS_LARGE else 300
SAMPLE_S: Final = 0.2


def _endless_packet(sock: socket.socket) -> None:
    """The largest packet of whole blocks, before any key is exchanged."""
    sock.sendall(GREETING + (2**31 - 4).to_bytes(4, "big"))
    while True:
        sock.sendall(bytes(MIB))


def _endless_greeting(sock: socket.socket) -> None:
    sock.sendall(b"SSH-2.0-")
    while True:
        sock.sendall(b"x" * MIB)


class Memory:
    """The most that a process and all that it started had at once; shared pages count once."""

    def __init__(self, pid: int) -> None:
        self.most_bytes = 0
        self._root = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            with suppress(psutil.Error):
                tree = [self._root, *self._root.children(recursive=True)]
                self.most_bytes = max(self.most_bytes, sum(map(_pss_bytes, tree)))


def _pss_bytes(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0


@contextmanager
def _hostile(folder: Path) -> Iterator[tuple[Sshd, dict[str, tuple[str, int]]]]:
    """A server whose first addresses are hostile, and all hostile hosts."""
    script = Path(sys.modules[KINDS["short_lines"].__module__].__file__ or "")
    lines, places = [], list[tuple[str, int]]()
    for number, kind in enumerate(list(KINDS) * EACH):
        address = f"127.10.0.{1 + number}"  # as Sshd.host has it
        lines += [f"Match LocalAddress {address}", f"ForceCommand {sys.executable} -I {script} {kind}"]
        places.append((address, 0))
    with ExitStack() as stack:
        server = stack.enter_context(serve(folder, "MaxStartups 1000", *lines))
        for script_of in (_endless_packet, _endless_greeting):
            port = stack.enter_context(Fake(script_of)).port
            places += [(f"127.20.0.{1 + number}", port) for number in range(EACH)]
        yield server, {f"bad{n:02}": (host, port or server.port) for n, (host, port) in enumerate(places)}


def _dump(path: Path) -> tuple[bytes, bytes]:
    """Both parts of a dump, with the nonce of its connection taken out."""
    dump = decode(path.read_bytes())
    parts = [gzip.decompress(part) for part in (dump.memory_gz, dump.identity_gz)]
    memory, identity = (part.replace(dump.nonce.encode(), b"NONCE") for part in parts)
    return memory, identity


def _swept(folder: Path, server: Sshd, hosts: dict[str, Any]) -> tuple[Path, Memory, int]:
    """One run: its folder, what it took, and the exit status."""
    folder.mkdir()
    (folder / "inventory.yaml").write_text(json.dumps({"fleet": {"hosts": hosts}}))
    settings = {"ssh": {"known_hosts": [str(server.known_hosts)]}, "limits": {"attempts": 1, **LIMITS}}
    (folder / "mapsweep.yaml").write_text(json.dumps(settings))
    command = [str(Path(sys.executable).with_name("mapsweep")), "collect", "--hosts", "all"]
    command += ["--config", str(folder / "mapsweep.yaml"), "-i", str(folder / "inventory.yaml")]
    command += ["--runs", str(folder / "runs")]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd="/", env=environment())
        try:
            with Memory(process.pid) as memory:
                status = process.wait(RUN_S)
        finally:
            process.kill()
            process.wait()
    (run,) = (folder / "runs").glob("2*")
    return run, memory, status


ALONE: Final = """
import json, sys, threading
from pathlib import Path
from collector.session import Session
from collector.ssh.keys import Credentials, Keyring
from collector.ssh.known_hosts import KnownHosts
from collector.sweep import sweep
from domain.records import Dump, Host, Limits

asked = json.loads(Path(sys.argv[1]).read_text())
hosts = [Host(**host) for host in asked["hosts"]]
keyring = Keyring(Credentials(use_agent=False, default_key_files=()))
known = KnownHosts([Path(asked["known_hosts"])])
session = Session(Limits(attempts=1, **asked["limits"]), keyring=keyring, known_hosts=known)
read = []
keep = lambda outcome: read.append((outcome.host, isinstance(outcome, Dump)))
sweep(hosts, session, keep, threading.Event())
print(json.dumps(dict(read)))
"""


def test_the_collector_alone_has_its_bound_too(tmp_path: Path) -> None:
    """Without the classifiers, which have a budget of their own."""
    tree = tmp_path / "tree"
    add_facts(tree)
    add_process(tree, 7)
    with _hostile(tmp_path) as (server, places):
        key = {"key_file": str(server.key_file)}
        hosts = [
            {"name": name, "address": host, "port": port, **key} for name, (host, port) in places.items()
        ]
        for number in range(HEALTHY):
            address = server.host(200 + number).address
            hosts.append({"name": f"good{number}", "address": address, "port": server.port, **key})
            hosts[-1]["root"] = str(tree)
        asked = tmp_path / "asked"
        limits = {key: value for key, value in LIMITS.items() if not key.startswith("classify")}
        asked.write_text(
            json.dumps({"hosts": hosts, "known_hosts": str(server.known_hosts), "limits": limits})
        )
        command = [sys.executable, "-c", ALONE, str(asked)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            try:
                with Memory(process.pid) as memory:
                    said, _ = process.communicate(timeout=RUN_S)
            finally:
                process.kill()
    print(f"most memory: {memory.most_bytes / MIB:.0f} MiB")
    is_read = json.loads(said)
    assert len(is_read) == len(hosts)
    assert all(is_read[f"good{number}"] for number in range(HEALTHY))
    assert memory.most_bytes < MOST_COLLECTOR_BYTES


def test_healthy_hosts_lose_nothing_and_memory_is_bounded(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    add_facts(tree)
    for pid in range(1, 200):
        add_process(tree, pid, cmdline=b"/bin/x\0--number\0%d\0" % pid)
    with _hostile(tmp_path) as (server, places):
        entry = {"ansible_ssh_private_key_file": str(server.key_file)}
        bad = {
            name: entry | {"ansible_host": host, "ansible_port": port}
            for name, (host, port) in places.items()
        }
        good = {
            f"good{number}": entry
            | {"ansible_host": server.host(200 + number).address, "ansible_port": server.port}
            | {"mapsweep_root": str(tree)}
            for number in range(HEALTHY)
        }
        quiet, _, status = _swept(tmp_path / "quiet", server, good)
        assert status == 0, (tmp_path / "quiet" / "said").read_text()
        run, memory, _ = _swept(tmp_path / "beside", server, bad | good)
    print(f"most memory: {memory.most_bytes / MIB:.0f} MiB")
    for name in good:
        assert _dump(run / "dumps" / f"{name}.dump") == _dump(quiet / "dumps" / f"{name}.dump")
    results = {path.name.removesuffix(".result") for path in run.glob("results/*/*.result")}
    assert set(good) <= results
    assert (run / "closed.json").exists()
    assert memory.most_bytes < MOST_BYTES
