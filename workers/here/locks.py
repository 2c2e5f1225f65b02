"""One executor per run: a lock in the run's folder with its owner and its end."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from archive.runs import Run
from domain.mistakes import Mistake, OperatorError

LOCK = "lock.json"
HELD_S_MAX = 24 * 3600  # no run takes a day; an older lock is stale
UNREADABLE_OWNER = "an unknown process (its lock is unreadable)"


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that executes a run."""

    machine: str  # host name and boot id, because a process id is only valid there
    pid: int
    start_ticks: int  # identifies the process together with the pid
    until: str  # UTC, RFC 3339: after this the lock is stale

    def is_gone(self, now: datetime) -> bool:
        """Whether the lock is stale: its time is up, or its process on this machine has ended."""
        if datetime.fromisoformat(self.until) <= now:
            return True
        return self.machine == _machine() and _start_ticks(self.pid) != self.start_ticks


@contextmanager
def held(run: Run) -> Iterator[None]:
    """Execute a run alone; OperatorError if another process executes it."""
    until = datetime.now(UTC) + timedelta(seconds=HELD_S_MAX)
    holder = Holder(_machine(), os.getpid(), _start_ticks(os.getpid()), until.isoformat())
    text = json.dumps(asdict(holder))
    if not run.store.create_lock(LOCK, text):
        _break_left_over(run)
        if not run.store.create_lock(LOCK, text):
            raise _taken(run, run.store.lock_owner(LOCK) or UNREADABLE_OWNER)
    try:
        yield
    finally:
        if run.store.lock_owner(LOCK) == text:
            run.store.remove_lock(LOCK)


def _break_left_over(run: Run) -> None:
    """Remove a stale lock.

    If two processes do so at once, both may go on; work is then done twice, but each object is written once.
    """
    text = run.store.lock_owner(LOCK)
    if text is None:
        return
    try:
        holder = Holder(**json.loads(text))
        gone = holder.is_gone(datetime.now(UTC))
    except (ValueError, TypeError):
        raise _taken(run, UNREADABLE_OWNER) from None
    if not gone:
        raise _taken(run, f"process {holder.pid} on {holder.machine.partition(' ')[0]}")
    run.store.remove_lock(LOCK)


def _taken(run: Run, owner: str) -> OperatorError:
    remedy = f"wait for it, or remove {run.store.place(LOCK)} if it is gone"
    return OperatorError(Mistake(run.run_id, f"is being executed by {owner}", remedy))


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()} {boot}"


def _start_ticks(pid: int) -> int:
    """When a process of this machine started, in ticks after boot; -1 where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return -1
    return int(stat.rpartition(b") ")[2].split()[19])
