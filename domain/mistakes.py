"""Wrong input from the operator: every mistake at once, each with its place and the remedy."""

import errno
from dataclasses import dataclass
from typing import Self

_REFUSED = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
    errno.EMFILE,
    errno.ENFILE,
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in what the operator gave."""

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
        """Whole across processes: by itself an exception is made anew of its text."""
        return type(self), self.mistakes


def is_the_machines(error: BaseException) -> bool:
    """Whether this machine refuses, by a disk or its owner, whatever the host: no host's fault and no bug."""
    return isinstance(error, OSError) and error.errno in _REFUSED
