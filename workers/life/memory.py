"""The memory of all classifiers of a machine: a dump takes what it may need before it is unpacked.

What is taken are ranges of a file that are locked, one byte for each UNIT_BYTES. So all processes of an
account share one budget, whoever started them, and what a killed one held is free at once.
"""

import fcntl
import os
import resource
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

UNIT_BYTES: Final = 2**24
WAIT_S: Final = 30.0  # how long a process waits until it tells that there is no room
POLL_S: Final = 0.05
TIMES: Final = 8  # of the bytes of a dump, unpacked; an honest one takes about five
AT_LEAST_BYTES: Final = 2**26
SLACK_BYTES: Final = 2**28  # of addresses that libraries reserve and do not use, such as stacks of threads
_LOCK: Final = "hhqqi4x"  # struct flock of 64-bit Linux
_STATM_DATA: Final = 5  # proc_pid_statm(5): data and stack


class NoRoomError(Exception):
    """Others hold the memory that a dump needs; it is to be tried again."""


@contextmanager
def held(inflated_bytes: int, most_bytes: int, wait_s: float = WAIT_S) -> Iterator[None]:
    """Takes what a dump of so many bytes may need; above that, what is run raises MemoryError.

    Takes never more than `most_bytes`, the budget. NoRoomError if it is not free within `wait_s`.
    """
    needed = min(AT_LEAST_BYTES + TIMES * inflated_bytes, most_bytes)
    file = _opened()
    try:
        _take(file, -(-needed // UNIT_BYTES), most_bytes // UNIT_BYTES, time.monotonic() + wait_s)
        with _bounded(needed):
            yield
    finally:
        os.close(file)


def _take(file: int, units: int, most: int, until_s: float) -> None:
    """Locks a range of free units; those who wait queue for the byte after the last, so that none starves."""
    units = min(units, max(1, most))
    while not _lock(file, 0, 1):
        _wait(until_s)
    try:
        while not any(_lock(file, 1 + first, units) for first in range(max(1, most - units + 1))):
            _wait(until_s)
    finally:
        _lock(file, 0, 1, fcntl.F_UNLCK)


def _wait(until_s: float) -> None:
    if time.monotonic() >= until_s:
        raise NoRoomError
    time.sleep(POLL_S)


def _lock(file: int, start: int, length: int, kind: int = fcntl.F_WRLCK) -> bool:
    """A lock of this open file, not of the process, so that threads exclude each other too."""
    wanted = struct.pack(_LOCK, kind, os.SEEK_SET, start, length, 0)
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, wanted)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _opened() -> int:
    """The file of this account; where another account has put something there, none is shared."""
    path = Path(tempfile.gettempdir(), f"mapsweep-{os.geteuid()}.memory")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with suppress(OSError):
        file = os.open(path, flags, 0o600)
        status = os.fstat(file)
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
            return file
        os.close(file)
    return os.memfd_create("mapsweep")


@contextmanager
def _bounded(most_bytes: int) -> Iterator[None]:
    """No more memory than this, beside what the process has already."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[_STATM_DATA])
    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = pages * resource.getpagesize() + most_bytes + SLACK_BYTES
    soft = min(each for each in (most, *before) if each != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
