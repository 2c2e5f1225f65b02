"""The deadline of a run: from then on no host is asked any more, and what has no outcome has failed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from archive.runs import Run
from domain.records import Stage
from reports.status import DEADLINE_REASON
from workers.life.host_steps import fail_host

POLL_S: Final = 0.2  # how soon the deadline, or a stop, is noticed


def is_past(run: Run) -> bool:
    """Whether the deadline of the run has passed."""
    return datetime.fromisoformat(run.manifest.deadline_at) <= datetime.now(UTC)


def fail_missing(run: Run) -> int:
    """Past the deadline: what has no outcome gets one; how many those were."""
    missing = run.pending()
    for host in missing:
        detail = f"the run's deadline ({run.manifest.deadline_at}) passed before the host was done"
        fail_host(
            run,
            host.name,
            Stage.WORKER,
            DEADLINE_REASON,
            detail=detail,
            remedy="add workers, or raise the deadline",
        )
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
