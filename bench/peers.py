"""What others take for the same mappings: the way of the 2013 tool, psutil, pmap -X.

None of them does what the core does. The first two only parse and the third sums a few columns, so their
times say what the core's labels cost beside a plain reading.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.core import FIRST_PID, core, crowd, probe
from bench.measure import Figure, children_cpu_s, interleave, own_cpu_s, run_quietly
from procmaps.classify import classify
from procmaps.footprint import footprints
from procmaps.read import read_process
from procmaps.tables import Evidence

ROUNDS = 5
LIVE_MAPPINGS = 20_000
ARENA_BYTES = 64 * 2**20
GUARD_BYTES = 4096
JAVA_END = 0x7F1000000000
LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)")

# neighbours differ in access, so that the kernel does not merge them
LIVE = f"""
import mmap, sys
pages = mmap.mmap(-1, {LIVE_MAPPINGS} * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
import ctypes
libc = ctypes.CDLL(None)
start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
for page in range(0, {LIVE_MAPPINGS}, 2):
    libc.mprotect(ctypes.c_void_p(start + page * mmap.PAGESIZE), mmap.PAGESIZE, mmap.PROT_READ)
print("ready", flush=True)
sys.stdin.read()
"""


def figures() -> Iterator[Figure]:
    """How many times the core's CPU seconds each of them takes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        processes = crowd(root)
        pids = range(FIRST_PID, FIRST_PID + processes)
        texts = [(root / "proc" / str(pid) / "maps").read_text(errors="surrogateescape") for pid in pids]
        maps, smaps = probe(root, Evidence.MAPS), probe(root, Evidence.SMAPS)
        runs = interleave([lambda: [line_by_line(text) for text in texts], core(maps)], ROUNDS)
        yield Figure("line_by_line_vs_core", runs.ratio(0, 1), "ratio")
        runs = interleave([_psutil(root / "proc", pids), core(smaps)], ROUNDS)
        yield Figure("psutil_vs_core_smaps", runs.ratio(0, 1), "ratio")
    with _live() as pid:
        runs = interleave(
            [lambda: run_quietly(["pmap", "-X", str(pid)]), lambda: _core_of(pid)], ROUNDS, _cpu_s
        )
        yield Figure("pmap_vs_core_live", runs.ratio(0, 1), "ratio")


def line_by_line(maps: str) -> Counter[tuple[str, int]]:
    """The 2013 tool's categories by block size, as its article tells them: one line after the other."""
    found: Counter[tuple[str, int]] = Counter()
    below: tuple[int, int, str] | None = None  # the unnamed line before, where nothing has accounted for it
    for line in maps.splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        start, end, perms, inode, name = int(match[1], 16), int(match[2], 16), match[3], match[4], match[5]
        size, before, below = end - start, below, None
        if inode != "0":
            found["files", 0] += size
        elif name in {"[vdso]", "[vsyscall]"}:
            found["system", 0] += size
        elif name == "[heap]":
            found["main arena", 0] += size
        elif before and before[1] == start and (size + start - before[0]) % ARENA_BYTES == 0:
            found["arenas" if start > JAVA_END else "java", end - before[0]] += size
        elif before and before[1] == start and before[2] == "---p" and before[1] - before[0] == GUARD_BYTES:
            found["stacks", end - before[0]] += size
        elif start < JAVA_END:
            found["java", size] += size
        else:
            found["unknown", 0] += size
            below = (start, end, perms)
    return found


def _psutil(root: Path, pids: range) -> Callable[[], object]:
    def run() -> object:
        psutil.PROCFS_PATH = str(root)
        try:
            return [psutil.Process(pid).memory_maps(grouped=False) for pid in pids]
        finally:
            psutil.PROCFS_PATH = "/proc"

    return run


@contextmanager
def _live() -> Iterator[int]:
    """A process with very many mappings of a page each."""
    child = subprocess.Popen([sys.executable, "-c", LIVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if child.stdout is None or child.stdout.readline() != b"ready\n":
            raise SystemExit("the process to look at did not start")
        yield child.pid
    finally:
        child.kill()
        child.communicate()


def _core_of(pid: int) -> object:
    """The same process, read and labelled here."""
    folder = Path(f"/proc/{pid}")
    files = {name: (folder / name).read_bytes() for name in ("smaps", "status", "limits")}
    snapshot = read_process(files, pid)
    return footprints(snapshot, classify(snapshot))


def _cpu_s() -> float:
    return own_cpu_s() + children_cpu_s()
