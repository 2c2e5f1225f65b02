"""A fleet to be broken: the shipped commands as processes, an archive, a Redis, a mail server, SSH hosts.

A test starts what it needs, breaks something, calls `over` where the fault ends, and then `healed`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import redis

from archive.run import Run
from archive.runs import Runs
from tests.faults.servers import PASSWORD, Broker, Gate, PostOffice
from tests.journeys.commands import environment

SABOTAGE = Path(__file__).with_name("sabotage")
READY_WITHIN_S = 60
HAPPENS_WITHIN_S = 60
ARCHIVE_BYTES = 256 * 2**20
LIST = ("sre@example.org", "cto@example.org")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a fleet notices what went wrong, and how soon it has to be as it was."""

    name: str
    fleet: Mapping[str, int]  # the section of that name in mapsweep.yaml; the shipped pace has none
    lease_s: int
    tend_s: int
    heals_within_s: float
    kill_heals_within_s: float  # after a kill -9


PACES = {
    "quick": Pace(
        "quick",
        {"lease_s": 6, "tend_s": 1, "again_s": 2, "rest_s": 2},
        6,
        1,
        heals_within_s=45,
        kill_heals_within_s=45,
    ),
    "shipped": Pace("shipped", {}, 60, 15, heals_within_s=120, kill_heals_within_s=90),
}
PACES["dev"] = Pace("quick", {}, 20, 1, 60, 60)
PACE = PACES[os.environ.get("MAPSWEEP_FAULT_PACE", "quick")]


@dataclass(frozen=True, slots=True)
class Service:
    """A command that runs, with all its children, in a session of its own."""

    process: "subprocess.Popen[bytes]"
    log: Path
    alive: Path

    def said(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.send(signal.SIGKILL)
        self.process.wait(READY_WITHIN_S)

    def kill_children(self) -> None:
        """End its pool's processes, as the kernel's OOM killer does."""
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask the main process alone to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(READY_WITHIN_S)

    def ready(self) -> "Service":
        """Wait until it is in touch with the broker."""
        eventually(self.alive.exists, READY_WITHIN_S)
        return self


class Clock:
    """A clock of processes that are started with it, in seconds ahead of the true one."""

    def __init__(self, path: Path, now: datetime | None = None) -> None:
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        if not found:
            pytest.skip("faketime is not installed")
        self._path = path
        self.environment = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(path),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
        }
        self.set(now or datetime.now(UTC))

    def set(self, now: datetime) -> None:
        """It is this time from now on; whoever uses the clock notices it within a second."""
        self.ahead(round((now - datetime.now(UTC)).total_seconds()))

    def ahead(self, seconds: int) -> None:
        """So much ahead of the true time."""
        part = self._path.with_suffix(".part")
        part.write_text(f"{seconds:+d}\n")
        part.rename(self._path)


@dataclass
class Measured:
    """What a row of the table says, besides the fault."""

    hosts: str = "-"
    mails: str = "-"
    recovery_s: float | None = None


