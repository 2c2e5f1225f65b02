"""sweep_vs_bare_paramiko: client CPU a host of a sweep, against connect, exec and read of the same bytes.

Both run the same command on the same hosts of recorded processes, with as many connections at once; the
ratio is the median of those of neighbouring rounds. It is of the collecting process alone, which also is what
other hosts wait for; what the processes beside it spend on unpacking and masking is a figure of its own.
"""

import statistics
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import paramiko
import psutil

from bench.core import crowd
from bench.measure import Figure, interleave
from collector import probe
from collector.session import Session
from collector.ssh.keys import Keyring
from collector.ssh.known_hosts import KnownHosts
from collector.sweep import sweep
from domain.records import Dump, Failure, Host, Limits
from procmaps.tables import Evidence
from tests.sshd import Sshd, serve

HOSTS = 200
ROUNDS = 5  # each of HOSTS / ROUNDS hosts, the two in turn
THREADS = 8  # sessions at once, on both sides
MAPPINGS = 4_000  # of each host
SAME_BYTES = 1.02  # the nonce, which differs, is packed with the rest


def figures() -> Iterator[Figure]:
    """The sweep over a real sshd, HOSTS hosts in all."""
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder), hosts=HOSTS) as server:
        tree = Path(folder, "tree")
        crowd(tree, MAPPINGS)
        sweeps = 0
        received: list[int] = []  # bytes of each round, of the two in turn

        def swept() -> None:
            nonlocal sweeps
            sweeps += 1
            received.append(_sweep(server, [next(hosts) for _ in range(size)]))

        def bare() -> None:
            received.append(_bare(server, [next(hosts) for _ in range(size)]))

        hosts = cycle([server.host(number, root=str(tree)) for number in range(HOSTS)])
        size = HOSTS // ROUNDS
        runs = interleave([swept, bare], ROUNDS)
    if max(received) > min(received) * SAME_BYTES:
        raise SystemExit(f"the two did not read the same: {received}")
    yield Figure("sweep_vs_bare_paramiko", runs.ratio(0, 1), "ratio", 1.3)
    yield Figure("sweep_bytes_per_host", statistics.mean(received) / size / 1e3, "KB")
    yield Figure("sweep_cpu_per_host", runs.median_s(0) / size * 1e3, "ms")
    yield Figure("sweep_cpu_beside_per_host", _children_s() / (size * sweeps) * 1e3, "ms")


def _sweep(server: Sshd, hosts: list[Host]) -> int:
    outcomes: list[Dump | Failure] = []
    session = Session(
        Limits(concurrency=THREADS), Evidence.MAPS, Keyring(), KnownHosts((server.known_hosts,))
    )
    sweep(hosts, session, outcomes.append, threading.Event())
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if failed or len(outcomes) != len(hosts):
        raise SystemExit(f"{len(failed)} of {len(hosts)} hosts failed: {failed[:1]}")
    return sum(outcome.received_bytes or 0 for outcome in outcomes if isinstance(outcome, Dump))


def _children_s() -> float:
    """CPU of the processes that unpacked and masked, their start included; those have ended by now."""
    times = [
        child.cpu_times() for child in psutil.Process().children() if "forkserver" in "".join(child.cmdline())
    ]
    return float(sum(each.user + each.system + each.children_user + each.children_system for each in times))


def _bare(server: Sshd, hosts: list[Host]) -> int:
    key = paramiko.Ed25519Key.from_private_key_file(str(server.key_file))
    with ThreadPoolExecutor(THREADS) as pool:
        sizes = list(pool.map(lambda host: _read(host, key), hosts))
    if not all(sizes):
        raise SystemExit("a host sent nothing")
    return sum(sizes)


def _read(host: Host, key: paramiko.PKey) -> int:
    drawn = probe.draw(host, Limits(), Evidence.MAPS)
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(host.address, host.port, pkey=key, allow_agent=False, look_for_keys=False)
        stdin, stdout, _ = client.exec_command(drawn.command)
        stdin.write(drawn.standard_input)
        stdin.channel.shutdown_write()
        return len(stdout.read())
