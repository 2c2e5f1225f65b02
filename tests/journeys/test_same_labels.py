"""The same labels everywhere: of a stopped process, and from whatever it is made of its files."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from archive import dump_file
from archive.run import Run
from archive.runs import Runs
from mapsweep.process_view.capture_folder import capture, write
from mapsweep.process_view.labelled_process import label
from mapsweep.process_view.process_files import open_process
from mapsweep.process_view.range_lines import range_lines
from procmaps.classify import classify
from procmaps.kinds import Confidence, Kind
from procmaps.read import read, read_process
from procmaps.reasons import why
from procmaps.rules.book import RULES
from procmaps.tables import Evidence, ProcessTable, Snapshot
from tests.journeys.commands import environment, mapsweep
from tests.leaks.laboratory import built, tree
from tests.redis_server import redis_server
from tests.service import serving
from tests.sshd import serve

pytestmark = [pytest.mark.journey, pytest.mark.slow]

SECRET: Final = "hunter2-of-the-vault"
CGROUP: Final = Path("/sys/fs/cgroup/memory")  # of version 1; version 2 has its files in the folder above
CGROUP_LIMIT_BYTES: Final = 700 * 2**20
QUEUES: Final = "collect,classify,report"
EVIDENCES: Final = ("maps", "smaps")
# facts of a host that labels may depend on; the others (when it was read, its system's name) differ from here
FACTS: Final = (
    *("kernel", "cores", "page_bytes", "clock_ticks", "mem_total_bytes"),
    *("overcommit_memory", "max_map_count", "thp_mode"),
)
# maps files that are then deleted, starts threads with arenas of their own, and has large chunks
BUSY: Final = """
import mmap, os, sys, tempfile, threading
tables = []
for prefix in ("cache-", "password=SECRET-"):
    with tempfile.NamedTemporaryFile(prefix=prefix, dir=sys.argv[1]) as file:
        file.truncate(2**20)
        tables.append(mmap.mmap(file.fileno(), 0))
