"""Work on a host's bytes in separate processes: it can be stopped, and does not delay other hosts."""

import errno
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import connection, forkserver, get_context, parent_process, resource_tracker
from multiprocessing.context import ForkServerContext
from typing import Final, ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

P = ParamSpec("P")
R = TypeVar("R")

POLL_S: Final = 0.2  # how soon a stop is noticed
STOP_KNOWN_S: Final = 1.0
STARTED_WITHIN_S: Final = 60.0  # a process that does nothing; on a busy machine a few seconds
TASKS_MAX: Final = 2_000  # a process is replaced after so many calls, which frees what a library has leaked
# More than cores, because one host with expensive data must not delay all others.
A_CORE: Final = 2
AT_LEAST: Final = 4


class NoProcessError(OSError):
    """Whatever process is started here ends at once: files, memory or processes are short on this machine."""

    def __init__(self) -> None:
        super().__init__(
            errno.EAGAIN, "processes that are started on this machine end at once (see ulimit -a)"
        )


class Processes:
    """Runs functions in processes, one at a time in each. They start when needed, and are replaced if killed.

    Each process has its own pipes (a pool of one), so killing one while it sends does not corrupt the others.
    """

    def __init__(self, most: int = 0) -> None:
        self._free = queue.LifoQueue[ProcessPool | None]()  # the one that worked last works next
        for _ in range(most or max(AT_LEAST, A_CORE * (os.cpu_count() or 1))):
            self._free.put(None)  # not started yet

    def run(
        self,
        stopped: Callable[[], bool],
        deadline_s: Callable[[], float],
        function: Callable[P, R],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> R:
        """The result of `function`, a function of a module; results and errors must be picklable.

        `deadline_s` is called when a process is free, and gives the seconds that the function has.
        TimeoutError if it takes longer, pebble.ProcessExpired if its process is killed, NoProcessError if
        no other lives either, CancelledError after `stopped` is true.
        """
        pool = self._next(stopped)
        try:
            pool = pool or _pool()
            until_s = time.monotonic() + deadline_s()
            try:
                # without a timeout of pebble, which goes by the time of day: setting the clock would end it
                future = pool.schedule(function, arguments, options)
            except OSError as error:  # while it was started
                raise BrokenProcessPool(str(error)) from error
            return _awaited(future, stopped, until_s)
        except (ProcessExpired, BrokenProcessPool) as error:
            _drop(pool)
            pool = None
            if _is_stopped_soon(stopped):
                raise CancelledError from None
            if not _can_start():
                raise NoProcessError from None
            if isinstance(error, ProcessExpired):
                raise
            raise ProcessExpired(str(error)) from None  # type: ignore[no-untyped-call]
        finally:
            self._free.put(pool)

    def stop(self) -> None:
        """End the idle processes."""
        while True:
            try:
                _drop(self._free.get_nowait())
            except queue.Empty:
                return

    def _next(self, stopped: Callable[[], bool]) -> ProcessPool | None:
        """An idle process; None if one must be started."""
        while True:
            try:
                pool = self._free.get(timeout=POLL_S)
            except queue.Empty:
                if stopped():
                    raise CancelledError from None
                continue
            if pool is None or pool.active:
                return pool
            _drop(pool)  # its process was killed while it was idle
            return None


def _pool() -> ProcessPool:
    return ProcessPool(max_workers=1, max_tasks=TASKS_MAX, initializer=_begin, context=_forkserver())


def _drop(pool: ProcessPool | None) -> None:
    if pool is not None:
        pool.stop()  # type: ignore[no-untyped-call]
        threading.Thread(target=pool.join, daemon=True).start()  # it takes a while


def _awaited(future: ProcessFuture[R], stopped: Callable[[], bool], until_s: float) -> R:
    """The result; its process is ended after a stop (CancelledError) or too long a time (TimeoutError)."""
    while True:
        try:
            return future.result(POLL_S)
        except TimeoutError:
            if future.done():
                raise
            if stopped():
                future.cancel()  # type: ignore[no-untyped-call]
                raise CancelledError from None
            if time.monotonic() >= until_s:
                future.cancel()  # type: ignore[no-untyped-call]
                raise


def _can_start() -> bool:
    """Whether a process that is started here lives until it has done something."""
    pool = _pool()
    try:
        pool.schedule(os.getpid).result(STARTED_WITHIN_S)
    except (ProcessExpired, BrokenProcessPool, TimeoutError, OSError):
        return False
    finally:
        _drop(pool)
    return True


def _is_stopped_soon(stopped: Callable[[], bool]) -> bool:
    """A signal to the whole group may end a process well before this one knows of the stop."""
    until_s = time.monotonic() + STOP_KNOWN_S
    while not stopped():
        if time.monotonic() >= until_s:
            return False
        time.sleep(POLL_S)
    return True


@cache
def _forkserver() -> ForkServerContext:
    """A forkserver, because a fork of this process with its SSH threads could hang."""
    # inherited: NumPy's BLAS starts threads on import, and a fork with threads may hang
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = get_context("forkserver")
    context.set_forkserver_preload(["__main__", "collector.stream", "procmaps.classify", "archive.runs"])
    resource_tracker.ensure_running()  # which unblocks the signal once it has started
    # inherited: Ctrl-C does not end it while it imports; SIGTERM does, by which processes are stopped
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _begin() -> None:
    """Runs first in each process that is started here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    os.environ["POLARS_MAX_THREADS"] = "1"  # there is a process for each core already
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End with the parent: if it is killed, this process would otherwise wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
