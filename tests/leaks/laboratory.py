"""Programs that leak, each on a host of its own beside healthy ones, and sweeps of these hosts by sshd."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from archive.run import Run
from archive.runs import Runs
from reports.tables.settled import Settled
from tests.journeys.commands import mapsweep
from tests.leaks.ways import LEAK_MIB, PROGRAMS, WAYS, Way, library, missing
from tests.sshd import PATIENT, Sshd
from tests.tables import rows_of

COMPILE_S: Final = 120
HEALTHY: Final = (
    ("{built}/leak", "healthy", "400"),
    (sys.executable, str(PROGRAMS / "leak_blobs.py"), "leak_blobs", "60"),
)
OF_HOST: Final = ("meminfo", "stat", "uptime", "sys")

# of each process of a host: the columns of its row that are numbers
Row: TypeAlias = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a run's report says of its hosts."""

    run: Run
    processes: Mapping[str, Mapping[int, Row]]  # by host and pid
    kinds: Mapping[tuple[str, int], Counter[str]]  # of a host and pid, reserved bytes by kind
    largest: Mapping[str, int]  # by host, the pid of the process with the most native heap


class Program:
    """A program that goes on by one step for each line that it is sent."""

    def __init__(self, command: Sequence[str], preload: str, log: Path) -> None:
        path = library(preload) if preload else None
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"} | ({"LD_PRELOAD": str(path)} if path else {})
        with log.open("wb") as errors:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
            )
        self._log = log
        self.pid = self._child.pid

        self._told("started")

    def leak(self) -> None:
        """Let it leak all that it will."""
        while self._next() != "leaked":
            pass

    def _next(self) -> str:
        """Let it take a step, and return what it then says."""
        assert self._child.stdin is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        return self._told("untouched", "leaked")

    def _told(self, *expected: str) -> str:
        assert self._child.stdout is not None
        told = self._child.stdout.readline().strip()
        assert told in expected, f"{self._log.stem}: {told!r}, {self._log.read_text()}"
        return told

    def stop(self) -> None:
        """It frees its memory."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with suppress(BrokenPipeError):
            self._child.stdin.close()
        self._child.stdout.close()
        self._child.kill()
        self._child.wait()


def built(folder: Path) -> Mapping[str, str]:
    """Compile what can be compiled into a folder; by compiler, what went wrong."""
    commands = {
        "gcc": ("gcc", "-O1", "-pthread", PROGRAMS / "leak.c", "-o", folder / "leak"),
        "g++": ("g++", "-std=c++20", "-O1", "-pthread", PROGRAMS / "leak.cpp", "-o", folder / "leakpp"),
        "javac": ("javac", "-d", folder, PROGRAMS / "Leak.java"),
    }
    failed = {}
    for compiler, command in commands.items():
        with suppress(FileNotFoundError):
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_S, check=False)
            if done.returncode:
                failed[compiler] = done.stderr
    return failed


def started(way: Way, folder: Path) -> Program:
    """A program that has not leaked yet."""
    words = [word.replace("{built}", str(folder)) for word in way.command]
    return Program([*words, str(LEAK_MIB)], way.preload, folder / f"{way.name}.log")


@contextmanager
def healthy(folder: Path) -> Iterator[list[int]]:
    """The pids of processes that have much memory, and lose none."""
    with ExitStack() as stack:
        pids = []
        for number, command in enumerate(HEALTHY):
            words = [word.replace("{built}", str(folder)) for word in command]
            program = Program(words, "", folder / f"healthy-{number}.log")
            stack.callback(program.stop)
            program.leak()
            pids.append(program.pid)
        yield pids


def possible() -> list[Way]:
    """The ways that this machine has the programs for."""
    return [way for way in WAYS if not missing(way)]


def sweep(
    folder: Path, sshd: Sshd, pids: Mapping[str, Sequence[int]], evidence: str, *, others: Sequence[int]
) -> Swept:
    """One sweep over hosts, by name with the pids that each of them has besides the `others`."""
    hosts = {}
    for number, (name, own) in enumerate(pids.items()):
        host = sshd.host(number)
        hosts[name] = {
            "ansible_host": host.address,
            "ansible_port": sshd.port,
            "ansible_ssh_private_key_file": str(sshd.key_file),
            "mapsweep_root": str(tree(folder / "trees" / name, (*own, *others))),
        }
    (folder / "inventory.yaml").write_text(json.dumps({"fleet": {"hosts": hosts}}))
    ssh = {"known_hosts": [str(sshd.known_hosts)], "use_agent": False}
    settings = {"ssh": ssh, "limits": PATIENT, "keep_dumps": True}
    (folder / "mapsweep.yaml").write_text(json.dumps(settings))
    runs = folder / "runs"
    before = set(Runs(str(runs)).ids()) if runs.is_dir() else set()
    places = ("--config", folder / "mapsweep.yaml", "-i", folder / "inventory.yaml", "--runs", runs)
    done = mapsweep("collect", *places, "--evidence", evidence)
    assert done.returncode == 0, done.stderr
    (run_id,) = set(Runs(str(runs)).ids()) - before
    return _told(Runs(str(runs)).by_id(run_id))


def tree(folder: Path, pids: Sequence[int]) -> Path:
    """A root under which /proc has these processes of this machine alone."""
    if not folder.exists():
        (folder / "proc").mkdir(parents=True)
        (folder / "sys").symlink_to("/sys")
        (folder / "etc").symlink_to("/etc")
        for name in (*OF_HOST, *map(str, pids)):
            (folder / "proc" / name).symlink_to(f"/proc/{name}")
    return folder


def _told(run: Run) -> Swept:
    processes: dict[str, dict[int, Row]] = {}
    for row in rows_of(run, "processes"):
        numbers = {name: value for name, value in row.items() if isinstance(value, int)}
        processes.setdefault(row["host"], {})[numbers["pid"]] = numbers
    kinds: dict[tuple[str, int], Counter[str]] = {}
    for row in rows_of(run, "footprints"):
        of_process = kinds.setdefault((row["host"], row["pid"]), Counter())
        of_process[row["kind"]] += row["committed_bytes"]
    hosts = Settled(run).table("hosts", ("name", "largest_pid"))
    return Swept(run, processes, kinds, dict(hosts.iter_rows()))
