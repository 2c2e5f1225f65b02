"""The last runs of hosts or services in numbers: what is usual for them, and how they grow by the day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from reports.changes.noise import BEYOND, GIVEN_BACK, SAME_AGAIN, STEPS_MIN

Floats: TypeAlias = npt.NDArray[np.float64]  # NaN: not known
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

RUNS_OF_A_TREND_MIN: Final = 4


@dataclass(frozen=True, slots=True)
class Series:
    """Of each name and run one number per measure, runs from the oldest; all arrays are names x runs."""

    names: pl.Series
    measures: dict[str, Floats]

    def places(self, names: pl.Series) -> Ints:
        """Where these names stand, without those that it has not."""
        where = pl.DataFrame({"name": self.names, "place": np.arange(len(self.names))})
        wanted = pl.DataFrame({"name": names}, schema={"name": pl.String})
        return wanted.join(where, on="name", how="inner", maintain_order="left")["place"].to_numpy()


def series(names: pl.Series, runs: Sequence[dict[str, Floats]], measures: Sequence[str]) -> Series:
    """The measures of these names in some runs, each as `looked_up` gives them."""
    empty = np.empty((len(names), 0))
    return Series(names, {name: np.column_stack([empty, *(run[name] for run in runs)]) for name in measures})


def looked_up(names: pl.Series, key: str, table: pl.DataFrame, measures: Sequence[str]) -> dict[str, Floats]:
    """The measures of these names in a table of one run, whose names are in the column `key`."""
    rows = table.select(pl.col(key).alias("name"), *(pl.col(name).cast(pl.Float64) for name in measures))
    wanted = pl.DataFrame({"name": names}, schema={"name": pl.String})
    found = wanted.join(rows.unique("name", keep="first"), on="name", how="left", maintain_order="left")
    return {name: found[name].to_numpy().astype(np.float64) for name in measures}


def usual(steps: Floats) -> tuple[Floats, Floats]:
    """The rise and the fall (both at least 0) up to which a change from one run to the next is usual.

    By the earlier steps of each row. Rises are usual if they were given back: up to the second largest of
    them, so that one event hides no other. 0 with fewer than STEPS_MIN steps.
    """
    known = np.nan_to_num(steps)
    rises, falls = np.maximum(known, 0), np.maximum(-known, 0)
    enough = (~np.isnan(steps)).sum(axis=1) >= STEPS_MIN
    up, down = rises.sum(axis=1), falls.sum(axis=1)
    return (
        np.where(enough & (down >= GIVEN_BACK * up), _second(rises), 0),
        np.where(enough & (up >= GIVEN_BACK * down), _second(falls), 0),
    )


def room(levels: Floats) -> tuple[Floats, Floats]:
    """How far a level may rise and fall from its last known value and stay where earlier runs had it.

    That is between the lowest and the highest of them, and beyond by BEYOND of what lies between: a series
    that goes up and down by chance leaves its few earlier values often. 0 unless both rises and falls were
    given back, and with fewer than STEPS_MIN steps: what only grows has no such range.
    """
    if levels.shape[1] <= STEPS_MIN:
        return np.zeros(len(levels)), np.zeros(len(levels))
    steps, last = np.diff(levels, axis=1), levels[:, -1]
    known = np.nan_to_num(steps)
    up, down = np.maximum(known, 0).sum(axis=1), np.maximum(-known, 0).sum(axis=1)
    breathes = (~np.isnan(steps)).sum(axis=1) >= STEPS_MIN
    breathes &= (np.minimum(up, down) >= GIVEN_BACK * np.maximum(up, down)) & ~np.isnan(last)
    lowest = np.where(np.isnan(levels), np.inf, levels).min(axis=1)
    highest = np.where(np.isnan(levels), -np.inf, levels).max(axis=1)
    beyond = BEYOND * (highest - lowest)
    rise, fall = highest + beyond - last, last - lowest + beyond
    return np.where(breathes, rise, 0), np.where(breathes, fall, 0)


def _second(values: Floats) -> Floats:
    """The second largest of each row; 0 if there are fewer."""
    if values.shape[1] < SAME_AGAIN:
        return np.zeros(values.shape[0])
    return np.sort(values, axis=1)[:, -SAME_AGAIN]


def slopes(steps: Floats, days: Floats) -> Floats:
    """Growth in bytes a day, NaN if not known: the median slope over all pairs of runs (Theil and Sen).

    `steps` lead from each run to the next, so there is one less of them than of `days`. A step that is
    not known (a restart of all, a host that did not answer) is not read across: the stretch since the
    last one counts, if it has RUNS_OF_A_TREND_MIN runs.
    """
    return np.array([_slope(row, days) for row in steps], dtype=np.float64)


def _slope(steps: Floats, days: Floats) -> float:
    breaks = np.flatnonzero(np.isnan(steps))
    first = int(breaks[-1]) + 1 if len(breaks) else 0
    at = days[first:]
    if len(at) < RUNS_OF_A_TREND_MIN:
        return float("nan")
    level = np.concatenate([[0.0], np.cumsum(steps[first:])])
    one, other = np.triu_indices(len(at), 1)
    apart = at[other] - at[one]
    known = apart > 0
    return (
        float(np.median((level[other] - level[one])[known] / apart[known])) if known.any() else float("nan")
    )