@dataclass
class Laboratory:
    """One fault's fleet. `close` ends everything, whatever happened."""

    folder: Path
    gate: Gate
    pace: Pace = PACE
    measured: Measured = field(default_factory=Measured)
    services: dict[str, Service] = field(default_factory=dict)
    _over_at: float = 0.0
    _within: tuple[str, ...] = ()  # the command that runs others in the mount namespace of the archive
    _holder: "subprocess.Popen[bytes] | None" = None

    # What there is before a fault.

    def furnish(
        self,
        hosts: int = 8,
        *,
        append_only: bool = False,
        schedules: Sequence[Mapping[str, object]] = (),
        mounted: bool = False,
        more: Mapping[str, object] | None = None,
    ) -> None:
        """Servers, an inventory and settings; with `mounted` the archive is a file system of its own."""
        self.hosts = hosts
        self.broker = Broker(self.folder / "redis", append_only=append_only)
        self.post = PostOffice(self.folder)
        self.config, self.inventory = self.folder / "mapsweep.yaml", self.folder / "inventory.yaml"
        self.faults = self.folder / "faults"
        self.home = self.archive = self.folder / "runs"
        for folder in (self.faults, self.home):
            folder.mkdir()
        if mounted:
            self._mount()
        for name, secret in (("broker-password", PASSWORD), ("signing-key", "k" * 44)):
            (self.folder / name).write_text(secret)
            (self.folder / name).chmod(0o600)
        self.write_inventory()
        self.configure(schedules, more or {})
        self.broker.start()
        self.post.up()

    def write_inventory(self) -> None:
        """The hosts, in a group `fleet`."""
        hosts = self.gate.inventory(self.hosts)
        self.inventory.write_text(json.dumps({"fleet": {"hosts": hosts}}))

    def configure(self, schedules: Sequence[Mapping[str, object]], more: Mapping[str, object]) -> None:
        """Write mapsweep.yaml. Its limits are generous: the cores may be another's for a while."""
        a_while = {"banner_s": 60, "kex_s": 60, "auth_s": 60, "exec_s": 110, "total_s": 120}
        settings: dict[str, object] = {
            "runs": str(self.home),
            "inventory": str(self.inventory),
            "broker": self.broker.url,
            "broker_password_file": str(self.folder / "broker-password"),
            "signing_key_file": str(self.folder / "signing-key"),
            "limits": a_while,
            "ssh": {"known_hosts": [str(self.gate.known_hosts)], "use_agent": False},
            "mail": {
                "from": "mapsweep@example.org",
                "server": "127.0.0.1",
                "port": self.post.port,
                "security": "none",
            },
            "schedules": [{"name": "yearly", "crontab": "0 0 1 1 *", "hosts": "fleet"}] + [{"hosts": "fleet", "mail": list(LIST)} | dict(each) for each in schedules],
        }
        if self.pace.fleet:
            settings["fleet"] = dict(self.pace.fleet)
        self.config.write_text(json.dumps(settings | dict(more)))

    def _mount(self) -> None:
        """A tmpfs for the archive, which processes see that are started in its namespace."""
        if os.geteuid() != 0:
            pytest.skip("a file system can be mounted by root alone")
        mounting = f"mount -t tmpfs -o size={ARCHIVE_BYTES},mode=0755 none {self.home}"
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{mounting} && exec sleep 3600"],
            start_new_session=True,
        )
        self._within = ("nsenter", "--mount", "--target", str(self._holder.pid), "--")
        self.archive = Path(f"/proc/{self._holder.pid}/root{self.home}")
        eventually(lambda: "tmpfs" in self.inside("stat", "-f", "-c", "%T", str(self.home)))

    def inside(self, *command: str) -> str:
        """Run a command where the archive is mounted; what it printed."""
        done = subprocess.run([*self._within, *command], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    # The shipped commands.

    def start(
        self,
        *words: str,
        name: str = "",
        clock: Clock | None = None,
        without_archive: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> Service:
        """Start a command of mapsweep, with the settings of this laboratory."""
        name = name or f"{words[0]}{len(self.services)}"
        alive, log = self.folder / f"{name}.alive", self.folder / f"{name}.log"
        has_alive = ("--alive", str(alive)) if words[0] in {"worker", "beat"} else ()
        program = str(Path(sys.executable).with_name("mapsweep"))
        given = {"FAULTS": str(self.faults), "PYTHONPATH": str(SABOTAGE)}
        with log.open("ab") as output:
            process = subprocess.Popen(
                [
                    *(() if without_archive else self._within),
                    *(program, *words, *has_alive, "--config", str(self.config)),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                env=environment(given | (clock.environment if clock else {}) | dict(env or {})),
            )
        self.services[name] = Service(process, log, alive)
        return self.services[name]

    def worker(self, *queues: str, at_once: int = 2, **more: object) -> Service:
        """A worker of these queues, or of all; ready, unless it is not to have the archive."""
        chosen = ("--queues", ",".join(queues)) if queues else ()
        started = self.start("worker", *chosen, "--concurrency", str(at_once), **more)  # type: ignore[arg-type]
        return started if more else started.ready()

    def beat(self, **more: object) -> Service:
        """Beat."""
        return self.start("beat", **more)  # type: ignore[arg-type]

    def collect(self, *more: str, hosts: str = "all", to: Sequence[str] = LIST, **how: object) -> Service:
        """A client that gives a run to the workers and watches it."""
        listed = [word for address in to for word in ("--mail-to", address)]
        return self.start("collect", "--hosts", hosts, *listed, *more, **how)  # type: ignore[arg-type]

    def hand_over(self, *more: str) -> Run:
        """A run that is given to the workers, whose client has left."""
        before = len(self.runs.ids())
        client = self.collect(*more)
        eventually(lambda: len(self.runs.ids()) > before and self.runs.is_queued(self.runs.ids()[-1]))
        eventually(lambda: self._has_messages() or bool(self.gate.logins()))
        client.stop(signal.SIGINT)
        return self.run()

    def _has_messages(self) -> bool:
        with self.broker.client() as client:
            return bool(client.llen("mapsweep:collect"))

    # What became of it.

    @property
    def runs(self) -> Runs:
        """The archive."""
        return Runs(str(self.archive))

    def run(self, number: int = -1) -> Run:
        """The last run."""
        return self.runs.by_id(self.runs.ids()[number])

    def over(self) -> None:
        """The fault is over: what it takes from here on is the recovery."""
        self._over_at = time.monotonic()

    def mails(self) -> int:
        """How many messages have come."""
        return len(self.post.mailbox.received)

    def is_quiet(self, runs: int, mails: int) -> bool:
        """Whether so many runs are closed, nothing is queued or to be mailed, and the mails are there."""
        found = self.runs
        names = found.ids()
        return (
            len(names) >= runs
            and all(found.by_id(name).closed() is not None for name in names)
            and not found.queued()
            and not list((self.archive / "unmailed").glob("*"))
            and self.mails() >= mails
        )

    def healed(self, *, runs: int = 1, mails: int = 1, again: int = 0, killed: bool = False) -> Run:
        """Every host of the last run has a result, it is closed and mailed, and nothing happened twice.

        `again` is how often a host may have been swept once more than there are runs; `mails` counts messages
        to the whole list.
        """
        within_s = self.pace.kill_heals_within_s if killed else self.pace.heals_within_s
        self._over_at = self._over_at or time.monotonic()
        eventually(lambda: self.is_quiet(runs, mails), within_s, self._state)
        self.measured.recovery_s = time.monotonic() - self._over_at
        time.sleep(2 * self.pace.tend_s + 1)  # for what comes twice
        run = self.run()
        closed = run.closed()
        assert closed is not None
        self.measured.hosts = f"{closed.ok}/{closed.asked}"
        self.measured.mails = str(self.mails())
        assert (len(self.runs.ids()), self.mails()) == (runs, mails)
        assert closed.ok == closed.asked == self.hosts, self._failures(run)
        often = {name: count for name, count in self.gate.logins().items() if count > runs + again}
        assert not often, f"swept too often: {often}"
        return run

    def _state(self) -> str:
        found = self.runs
        lines = [f"queued {found.queued()}, {self.mails()} mails"]
        for name in found.ids():
            run = found.by_id(name)
            standing = run.standing()
            lines.append(
                f"{name}: closed {run.closed()}, done {sorted(standing.done)}, {self._failures(run)}"
            )
        return "\n".join(lines)

    def _failures(self, run: Run) -> list[str]:
        each = [outcome.failure for outcome in run.each_outcome(run.manifest.hosts)]
        return [f"{failure.host}: {failure.reason}: {failure.detail}" for failure in each if failure]

    def close(self) -> None:
        """End every process, and open the gate."""
        for service in self.services.values():
            service.kill()
        if hasattr(self, "broker"):
            self.broker.kill()
            self.post.down()
        if self._holder is not None:
            os.killpg(self._holder.pid, signal.SIGKILL)
            self._holder.wait(READY_WITHIN_S)
        self.gate.reset()


def eventually(
    holds: Callable[[], object], within_s: float = HAPPENS_WITHIN_S, state: Callable[[], str] = str
) -> None:
    """Wait until something holds; fail with the state of things unless it does in time."""
    until = time.monotonic() + within_s
    while True:
        with suppress(OSError, redis.ConnectionError):  # a server that is down, a folder that is being made
            if holds():
                return
        assert time.monotonic() < until, f"not within {within_s} s\n{state()}"
        time.sleep(0.1)
