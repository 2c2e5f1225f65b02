"""Commands as processes that are killed and stopped, their clocks, and a file system of their own."""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import redis

from tests import waiting

READY_WITHIN_S = 60
HAPPENS_WITHIN_S = 60
DISK_BYTES = 256 * 2**20


def eventually(
    holds: Callable[[], object], within_s: float = HAPPENS_WITHIN_S, state: Callable[[], str] = str
) -> None:
    """Wait as `tests.waiting` does; a server that is down, or a folder that is being made, is no error."""

    def holds_now() -> bool:
        with suppress(OSError, redis.ConnectionError):
            return bool(holds())
        return False

    waiting.eventually(holds_now, within_s, state)


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
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended; its exit code."""
        return self.process.wait(READY_WITHIN_S)

    def is_running(self) -> bool:
        """Whether its main process is there."""
        return self.process.poll() is None

    def ready(self) -> "Service":
        """Wait until it says that it is alive."""
        eventually(self.alive.exists, READY_WITHIN_S, self.said)
        return self


class Clock:
    """A clock for the processes that are started with it."""

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
        self.ahead(0)
        if now is not None:
            self.set(now)

    def set(self, now: datetime) -> None:
        """It is this time now, and goes on from there; its users notice within a second."""
        self.ahead(round((now - datetime.now(UTC)).total_seconds()))

    def ahead(self, seconds: int) -> None:
        """It goes so much ahead of the true time."""
        part = self._path.with_suffix(".part")
        part.write_text(f"{seconds:+d}\n")
        part.rename(self._path)  # a file that is half written would be another time


class Disk:
    """A file system at a folder that only those see who are started within its mount namespace."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can mount a file system")
        self._folder = folder
        self._disk = folder.with_name("disk")
        self._disk.mkdir()
        # two mounts of one file system, so that it can be away at the folder and come back
        mounting = (
            f"mount -t tmpfs -o size={DISK_BYTES},mode=0755 none {self._disk}"
            f" && mount --bind {self._disk} {folder} && exec sleep 3600"
        )
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", mounting], start_new_session=True
        )
        self.within = ("nsenter", "--mount", "--target", str(self._holder.pid), "--")
        self.seen_from_here = Path(f"/proc/{self._holder.pid}/root{self._disk}")
        eventually(lambda: "tmpfs" in self._inside("stat", "-f", "-c", "%T", str(folder)))

    def fill(self) -> None:
        """Leave not one byte."""
        with suppress(OSError), (self.seen_from_here / "ballast").open("wb") as ballast:
            while True:
                ballast.write(bytes(2**20))

    def empty(self) -> None:
        """There is space again."""
        (self.seen_from_here / "ballast").unlink()

    def set_writable(self, *, writable: bool) -> None:
        """Mount it for reading alone, as the kernel does after an error, or for writing again."""
        for place in (self._disk, self._folder):
            self._inside("mount", "-o", f"remount,{'rw' if writable else 'ro'}", str(place))

    def unmount(self) -> None:
        """The folder is empty for all who look from now on."""
        self._inside("umount", "--lazy", str(self._folder))

    def mount(self) -> None:
        """It is there again."""
        self._inside("mount", "--bind", str(self._disk), str(self._folder))

    def close(self) -> None:
        """End the namespace; the file system goes with the last process in it."""
        os.killpg(self._holder.pid, signal.SIGKILL)
        self._holder.wait(READY_WITHIN_S)

    def _inside(self, *command: str) -> str:
        done = subprocess.run([*self.within, *command], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr
