"""What is usual for hosts and services by their last runs, so that it is not told."""

from typing import Final

import numpy as np
import polars as pl

from reports.changes.noise import STEPS_MIN
from reports.changes.series import Bools, Floats, Series, room, usual

_RISE: Final = "_rise"
_FALL: Final = "_fall"


def usual_of(of: Series, changes: Floats, kind: str) -> pl.DataFrame:
    """name, kind, _rise, _fall: how far a change of each name is usual."""
    rise, fall = usual(changes)
    return pl.DataFrame({"name": of.names, _RISE: rise, _FALL: fall}).with_columns(pl.lit(kind).alias("kind"))


def unusual(rows: pl.DataFrame, usual_ones: pl.DataFrame, left: list[str], right: list[str]) -> pl.DataFrame:
    """The rows whose change is not usual for the host or service."""
    change = pl.col("change_bytes")
    within = pl.when(change > 0).then(change <= pl.col(_RISE)).otherwise(-change <= pl.col(_FALL))
    joined = rows.join(usual_ones, left_on=left, right_on=right, how="left", maintain_order="left")
    return joined.filter(~within.fill_null(value=False)).drop(_RISE, _FALL)


def unusual_numbers(rows: pl.DataFrame, of: Series, members: Floats) -> pl.DataFrame:
    """The rows of services whose change in the number of processes is not usual; `members` run by run.

    Of one that breathes it is usual to be as large or as small as in the earlier runs, and a little beyond.
    """
    rise, fall = (
        np.maximum(*both) for both in zip(usual(np.diff(members, axis=1)), room(members), strict=True)
    )
    steps = pl.DataFrame({"service": of.names, _RISE: rise, _FALL: fall})
    more = pl.col("count") - pl.col("count_before")
    within = pl.when(more > 0).then(more <= pl.col(_RISE)).otherwise(-more <= pl.col(_FALL))
    joined = rows.join(steps, on="service", how="left", maintain_order="left")
    return joined.filter(~within.fill_null(value=False)).drop(_RISE, _FALL)


def often_restarted(counts: Floats) -> Floats:
    """How many restarts of a service are usual: twice what at least half of the earlier runs had, or more."""
    known = ~np.isnan(counts)
    enough = known.sum(axis=1) >= STEPS_MIN
    if not counts.shape[1]:
        return np.zeros(counts.shape[0])
    filled = np.where(known, counts, 0)
    return np.where(enough, 2 * np.floor(np.median(filled, axis=1)), 0)


def comes_and_goes(members: Floats) -> Bools:
    """Whether an earlier run did not see a service that one before it had seen: a batch job."""
    seen = ~np.isnan(members)
    return np.asarray((seen[:, :-1] & ~seen[:, 1:]).any(axis=1))
