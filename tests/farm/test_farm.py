"""Hosts with every fault beside healthy ones, in one sweep: each has its reason, and nothing is left."""

import contextlib
import gzip
import itertools
import os
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import psutil
import pytest

from collector.remote import collect
from collector.session import Session
from collector.ssh.keys import Credentials, Keyring
from collector.ssh.known_hosts import KnownHosts
from collector.ssh.policy import Policy
from collector.sweep import sweep
from domain.records import Dump, Failure, Host, Limits
from domain.troubles.table import remedy
from tests.farm.fakes import THREAD
from tests.farm.farm import IDENTITY, MEMORY, STRANGERS, Farm, farm
from tests.farm.kinds import OF_FAKES, OF_SSHD, Kind
from tests.ports import free_port

pytestmark = [pytest.mark.journey, pytest.mark.slow]

KINDS = tuple(kind for kind in (*OF_SSHD, *OF_FAKES) if not kind.account or os.geteuid() == 0)
LATE_S = 300.0  # what a busy machine may add
LIMITS = Limits(
    concurrency=32, banner_s=120.0, kex_s=120.0, auth_s=120.0, exec_s=120.0, total_s=300.0, attempts=1
)
# for those that wait: some of them have to greet in time
SHORT = replace(LIMITS, concurrency=64, banner_s=20.0, kex_s=2.0, total_s=120.0)
TIMES = int(os.environ.get("MAPSWEEP_FARM_TIMES", "1"))  # hosts of each kind


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with farm(tmp_path_factory.mktemp("farm")) as running:
        yield running


def session_of(servers: Farm, limits: Limits = LIMITS) -> Session:
    strangers = Keyring(Credentials(use_agent=False, default_key_files=servers.strangers))
    return Session(limits, keyring=strangers, known_hosts=KnownHosts([servers.server.known_hosts]))


def swept(hosts: list[Host], session: Session) -> dict[str, Dump | Failure]:
    outcomes: dict[str, Dump | Failure] = {}

    def keep(outcome: Dump | Failure) -> None:
        outcomes[outcome.host] = outcome

    sweep(hosts, session, keep, threading.Event())
    return outcomes


@dataclass(frozen=True)
class Held:
    """What this process has: threads by name, open files by what they are, and children."""

    threads: Counter[str]
    files: Counter[str]
    children: Counter[int]

    @classmethod
    def now(cls) -> Self:
        """Without the threads of the fakes, which have a connection open until the client leaves."""
        names = (each.name for each in threading.enumerate() if each.name != THREAD)
        process = psutil.Process()
        return cls(Counter(names), Counter(_open_files()), Counter(each.pid for each in process.children()))

    def beyond(self, before: "Held") -> list[object]:
        """What was not there before."""
        return [
            *(self.threads - before.threads),
            *(self.files - before.files),
            *(self.children - before.children),
        ]


def _open_files() -> Iterator[str]:
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the folder itself
            yield str(link.readlink())


def check(servers: Farm, times: int) -> None:
    """Sweeps `times` hosts of each kind among healthy ones; nothing that was started is left.

    What ends at a deadline is in a sweep of its own beside, because no other host may come near one.
    """
    ill = {kind: servers.ill(kind, times) for kind in KINDS}
    prompt = [host for kind, hosts in ill.items() if not kind.waits for host in hosts]
    late = [host for kind, hosts in ill.items() if kind.waits for host in hosts]
    healthy = servers.healthy(10 * times)
    mixed = [host for pair in itertools.zip_longest(healthy, prompt) for host in pair if host is not None]
    swept(list(healthy[:1]), session_of(servers))  # what a process starts once and keeps
    before = Held.now()
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(swept, late, session_of(servers, SHORT))
        outcomes = swept(mixed, session_of(servers)) | waiting.result()
    assert Counter(_wrong(ill, outcomes)) == Counter()
    assert len(outcomes) == len(mixed) + len(late)
    for host in healthy:
        dump = outcomes[host.name]
        assert isinstance(dump, Dump), dump
        assert gzip.decompress(dump.memory_gz).decode() == MEMORY.replace("NONCE", dump.nonce)
        assert gzip.decompress(dump.identity_gz).decode() == IDENTITY.replace("NONCE", dump.nonce)
    until_s = time.monotonic() + LATE_S
    while (left := Held.now().beyond(before)) and time.monotonic() < until_s:
        time.sleep(0.05)
    assert not left


