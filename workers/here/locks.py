"""One executor a run: a lock at the run's `lock.json`, which says who holds it.

In a folder the kernel holds it (flock), so it ends with the process that took it, however that ends. The file
stays, empty: one who has a removed file open locks something that nobody else sees. On NFS the server decides
for all its clients. A bucket has no such lock: there an object is put exclusively, and counts for a day.
"""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from archive.folder import FILE_MODE
from archive.run import LOCK, Run
from archive.store import Store
from domain.mistakes import Mistake, OperatorError

PUT_HELD_S_MAX = 24 * 3600  # no run takes a day; from then on a lock in a bucket counts as left over
TEXT_BYTES_MAX = 1000
UNREADABLE_HOLDER = "an unknown process (its lock is unreadable)"


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that executes a run."""

    host: str
    pid: int
    since: str  # UTC, RFC 3339

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"

    def is_over(self, now: datetime) -> bool:
        """Whether the time of what it put into a bucket is up."""
        return now - datetime.fromisoformat(self.since) >= timedelta(seconds=PUT_HELD_S_MAX)


class TakenError(OperatorError):
    """Another process executes the run."""


@contextmanager
def held(run: Run) -> Iterator[None]:
    """Execute a run alone; TakenError if another process is at it, OperatorError if it cannot be locked."""
    with _held(run.store, run.run_id):
        yield


@contextmanager
def held_to_remove(store: Store, run_id: str) -> Iterator[None]:
    """Hold the run in a folder, to remove what is in it; TakenError and OperatorError as of `held`.

    On a disk that is too full for a lock, it is held by nobody: then nothing can be executed there either.
    """
    path = store.local_path(LOCK)
    if path is not None and not path.exists():
        try:
            path.touch(FILE_MODE)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            yield
            return
    with _held(store, run_id):
        yield


def is_held(store: Store) -> bool:
    """Whether a process executes the run in this folder. Nothing is written."""
    text = _text(store)
    if not text:
        return False
    path = store.local_path(LOCK)
    if path is None:
        holder = _holder(store)
        return holder is None or not holder.is_over(datetime.now(UTC))
    try:
        with _open_file(path, os.O_RDONLY) as handle:
            # shared, so that two who look do not see each other; only what was left in the file is tried
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (OSError, OperatorError):  # who executes it will be told why
        return False
    return False


@contextmanager
def _held(store: Store, run_id: str) -> Iterator[None]:
    since = datetime.now(UTC).isoformat(timespec="milliseconds")
    text = json.dumps(asdict(Holder(socket.gethostname(), os.getpid(), since))).encode()
    path = store.local_path(LOCK)
    with _put(store, run_id, text) if path is None else _locked(store, run_id, path, text):
        yield


@contextmanager
def _locked(store: Store, run_id: str, path: Path, text: bytes) -> Iterator[None]:
    """Hold the kernel's lock on a file, which has the text in it meanwhile."""
    with _open_file(path) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(handle, 0)  # what one has left in it who was killed
        except BlockingIOError:
            raise _taken(store, run_id, "wait for it, or end that process") from None
        except OSError as error:
            raise _no_lock(path, error) from error
        with suppress(OSError):  # a disk that is full is told by what is written of the run
            os.write(handle, text)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)


@contextmanager
def _open_file(path: Path, how: int = os.O_RDWR | os.O_CREAT) -> Iterator[int]:
    # open for writing, without which NFS locks nothing for one alone. Closed in whatever this process starts,
    # so that it holds nothing when it outlives us. No link, since what it points to would be emptied
    try:
        handle = os.open(path, how | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    except OSError as error:
        if error.errno not in {errno.EISDIR, errno.ELOOP, errno.ENXIO}:
            raise
        raise _no_lock(path, error) from error
    try:
        yield handle
    finally:
        os.close(handle)


def _no_lock(path: Path, error: OSError) -> OperatorError:
    remedy = "it has to be a file, on a file system that has locks; NFS 3 needs its lock service"
    return OperatorError(Mistake(str(path), f"cannot be locked: {error.strerror}", remedy))


@contextmanager
def _put(store: Store, run_id: str, text: bytes) -> Iterator[None]:
    """Hold an object that was put exclusively.

    Two that find one left over may both go on: each object is still written once, and work is done twice.
    """
    remedy = f"wait for it, or remove {store.place(LOCK)} if it is gone"
    if not store.write_once(LOCK, text):
        holder = _holder(store)
        if holder is None or not holder.is_over(datetime.now(UTC)):
            raise _taken(store, run_id, remedy)
        store.remove(LOCK)
        if not store.write_once(LOCK, text):
            raise _taken(store, run_id, remedy)
    try:
        yield
    finally:
        if _text(store) == text:
            store.remove(LOCK)


def _taken(store: Store, run_id: str, remedy: str) -> TakenError:
    owner = _holder(store) or UNREADABLE_HOLDER
    return TakenError(Mistake(run_id, f"is being executed by {owner}", remedy))


def _holder(store: Store) -> Holder | None:
    """Who says in the lock that he holds it; None if that cannot be read."""
    try:
        holder = Holder(**json.loads(_text(store)))
        holder.is_over(datetime.now(UTC))
    except (ValueError, TypeError):
        return None
    return holder


def _text(store: Store) -> bytes:
    try:
        return store.read(LOCK, TEXT_BYTES_MAX)
    except (OSError, OperatorError):
        return b""
