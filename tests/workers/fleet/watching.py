"""A run that is handed to workers and watched until it ends."""

import threading

from archive.run import Run
from domain.records import Closed
from workers.fleet import handover
from workers.fleet.worker_settings import WorkerSettings
from workers.life.progress import Progress

WITHIN_S = 300


def silent(_progress: Progress) -> None:
    """Nobody looks."""


def execute(run: Run, settings: WorkerSettings) -> Closed | None:
    """How it ended; None if it had not after WITHIN_S, which is far more than it takes."""
    stop = threading.Event()
    late = threading.Timer(WITHIN_S, stop.set)
    late.start()
    try:
        ended = handover.execute(run, settings, silent, stop)
    finally:
        late.cancel()
    return ended.closed if ended else None
