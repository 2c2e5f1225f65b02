"""All hosts of a run, in bounded threads; each ends as a Dump or a Failure."""

import contextvars
import resource
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from collector import local, remote, turns
from collector.processes import NoProcessError
from collector.session import Session
from collector.trouble import HostTrouble
from collector.watchdog import INTERRUPTED
from domain.about import about
from domain.records import Connection, Dump, Failure, Host, Stage

FILES_KEPT_FREE: Final = 64  # files that are not connections
FILES_A_HOST: Final = 4  # a socket, and the file while its dump is written
STOP_CHECK_S: Final = 0.25


def collect(host: Host, session: Session) -> Dump | Failure:
    """Sweeps one host within all deadlines; a bug is a failure of this host only.

    NoProcessError if this machine cannot work on what hosts send.
    """
    turn = turns.begin(host, 1)
    try:
        match host.connection:
            case Connection.LOCAL:
                return local.collect(host, session)
            case Connection.SSH:
                return remote.collect(host, session)
    except NoProcessError:  # no host's fault: it would meet all others, too
        raise
    except Exception as error:  # noqa: BLE001  # what is known has been told apart before
        return turn.failed(HostTrouble.of_error(Stage.WORKER, error))


def sweep(
    hosts: Iterable[Host],
    session: Session,
    on_outcome: Callable[[Dump | Failure], None],
    stop: threading.Event,
) -> None:
    """Calls `on_outcome` with each host's outcome, from several threads at once, and keeps none.

    `stop` ends the dispatch and cuts the connections that are open; hosts that it cut have no outcome.
    An exception of `on_outcome`, or NoProcessError, ends the dispatch and is raised when the others are done.
    """
    queue = _Queue(hosts)
    crew = [
        threading.Thread(
            target=contextvars.copy_context().run,  # the run that log lines name
            args=(_collect_all, queue, session, on_outcome, stop),
            name=f"collect-{number}",
            daemon=True,
        )
        for number in range(threads(session))
    ]
    for thread in crew:
        thread.start()
    try:
        while any(thread.is_alive() for thread in crew):
            if stop.is_set():
                session.watchdog.interrupt()
            crew[0].join(STOP_CHECK_S)
            crew = [thread for thread in crew if thread.is_alive()] or crew
    finally:
        session.processes.stop()
    if queue.error is not None:
        raise queue.error


def threads(session: Session) -> int:
    """How many hosts are read at once: as requested, but limited by the open files of this process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return session.limits.concurrency
    return max(1, min(session.limits.concurrency, (soft - FILES_KEPT_FREE) // FILES_A_HOST))


class _Queue:
    """The hosts that are not read yet, and what ended the sweep."""

    def __init__(self, hosts: Iterable[Host]) -> None:
        self._hosts: Iterator[Host] = iter(hosts)
        self._lock = threading.Lock()
        self._ended = False
        self.error: Exception | None = None

    def next(self) -> Host | None:
        with self._lock:
            return None if self._ended else next(self._hosts, None)

    def end(self, error: Exception) -> None:
        with self._lock:
            self._ended = True
            self.error = self.error or error


def _collect_all(
    queue: _Queue, session: Session, on_outcome: Callable[[Dump | Failure], None], stop: threading.Event
) -> None:
    while not stop.is_set() and (host := queue.next()) is not None:
        with about(host=host.name):
            try:
                outcome = collect(host, session)
                if not (isinstance(outcome, Failure) and outcome.reason == INTERRUPTED):
                    on_outcome(outcome)
            except Exception as error:  # noqa: BLE001  # raised in the thread that called sweep
                queue.end(error)
