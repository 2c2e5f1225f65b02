"""A pool of processes that classify dumps, and that outlives those of its members that a dump kills."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from types import TracebackType
from typing import Self

from archive.records import HostRecord, Stage
from workers import steps

WAITING_MAX = 2  # hosts handed to the pool and not begun, for each process: their dumps wait on disk

OnEnd = Callable[[str, bool], None]  # host, whether it has footprints now
Classify = Callable[[str, str], bool]  # run URL, host; runs in a process of the pool


class Classifiers:
    """Classifies hosts of one run, several at a time; `submit` blocks while enough of them wait.

    The processes come from a forkserver: a fork of this process, with its SSH threads, could hang. The first
    exception that is a bug is raised again by the next call.
    """

    def __init__(
        self, run_url: str, processes: int, on_end: OnEnd, *, classify: Classify | None = None
    ) -> None:
        self._run_url = run_url
        self._processes = processes
        self._on_end = on_end
        self._classify = classify or _classify
        self._room = processes * (1 + WAITING_MAX)
        self._changed = threading.Condition()  # guards what follows
        self._at_work = 0
        self._suspects: list[str] = []  # hosts that were being classified when a process died
        self._bug: BaseException | None = None
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, host: str) -> None:
        """Have a host's dump classified."""
        with self._changed:
            self._changed.wait_for(lambda: self._at_work < self._room or self._bug)
            self._raise_bug()
            future = self._submitted(host)
            self._at_work += 1
        future.add_done_callback(lambda ended: self._ended(host, ended))

    def drain(self) -> None:
        """Wait until all are done; then try again, each alone, what was at work when a process died."""
        with self._changed:
            self._changed.wait_for(lambda: self._at_work == 0)
            self._raise_bug()
        for host in self._suspects:
            self._on_end(host, self._alone(host))
        self._suspects.clear()

    def _raise_bug(self) -> None:
        if self._bug:
            raise self._bug

    def _submitted(self, host: str) -> "Future[bool]":
        self._pool = self._pool or _pool(self._processes)
        try:
            return self._pool.submit(self._classify, self._run_url, host)
        except BrokenProcessPool:
            self._pool.shutdown(wait=False)
            self._pool = _pool(self._processes)
            return self._pool.submit(self._classify, self._run_url, host)

    def _ended(self, host: str, future: "Future[bool]") -> None:
        """Runs in a thread of the pool."""
        try:
            self._settle(host, future)
        except Exception as error:  # noqa: BLE001 # raised again in the thread that submits
            self._bug = error
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()

    def _settle(self, host: str, future: "Future[bool]") -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._on_end(host, future.result())
        elif isinstance(error, BrokenProcessPool):
            self._suspects.append(host)
        else:
            self._bug = error

    def _alone(self, host: str) -> bool:
        """Classify a host in a process of its own: if that dies too, it is this dump that kills it."""
        with _pool(1) as pool:
            try:
                return pool.submit(self._classify, self._run_url, host).result()
            except BrokenProcessPool:
                detail = "the process that classified its dump was killed, and again when it was tried alone"
                remedy = "look for the OOM killer in the kernel's log of this machine"
                run = steps.opened(self._run_url)
                steps.fail_host(run, host, Stage.WORKER, "worker_lost", detail=detail, remedy=remedy)
                return False


def _pool(processes: int) -> ProcessPoolExecutor:
    # inherited by the forkserver: NumPy's BLAS starts threads on import, and a fork beside them may hang
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = get_context("forkserver")
    context.set_forkserver_preload(["workers.steps"])
    return ProcessPoolExecutor(processes, mp_context=context, initializer=_begin)


def _begin() -> None:
    """First thing in a process of the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    os.environ["POLARS_MAX_THREADS"] = "1"  # there is a process for each core already
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot tell its pool, which would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _classify(run_url: str, host: str) -> bool:
    return isinstance(steps.classify_host(steps.opened(run_url), host), HostRecord)