done = threading.Event()
kept = []
def work():
    kept.append([bytes(700 + number) for number in range(20000)])
    done.set()
    threading.Event().wait()
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
done.wait()
kept.append(bytearray(3000000))
print("ready", flush=True)
threading.Event().wait()
""".replace("SECRET", SECRET)


@dataclass(frozen=True)
class Stopped:
    """Processes that have been stopped, so that nothing about them changes, and sweeps of them."""

    folder: Path
    pids: Mapping[str, int]
    runs: Mapping[tuple[str, str], Run]  # by executor and evidence


def commands(folder: Path) -> dict[str, list[str]]:
    """By name, programs that say a line when they are ready."""
    python = [sys.executable, "-c", BUSY, str(folder)]
    small = 'ulimit -s 2048; exec "$@"'
    found = {
        "python": [*python, f"--password={SECRET}", "--port=80"],
        "stack-limit": ["/bin/sh", "-c", small, "sh", *python],
        "ended-threads": [str(folder / "leak"), "small-threads-not-joined", "90"],
        "arenas": [str(folder / "leak"), "arenas", "40"],
        "long-arguments": [*python, *("x" * 100_000 for _ in range(2)), f"--token={SECRET}"],
        "cgroup": [*python, "limited"],
    }
    if shutil.which("javac"):
        options = ["-Xmx300m", f"-Dpassword={SECRET}", "-XX:+UseParallelGC"]
        found["java"] = ["java", *options, "-cp", str(folder), "Leak", "x", "20"]
        # the options come after what the probe cuts off
        long = [f"-Dlong{number}={'x' * 70_000}" for number in range(2)]
        found["java-long"] = ["java", *long, "-Xmx300m", "-cp", str(folder), "Leak", "x", "20"]
    return found


@contextmanager
def running(name: str, command: Sequence[str], folder: Path) -> Iterator[int]:
    """A process that has reached its end and was stopped there; the pid."""
    with (folder / f"{name}.err").open("wb") as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        line = child.stdout.readline().strip()
        while line in {"started", "untouched"}:
            child.stdin.write("\n")
            child.stdin.flush()
            line = child.stdout.readline().strip()
        assert line in {"ready", "leaked"}, (folder / f"{name}.err").read_text()
        with in_cgroup(child.pid) if name == "cgroup" else nullcontext():
            os.kill(child.pid, signal.SIGSTOP)
            yield child.pid
    finally:
        child.kill()
        child.stdin.close()
        child.stdout.close()
        child.wait()


@contextmanager
def in_cgroup(pid: int) -> Iterator[None]:
    """In a cgroup with a limit, where this account may make one; it goes when the process has ended."""
    folder = CGROUP / f"mapsweep-test-{pid}"
    with suppress(OSError):
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(CGROUP_LIMIT_BYTES))
        (folder / "cgroup.procs").write_text(str(pid))
    try:
        yield
    finally:
        with suppress(OSError):
            (folder.parent / "cgroup.procs").write_text(str(pid))
        with suppress(OSError):
            folder.rmdir()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    """The processes, swept by this machine and by a worker."""
    folder = tmp_path_factory.mktemp("same")
    built(folder)
    with ExitStack() as stack:
        pids = {
            name: stack.enter_context(running(name, command, folder))
            for name, command in commands(folder).items()
        }
        sshd = stack.enter_context(serve(folder, hosts=1))
        broker = stack.enter_context(redis_server())
        host = sshd.host(0)
        inventory = {
            "ansible_host": host.address,
            "ansible_port": sshd.port,
            "ansible_ssh_private_key_file": str(sshd.key_file),
            "mapsweep_root": str(tree(folder / "tree", tuple(pids.values()))),
        }
        (folder / "inventory.yaml").write_text(json.dumps({"fleet": {"hosts": {"one": inventory}}}))
        settings: dict[str, Any] = {
            "runs": str(folder / "runs"),
            "inventory": str(folder / "inventory.yaml"),
            "ssh": {"known_hosts": [str(sshd.known_hosts)], "use_agent": False},
        }
        for name, secret in (("broker-password", broker.password), ("signing-key", "k" * 44)):
            (folder / name).write_text(secret)
            (folder / name).chmod(0o600)
        fleet = settings | {
            "broker": broker.url,
            "broker_password_file": str(folder / "broker-password"),
            "signing_key_file": str(folder / "signing-key"),
        }
        for name, chosen in (("here", settings), ("fleet", fleet)):
            (folder / f"{name}.yaml").write_text(json.dumps(chosen))
        program = Path(sys.executable).with_name("mapsweep")
        worker = [program, "worker", "--queues", QUEUES, "--config", folder / "fleet.yaml"]
        stack.enter_context(serving(worker, folder / "worker.log", folder=Path("/"), env=environment()))
        runs = {
            (executor, evidence): collect(folder, executor, evidence)
            for executor in ("here", "fleet")
            for evidence in EVIDENCES
        }
        yield Stopped(folder, pids, runs)


def collect(folder: Path, executor: str, evidence: str) -> Run:
    runs = Runs(str(folder / "runs"))
    before = set(runs.ids()) if (folder / "runs").is_dir() else set()
    done = mapsweep("collect", "--config", folder / f"{executor}.yaml", "--evidence", evidence)
    assert done.returncode == 0, done.stderr
    (run_id,) = set(runs.ids()) - before
    return runs.by_id(run_id)


def snapshot_of(run: Run) -> Snapshot:
    """What the kept dump says of the one host."""
    dump = run.read_dump("one")
    memory, identity = (dump_file.inflate(part, 2**30).text for part in (dump.memory_gz, dump.identity_gz))
    return read(memory, identity, dump.nonce.encode())


def of_dump(snapshot: Snapshot, pid: int) -> list[tuple[str, ...]]:
    """Range, kind, rule, confidence, runner-up and reason of each part of one process."""
    parts = classify(snapshot)
    row = snapshot.processes.pid.tolist().index(pid)
    own = (snapshot.maps.process[parts.mapping] == row).nonzero()[0].tolist()
    return [
        (
            f"{int(parts.start[part]):08x}",
            f"{int(parts.end[part]):08x}",
            Kind(int(parts.kind[part])).label,
            RULES[int(parts.rule[part])].name,
            Confidence(int(parts.confidence[part])).label,
            why(snapshot, parts, part),
        )
        for part in own
    ]


def sums(run: Run) -> list[dict[str, str]]:
    """What its report says of each process and kind; Pss depends on what others map."""
    rows = csv.DictReader(run.store.read("report/footprints.csv").decode().splitlines())
    return [{name: text for name, text in row.items() if name != "pss_bytes"} for row in rows]


def of_classify(target: object, evidence: str) -> list[tuple[str, ...]]:
    """The same of `mapsweep classify`, without the cost of starting it."""
    grade = Evidence[evidence.upper()]
    process = label(open_process(str(target), grade, BytesIO()), grade)
    return [tuple(line.split("\t")) for line in range_lines(process, why=True)]


@pytest.mark.parametrize("evidence", EVIDENCES)
def test_ranges_kinds_rules_confidences_and_reasons_are_equal(stopped: Stopped, evidence: str) -> None:
    """Of classify PID, of a capture, of a dump that this machine collected, and of one of a worker."""
    here, fleet = (snapshot_of(stopped.runs[one, evidence]) for one in ("here", "fleet"))
    for name, pid in stopped.pids.items():
        of_pid = of_classify(pid, evidence)
        assert len(of_pid) > 20
        folder = stopped.folder / f"{name}-{evidence}"
        write(capture(Path("/proc", str(pid)), f"pid {pid}"), folder)
        assert of_classify(folder, evidence) == of_pid, name
        assert of_dump(here, pid) == of_pid, name
        assert of_dump(fleet, pid) == of_pid, name


@pytest.mark.parametrize("evidence", EVIDENCES)
def test_the_commands_say_the_same(stopped: Stopped, evidence: str) -> None:
    pid, folder = stopped.pids["arenas"], stopped.folder / f"by-command-{evidence}"
    assert mapsweep("capture", str(pid), "-o", folder).returncode == 0
    for target in (str(pid), folder):
        done = mapsweep("classify", target, "--evidence", evidence, "--format", "ranges", "--why")
        assert done.returncode == 0, done.stderr
        rows = [tuple(line.split("\t")) for line in done.stdout.splitlines()]
        assert rows == of_classify(pid, evidence)


@pytest.mark.parametrize("evidence", EVIDENCES)
def test_every_fact_that_a_label_may_depend_on_is_the_same(stopped: Stopped, evidence: str) -> None:
    swept = snapshot_of(stopped.runs["here", evidence])
    for name, pid in stopped.pids.items():
        files = open_process(str(pid), Evidence[evidence.upper()], BytesIO())
        alone = read_process(files.files, pid)
        for fact in FACTS:
            assert getattr(alone.facts, fact) == getattr(swept.facts, fact) not in {-1, ""}, fact
        assert set(alone.facts.meminfo_bytes) == set(swept.facts.meminfo_bytes)
        limits = alone.facts.cgroup_memory_max_bytes
        assert limits.items() <= swept.facts.cgroup_memory_max_bytes.items()
        row = swept.processes.pid.tolist().index(pid)
        for column in fields(ProcessTable):
            of_swept, of_alone = (getattr(one.processes, column.name) for one in (swept, alone))
            assert np.array_equal(of_swept[row], of_alone[0]), f"{name}: {column.name}"


def test_the_processes_show_what_is_asked(stopped: Stopped) -> None:
    """Arenas, ended threads, deleted files, masked secrets, another stack limit, and a limit of a cgroup."""
    swept = snapshot_of(stopped.runs["here", "maps"])
    rows = {name: swept.processes.pid.tolist().index(pid) for name, pid in stopped.pids.items()}
    assert not any(SECRET.encode() in argument for argv in swept.processes.argv for argument in argv)
    assert b"--password=***" in swept.processes.argv[rows["python"]]
    assert SECRET.encode() not in swept.maps.text
    assert b" (deleted)\n" in swept.maps.text
    assert swept.processes.stack_limit_bytes[rows["stack-limit"]] == 2 * 2**20
    kinds = {name: {part[2] for part in of_dump(swept, pid)} for name, pid in stopped.pids.items()}
    assert "heap_arena" in kinds["arenas"]
    assert "thread_stack" in kinds["ended-threads"]
    if b"mapsweep-test" in swept.processes.cgroup[rows["cgroup"]]:
        assert CGROUP_LIMIT_BYTES in swept.facts.cgroup_memory_max_bytes.values()


def test_the_run_of_a_worker_has_the_same_sums_and_so_has_a_run_that_is_classified_again(
    stopped: Stopped,
) -> None:
    for evidence in EVIDENCES:
        here, fleet = (stopped.runs[executor, evidence] for executor in ("here", "fleet"))
        expected = sums(here)
        assert len(expected) > len(stopped.pids)
        assert sums(fleet) == expected
        again = mapsweep("reclassify", here.run_id, "--runs", stopped.folder / "runs")
        assert again.returncode == 0, again.stderr
        assert sums(here) == expected
