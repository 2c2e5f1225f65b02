"""A sweep is stopped when too many hosts fail: what is wrong with them is wrong with the rest, too."""

import re
import threading
from dataclasses import dataclass
from typing import Final

from domain.mistakes import Mistake, OperatorError
from workers.life.progress import OnProgress, Progress

FLAG: Final = "--max-failed"
_FORM: Final = re.compile(r"(\d{1,9})(%?)")


@dataclass(frozen=True, slots=True)
class MostFailed:
    """How many hosts may fail: a number, or a share of the hosts of the run."""

    typed: str
    count: int
    is_percent: bool

    def of(self, asked: int) -> float:
        """How many of `asked` hosts may fail; with one more the sweep is stopped."""
        return asked * self.count / 100 if self.is_percent else self.count


def most_failed(typed: str) -> MostFailed:
    """A limit as it is typed, `20` or `5%`; OperatorError if it is none."""
    matched = _FORM.fullmatch(typed)
    if matched is None or (matched[2] and int(matched[1]) > 100):
        raise OperatorError(Mistake(f"{FLAG} {typed}", "is no limit", "for example 20, or 5% of the hosts"))
    return MostFailed(typed, int(matched[1]), bool(matched[2]))


class Watch:
    """Counts the hosts that fail from now on; earlier failures of a resumed run are known to the operator."""

    def __init__(self, most: MostFailed, tell: OnProgress, stop: threading.Event) -> None:
        self._most, self._tell, self._stop = most, tell, stop
        self._before: int | None = None
        self.failed = 0
        self.asked = 0

    def __call__(self, now: Progress) -> None:
        """Progress that is told further; stops the sweep if it shows too many failed hosts."""
        self._tell(now)
        if self._before is None:
            self._before = now.failed
        self.failed, self.asked = now.failed - self._before, now.asked
        if self.is_over:
            self._stop.set()

    @property
    def is_over(self) -> bool:
        """Whether more hosts failed than may."""
        return self.failed > self._most.of(self.asked)

    @property
    def message(self) -> str:
        """Why the sweep was stopped."""
        allowed = f"{FLAG} {self._most.typed} allows"
        return (
            f"stopped: {self.failed} of {self.asked} hosts failed, more than {allowed}."
            " The run is kept. To continue:"
        )
