"""The same labels everywhere: of a stopped process, and from whatever it is made of its files."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
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
from procmaps.masking import mask_cmdline
from procmaps.masking_options import Arguments, Masking
from procmaps.read import read, read_process
from procmaps.reasons import why
from procmaps.rules.book import RULES
from procmaps.tables import Evidence, ProcessTable, Snapshot
from tests.journeys.commands import environment, mapsweep
from tests.journeys.stopped_processes import CGROUP_LIMIT_BYTES, SECRET, commands, running
from tests.leaks.laboratory import built, tree
from tests.redis_server import redis_server
from tests.service import serving
from tests.sshd import serve
from tests.tables import rows_of

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
]

HOSTS: Final = ("ssh", "local")
QUEUES: Final = "collect,classify,report"
EVIDENCES: Final = ("maps", "smaps")
# The kernel takes pages of files away, also from a stopped process; Pss depends on what others map.
RECLAIMED: Final = frozenset(
    ("rss_bytes", "rss_file_bytes", "rss_shmem_bytes", "pss_bytes", "resident_bytes", "resident_max_bytes")
)
# facts of a host that labels may depend on; the others (when it was read, its system's name) differ from here
FACTS: Final = (
    *("kernel", "cores", "page_bytes", "clock_ticks", "mem_total_bytes"),
    *("overcommit_memory", "max_map_count", "thp_mode"),
)


@dataclass(frozen=True)
class Stopped:
    """Processes that have been stopped, so that nothing about them changes, and sweeps of them."""

    folder: Path
    pids: Mapping[str, int]
    runs: Mapping[tuple[str, str], Run]  # by executor and evidence


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
        by_ssh = {
            "ansible_host": host.address,
            "ansible_port": sshd.port,
            "ansible_ssh_private_key_file": str(sshd.key_file),
        }
        root = str(tree(folder / "tree", tuple(pids.values())))
        hosts = {"ssh": by_ssh, "local": {"ansible_connection": "local"}}
        fleet_of = {"vars": {"mapsweep_root": root}, "hosts": hosts}
        (folder / "inventory.yaml").write_text(json.dumps({"fleet": fleet_of}))
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


def snapshot_of(run: Run, host: str = "ssh") -> Snapshot:
    """What the kept dump of a host says."""
    dump = run.read_dump(host)
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


def sums(run: Run) -> list[dict[str, object]]:
    """What its report says of each process and kind, but for what changes while a process is stopped."""
    return [
        {name: value for name, value in row.items() if name not in RECLAIMED}
        for row in rows_of(run, "footprints")
    ]


def of_classify(target: object, evidence: str) -> list[tuple[str, ...]]:
    """The same of `mapsweep classify`, without the cost of starting it."""
    grade = Evidence[evidence.upper()]
    process = label(open_process(str(target), grade, BytesIO()), grade)
    return [tuple(line.split("\t")) for line in range_lines(process, why=True)]


@pytest.mark.parametrize("evidence", EVIDENCES)
def test_ranges_kinds_rules_confidences_and_reasons_are_equal(stopped: Stopped, evidence: str) -> None:
    """Of classify PID, of a capture, and of dumps by ssh and local, by this machine and by a worker."""
    snapshots = [
        snapshot_of(run, host) for host in HOSTS for (_, one), run in stopped.runs.items() if one == evidence
    ]
    assert len(snapshots) == 2 * len(HOSTS)
    for name, pid in stopped.pids.items():
        of_pid = of_classify(pid, evidence)
        assert len(of_pid) > 20
        folder = stopped.folder / f"{name}-{evidence}"
        write(capture(Path("/proc", str(pid)), f"pid {pid}"), folder)
        assert of_classify(folder, evidence) == of_pid, name
        for snapshot in snapshots:
            assert of_dump(snapshot, pid) == of_pid, name


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
def test_a_kept_dump_shows_the_same(stopped: Stopped, evidence: str) -> None:
    """`mapsweep show HOST/PID` of the run of this machine and of a worker."""
    for name in ("arenas", "python"):
        pid = stopped.pids[name]
        for executor in ("here", "fleet"):
            run = stopped.runs[executor, evidence]
            options = ("--run", run.url, "--format", "ranges", "--why")
            done = mapsweep("show", f"ssh/{pid}", *options)
            assert done.returncode == 0, done.stderr
            rows = [tuple(line.split("\t")) for line in done.stdout.splitlines()]
            assert rows == of_classify(pid, evidence), name


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
            if column.name in RECLAIMED:
                continue
            of_swept, of_alone = (getattr(one.processes, column.name) for one in (swept, alone))
            assert np.array_equal(of_swept[row], of_alone[0]), f"{name}: {column.name}"


@pytest.mark.skipif(shutil.which("javac") is None, reason="javac is not installed")
@pytest.mark.parametrize("evidence", EVIDENCES)
def test_names_of_arguments_are_enough_for_the_labels_of_a_jvm(stopped: Stopped, evidence: str) -> None:
    files = open_process(str(stopped.pids["java"]), Evidence[evidence.upper()], BytesIO()).files
    names = mask_cmdline(files["cmdline"], Masking(Arguments.NAMES))
    assert names != files["cmdline"]
    whole, reduced = (read_process({**files, "cmdline": one}, 1) for one in (files["cmdline"], names))
    assert whole.processes.argv != reduced.processes.argv
    assert classify(reduced).rule.tolist() == classify(whole).rule.tolist()


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
