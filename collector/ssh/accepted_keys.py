"""The file in which accept-new keeps keys: the processes of a machine add to it one after the other."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
LOCK_S: Final = 30.0  # reading the largest files that are allowed takes a few seconds
_POLL_S: Final = 0.02


class Addition:
    """The file while this process alone may add to it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def append(self, line: str) -> None:
        """Add a line, on a line of its own."""
        size = os.fstat(self._descriptor).st_size
        unended = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        text = ("\n" if unended else "") + line
        os.write(self._descriptor, text.encode("utf-8", "surrogateescape"))


@contextmanager
def adding_to(path: Path) -> Iterator[Addition]:
    """Holds the file, which is made, for its owner alone, unless it is there. OSError, with the file's name.

    A symbolic link is refused: who may write in the folder could otherwise have us write anywhere.
    """
    path = path.expanduser()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = _held(path)
    try:
        yield Addition(descriptor)
    finally:
        os.close(descriptor)


def _held(path: Path) -> int:
    """A descriptor of the file that has this name now, with the lock on it."""
    until_s = time.monotonic() + LOCK_S
    while True:
        descriptor = _open(path)
        try:
            _lock(descriptor, path, until_s)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.lstat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was replaced while we waited, as ssh-keygen -R does
        if time.monotonic() > until_s:
            raise OSError(errno.EAGAIN, "is another file each time that it is opened", str(path))


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, FILE_MODE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "is a symbolic link", str(path)) from None
        raise
    return descriptor


def _lock(descriptor: int, path: Path, until_s: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until_s:
                problem = "another process holds it"
                raise OSError(errno.EWOULDBLOCK, problem, str(path)) from None
            time.sleep(_POLL_S)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        else:
            return
