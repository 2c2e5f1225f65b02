"""Wrong input from the operator: every mistake at once, each with its place and the remedy."""

import errno
from dataclasses import dataclass
from typing import Self

# of one place: its permissions, or what lies there in place of a file or a folder
_OF_A_PLACE = {errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
# of a disk, a mount, a permission, or a limit of this machine
_THE_MACHINES = {
    *_OF_A_PLACE,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EFBIG,
    errno.EMFILE,
    errno.ENFILE,
    errno.EIO,
    errno.ESTALE,
    errno.ENODEV,
    errno.ENOTCONN,
    errno.EREMOTEIO,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
    errno.EAGAIN,
    errno.ENOMEM,
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in the input of the operator."""

    place: str  # "inventory.yaml: web.hosts.web[9:1]", "--hosts", "mapsweep.yaml: schedules.0.crontab"
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" + (f" ({self.remedy})" if self.remedy else "")


class OperatorError(Exception):
    """Input that cannot be used; carries all its mistakes. The command line prints them and exits 2."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes

    def __reduce__(self) -> tuple[type[Self], tuple[Mistake, ...]]:
        """Keeps the mistakes when it is pickled; by default, only the text survives."""
        return type(self), self.mistakes


def placed(error: OSError, place: str) -> str:
    """An error of the operating system with its place, or with this one unless it has its own."""
    return f"{error.filename or place}: {error.strerror or error}"


def named(error: OSError) -> str:
    """An error of the operating system by its name and its place, for who has only this line of it."""
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    place = f" at {error.filename}" if error.filename else ""
    return f"{name}{place}: {error.strerror or error}"


def reason_of(error: Exception) -> str:
    """Any error in one line: what an operator can mend, or else a bug by its type."""
    if isinstance(error, OperatorError):
        return "; ".join(map(str, error.mistakes))
    if isinstance(error, OSError):
        return named(error)
    return f"a bug of mapsweep: {type(error).__name__}: {error}"


def trace_of(error: Exception) -> Exception | None:
    """The error itself if its trace belongs into the log, because it may be a bug; else None."""
    return None if isinstance(error, (OSError, OperatorError)) else error


def is_the_machines(error: BaseException) -> bool:
    """Whether the cause is this machine's disk, permissions or limits: neither a host's fault nor a bug."""
    return isinstance(error, OSError) and error.errno in _THE_MACHINES


def is_of_a_place(error: BaseException) -> bool:
    """Whether such a cause is one file's or folder's, and says nothing about others."""
    return isinstance(error, OSError) and error.errno in _OF_A_PLACE
