"""Work on the bytes of a host in a process beside this one: it can be stopped, and holds up no other host."""

import os
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import ForkServerContext
from typing import Final, ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

P = ParamSpec("P")
R = TypeVar("R")

POLL_S: Final = 0.2  # how soon a stop is noticed
TASKS_MAX: Final = 500  # a process is replaced after so many: what a library has leaked goes with it
# More than there are cores: one host whose bytes are dear must not stand in the way of all others.
A_CORE: Final = 2
AT_LEAST: Final = 4


class Processes:
    """Runs functions in processes, one at a time in each. They start when needed, and are replaced if killed.

    Each process has pipes of its own (a pool of one): one that is killed while it sends garbles nothing of
    the others.
    """

    def __init__(self, most: int = 0) -> None:
        self._free = queue.LifoQueue[ProcessPool | None]()  # the one that worked last is the one to work next
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
        """What `function` returns or raises; both have to be picklable, and it a function of a module.

        `deadline_s` is asked when a process is free: how many seconds the function has. TimeoutError where
        it takes longer, pebble.ProcessExpired where its process is killed, CancelledError once `stopped`
        says so.
        """
        pool = self._next(stopped)
        try:
            pool = pool or _pool()
            future = pool.schedule(function, arguments, options, deadline_s())
            while True:
                try:
                    return future.result(POLL_S)
                except TimeoutError:
                    if future.done():
                        raise
                    if stopped():
                        future.cancel()  # type: ignore[no-untyped-call]
                        raise CancelledError from None
        except (ProcessExpired, BrokenProcessPool) as error:
            _drop(pool)
            pool = None
            if isinstance(error, ProcessExpired):
                raise
            raise ProcessExpired(str(error)) from None  # type: ignore[no-untyped-call]
        finally:
            self._free.put(pool)

    def stop(self) -> None:
        """End the processes that are at no work."""
        while True:
            try:
                _drop(self._free.get_nowait())
            except queue.Empty:
                return

    def _next(self, stopped: Callable[[], bool]) -> ProcessPool | None:
        """One that is at no work, None in place of one that has to be started."""
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


@cache
def _forkserver() -> ForkServerContext:
    """Where the processes come from: a fork of this one, with its SSH threads, could hang."""
    # inherited: NumPy's BLAS starts threads on import, and a fork beside them may hang
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = get_context("forkserver")
    context.set_forkserver_preload(["__main__", "collector.stream", "procmaps.classify", "archive.runs"])
    return context


def _begin() -> None:
    """First thing in a process that was started here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    os.environ["POLARS_MAX_THREADS"] = "1"  # there is a process for each core already
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot tell its processes, which would go on, or wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
