"""All hosts of a run, in bounded threads; each ends as a Dump or a Failure."""

import contextvars
import resource
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from collector import local, remote, turns
from collector.budget import Share
from collector.processes import NoProcessError
from collector.session import Session
from collector.trouble import HostTrouble
from collector.watchdog import INTERRUPTED
from domain.about import about
from domain.records import Connection, Dump, Failure, Host, Stage

FILES_KEPT_FREE: Final = 64  # files that are not connections
FILES_A_HOST: Final = 4  # a socket, and the file while its dump is written
STOP_CHECK_S: Final = 0.25

OnOutcome: TypeAlias = Callable[[Dump | Failure], Callable[[], None] | None]


def collect(host: Host, session: Session, share: Share | None = None) -> Dump | Failure:
    """Sweeps one host within all deadlines and its share of memory; a bug is a failure of this host only.

    NoProcessError if this machine cannot work on what hosts send.
    """
    share = share or session.budget.share()
    turn = turns.begin(host, 1, share)
    try:
        match host.connection:
            case Connection.LOCAL:
                return local.collect(host, session, share)
            case Connection.SSH:
                return remote.collect(host, session, share)
    except NoProcessError:  # no host's fault: it would meet all others, too
        raise
    except Exception as error:  # noqa: BLE001  # what is known has been told apart before
        return turn.failed(HostTrouble.of_error(Stage.WORKER, error))


def sweep(
    hosts: Iterable[Host],
    session: Session,
    on_outcome: OnOutcome,
    stop: threading.Event,
) -> None:
    """Calls `on_outcome` with each host's outcome, from several threads at once, and keeps none.

    What `on_outcome` returns is called after the outcome is let go: whatever may wait for long belongs there.
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
    return threads_for(session.limits.concurrency)


def threads_for(concurrency: int) -> int:
    """The same, for a number of hosts that is requested."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return concurrency
    return max(1, min(concurrency, (soft - FILES_KEPT_FREE) // FILES_A_HOST))


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


def _collect_all(queue: _Queue, session: Session, on_outcome: OnOutcome, stop: threading.Event) -> None:
    while not stop.is_set() and (host := queue.next()) is not None:
        with about(host=host.name):
            try:
                if then := _collected(host, session, on_outcome):
                    then()
            except Exception as error:  # noqa: BLE001  # raised in the thread that called sweep
                queue.end(error)


def _collected(host: Host, session: Session, on_outcome: OnOutcome) -> Callable[[], None] | None:
    """Collects a host and hands its outcome over; what is left to do then needs none of its memory."""
    with session.budget.share() as share:
        outcome = collect(host, session, share)
        if isinstance(outcome, Failure) and outcome.reason == INTERRUPTED:
            return None
        return on_outcome(outcome)
