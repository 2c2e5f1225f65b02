"""Who may read or write files that decide where a sweep goes, or that open hosts."""

import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path

from domain.mistakes import Mistake, OperatorError


def refuse_if_all_may_write(path: Path, label: str = "") -> None:
    """OperatorError if every account may write a file; ssh refuses such a configuration, too."""
    if all_may(path, stat.S_IWOTH):
        problem = "every account of this machine may write it"
        raise OperatorError(Mistake(label or str(path), problem, f"chmod o-w {shlex.quote(str(path))}"))


def all_may(path: Path, right: int) -> bool:
    """Whether a file or folder that is there gives every account a right of `stat`."""
    with suppress(OSError, ValueError):
        status = path.stat()
        return bool(status.st_mode & right) and not stat.S_ISCHR(status.st_mode)
    return False


def exposed_mode(path: Path) -> int:
    """The mode of a private key that ssh would refuse, since others may use it; 0 if it is right.

    A file of another account is right, as in ssh: a container's secret, say, whose owner says who reads it.
    """
    with suppress(OSError, ValueError):
        status = path.stat()
        if status.st_uid == os.geteuid() and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return stat.S_IMODE(status.st_mode)
    return 0
