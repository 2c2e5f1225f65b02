"""What the probe costs a host: CPU against `cat | gzip -1`, and how many processes it starts."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
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
MAPPINGS = 60_000  # of one process; the kernel allows 65,530
SMAPS_ROUNDS = 5
TOOLS = ("sh", "nice", "gzip", "uname")
# pages that may be written and pages that may not, in turn: each is a mapping
MAPS_MANY = f"""
import ctypes, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
first = libc.mmap(None, {MAPPINGS} * 4096, 3, 0x22, -1, 0)
for page in range(0, {MAPPINGS}, 2):
    assert libc.mprotect(first + page * 4096, 4096, 1) == 0
print("ready", flush=True)
sys.stdin.read()
"""


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
        yield from _of_awks(Path(folder))
    yield Figure("probe_processes_50_pids", started[50], "processes")
    yield Figure("probe_processes_500_pids", started[500], "processes", started[50])


def _of_awks(folder: Path) -> Iterator[Figure]:
    """smaps of one process with very many mappings: the whole probe with mawk, against gawk."""
    root = folder / "many"
    with subprocess.Popen(
        [sys.executable, "-c", MAPS_MANY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        _record(process.pid, root / "proc" / str(process.pid), (*FILES, "smaps"))
        process.communicate()
    tools = {awk: _tools(folder / awk, awk) for awk in ("mawk", "gawk")}

    def with_awk(awk: str) -> Callable[[], int]:
        return lambda: _run(str(root), Evidence.SMAPS, tools[awk])

    runs = interleave([with_awk("mawk"), with_awk("gawk")], SMAPS_ROUNDS, children_cpu_s)
    yield Figure("probe_smaps_60000_mappings_mawk_vs_gawk", runs.ratio(0, 1), "ratio", 1.5)
    yield Figure("probe_smaps_60000_mappings_mawk", runs.median_s(0) * 1e3, "ms")


def _tools(folder: Path, awk: str) -> Mapping[str, str]:
    """An environment with what the probe calls, and this awk."""
    folder.mkdir()
    for name, program in {**dict(zip(TOOLS, TOOLS, strict=True)), "awk": awk}.items():
        path = shutil.which(program)
        if path is None:
            raise SystemExit(f"{program} is not installed")
        (folder / name).symlink_to(path)
    return {"PATH": str(folder)}


def _run(root: str, evidence: Evidence = Evidence.MAPS, environment: Mapping[str, str] = os.environ) -> int:
    """One run of the probe; the bytes it sent."""
    drawn = probe.draw(Host("local", "127.0.0.1", root=root), Limits(), evidence)
    done = subprocess.run(
        drawn.argv, input=drawn.standard_input, stdout=subprocess.PIPE, check=True, env=environment
    )
    return len(done.stdout)


def _record(pid: int, folder: Path, names: tuple[str, ...]) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(Path("/proc", str(pid), name).read_bytes())


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
