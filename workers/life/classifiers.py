"""Classifies dumps in separate processes, so that a dump that kills or blocks one affects no other.

What they make is written here: while a disk takes its time to sync a result, its process has the next host.
"""

import gc
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import NamedTuple, Self

from archive.dump_keys import DumpKeys, OtherKeysError
from archive.results import Result
from archive.run import Run
from archive.runs import open_run
from collector.process_beside import STOP_SEEN_S, ProcessLostError
from collector.processes import Processes
from domain.about import about
from domain.records import HostRecord, Stage
from workers.life import host_steps
from workers.life.memory import NoRoomError

WAITING_MAX = 2  # hosts per process that wait in memory; their dumps wait on disk
THREADS = 2  # per process: one waits for it, the other for the disk that syncs what it made
RUNS_OPEN_MAX = 8  # in a process beside

OnEnd = Callable[[str, bool], None]  # host, whether it has a result now
# runs in a separate process; a result is kept by this one, True says that there is one already
Classify = Callable[[Run, str], Result | bool]


log = logging.getLogger("workers")


class _Done(NamedTuple):
    """What comes back from a process beside."""

    made: Result | bool
    lines: tuple[str, ...] = ()  # what it would have logged, where somebody debugs


class Classifier:
    """Classifies dumps of any run, each in a separate process."""

    def __init__(
        self, processes: int, classify: Classify | None = None, stop: threading.Event | None = None
    ) -> None:
        self._processes = Processes(processes)
        self._classify = classify or _classify
        self._stop = stop or threading.Event()

    def classify(self, run: Run, host: str) -> bool | None:
        """Whether a host has a result now; None if its process was killed, perhaps because of another host.

        CancelledError after the stop is set. Raises errors that are not a host's fault, such as a full disk.
        """
        with about(run=run.run_id, host=host, stage=Stage.CLASSIFY):
            return self._classified(run, host)

    def _classified(self, run: Run, host: str) -> bool | None:
        seconds = run.manifest.limits.classify_s
        try:
            done = self._answer(run, host, seconds)
        except ProcessLostError:
            return None
        except TimeoutError:
            detail = f"its dump was not classified within {seconds:g} s"
            host_steps.fail_host(run, host, Stage.CLASSIFY, "classify_timeout", detail=detail)
            return False
        return self._kept(run, host, done)

    def _answer(self, run: Run, host: str, seconds: float) -> "_Done":
        """What a process makes of it, once there is memory for that."""
        while True:
            with suppress(NoRoomError):
                done: _Done = self._processes.run(
                    self._stop.is_set,
                    lambda: seconds,
                    _run_told if log.isEnabledFor(logging.DEBUG) else _run,
                    self._classify,
                    run.url,
                    run.generation,
                    run.keys,
                    host,
                )
                return done

    def _kept(self, run: Run, host: str, done: "_Done") -> bool:
        for line in done.lines:
            log.debug("%s", line)
        if isinstance(done.made, Result):
            return isinstance(host_steps.keep_result(run, done.made), HostRecord)
        if not (done.made or done.lines):
            log.info("%s: classify: failed; the report says why", host)
        return done.made

    def classify_again(self, run: Run, host: str) -> bool:
        """Retries a host whose process was killed; if the next one is killed too, the host has failed."""
        has_result = self.classify(run, host)
        if has_result is None:
            detail = "the process that classified its dump was killed, and so was the next"
            host_steps.fail_host(run, host, Stage.WORKER, "worker_lost", detail=detail)
        return bool(has_result)

    def stop(self) -> None:
        """End the processes."""
        self._processes.stop()


