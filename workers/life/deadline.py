"""The deadline of a run: from then on no host is asked, and a host without a dump has failed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from archive.run import Run
from domain.moments import now
from domain.records import Failure, Stage
from reports.status import DEADLINE_REASON

POLL_S: Final = 0.2  # how soon the deadline, or a stop, is noticed


def is_past(run: Run) -> bool:
    """Whether the deadline of the run has passed."""
    return datetime.fromisoformat(run.manifest.deadline_at) <= datetime.now(UTC)


def fail_missing(run: Run, *, dumped: bool) -> int:
    """Past the deadline: what has no outcome gets one; how many those were.

    Hosts whose dump waits to be classified are among them only if `dumped`: their part is done.
    """
    standing = run.standing()
    missing = [host for host in run.pending(standing) if dumped or host.name not in standing.dumped]
    failure = Failure(
        host="",
        stage=Stage.WORKER,
        reason=DEADLINE_REASON,
        detail=f"the run's deadline ({run.manifest.deadline_at}) passed before the host was done",
        remedy="add workers, or raise the deadline",
        at=now(),
    )
    for host in missing:  # none has failed before, so it is the first attempt, and nothing is looked up
        run.write_failure(replace(failure, host=host.name), of_dump=host.name in standing.dumped)
    return len(missing)


@contextmanager
def stopped_at(run: Run, stop: threading.Event) -> Iterator[threading.Event]:
    """An event for a sweep: set with `stop`, and at the deadline of the run."""
    over, swept = threading.Event(), threading.Event()

    def watch() -> None:
        while not (swept.wait(POLL_S) or stop.is_set() or is_past(run)):
            pass
        over.set()

    if stop.is_set() or is_past(run):
        over.set()
    watcher = threading.Thread(target=watch, name="deadline", daemon=True)
    watcher.start()
    try:
        yield over
    finally:
        swept.set()
        watcher.join()
