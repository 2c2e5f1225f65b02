"""When a process fills the memory that is left to it: told only where a straight line fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median
from typing import Final

from procmaps.amounts import scaled

RUNS_LEAST: Final = 4  # without a restart; fewer say nothing about tomorrow
FALL_SHARE_MOST: Final = 0.1  # of the whole rise: a larger fall between two runs is a sawtooth
DAYS_MOST: Final = 365
DAY_S: Final = 86_400
SOON_DAYS: Final = 7  # graver than a warning
_THIRDS: Final = 3


@dataclass(frozen=True, slots=True)
class Forecast:
    """Days until the memory is full, or why that cannot be told."""

    days: float | None
    why_not: str = ""  # completes "cannot tell when it fills the host: ..."
    earliest_days: float | None = None  # with days: between the two
    limit_bytes: int | None = None  # the limit of a cgroup that is full then; None: the host is


def forecast(times_s: Sequence[float], sizes_bytes: Sequence[int], room_bytes: int | None) -> Forecast:
    """From the sizes of one process in runs without a restart, and the memory that it can grow by.

    The line is the median of the slopes between all pairs of runs (Theil and Sen), drawn only if the size
    rose in each third of the time and never fell much between two runs.
    """
    if len(sizes_bytes) < RUNS_LEAST:
        missing = RUNS_LEAST - len(sizes_bytes)
        return Forecast(None, f"needs {missing} more run{'s' if missing > 1 else ''} without a restart")
    rise = sizes_bytes[-1] - sizes_bytes[0]
    if rise <= 0 or any(before - after > rise * FALL_SHARE_MOST for before, after in pairwise(sizes_bytes)):
        return Forecast(None, "it rises and falls, so no line can be drawn")
    if not _rises_in_each_third(times_s, sizes_bytes):
        return Forecast(None, "it did not grow all the time, so no line can be drawn")
    if room_bytes is None:
        return Forecast(None, "the host did not tell how much memory is available")
    points = list(zip(times_s, sizes_bytes, strict=True))
    slopes = [
        (b - a) / (later - early) for (early, a), (later, b) in combinations(points, 2) if later > early
    ]
    if not slopes or (a_second := median(slopes)) <= 0:
        return Forecast(None, "it did not grow all the time, so no line can be drawn")
    days = room_bytes / a_second / DAY_S
    return Forecast(days) if days <= DAYS_MOST else Forecast(None, "at this rate not within a year")


def _rises_in_each_third(times_s: Sequence[float], sizes_bytes: Sequence[int]) -> bool:
    """Whether the size rose in each third of the intervals between runs."""
    last = len(sizes_bytes) - 1
    edges = [round(last * third / _THIRDS) for third in range(_THIRDS + 1)]
    return all(
        sizes_bytes[end] > sizes_bytes[begin] and times_s[end] > times_s[begin]
        for begin, end in pairwise(edges)
    )


def its_limit(told: Forecast) -> str:
    """`the limit of its cgroup (8.0 GiB)`."""
    return f"the limit of its cgroup ({scaled(told.limit_bytes or 0)})"


def when_full(told: Forecast) -> str:
    """`in about 6 days`, `within a day`, `in about 3 to 6 days`; with days."""
    last = round(told.days or 0)
    first = last if told.earliest_days is None else min(round(told.earliest_days), last)
    if last < 1:
        return "within a day"
    if first == last:
        return f"in about {last} day{'s' if last > 1 else ''}"
    return f"in about {first} to {last} days" if first else f"within {last} day{'s' if last > 1 else ''}"
