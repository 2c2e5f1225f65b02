"""The progress of a sweep on standard error: a bar on a terminal, otherwise a line from time to time."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from mapsweep.terminal.terminal import Terminal
from reports.text.sizes import duration
from workers.life.progress import OnProgress, Progress

STEPS = 10  # one line per 10 % ...
STEP_S = 30.0  # ... or per 30 s, whichever comes first
TICK_S = 1.0
LEFT_S_MIN = 5.0  # less is not worth a word


def display(asked: int, stream: TextIO, terminal: Terminal) -> AbstractContextManager[OnProgress]:
    """The progress display: a bar if the stream can redraw a line, otherwise lines."""
    return _bar(asked, stream, terminal) if terminal.redraws else _lines(asked, stream)


@dataclass(slots=True)
class Steps:
    """When a line is due: at each tenth of the hosts, and after 30 s of silence."""

    asked: int
    began_s: float
    now: Progress = field(init=False)
    told: int = 0  # ended hosts in the previous line
    told_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.now = Progress(self.asked, 0, 0, 0)
        self.told_s = self.began_s

    def due(self, at_s: float) -> str | None:
        """The line that is due, if one is."""
        if not self._crossed() and at_s - self.told_s < STEP_S:
            return None
        self.told, self.told_s = self.now.ended, at_s
        return self._line(at_s)

    def _line(self, at_s: float) -> str:
        now = self.now
        share = 100 * now.ended // now.asked if now.asked else 100
        waiting = now.collected - now.ended
        counts = [f"{now.ended} of {now.asked} hosts ({share} %)"]
        counts += [f"{waiting} being classified"] if waiting else []
        counts += [f"{now.failed} failed"] if now.failed else []
        counts += [now.note] if now.note else []
        return ", ".join((*counts, duration(at_s - self.began_s)))

    def _crossed(self) -> bool:
        return bool(self.asked) and STEPS * self.now.ended // self.asked > STEPS * self.told // self.asked


@contextmanager
def _lines(asked: int, stream: TextIO) -> Iterator[OnProgress]:
    """Lines for a log; a thread also prints one when no host has ended for a while."""
    steps = Steps(asked, time.monotonic())
    lock = threading.Lock()
    over = threading.Event()

    def tell(now: Progress | None = None) -> None:
        with lock:
            steps.now = now or steps.now
            if line := steps.due(time.monotonic()):
                stream.write(f"{line}\n")  # one write: a line of --debug must not come in between
                stream.flush()

    def tick() -> None:
        while not over.wait(TICK_S):
            tell()

    ticker = threading.Thread(target=tick, name="progress", daemon=True)
    ticker.start()
    try:
        yield tell
    finally:
        over.set()
        ticker.join()


@contextmanager
def _bar(asked: int, stream: TextIO, terminal: Terminal) -> Iterator[OnProgress]:
    """A bar that is redrawn, and removed when the sweep has ended."""
    from rich.console import Console  # noqa: PLC0415 # a log does not pay for rich
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    console = Console(
        file=stream,
        width=terminal.columns,
        no_color=not terminal.colour,
        force_terminal=True,
        highlight=False,
    )
    columns = (
        # red is for trouble, and a sweep that goes on has none
        BarColumn(bar_width=None, complete_style="cyan", finished_style="cyan", pulse_style="cyan"),
        TextColumn("{task.completed:.0f}/{task.total:.0f} hosts"),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("", total=asked)

        began_s = time.monotonic()

        def tell(now: Progress) -> None:
            left = left_of(now, time.monotonic() - began_s)
            bar.update(task, completed=now.ended, description=", ".join(filter(None, (_counts(now), left))))

        yield tell


def left_of(now: Progress, passed_s: float) -> str:
    """How long the rest may take at the pace so far; the last hosts are slow ones, of which nobody knows."""
    if STEPS * now.ended < now.asked or STEPS * now.ended >= (STEPS - 1) * now.asked:
        return ""
    left_s = passed_s / now.ended * (now.asked - now.ended)
    return f"about {duration(left_s)} left" if left_s >= LEFT_S_MIN else ""


def _counts(now: Progress) -> str:
    waiting = now.collected - now.ended
    words = [f"{waiting} classifying"] if waiting else []
    words += [f"{now.failed} failed"] if now.failed else []
    words += [now.note] if now.note else []
    return ", ".join(words)
