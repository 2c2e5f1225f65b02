"""A run on this machine: SSH in threads of this process, classifying in separate processes. No Redis."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from archive.records import Closed, Dump, Failure
from archive.runs import Run
from collector.processes import POLL_S
from collector.session import Session
from collector.sweep import sweep
from workers import steps
from workers.classifiers import Classifiers
from workers.locks import held


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run, in hosts."""

    asked: int
    collected: int  # hosts with a dump or a failure
    classified: int  # hosts with a result
    failed: int
    last: str = ""  # the host of the last change
    note: str = ""  # why there is no progress

    @property
    def ended(self) -> int:
        """Hosts that need nothing more."""
        return self.classified + self.failed


OnProgress = Callable[[Progress], None]


def progress_of(run: Run) -> Progress:
    """The progress of a run, from its folder."""
    standing = run.standing()
    collected = len(standing.done) + len(standing.failed) + len(standing.dumped)
    return Progress(len(run.manifest.hosts), collected, len(standing.done), len(standing.failed))


def execute(
    run: Run, session: Session, progress: OnProgress, stop: threading.Event, processes: int = 0
) -> Closed | None:
    """Do the rest of a run, close it and render its report; None if `stop` was set first.

    `processes` classify in parallel; 0 means one per core. `progress` is called from
    several threads, one at a time. A run that was stopped or killed continues where it was. After the
    run's deadline no host is contacted any more, and hosts without a dump fail. OperatorError if
    another process executes the run.
    """
    with held(run):
        if run.closed() is None and not _brought_in(run, session, progress, stop, processes):
            return None
        closed = steps.close_run(run)
        steps.render_report(run)
        return closed


def _brought_in(
    run: Run, session: Session, progress: OnProgress, stop: threading.Event, processes: int
) -> bool:
    """Sweep and classify hosts without an outcome; False if some are left."""
    tally = _Tally(progress_of(run), progress)
    standing = run.standing()

    def on_outcome(outcome: Dump | Failure) -> None:
        steps.keep(run, outcome)
        if isinstance(outcome, Dump):
            tally.collected(outcome.host)
            classifiers.submit(outcome.host)
        else:
            tally.failed_to_answer(outcome.host)

    with Classifiers(run, processes or os.cpu_count() or 1, tally.classified, stop) as classifiers:
        for host in sorted(standing.dumped):
            if not stop.is_set():
                classifiers.submit(host)
        unanswered = tuple(host for host in run.pending() if host.name not in standing.dumped)
        with _stopped_at_the_deadline(run, stop) as over:
            if unanswered and not over.is_set():
                sweep(unanswered, session, on_outcome, over)
        classifiers.drain()
    if not stop.is_set() and steps.is_past_deadline(run):
        steps.fail_missing(run)
    return not run.pending()


@contextmanager
def _stopped_at_the_deadline(run: Run, stop: threading.Event) -> Iterator[threading.Event]:
    """An event for the sweep that is set with `stop` and at the deadline of the run."""
    over, swept = threading.Event(), threading.Event()

    def watch() -> None:
        while not (swept.wait(POLL_S) or stop.is_set() or steps.is_past_deadline(run)):
            pass
        over.set()

    if stop.is_set() or steps.is_past_deadline(run):
        over.set()
    watcher = threading.Thread(target=watch, name="deadline", daemon=True)
    watcher.start()
    try:
        yield over
    finally:
        swept.set()
        watcher.join()


class _Tally:
    """Counts hosts from several threads, and reports each change."""

    def __init__(self, begun: Progress, progress: OnProgress) -> None:
        self._lock = threading.Lock()
        self._now = begun
        self._progress = progress
        progress(begun)

    def collected(self, host: str) -> None:
        self._changed(host, collected=1)

    def failed_to_answer(self, host: str) -> None:
        self._changed(host, collected=1, failed=1)

    def classified(self, host: str, has_footprints: bool) -> None:
        self._changed(host, classified=has_footprints, failed=not has_footprints)

    def _changed(self, host: str, collected: int = 0, classified: int = 0, failed: int = 0) -> None:
        with self._lock:
            self._now = replace(
                self._now,
                collected=self._now.collected + collected,
                classified=self._now.classified + classified,
                failed=self._now.failed + failed,
                last=host,
            )
            self._progress(self._now)
