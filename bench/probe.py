"""What the probe costs a host: CPU against `cat | gzip -1`, and how many processes it starts."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Figure, children_cpu_s, interleave, run_quietly
from collector import probe
from domain.records import Host, Limits
from procmaps.tables import Evidence

ROUNDS = 15
COUNTED_RUNS = 7
BARE = "cat /proc/[0-9]*/maps /proc/[0-9]*/status 2>/dev/null | gzip -1; true"
SLEEPERS = 200  # so that the host is not an empty one
FILES = ("maps", "status", "stat", "limits", "comm", "cmdline", "cgroup")


def figures() -> Iterator[Figure]:
    """Host-side CPU as a ratio, and processes started for 50 and for 500 pids."""
    sleepers = [
        subprocess.Popen(["/bin/sh", "-c", "read line"], stdin=subprocess.PIPE) for _ in range(SLEEPERS)
    ]
    try:
        runs = interleave(
            [lambda: _run(""), lambda: run_quietly(["/bin/sh", "-c", BARE])], ROUNDS, children_cpu_s
        )
    finally:
        for sleeper in sleepers:
            sleeper.communicate()
    yield Figure("probe_vs_cat_gzip", runs.ratio(0, 1), "ratio", 2.0)
    yield Figure("probe_cpu", runs.median_s(0) * 1e3, "ms")
    with tempfile.TemporaryDirectory() as folder:
        started = {count: _started(_tree(Path(folder, str(count)), count)) for count in (50, 500)}
    yield Figure("probe_processes_50_pids", started[50], "processes")
    yield Figure("probe_processes_500_pids", started[500], "processes", started[50])


def _run(root: str) -> int:
    """One run of the probe; the bytes it sent."""
    drawn = probe.draw(Host("local", "127.0.0.1", root=root), Limits(), Evidence.MAPS)
    done = subprocess.run(drawn.argv, input=drawn.standard_input, stdout=subprocess.PIPE, check=True)
    return len(done.stdout)


def _tree(root: Path, count: int) -> str:
    """This process, recorded `count` times under other pids."""
    files = {name: Path("/proc/self", name).read_bytes() for name in FILES}
    for pid in range(1000, 1000 + count):
        folder = root / "proc" / str(pid)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    return str(root)


def _started(root: str) -> int:
    """Processes that one run starts: the smallest of several, for other programs start some as well."""
    counts = []
    for _ in range(COUNTED_RUNS):
        before = _forks()
        _run(root)
        counts.append(_forks() - before)
    return min(counts)


def _forks() -> int:
    """Processes and threads that this machine has started since it booted."""
    with Path("/proc/stat").open(encoding="ascii") as stat:
        return next(int(line.split()[1]) for line in stat if line.startswith("processes"))
