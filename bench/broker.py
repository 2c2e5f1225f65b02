"""`make bench-broker`: what a run costs Redis: messages, their size, commands and memory.

Two runs: one whose hosts have all sent their dumps, so that there is a message a host to classify; one whose
hosts refuse the connection, so that there is a message for each 20 hosts. A real Redis, and a real worker.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from archive.run import Run
from archive.runs import Runs
from bench.measure import Figure
from domain.records import Connection, Limits
from tests.archive.examples import SIGNING_KEY, dump, host, manifest
from tests.ports import free_port
from tests.redis_server import RedisServer, redis_server
from tests.workers.worker_process import PACE, running
from workers.fleet import handover
from workers.fleet.broker import KEY_PREFIX
from workers.fleet.worker_settings import WorkerSettings
from workers.life.progress import Progress

if TYPE_CHECKING:
    import redis

HOSTS = 2000
LOOKED_WITH = {f"cmdstat_{name}" for name in ("llen", "lindex", "info", "dbsize")}  # by this module, mostly
QUEUES = ("collect", "classify", "report")
ENDS_WITHIN_S = 1800
MEMORY_A_HOST_MAX = 2560  # bytes of Redis at its peak, beyond what it needs when empty


@dataclass(slots=True)
class Seen:
    """What Redis held at most."""

    memory: int = 0
    keys: int = 0
    waiting: dict[str, int] = field(default_factory=dict)
    message: dict[str, int] = field(default_factory=dict)  # bytes of the largest one that was looked at

    def look(self, client: "redis.Redis") -> None:
        """Look once."""
        self.memory = max(self.memory, int(client.info("memory")["used_memory"]))
        self.keys = max(self.keys, int(client.dbsize()))
        for queue in QUEUES:
            name = KEY_PREFIX + queue
            self.waiting[queue] = max(self.waiting.get(queue, 0), int(client.llen(name)))
            if (first := client.lindex(name, 0)) is not None:
                self.message[queue] = max(self.message.get(queue, 0), len(str(first)))


@contextmanager
def looking(server: RedisServer) -> Iterator[Seen]:
    """Look all the time until the block ends."""
    seen, stop = Seen(), threading.Event()

    def look() -> None:
        with server.client() as client:
            while not stop.wait(0.05):
                seen.look(client)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def silent(progress: Progress) -> None:
    """Nobody looks."""


def measured(
    kind: str, run: Run, settings: WorkerSettings, server: RedisServer, folder: Path
) -> Iterator[Figure]:
    """One run from the hand-over to its end; no worker is there before all messages wait."""
    hosts = len(run.manifest.hosts)
    with server.client() as client:
        client.flushall()
        client.config_resetstat()
        empty = int(client.info("memory")["used_memory"])
        with looking(server) as seen:
            client_process = threading.Thread(
                target=handover.execute, args=(run, settings, silent, threading.Event())
            )
            client_process.start()
            _settled(client)
            waiting_memory = int(client.info("memory")["used_memory"])
            with running("worker", settings, folder, kind):
                client_process.join(ENDS_WITHIN_S)
        stats = client.info("commandstats")
        calls = sum(int(each["calls"]) for name, each in stats.items() if name not in LOOKED_WITH)
        pushed = sum(
            int(stats[name]["calls"]) for name in ("cmdstat_lpush", "cmdstat_rpush") if name in stats
        )
        closed = run.closed()
        if closed is None:
            raise SystemExit(f"{kind}: the run did not end")
        yield Figure(f"{kind}_hosts", closed.asked, "hosts")
        yield Figure(f"{kind}_hosts_failed", closed.failed, "hosts")
        yield Figure(f"{kind}_messages", pushed, "messages")
        for queue, count in seen.waiting.items():
            if count:
                yield Figure(f"{kind}_{queue}_waiting", count, "messages")
                yield Figure(f"{kind}_{queue}_message", seen.message.get(queue, 0), "bytes")
        yield Figure(f"{kind}_commands", calls / hosts, "commands/host")
        yield Figure(f"{kind}_memory_empty", empty / 2**20, "MiB")
        yield Figure(f"{kind}_memory_waiting", (waiting_memory - empty) / 2**20, "MiB")
        yield Figure(f"{kind}_memory_peak", seen.memory / 2**20, "MiB")
        yield Figure(f"{kind}_memory_peak_a_host", (seen.memory - empty) / hosts, "bytes", MEMORY_A_HOST_MAX)
        yield Figure(f"{kind}_keys_peak", seen.keys, "keys")
        yield Figure(f"{kind}_keys_left", int(client.dbsize()), "keys")
        for key in sorted(str(each) for each in client.scan_iter()):
            print(f"  left: {key}")


def _settled(client: "redis.Redis") -> None:
    """Wait until no more messages come."""
    before = -1
    while (now := sum(int(client.llen(KEY_PREFIX + queue)) for queue in QUEUES)) != before or not now:
        before = now
        time.sleep(2)


def figures(hosts: int) -> Iterator[Figure]:
    """Both runs."""
    with tempfile.TemporaryDirectory() as place, redis_server() as server:
        folder = Path(place)
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        settings = WorkerSettings(
            server.url,
            str(folder / "runs"),
            signing_key=SIGNING_KEY,
            broker_password=server.password,
            pace=replace(PACE, tend_s=15),
        )
        runs = Runs(settings.runs_url, settings.signing_key)
        names = [f"web{number:04}.example.org" for number in range(hosts)]
        dumped = runs.create(replace(manifest(), limits=Limits(), hosts=tuple(map(host, names))))
        for seed, name in enumerate(names):
            dumped.write_dump(dump(name, seed=seed % 50))
        yield from measured("classify", dumped, settings, server, folder)
        port = free_port()
        refusing = tuple(
            replace(host(name, port=port, connection=Connection.SSH), key_file=str(key)) for name in names
        )
        asked = runs.create(replace(manifest(), limits=Limits(), hosts=refusing))
        yield from measured("collect", asked, settings, server, folder)


def main(arguments: list[str]) -> int:
    """The figures, a line each; 1 if a bound is not met."""
    missed = []
    for figure in figures(int(arguments[0]) if arguments else HOSTS):
        print(figure.line(), flush=True)
        if figure.at_most is not None and figure.value > figure.at_most:
            missed.append(figure.name)
    if missed:
        print(f"over their bound: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
