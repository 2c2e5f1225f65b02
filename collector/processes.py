"""Work on the bytes of a host in a process of its own, which can be stopped and holds up no other host."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import cache
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import ForkServerContext
from typing import Final, ParamSpec, TypeVar

from pebble import concurrent

P = ParamSpec("P")
R = TypeVar("R")

POLL_S: Final = 0.2  # how soon a stop is noticed
# More than there are cores: one host whose bytes are dear must not stand in the way of all others.
A_CORE: Final = 2
AT_LEAST: Final = 4


class Processes:
    """Runs functions, each in a new process, a limited number of them side by side."""

    def __init__(self, most: int = 0) -> None:
        self._slots = threading.BoundedSemaphore(most or max(AT_LEAST, A_CORE * (os.cpu_count() or 1)))

    def run(
        self,
        stopped: Callable[[], bool],
        deadline_s: Callable[[], float],
        function: Callable[P, R],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> R:
        """What `function` returns or raises; both have to be picklable, and it a function of a module.

        `deadline_s` is asked when the function begins: how many seconds it has. TimeoutError where it takes
        longer, pebble.ProcessExpired where its process is killed, CancelledError once `stopped` says so.
        """
        with self._slot(stopped):
            call = concurrent.process(mp_context=forkserver(), timeout=deadline_s())(_in_child)
            future = call(function, arguments, options)
            while True:
                try:
                    return future.result(POLL_S)  # type: ignore[no-any-return]
                except TimeoutError:
                    if future.done():
                        raise
                    if stopped():
                        future.cancel()
                        raise CancelledError from None

    @contextmanager
    def _slot(self, stopped: Callable[[], bool]) -> Iterator[None]:
        while not self._slots.acquire(timeout=POLL_S):
            if stopped():
                raise CancelledError
        try:
            yield
        finally:
            self._slots.release()


@cache
def forkserver() -> ForkServerContext:
    """Where the processes come from: a fork of this one, with its SSH threads, could hang."""
    # inherited: NumPy's BLAS starts threads on import, and a fork beside them may hang
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = get_context("forkserver")
    context.set_forkserver_preload(["__main__", "collector.stream"])
    return context


def begin() -> None:
    """First thing in a process that was started here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    os.environ["POLARS_MAX_THREADS"] = "1"  # there is a process for each core already
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _in_child(function: Callable[..., R], arguments: tuple[object, ...], options: dict[str, object]) -> R:
    begin()
    return function(*arguments, **options)


def _end_with_parent() -> None:
    """A parent that is killed cannot tell its processes, which would go on, or wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
