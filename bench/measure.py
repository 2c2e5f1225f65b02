"""Ratios from interleaved runs, so that a machine whose speed drifts does not decide the figure."""

import gc
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the benchmark."""

    name: str
    value: float
    unit: str
    at_most: float | None = None  # the bound the project holds itself to

    def line(self) -> str:
        """NAME VALUE UNIT, and the bound where there is one."""
        bound = "" if self.at_most is None else f"  (at most {self.at_most:g})"
        return f"{self.name} {self.value:.3f} {self.unit}{bound}"


def own_cpu_s() -> float:
    """User and system CPU seconds of this process, all its threads."""
    return time.process_time()


def children_cpu_s() -> float:
    """User and system CPU seconds of the children that have ended and been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Seconds of each contender, one column a contender, one row a round."""

    rounds: tuple[tuple[float, ...], ...]

    def median_s(self, column: int) -> float:
        """Median seconds of one contender."""
        return statistics.median(row[column] for row in self.rounds)

    def ratio(self, column: int, against: int) -> float:
        """Median of the ratios of two contenders, each of one round: neighbours met the same machine."""
        return statistics.median(row[column] / row[against] for row in self.rounds)


def interleave(
    contenders: Sequence[Callable[[], object]], rounds: int, clock: Callable[[], float] = own_cpu_s
) -> Interleaved:
    """Run the contenders in turn, A B C A B C ..., after one round that is not counted.

    The garbage collector rests meanwhile, as in timeit: what it does depends on all that was imported.
    """
    gc.collect()
    gc.disable()
    try:
        rows = [tuple(_seconds(contender, clock) for contender in contenders) for _ in range(rounds + 1)]
    finally:
        gc.enable()
    return Interleaved(tuple(rows[1:]))


def _seconds(contender: Callable[[], object], clock: Callable[[], float]) -> float:
    begin = clock()
    contender()
    return clock() - begin


def run_quietly(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """Start a command, wait for it, throw its output away; its CPU shows in children_cpu_s."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        pid = os.posix_spawnp(
            arguments[0], list(arguments), environment, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)]
        )
    finally:
        os.close(null)
    _, status = os.waitpid(pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        print(f"{' '.join(arguments)[:120]}: exit {code}", file=sys.stderr)
        raise SystemExit(1)
