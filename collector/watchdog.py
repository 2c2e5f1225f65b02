"""Deadlines that are enforced from another thread: when one passes, the connection is cut."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

INTERRUPTED = "interrupted"
POLL_S = 0.2  # how soon an interrupt ends a wait


class Guard:
    """One watched connection: `cut` is called once, at its deadline or on an interrupt."""

    def __init__(self, watchdog: "Watchdog", cut: Callable[[], None]) -> None:
        self._watchdog = watchdog
        self._cut = cut
        self._lock = threading.Lock()
        self._stage = ""
        self._at_s = float("inf")
        self.fired = ""  # the stage whose deadline passed, or INTERRUPTED

    def __enter__(self) -> Self:
        self._watchdog.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.drop(self)

    def expect(self, stage: str, at_s: float) -> None:
        """From now on `stage` must end by `at_s` (time.monotonic)."""
        with self._lock:
            self._stage, self._at_s = stage, at_s
        self._watchdog.wake(at_s, self)

    def check(self, now_s: float) -> None:
        """Cuts the connection if its deadline has passed."""
        with self._lock:
            due = now_s >= self._at_s and not self.fired
            if due:
                self.fired = self._stage
        if due:
            self._cut()

    def interrupt(self) -> None:
        """Cuts the connection now."""
        with self._lock:
            due = not self.fired
            if due:
                self.fired = INTERRUPTED
        if due:
            self._cut()


class Watchdog:
    """One thread for all connections of a session. It runs only while something is watched."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._guards: set[Guard] = set()
        self._due: list[tuple[float, int, Guard]] = []
        self._tie = itertools.count()
        self._thread: threading.Thread | None = None
        self._interrupted = threading.Event()

    @property
    def interrupted(self) -> bool:
        """Whether interrupt() was called, which is then the reason for all ends."""
        return self._interrupted.is_set()

    def interrupt(self) -> None:
        """Cuts all connections, and each one that is opened later."""
        self._interrupted.set()
        with self._changed:
            guards = tuple(self._guards)
        for guard in guards:
            guard.interrupt()

    def guard(self, cut: Callable[[], None]) -> Guard:
        """Watches one connection, for a with statement."""
        return Guard(self, cut)

    def pause(self, seconds: float) -> None:
        """Waits, unless interrupted."""
        self._interrupted.wait(seconds)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Whether an event comes in time and before an interrupt."""
        until_s = time.monotonic() + seconds
        while not event.wait(max(0.0, min(POLL_S, until_s - time.monotonic()))):
            if self.interrupted or time.monotonic() >= until_s:
                return event.is_set()
        return True

    def add(self, guard: Guard) -> None:
        with self._changed:
            self._guards.add(guard)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
                self._thread.start()
        if self.interrupted:
            guard.interrupt()

    def drop(self, guard: Guard) -> None:
        with self._changed:
            self._guards.discard(guard)
            if not self._guards:
                self._due.clear()
                self._changed.notify()

    def wake(self, at_s: float, guard: Guard) -> None:
        with self._changed:
            heapq.heappush(self._due, (at_s, next(self._tie), guard))
            if self._due[0][2] is guard:
                self._changed.notify()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not (self._due and self._due[0][0] <= time.monotonic()):
                    if not self._guards:
                        self._thread = None
                        return
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                guard = heapq.heappop(self._due)[2]
            guard.check(time.monotonic())
