"""One process beside this one: it is sent a call, and sends back what came of it. No thread polls."""

import contextlib
import os
import signal
import socket
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from functools import cache
from multiprocessing import connection, forkserver, get_context, parent_process, resource_tracker
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any, Final, TypeAlias

from collector import descriptors
from collector.descriptors import Descriptor, packed

STOP_SEEN_S: Final = 0.2  # how soon a stop is noticed
SAFE_PATH: Final = "PYTHONSAFEPATH"
LENGTH_BYTES: Final = 8  # the length of a message, before it

ENDED_WITHIN_S: Final = 1.0  # how long the end of a killed process is waited for, which takes milliseconds

_starting: Final = threading.Lock()

Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
Answer: TypeAlias = tuple[bool, Any]  # whether it is a result; else an error and its trace


class ProcessLostError(Exception):
    """The process ended in the middle of a call: it was killed, by the kernel or by an operator."""


class _Trace(Exception):  # noqa: N818  # the cause of an error that came from the process
    """Where in the process an error was raised, as text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class ProcessBeside:
    """A process that works on one call at a time. OSError or EOFError if it cannot be started."""

    def __init__(self) -> None:
        context = _forkserver()
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(STOP_SEEN_S)
        self.calls = 0  # that it was sent
        try:
            with theirs:
                process = context.Process(target=_serve, args=(theirs,), daemon=True)
                process.start()
        except BaseException:
            self._socket.close()
            raise
        # kills it, because it keeps nothing between two calls; also if nobody has this object any more
        self.end = weakref.finalize(self, _end, self._socket, process)

    def call(self, call: Call, stopped: Callable[[], bool], until_s: float) -> Any:
        """What the function returns or raises; what goes there and comes back must be picklable.

        TimeoutError after `until_s` (time.monotonic), CancelledError after `stopped` is true, and
        ProcessLostError if it ends: after these it must be ended, because it may still work on this call.
        """
        wait, message = _Wait(stopped, until_s), packed(call)
        self.calls += 1
        try:
            _send(self._socket, message, wait)
            is_result, value = _receive(self._socket, wait)
        except (CancelledError, TimeoutError):
            raise
        except OSError as error:
            raise ProcessLostError(str(error)) from None
        if is_result:
            return value
        raised, trace = value
        raise raised from _Trace(trace)

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended, as far as its socket tells."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(1)  # at its end; between two calls it sends nothing
        except BlockingIOError:
            return True
        except OSError:
            pass
        finally:
            self._socket.settimeout(STOP_SEEN_S)
        return False


def _end(sock: socket.socket, process: BaseProcess) -> None:
    sock.close()
    process.kill()
    process.join(ENDED_WITHIN_S)


class _Wait:
    """How long an answer is waited for."""

    def __init__(self, stopped: Callable[[], bool], until_s: float) -> None:
        self._stopped = stopped
        self._until_s = until_s

    def check(self) -> None:
        if self._stopped():
            raise CancelledError
        if time.monotonic() >= self._until_s:
            raise TimeoutError


def _send(sock: socket.socket, message: tuple[bytes, list[Descriptor]], wait: _Wait | None = None) -> None:
    content, files = message
    for part in (len(content).to_bytes(LENGTH_BYTES, "big"), content):
        left = memoryview(part)
        while left:
            try:
                left = left[descriptors.send(sock, left, files) :]
                files = []
            except TimeoutError:  # it reads nothing: somebody has stopped it
                if wait is not None:
                    wait.check()


def _receive(sock: socket.socket, wait: _Wait | None = None) -> Any:
    """The next message; ConnectionResetError if the other side has ended."""
    files: list[Descriptor] = []
    length = int.from_bytes(_bytes(sock, LENGTH_BYTES, wait, files), "big")
    return descriptors.unpacked(_bytes(sock, length, wait, files), files)


def _bytes(sock: socket.socket, length: int, wait: _Wait | None, files: list[Descriptor]) -> bytearray:
    """So many bytes; puts the files that come with them to the others."""
    received = bytearray(length)
    left = memoryview(received)
    while left:
        try:
            count = descriptors.receive_into(sock, left, files)
        except TimeoutError:
            if wait is not None:
                wait.check()
            continue
        if not count:
            raise ConnectionResetError("the other side has ended")
        left = left[count:]
    return received


def _serve(sock: socket.socket) -> None:
    """What the process does until it is killed, or the one that started it ends."""
    _begin()
    sock.settimeout(None)
    with contextlib.suppress(ConnectionError):
        while True:
            _send_answer(sock, _answer(sock))


def _answer(sock: socket.socket) -> Answer:
    """What came of the next call."""
    try:
        function, arguments, options = _receive(sock)
        return True, function(*arguments, **options)
    except ConnectionResetError:
        raise
    except Exception as error:  # noqa: BLE001  # raised again by the process that called
        return _failed(error)


def _send_answer(sock: socket.socket, answer: Answer) -> None:
    try:
        message = packed(answer)
    except Exception as error:  # noqa: BLE001  # what came of it cannot be pickled
        message = packed(_failed(error))
    _send(sock, message)


def _failed(error: Exception) -> Answer:
    return False, (error, "".join(traceback.format_exception(error)))


def _forkserver() -> ForkServerContext:
    """A forkserver, because a fork of this process with its SSH threads could hang."""
    with _starting:  # the environment is changed meanwhile, by one thread at a time
        return _started()


@cache
def _started() -> ForkServerContext:
    # inherited: NumPy's BLAS starts threads on import, and a fork with threads may hang
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = get_context("forkserver")
    context.set_forkserver_preload(
        ["__main__", __name__, "collector.stream", "procmaps.classify", "archive.runs", "collector.preloaded"]
    )
    with _safe_path():
        resource_tracker.ensure_running()  # which unblocks the signal once it has started
        # inherited: Ctrl-C does not end it while it imports; SIGTERM does, by which processes are stopped
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """A Python that is started here imports nothing from the working directory, which may be anybody's.

    Only here: the programs of an inventory may want to import what lies beside them.
    """
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before


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
