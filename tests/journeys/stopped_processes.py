"""Processes that are stopped (SIGSTOP), so that nothing about them changes while they are labelled."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

SECRET: Final = "hunter2-of-the-vault"
CGROUP: Final = Path("/sys/fs/cgroup/memory")  # of version 1; version 2 has its files in the folder above
CGROUP_LIMIT_BYTES: Final = 700 * 2**20
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
