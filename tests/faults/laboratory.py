"""A fleet to be broken: the shipped commands as processes, an archive, a Redis, a mail server, SSH hosts.

A test starts what it needs, breaks something, calls `over` where the fault ends, and then `healed`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, Unpack

from archive.run import PAGE, Run
from archive.runs import Runs
from tests.faults.processes import Clock, Disk, Service, eventually
from tests.faults.servers import Gate, PostOffice
from tests.journeys.commands import environment
from tests.redis_server import PASSWORD, Broker

SABOTAGE = Path(__file__).with_name("sabotage")
LIST = ("sre@example.org", "cto@example.org")
FLEET = "fleet"  # the group of all hosts


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a fleet notices what went wrong, and how soon it has to be as it was."""

    name: str
    fleet: Mapping[str, int]  # the section of mapsweep.yaml; the pace as shipped has none
    lease_s: int
    tend_s: int
    stall_s: int  # how long something hangs that hangs longer than a lease and than a client waits for Redis
    heals_within_s: float
    kill_heals_within_s: float  # after a kill -9


QUICK_FLEET = {"lease_s": 6, "tend_s": 1, "again_s": 2, "rest_s": 2}
PACES = {
    "quick": Pace("quick", QUICK_FLEET, 6, 1, 25, heals_within_s=45, kill_heals_within_s=45),
    # a lease, a look that sends the hosts again, one that has the run finished, and 10 s for the work
    "shipped": Pace("shipped", {}, 60, 10, 65, heals_within_s=120, kill_heals_within_s=90),
}
PACE = PACES[os.environ.get("MAPSWEEP_FAULT_PACE", "quick")]