def _wrong(ill: Mapping[Kind, Sequence[Host]], outcomes: Mapping[str, Dump | Failure]) -> Iterator[str]:
    """What is wrong with the hosts of each kind, one text a host."""
    for kind, hosts in ill.items():
        for host in hosts:
            outcome = outcomes[host.name]
            if not isinstance(outcome, Failure):
                yield f"{kind.name}: a dump"
            elif (outcome.stage, outcome.reason) != (kind.stage, kind.reason):
                yield f"{kind.name}: {outcome.stage} {outcome.reason} ({outcome.detail})"
            elif outcome.remedy != remedy(kind.reason):
                yield f"{kind.name}: {outcome.remedy}"
            elif outcome.elapsed_s > (SHORT if kind.waits else LIMITS).total_s + LATE_S:
                yield f"{kind.name}: {outcome.elapsed_s} s"


def test_each_fault_has_its_reason(servers: Farm) -> None:
    check(servers, TIMES)


@pytest.mark.parametrize(("attempts", "tried"), [(1, 1), (3, 3)])
def test_what_time_can_cure_is_tried_as_often_as_the_limit_says(
    servers: Farm, attempts: int, tried: int
) -> None:
    kind = next(each for each in KINDS if each.name == "kex closes")
    outcome = collect(servers.ill(kind, 1)[0], session_of(servers, replace(LIMITS, attempts=attempts)))
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.attempt) == ("connection_lost", tried)


def test_what_it_cannot_cure_is_not(servers: Farm) -> None:
    kind = next(each for each in KINDS if each.name == "http")
    outcome = collect(servers.ill(kind, 1)[0], session_of(servers, replace(LIMITS, attempts=3)))
    assert isinstance(outcome, Failure)
    assert outcome.attempt == 1


def dropbear(folder: Path, *options: str) -> Iterator[int]:
    """A dropbear on a free port."""
    subprocess.run(
        ["dropbearkey", "-t", "ed25519", "-f", folder / "dropbear"], capture_output=True, check=True
    )
    port = free_port()
    binary = shutil.which("dropbear", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        pytest.fail("dropbear is not installed: scripts/system-packages installs it")
    child = subprocess.Popen(
        [binary, "-F", "-E", "-r", folder / "dropbear", "-p", f"127.0.0.1:{port}", *options],
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_listener(port)
        yield port
    finally:
        child.terminate()
        child.wait()


def _await_listener(port: int) -> None:
    until_s = time.monotonic() + LATE_S
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.02)
    pytest.fail("dropbear does not answer")


@pytest.mark.parametrize("keys", [1, STRANGERS])
def test_a_dropbear_that_knows_none_of_the_keys(servers: Farm, tmp_path: Path, keys: int) -> None:
    """It counts passwords alone, so all keys are refused, each time."""
    with contextlib.contextmanager(dropbear)(tmp_path, "-T", "2") as port:
        known = KnownHosts([], Policy.ACCEPT_NEW, tmp_path / "accepted")
        strangers = Keyring(Credentials(use_agent=False, default_key_files=servers.strangers[:keys]))
        session = replace(session_of(servers), known_hosts=known, keyring=strangers)
        outcomes = [collect(Host("dropbear", "127.0.0.1", port), session) for _ in range(5)]
    reasons = {each.reason for each in outcomes if isinstance(each, Failure)}
    assert reasons == {"auth_rejected"}