class Classifiers:
    """Classifies hosts of one run, several at a time; `submit` blocks while the queue is full.

    After `stop` is set, nothing is waited for, and the rest is left for the next time. The first exception
    that is not a host's fault is raised by the next call.
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
        self._classifier = Classifier(processes, classify, stop)
        # the threads that wait for a process have a host each as well
        self._hosts = queue.Queue[str | None](processes * (WAITING_MAX - THREADS + 1))
        self._suspects: list[str] = []  # hosts that were being classified when their process was killed
        self._error: Exception | None = None
        self._threads = [
            threading.Thread(target=self._classify_all, name=f"classify-{number}", daemon=True)
            for number in range(processes * THREADS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._classifier.stop()

    def submit(self, host: str) -> None:
        """Have a host's dump classified."""
        self._hand_over(host)
        self._raise_error()

    def drain(self) -> None:
        """Wait until all are done; then retry, one by one, the hosts whose process was killed."""
        for _ in self._threads:
            self._hand_over(None)
        for thread in self._threads:
            thread.join()
        self._raise_error()
        for host in self._suspects:
            try:
                self._on_end(host, bool(self._tried(self._classifier.classify_again, host)))
            except CancelledError:
                return

    def _hand_over(self, host: str | None) -> None:
        while not self._stop.is_set() and self._error is None:
            try:
                self._hosts.put(
                    host, timeout=STOP_SEEN_S
                )  # whoever sets the stop event does not know this queue
            except queue.Full:
                continue
            return

    def _raise_error(self) -> None:
        if self._error:
            raise self._error

    def _classify_all(self) -> None:
        """What each thread does."""
        while not self._stop.is_set() and self._error is None:
            try:
                host = self._hosts.get(timeout=STOP_SEEN_S)
            except queue.Empty:
                continue
            if host is None:
                return
            try:
                has_result = self._tried(self._classifier.classify, host)
                if has_result is None:
                    self._suspects.append(host)
                else:
                    self._on_end(host, has_result)
            except CancelledError:
                return
            except Exception as error:  # noqa: BLE001 # raised again in the thread that submits
                self._error = error

    def _tried(self, classify: Callable[[Run, str], bool | None], host: str) -> bool | None:
        """As Classifier; a dump that is encrypted for others fails: nobody else works on this run."""
        try:
            return classify(self._run, host)
        except OtherKeysError as error:
            host_steps.fail_locked(self._run, host, error)
            return False


class _Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):  # a line that cannot be put into words must not cost the host its result
            self.kept.append(record.getMessage())


def _run(classify: Classify, run_url: str, generation: str, keys: DumpKeys, host: str) -> _Done:
    """Look for garbage in cycles after each host alone, among what it left.

    A host makes some hundred thousand objects, which live until its end: looking through them meanwhile
    takes a tenth of the time and finds nothing. What is there after the first host of a run, as modules and
    its manifest are, stays: it is set aside until another run.
    """
    opened = _opened.cache_info().misses
    gc.disable()
    try:
        return _Done(classify(_opened(run_url, generation, keys), host))
    finally:
        is_first = _opened.cache_info().misses > opened
        if is_first:
            gc.unfreeze()
        gc.collect()
        if is_first:
            gc.freeze()


def _run_told(classify: Classify, run_url: str, generation: str, keys: DumpKeys, host: str) -> _Done:
    """With the lines that it logs: this process has nowhere to write them."""
    lines = _Lines()
    log.addHandler(lines)
    log.setLevel(logging.DEBUG)
    try:
        done = _run(classify, run_url, generation, keys, host)
    finally:
        log.removeHandler(lines)
        log.setLevel(logging.NOTSET)
    return done._replace(lines=tuple(lines.kept))


def _classify(run: Run, host: str) -> Result | bool:
    made = host_steps.make_result(run, host)
    return made if isinstance(made, Result) else False


@lru_cache(maxsize=RUNS_OPEN_MAX)
def _opened(run_url: str, generation: str, keys: DumpKeys) -> Run:
    """A run by its URL; cached, because its manifest never changes and a large one takes a while to read."""
    run = open_run(run_url)
    return Run(run.store, run.manifest, generation, keys)
