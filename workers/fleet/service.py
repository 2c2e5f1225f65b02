"""A worker as a separate process, as `mapsweep worker` runs it."""

import os
import socket
from collections.abc import Sequence
from multiprocessing import process
from pathlib import Path

from celery.signals import heartbeat_sent, worker_process_init, worker_shutting_down

from archive.places import store_at
from domain.mistakes import Mistake, OperatorError
from workers.fleet.app import QUEUES
from workers.fleet.broker import BROKER_WAIT_S, redis_client, require_broker
from workers.fleet.celery_log import keep_our_log
from workers.fleet.consumer import Consumer
from workers.fleet.fitness import Fitness
from workers.fleet.stopping import StopFlag, end_in_time
from workers.fleet.tasks import worker_app
from workers.fleet.trouble import Note
from workers.fleet.worker_settings import WorkerSettings

CONCURRENCY_MAX = 512


def run_worker(
    settings: WorkerSettings,
    queues: Sequence[str] = QUEUES,
    concurrency: int = 0,
    alive: Path | None = None,
) -> int:
    """Take tasks from these queues until told to stop; the exit code of the worker.

    `concurrency` is the number of processes; 0 means one per core. The file `alive` is touched every few
    seconds while the worker's heartbeats reach Redis and it can work (`workers.fleet.fitness`).
    OperatorError if the broker does not answer.
    """
    if not 0 <= concurrency <= CONCURRENCY_MAX:
        raise OperatorError(Mistake("--concurrency", f"is not from 1 to {CONCURRENCY_MAX}"))
    require_broker(settings, BROKER_WAIT_S)
    keep_our_log()
    worker_process_init.connect(_begin, weak=False)
    stop, hostname = StopFlag(), f"{'-'.join(queues)}@{socket.gethostname()}"
    name = f"{hostname}:{os.getpid()}"
    worker_shutting_down.connect(stop.set, weak=False)
    worker_shutting_down.connect(end_in_time, weak=False)
    heartbeat_sent.connect(_Pulse(settings, name, alive).beat, weak=False)
    worker = worker_app(settings, name, stop).Worker(
        hostname=hostname,
        queues=",".join(queues),
        concurrency=concurrency or os.cpu_count() or 1,
        loglevel="INFO",
        quiet=True,
        pool="prefork",
        consumer_cls=Consumer,
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return 0 if stop.is_set() else int(worker.exitcode or 0)  # Celery's own differs with the way it was told


class _Pulse:
    """Looks at each heartbeat whether this worker can work, and says so to whoever watches the file."""

    def __init__(self, settings: WorkerSettings, name: str, alive: Path | None) -> None:
        client = redis_client(settings)
        note = Note(client, name, settings.pace.rest_s)
        self._fitness = Fitness(store_at(settings.runs_url), client, note, settings.pace)
        self._alive = alive

    def beat(self, **_: object) -> None:
        """Touch the file, if this worker can work."""
        if self._fitness.is_fit() and self._alive is not None:
            self._alive.touch()


def _begin(**_: object) -> None:
    """Runs first in each process of Celery's pool."""
    os.environ["POLARS_MAX_THREADS"] = "1"  # if Polars starts here, it needs only one thread
    # Celery's own copy of multiprocessing marks its processes as daemons, which may start none, and gives
    # them a key that the original does not hand on. Ours end with what started them (collector.processes).
    current = process.current_process()
    key = process.AuthenticationString(current.authkey)  # type: ignore[attr-defined]
    current._config.update(daemon=False, authkey=key)  # type: ignore[attr-defined]  # noqa: SLF001