class How(TypedDict, total=False):
    """How a command is started."""

    name: str
    clock: Clock
    env: Mapping[str, str]
    within: Sequence[str]  # a command that runs it, in place of the archive's mount namespace


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
    ignored: tuple[str, ...] = ()  # runs that may stay as they are
    disk: Disk | None = None
    _over_at: float = 0.0

    # What there is before a fault.

    def furnish(
        self,
        hosts: int = 8,
        *,
        append_only: bool = False,
        mounted: bool = False,
        schedules: Sequence[Mapping[str, object]] = (),
        **settings: object,
    ) -> None:
        """Servers, an inventory and settings; if `mounted`, the archive is a file system of its own."""
        self.hosts = hosts
        self.broker = Broker(self.folder / "redis", append_only=append_only)
        self.post = PostOffice(self.folder)
        self.config, self.inventory = self.folder / "mapsweep.yaml", self.folder / "inventory.yaml"
        self.faults, self.home = self.folder / "faults", self.folder / "runs"
        for folder in (self.faults, self.home):
            folder.mkdir()
        if mounted:
            self.disk = Disk(self.home)
        for name, secret in (("broker-password", PASSWORD), ("signing-key", "k" * 44)):
            (self.folder / name).write_text(secret)
            (self.folder / name).chmod(0o600)
        self.write_inventory()
        self.configure(self.config, schedules=schedules, **settings)
        self.broker.start()
        self.post.up()

    def write_inventory(self) -> None:
        """The hosts, in one group."""
        self.inventory.write_text(json.dumps({FLEET: {"hosts": self.gate.inventory(self.hosts)}}))

    def configure(
        self, path: Path, *, schedules: Sequence[Mapping[str, object]] = (), **settings: object
    ) -> Path:
        """Write settings. Their limits are generous, because the cores may be another's for a while."""
        known: dict[str, object] = {
            "runs": str(self.home),
            "inventory": str(self.inventory),
            "broker": self.broker.url,
            "broker_password_file": str(self.folder / "broker-password"),
            "signing_key_file": str(self.folder / "signing-key"),
            "limits": {"banner_s": 60, "kex_s": 60, "auth_s": 60, "exec_s": 110, "total_s": 120},
            "ssh": {"known_hosts": [str(self.gate.known_hosts)], "use_agent": False},
            "mail": {
                "from": "mapsweep@example.org",
                "server": "127.0.0.1",
                "port": self.post.port,
                "security": "none",
            },
            "schedules": [{"hosts": FLEET, "mail": list(LIST)} | dict(each) for each in schedules],
        }
        if self.pace.fleet:
            known["fleet"] = dict(self.pace.fleet)
        kept = {key: value for key, value in (known | settings).items() if value is not None}
        path.write_text(json.dumps(kept))
        return path

    # The shipped commands.

    def start(self, *words: str, config: Path | None = None, **how: Unpack[How]) -> Service:
        """Start a command of mapsweep with the settings of this laboratory."""
        name = how.get("name") or f"{words[0]}{len(self.services)}"
        alive, log = self.folder / f"{name}.alive", self.folder / f"{name}.log"
        has_alive = ("--alive", str(alive)) if words[0] in {"worker", "beat"} else ()
        program = str(Path(sys.executable).with_name("mapsweep"))
        within = how.get("within", self.disk.within if self.disk else ())
        env = {"FAULTS": str(self.faults), "PYTHONPATH": str(SABOTAGE)}
        env |= how["clock"].environment if "clock" in how else {}
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*within, program, *words, *has_alive, "--config", str(config or self.config)],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                env=environment(env | dict(how.get("env", {}))),
            )
        self.services[name] = Service(process, log, alive)
        return self.services[name]

    def worker(self, *queues: str, at_once: int = 2, **how: Unpack[How]) -> Service:
        """A worker of these queues, or of all."""
        chosen = ("--queues", ",".join(queues)) if queues else ()
        return self.start("worker", *chosen, "--concurrency", str(at_once), **how)

    def beat(self, **how: Unpack[How]) -> Service:
        """Beat."""
        return self.start("beat", **how)

    def collect(self, *more: str, to: Sequence[str] = LIST, **how: Unpack[How]) -> Service:
        """A client that gives a run of all hosts to the workers and watches it."""
        listed = [word for address in to for word in ("--mail-to", address)]
        return self.start("collect", "--hosts", FLEET, *listed, *more, **how)

    def resume(self, run: Run, config: Path | None = None) -> Service:
        """A client that goes on with a run."""
        return self.start("collect", "--resume", run.run_id, config=config)

    def hand_over(self, **how: Unpack[How]) -> Run:
        """A run that is given to the workers, and whose client has left."""
        before = len(self.runs.ids())
        client = self.collect(**how)
        eventually(
            lambda: len(self.runs.ids()) > before and self.runs.is_queued(self.runs.ids()[-1]),
            state=client.said,
        )
        eventually(lambda: self.waiting("collect") or self.gate.logins().total(), state=client.said)
        assert client.stop(signal.SIGINT) == 130, client.said()
        return self.run()

    def sweeping(self, hosts: int = 8, *, queues: Sequence[str] = (), mounted: bool = False) -> Service:
        """A worker in the middle of a run, with beat: all hosts are logged in to, and wait at the gate."""
        self.furnish(hosts, mounted=mounted)
        self.gate.shut()
        worker = self.worker(*queues, at_once=1 if queues else 2)
        self.beat()
        self.hand_over()
        self.await_logins(hosts)
        return worker

    def waiting(self, queue: str) -> int:
        """How many messages wait in a queue."""
        with self.broker.client() as client:
            return int(client.llen(f"mapsweep:{queue}"))

    def await_logins(self, count: int) -> None:
        """Wait until so many logins have been counted."""
        within_s = 2 * self.pace.kill_heals_within_s
        eventually(lambda: self.gate.logins().total() >= count, within_s, self.state)

    # What became of it.

    @property
    def runs(self) -> Runs:
        """The archive."""
        return Runs(str(self.disk.seen_from_here if self.disk else self.home))

    def run(self, number: int = -1) -> Run:
        """The last run."""
        return self.runs.by_id(self._ids()[number])

    def over(self) -> None:
        """The fault is over: what it takes from here on is the recovery."""
        self._over_at = time.monotonic()

    def mails(self) -> int:
        """How many messages have come."""
        return len(self.post.mailbox.received)

    def subjects(self) -> list[str]:
        """The subjects of the messages."""
        return [str(each.message["Subject"]) for each in self.post.mailbox.received]

    def is_quiet(self) -> bool:
        """Whether all runs are closed, and nothing waits in the fleet or in the outbox."""
        closed = [self.runs.by_id(name).closed() for name in self._ids()]
        waiting = {*self.runs.queued(), *self.runs.store.list("unmailed")}
        return None not in closed and not waiting - set(self.ignored)

    def healed(
        self,
        *,
        runs: int = 1,
        mails: int = 1,
        ok: int | None = None,
        swept: int = 1,
        within_s: float = 0.0,
    ) -> Run:
        """Every host of the last run has a result, it is closed and mailed, and nothing happened twice.

        `ok` is how many hosts have a result if not all, `swept` how often each may have been logged in to.
        """
        self._over_at = self._over_at or time.monotonic()
        eventually(
            lambda: len(self._ids()) >= runs and self.mails() >= mails and self.is_quiet(),
            within_s or self.pace.heals_within_s,
            self.state,
        )
        self.measured.recovery_s = time.monotonic() - self._over_at
        time.sleep(2 * self.pace.tend_s + 1)  # for what comes twice
        self.measured.mails = str(self.mails())
        assert (len(self._ids()), self.mails()) == (runs, mails), self.state()
        run = self.run()
        closed = run.closed()
        assert closed is not None
        assert run.store.exists(f"report/{PAGE}"), self.state()
        self.measured.hosts = f"{closed.ok}/{closed.asked}"
        assert closed.asked == self.hosts
        assert closed.ok == (self.hosts if ok is None else ok), self.state()
        often = {name: count for name, count in self.gate.logins().items() if count > swept}
        assert not often, f"swept too often: {often}"
        return run

    def state(self) -> str:
        """How things are, for people."""
        lines = [f"queued {self.runs.queued()}, mails {self.subjects()}, logins {self.gate.logins().total()}"]
        for name in self._ids():
            run = self.runs.by_id(name)
            standing, closed = run.standing(), run.closed()
            lines.append(f"{name}: {len(standing.done)} done, {len(standing.dumped)} dumped, {closed}")
            lines.append(f"  {self.failures(run)}")
        return "\n".join(lines)

    def failures(self, run: Run) -> dict[str, str]:
        """The hosts that failed, and why."""
        each = [outcome.failure for outcome in run.each_outcome(run.manifest.hosts) if not outcome.result]
        return {one.host: one.reason for one in each if one}

    def lines(self, name: str) -> int:
        """How many lines were noted about something in the commands (sabotage/sitecustomize.py)."""
        path = self.faults / name
        return len(path.read_text().splitlines()) if path.exists() else 0

    def close(self) -> None:
        """End every process, and open the gate."""
        for service in self.services.values():
            service.kill()
        if hasattr(self, "broker"):
            self.broker.kill()
            self.post.down()
        if self.disk is not None:
            self.disk.close()
        self.gate.reset()

    def _ids(self) -> list[str]:
        return [name for name in self.runs.ids() if name not in self.ignored]
