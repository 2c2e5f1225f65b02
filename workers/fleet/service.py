"""A worker as a separate process, as `mapsweep worker` runs it."""

import os
import socket
from collections.abc import Sequence
from multiprocessing import process
from pathlib import Path

from celery.signals import heartbeat_sent, worker_process_init

from domain.mistakes import Mistake, OperatorError
from workers.fleet.app import QUEUES
from workers.fleet.broker import BROKER_WAIT_S, require_broker
from workers.fleet.celery_log import keep_our_log
from workers.fleet.consumer import Consumer
from workers.fleet.tasks import worker_app
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
    seconds while the worker's heartbeats reach Redis. OperatorError if a queue is
    unknown or the broker does not answer.
    """
    for queue in queues:
        if queue not in QUEUES:
            raise OperatorError(
                Mistake(f"--queues {queue}", "is not a queue", f"the queues are {', '.join(QUEUES)}")
            )
    if not 0 <= concurrency <= CONCURRENCY_MAX:
        raise OperatorError(Mistake("--concurrency", f"is not from 1 to {CONCURRENCY_MAX}"))
    require_broker(settings, BROKER_WAIT_S)
    keep_our_log()
    worker_process_init.connect(_begin, weak=False)
    if alive is not None:
        heartbeat_sent.connect(lambda **_: alive.touch(), weak=False)
    worker = worker_app(settings).Worker(
        hostname=f"{'-'.join(queues)}@{socket.gethostname()}",
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
    return int(worker.exitcode or 0)


def _begin(**_: object) -> None:
    """Runs first in each process of Celery's pool."""
    os.environ["POLARS_MAX_THREADS"] = "1"  # if Polars starts here, it needs only one thread
    # Celery's own copy of multiprocessing marks its processes as daemons, which may start none, and gives
    # them a key that the original does not hand on. Ours end with what started them (collector.processes).
    current = process.current_process()
    key = process.AuthenticationString(current.authkey)  # type: ignore[attr-defined]
    current._config.update(daemon=False, authkey=key)  # type: ignore[attr-defined]  # noqa: SLF001
