"""Work on a host's bytes in separate processes: it can be stopped, and does not delay other hosts."""

import errno
import os
import queue
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Final, ParamSpec, TypeVar

from collector.process_beside import STOP_SEEN_S, ProcessBeside, ProcessLostError

P = ParamSpec("P")
R = TypeVar("R")

STOP_KNOWN_S: Final = 1.0
STARTED_WITHIN_S: Final = 60.0  # a process that does nothing; on a busy machine a few seconds
CALLS_MAX: Final = 2_000  # a process is replaced after so many, which frees what a library has leaked
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

    Each process has its own socket, so killing one while it sends does not corrupt the others.
    """

    def __init__(self, most: int = 0) -> None:
        self._free = queue.LifoQueue[ProcessBeside | None]()  # the one that worked last works next
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
        TimeoutError if it takes longer, ProcessLostError if its process is killed, NoProcessError if no
        other lives either, CancelledError after `stopped` is true.
        """
        beside = self._next(stopped)
        try:
            beside = beside or _started()
            until_s = time.monotonic() + deadline_s()
            result: R = beside.call((function, arguments, options), stopped, until_s)
        except ProcessLostError:
            _end(beside)
            beside = None
            if _is_stopped_soon(stopped):
                raise CancelledError from None
            if not _can_start():
                raise NoProcessError from None
            raise
        except (CancelledError, TimeoutError):
            _end(beside)
            beside = None
            raise
        finally:
            self._free.put(beside)
        return result

    def stop(self) -> None:
        """End the idle processes."""
        while True:
            try:
                _end(self._free.get_nowait())
            except queue.Empty:
                return

    def _next(self, stopped: Callable[[], bool]) -> ProcessBeside | None:
        """An idle process; None if one must be started."""
        while True:
            try:
                beside = self._free.get(timeout=STOP_SEEN_S)
            except queue.Empty:
                if stopped():
                    raise CancelledError from None
                continue
            if beside is None or (beside.calls < CALLS_MAX and beside.is_alive):
                return beside
            _end(beside)
            return None


def _started() -> ProcessBeside:
    try:
        return ProcessBeside()
    except (OSError, EOFError) as error:
        raise ProcessLostError(str(error)) from error


def _end(beside: ProcessBeside | None) -> None:
    if beside is not None:
        beside.end()


def _can_start() -> bool:
    """Whether a process that is started here lives until it has done something."""
    try:
        beside = ProcessBeside()
    except (OSError, EOFError):
        return False
    try:
        beside.call((os.getpid, (), {}), lambda: False, time.monotonic() + STARTED_WITHIN_S)
    except (ProcessLostError, TimeoutError):
        return False
    finally:
        beside.end()
    return True


def _is_stopped_soon(stopped: Callable[[], bool]) -> bool:
    """A signal to the whole group may end a process well before this one knows of the stop."""
    until_s = time.monotonic() + STOP_KNOWN_S
    while not stopped():
        if time.monotonic() >= until_s:
            return False
        time.sleep(STOP_SEEN_S)
    return True
