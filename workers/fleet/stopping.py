"""How a worker that is told to stop ends within ten seconds, in whatever task its processes are."""

import mmap
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

POLL_S: Final = 0.2  # how soon a process of the pool notices the stop
CUT_AFTER_S: Final = 8.0  # Docker and Kubernetes kill after 10 s or more
CUT_WITHIN_S: Final = 0.8
END_AFTER_S: Final = 9.0


class StopFlag:
    """Set once in the main process, seen by all processes of its pool.

    One byte of shared memory: setting it takes no lock, so a signal handler may do it, and a process that is
    killed cannot leave it locked.
    """

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    def set(self, **_: object) -> None:
        """Tell all processes to stop."""
        self._byte[0] = 1

    def is_set(self) -> bool:
        """Whether the worker was told to stop."""
        return bool(self._byte[0])


def end_in_time(**_: object) -> None:
    """End the main process soon, even if it waits for a Redis that is away; its pool ends with it."""

    def end() -> None:
        time.sleep(END_AFTER_S)
        os._exit(1)

    threading.Thread(target=end, name="end", daemon=True).start()


class Stopping:
    """The stop of one process of the pool: `event` ends what can be ended, and `cut` the rest.

    `cut` is called in another thread if a task goes on for CUT_AFTER_S after the stop; then the process ends.
    """

    def __init__(self, flag: StopFlag, cut: Callable[[], None]) -> None:
        self.event = threading.Event()
        self._flag = flag
        self._cut = cut
        self._at_work = threading.Event()
        self._watcher: threading.Thread | None = None

    @contextmanager
    def during_task(self) -> Iterator[None]:
        """A task: a SIGTERM to this process, or to all at once, ends the task first."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="stop", daemon=True)
            self._watcher.start()
        if self._flag.is_set():
            self.event.set()
        self._at_work.set()
        try:
            with _at_sigterm(self.event.set):
                yield
        finally:
            self._at_work.clear()
            if not self._flag.is_set():  # the signal was for this process alone, and its task has ended
                self.event.clear()

    def _watch(self) -> None:
        while not self._flag.is_set():
            time.sleep(POLL_S)
        self.event.set()
        time.sleep(CUT_AFTER_S)
        if self._at_work.is_set():
            last = threading.Thread(target=self._cut, name="cut", daemon=True)
            last.start()
            last.join(CUT_WITHIN_S)  # Redis may be away
            os._exit(1)


@contextmanager
def _at_sigterm(call: Callable[[], None]) -> Iterator[None]:
    """In the main thread, SIGTERM calls this; before and after it ends the process, as the pool set it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_signal: int, _frame: FrameType | None) -> None:
        call()

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
