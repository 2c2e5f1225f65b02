"""Waits for a run that others execute, by its folder alone: no broker, nothing is written."""

import threading
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from archive.resuming import resume_command
from archive.run import Run
from archive.runs import runs_beside
from domain.mistakes import Mistake, OperatorError
from workers.here.locks import is_held
from workers.life import outbox
from workers.life.ending import Ended, left_by_workers
from workers.life.progress import OnProgress, Progress, progress_of

POLL_S: Final = 2.0
NOBODY_S: Final = 30.0  # an executor of an open run has its lock, or the workers their mark, long before
MAILED: Final = "mailed just now"


class WaitedTooLongError(Exception):
    """The time is up; the run goes on. Holds its last progress."""

    def __init__(self, last: Progress) -> None:
        super().__init__(last)
        self.last = last


@dataclass(slots=True)
class _Watch:
    """When somebody last was at the run."""

    run: Run
    somebody_s: float

    def check(self) -> None:
        """OperatorError if nobody has executed the open run for a while."""
        if self.is_somebody_at_it():
            self.somebody_s = monotonic()
        elif monotonic() - self.somebody_s > NOBODY_S:
            remedy = f"{resume_command(self.run)} goes on with it"
            raise OperatorError(Mistake(self.run.run_id, "is open, and nobody executes it", remedy))

    def is_somebody_at_it(self) -> bool:
        """Whether a process has locked the run, or the workers of a fleet have it."""
        return runs_beside(self.run).is_queued(self.run.run_id) or is_held(self.run.store)


def wait(run: Run, progress: OnProgress, stop: threading.Event, most_s: float) -> Ended | None:
    """How a run ended, once it is closed, and mailed to its list; None if `stop` came first.

    WaitedTooLongError after `most_s` seconds. OperatorError if the run is removed, or if it is open and
    nobody executes it.
    """
    began_s, watch = monotonic(), _Watch(run, monotonic())
    shown = None
    while not stop.is_set():
        if not run.is_there():
            raise OperatorError(Mistake(run.url, "was removed while it was waited for"))
        is_closed = run.closed() is not None
        if is_closed and not _is_mail_under_way(run):
            return left_by_workers(run)
        now = progress_of(run)
        if is_closed:
            now = replace(now, note=f"closed, {outbox.so_far(run.mail).unmailed or MAILED}")
        else:
            watch.check()
        if now != shown:
            progress(now)
            shown = now
        left_s = most_s - (monotonic() - began_s)
        if left_s <= 0:
            raise WaitedTooLongError(now)
        stop.wait(min(POLL_S, left_s))
    return None


def _is_mail_under_way(run: Run) -> bool:
    """Whether the report of a closed run still has to be mailed, and somebody is to do so."""
    if run.mail.is_over():
        return False
    runs = runs_beside(run)
    is_somebodys = run.run_id in runs.unmailed() or runs.is_queued(run.run_id) or is_held(run.store)
    return is_somebodys and not run.mail.is_over()  # it may have ended between the two
