"""Where lines of the audit go: to the system log of this machine, or to a file. Whatever fails is an OSError.

The handlers of `logging` are no use here: that of syslog neither tells that nobody took a line, nor stops
waiting for a reader that hangs.
"""

import errno
import os
import socket
import stat
import syslog
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

FILE_MODE: Final = 0o600
ANSWER_S: Final = 5.0  # for a system log whose queue is full
_PRIORITY: Final = syslog.LOG_AUTHPRIV | syslog.LOG_NOTICE  # as sudo and sshd write


class Place(Protocol):
    """Takes lines."""

    @property
    def named(self) -> str:
        """The place, for people."""

    def check(self) -> None:
        """OSError if it would take no line now; nothing is written."""

    def take(self, line: str) -> None:
        """Write one line, in ASCII and without its end; OSError if it is not taken whole."""


@dataclass(frozen=True, slots=True)
class SystemLog:
    """The socket of the system log: a datagram for each line."""

    path: Path

    @property
    def named(self) -> str:
        return str(self.path)

    def check(self) -> None:
        self._connected().close()

    def take(self, line: str) -> None:
        with self._connected() as log:
            log.send(f"<{_PRIORITY}>mapsweep[{os.getpid()}]: {line}".encode("ascii"))

    def _connected(self) -> socket.socket:
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            log.settimeout(ANSWER_S)
            log.connect(str(self.path))
        except BaseException:
            log.close()
            raise
        return log


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file to which lines are added. It is opened for each of them, so that it can be rotated."""

    path: Path

    @property
    def named(self) -> str:
        return str(self.path)

    def check(self) -> None:
        try:
            os.close(self._opened(0))
        except FileNotFoundError:
            folder = self.path.parent
            if not folder.is_dir():
                raise
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder)) from None

    def take(self, line: str) -> None:
        descriptor = self._opened(os.O_CREAT)
        try:
            text = f"{line}\n".encode("ascii")
            if os.write(descriptor, text) != len(text):  # at once, so that lines of two processes do not mix
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _opened(self, more: int) -> int:
        """Only a regular file, which not everybody may write; opening a pipe would wait for a reader."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | more
        try:
            descriptor = os.open(self.path, flags, FILE_MODE)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise OSError(errno.ELOOP, "it is a symbolic link", str(self.path)) from None
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode) and not mode & stat.S_IWOTH:
            return descriptor
        os.close(descriptor)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(self.path))
        raise OSError(errno.EPERM, "every account of this machine may write it", str(self.path))
