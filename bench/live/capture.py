"""A process that was started here: waited for until it is quiet, stopped, and read."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.live import glibc_heaps, loaded_objects
from bench.live.ranges import Range, Truth
from bench.live.roots import HERE, Root

READY: Final = "ready"
READY_TIMEOUT_S: Final = 120.0
QUIET_S: Final = 0.5
QUIET_TIMEOUT_S: Final = 20.0
FILES: Final = ("maps", "smaps", "status", "stat", "limits", "comm", "cmdline", "cgroup")

_LINE = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ (\d+) *([^\n]*)$", re.MULTILINE)
_RUNTIMES = {
    b"/memfd:vmem": "beam_heap",
    b"/memfd:doublemapper": "dotnet_code",
    b"/memfd:java_heap": "java_heap",
}
_SHARED = (b"/memfd:", b"/dev/zero", b"/SYSV", b"/dev/shm/", b"/anon_hugepage")


class NotStartedError(Exception):
    """The process ended, or said nothing in time: what it wrote."""


@dataclass(frozen=True, slots=True)
class Started:
    """A child that said that it is ready, and what it said before."""

    pid: int
    said: tuple[str, ...]

    def read(self, name: str) -> bytes:
        """One file of /proc/PID."""
        return Path(f"/proc/{self.pid}/{name}").read_bytes()


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str], root: Root = HERE) -> Iterator[Started]:
    """Start a command that prints a line `ready`; it is killed on leaving, with what it started."""
    child = subprocess.Popen(
        root.command(command, environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        yield Started(child.pid, _until_ready(child))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # the group of its own that it was started in
        child.communicate()


def _until_ready(child: "subprocess.Popen[str]") -> tuple[str, ...]:
    if child.stdout is None:
        raise NotStartedError("no output")
    said: list[str] = []
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        line = child.stdout.readline()
        if line.strip() == READY:
            return tuple(said)
        if not line:
            break
        said.append(line.rstrip())
    raise NotStartedError(said[-1] if said else "it said nothing")


def wait_until_quiet(process: Started) -> None:
    """Until maps stay the same for a while, or for as long as patience lasts."""
    deadline = time.monotonic() + QUIET_TIMEOUT_S
    before = process.read("maps")
    while time.monotonic() < deadline:
        time.sleep(QUIET_S)
        after = process.read("maps")
        if after == before:
            return
        before = after


def stop(process: Started) -> None:
    """Stop every thread, so that what is read belongs together."""
    while re.search(rb"\nState:\t[^TtZ]", process.read("status")):  # t: stopped and traced
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(0.01)
    if b"\nState:\tZ" in process.read("status"):
        raise NotStartedError("it ended")


def resume(process: Started) -> None:
    """Let a stopped process run on."""
    os.kill(process.pid, signal.SIGCONT)


def files_of(process: Started) -> dict[str, bytes]:
    """The files that a sweep reads, whole."""
    return {name: process.read(name) for name in FILES}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of maps."""

    start: int
    end: int
    perms: bytes
    offset: int
    inode: int
    name: bytes


def lines_of(maps: bytes) -> list[Line]:
    """The lines of maps."""
    return [
        Line(int(start, 16), int(end, 16), perms, int(offset, 16), int(inode), name)
        for start, end, perms, offset, inode, name in _LINE.findall(maps)
    ]


def at_rest(process: Started) -> tuple[dict[str, bytes], list[Line], Truth]:
    """A process once it is quiet, stopped: its files, its lines of maps, and what their names say."""
    wait_until_quiet(process)
    stop(process)
    files = files_of(process)
    lines = lines_of(files["maps"])
    truth = Truth()
    truth.add(named(lines))
    return files, lines, truth


def compiled_code(lines: Sequence[Line]) -> list[tuple[int, int]]:
    """Where anonymous memory can be run."""
    return [(line.start, line.end) for line in lines if b"x" in line.perms and not line.inode]


def named(lines: Sequence[Line]) -> Iterator[Range]:
    """What the kernel's names say."""
    for line in lines:
        kind = _kind_of_name(line)
        if kind:
            yield Range(line.start, line.end, kind, "maps name")


def _kind_of_name(line: Line) -> str:
    if line.inode:
        if line.name.startswith(b"anon_inode:"):
            return "device"
        own = _RUNTIMES.get(line.name.removesuffix(b" (deleted)"))
        return own or ("shm" if line.name.startswith(_SHARED) else "file")
    if line.name in {b"[heap]", b"[stack]"}:
        return "heap_main" if line.name == b"[heap]" else "main_stack"
    return "system" if line.name.startswith(b"[v") else ""


def add_native(process: Started, lines: Sequence[Line], truth: Truth) -> None:
    """Fill in what a stopped process with glibc tells itself: heaps, tails of objects, chunks."""
    anonymous = [
        (line.start, line.end) for line in lines if line.perms == b"rw-p" and not line.inode and not line.name
    ]
    with Path(f"/proc/{process.pid}/mem").open("rb", buffering=0) as memory:
        truth.add(glibc_heaps.heaps(memory, anonymous))
        seen: set[bytes] = set()
        for line in lines:
            if line.inode and line.offset == 0 and line.name not in seen and line.name.startswith(b"/"):
                seen.add(line.name)
                truth.add(loaded_objects.bss(Path(os.fsdecode(line.name)), line.start))
        truth.add(list(glibc_heaps.chunks(memory, anonymous, truth)))
