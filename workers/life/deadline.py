"""The deadline of a run: from then on no host is asked, and a host without a dump has failed."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from archive.run import Run
from domain.moments import now
from domain.records import Failure, Stage
from domain.troubles.table import remedy
from reports.tables.status import DEADLINE_REASON

POLL_S: Final = 0.2  # how soon the deadline, or a stop, is noticed


def is_past(run: Run, moment: datetime | None = None) -> bool:
    """Whether the deadline of the run has passed, now or at a moment."""
    return _left_s(run, moment) <= 0


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
        remedy=remedy(DEADLINE_REASON),
        at=now(),
    )
    for host in missing:  # none has failed before, so it is the first attempt, and nothing is looked up
        run.write_failure(replace(failure, host=host.name), of_dump=host.name in standing.dumped)
    return len(missing)


@contextmanager
def stopped_at(run: Run, stop: threading.Event, moment: datetime | None = None) -> Iterator[threading.Event]:
    """An event for a sweep that begins now: set with `stop`, and at the deadline of the run.

    `moment` is now, by a better clock than this machine's. From here on seconds are counted.
    """
    over, swept = threading.Event(), threading.Event()
    over_at_s = time.monotonic() + _left_s(run, moment)

    def is_over() -> bool:
        return stop.is_set() or time.monotonic() >= over_at_s

    def watch() -> None:
        while not (swept.wait(POLL_S) or is_over()):
            pass
        over.set()

    if is_over():
        over.set()
    watcher = threading.Thread(target=watch, name="deadline", daemon=True)
    watcher.start()
    try:
        yield over
    finally:
        swept.set()
        watcher.join()


def _left_s(run: Run, moment: datetime | None) -> float:
    return (datetime.fromisoformat(run.manifest.deadline_at) - (moment or datetime.now(UTC))).total_seconds()
