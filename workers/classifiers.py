"""Processes that classify dumps. One that a dump kills, or keeps too long, costs no other host its turn."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self

from pebble import ProcessExpired, ProcessPool

from archive.records import HostRecord, Stage
from archive.runs import Run
from collector.processes import POLL_S, Processes, begin, forkserver
from collector.trouble import REMEDIES
from workers import steps

WAITING_MAX = 2  # hosts handed to the pool and not begun, for each process: their dumps wait on disk
TASKS_MAX = 500  # a process is replaced after so many: what a library has leaked goes with it

OnEnd = Callable[[str, bool], None]  # host, whether it has footprints now
Classify = Callable[[Run, str], bool]  # runs in a process of the pool


class Pool:
    """Processes for the dumps of any run. They start with the first dump, and are replaced if killed."""

    def __init__(
        self, processes: int, classify: Classify | None = None, stop: threading.Event | None = None
    ) -> None:
        self._most = processes
        self._classify = classify or _classify
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()
        self._pool: ProcessPool | None = None

    def start(self, run: Run, host: str) -> "Future[bool]":
        """Have a dump classified; `ended` says what the future means."""
        arguments = (self._classify, run.url, host)
        seconds = run.manifest.limits.classify_s
        with self._lock:
            if self._pool is not None and not self._pool.active:  # an idle process was killed, say
                self._pool.join()
                self._pool = None
            self._pool = self._pool or self._made()
            return self._pool.schedule(_run, args=arguments, timeout=seconds)

    def ended(self, run: Run, host: str, future: "Future[bool]") -> bool | None:
        """Whether a host has footprints now; None where its process was killed, maybe for what another did.

        Raises what is nobody's fault but this machine's: a full disk.
        """
        try:
            return future.result()
        except TimeoutError:
            detail = f"its dump was not classified in {run.manifest.limits.classify_s:g} s"
            remedy = "raise limits.classify_s if the host is that large"
            steps.fail_host(run, host, Stage.CLASSIFY, "classify_timeout", detail=detail, remedy=remedy)
            return False
        except (ProcessExpired, BrokenProcessPool, CancelledError):
            return None

    def alone(self, run: Run, host: str) -> bool:
        """Classify in a process that does nothing else: where that is killed too, it is by this dump."""
        seconds = run.manifest.limits.classify_s
        future = Future[bool]()
        try:
            future.set_result(
                Processes(1).run(self._stop.is_set, lambda: seconds, _run, self._classify, run.url, host)
            )
        except Exception as error:  # noqa: BLE001 # told apart by ended()
            future.set_exception(error)
        has_footprints = self.ended(run, host, future)
        if has_footprints is None and not self._stop.is_set():
            detail = "the process that classified its dump was killed, and again when it was tried alone"
            remedy = REMEDIES["worker_lost"]
            steps.fail_host(run, host, Stage.WORKER, "worker_lost", detail=detail, remedy=remedy)
        return bool(has_footprints)

    def classify(self, run: Run, host: str) -> bool:
        """Classify one dump, and wait for it; False where the host failed."""
        has_footprints = self.ended(run, host, self.start(run, host))
        return self.alone(run, host) if has_footprints is None else has_footprints

    def stop(self) -> None:
        """End the processes, whatever they are at."""
        with self._lock:
            if self._pool is not None:
                self._pool.stop()  # type: ignore[no-untyped-call]
                self._pool.join()
                self._pool = None

    def _made(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self._most, max_tasks=TASKS_MAX, initializer=begin, context=forkserver()
        )


class Classifiers:
    """Classifies hosts of one run, several at a time; `submit` blocks while enough of them wait.

    Once `stop` is set nothing is waited for: what was not done is left for the next time. The first
    exception that is no host's is raised again by the next call.
    """

    def __init__(
        self,
        run: Run,
        processes: int,
        on_end: OnEnd,
        stop: threading.Event,
        *,
        classify: Classify | None = None,
    ) -> None:
        self._run = run
        self._on_end = on_end
        self._stop = stop
        self._pool = Pool(processes, classify, stop)
        self._room = processes * (1 + WAITING_MAX)
        self._changed = threading.Condition()  # guards what follows
        self._at_work = 0
        self._suspects: list[str] = []  # hosts that were being classified when a process was killed
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.stop()

    def submit(self, host: str) -> None:
        """Have a host's dump classified."""
        with self._changed:
            self._wait_for(lambda: self._at_work < self._room)
            if self._stop.is_set():
                return
            future = self._pool.start(self._run, host)
            self._at_work += 1
        future.add_done_callback(lambda ended: self._ended(host, ended))

    def drain(self) -> None:
        """Wait until all are done; then try again, each alone, what was at work when a process was killed."""
        with self._changed:
            self._wait_for(lambda: self._at_work == 0)
        while self._suspects and not self._stop.is_set():
            host = self._suspects.pop()
            has_footprints = self._pool.alone(self._run, host)
            if not self._stop.is_set():
                self._on_end(host, has_footprints)

    def _wait_for(self, reached: Callable[[], bool]) -> None:
        while not (reached() or self._error or self._stop.is_set()):
            self._changed.wait(POLL_S)  # nobody who stops us knows of this condition
        if self._error:
            raise self._error

    def _ended(self, host: str, future: "Future[bool]") -> None:
        """Runs in a thread of the pool."""
        try:
            has_footprints = self._pool.ended(self._run, host, future)
            if has_footprints is None:
                self._suspects.append(host)
            else:
                self._on_end(host, has_footprints)
        except Exception as error:  # noqa: BLE001 # raised again in the thread that submits
            self._error = error
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()


def _run(classify: Classify, run_url: str, host: str) -> bool:
    return classify(steps.opened(run_url), host)


def _classify(run: Run, host: str) -> bool:
    return isinstance(steps.classify_host(run, host), HostRecord)
