"""Which processes changed beyond what is usual, and what their peers did."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from reports.changes.noise import BREATHING_PART, GIVEN_BACK, SAME_AGAIN, SPREAD

Ints = npt.NDArray[np.int64]
_PEERS_HALF: Final = 2  # a peer changed too if it changed by this part of the change, in the same direction


@dataclass(frozen=True, slots=True)
class _Moved:
    """The changes of the processes of a service that are at least half of one that is told."""

    changes: Ints  # sorted
    ups: int
    downs: int
    up: float  # the median of each
    down: float


class Moves:
    """How the processes of each service moved."""

    def __init__(self, parts: Iterable[pl.DataFrame]) -> None:
        """`parts` are the `moves` of `reports.changes.part`."""
        together = pl.concat(parts).explode("change_bytes").drop_nulls()
        moved = together.group_by("service").agg(pl.col("change_bytes").sort())
        self._of = {
            service: _moved(changes.to_numpy().astype(np.int64))
            for service, changes in zip(moved["service"], moved["change_bytes"], strict=True)
        }

    def is_usual(self, service: str, change_bytes: int, members: int) -> bool:
        """Whether a service breathes as far as that: others of its `members` moved the other way.

        They must be a tenth of them, and half as many as moved this way; the change is within SPREAD times
        their median.
        """
        moved = self._of.get(service)
        if moved is None or not change_bytes:
            return False
        here, there, median = moved.ups, moved.downs, moved.down
        if change_bytes < 0:
            here, there, median = moved.downs, moved.ups, moved.up
        if there < max(SAME_AGAIN, members * BREATHING_PART, here * GIVEN_BACK):
            return False
        return abs(change_bytes) <= SPREAD * median

    def peers_changed(self, service: str, change_bytes: int) -> int:
        """How many other processes of the service changed by at least half of it, in the same direction."""
        moved = self._of.get(service)
        if moved is None:
            return 0
        half = abs(change_bytes) / _PEERS_HALF
        if change_bytes > 0:
            alike = len(moved.changes) - int(np.searchsorted(moved.changes, half, "left"))
        else:
            alike = int(np.searchsorted(moved.changes, -half, "right"))
        return max(alike - 1, 0)


def _moved(changes: Ints) -> _Moved:
    ups, downs = changes[changes > 0], -changes[changes < 0]
    medians = (float(np.median(each)) if len(each) else 0.0 for each in (ups, downs))
    return _Moved(changes, len(ups), len(downs), *medians)


def with_peers(rows: pl.DataFrame, services: pl.DataFrame, moves: Moves) -> pl.DataFrame:
    """The rows that are not usual for their service, with what its other processes did.

    `services` tell how many processes of each are in both runs (`same`).
    """
    others = services.select("service", (pl.col("same") - 1).alias("_peers"))
    found = rows.join(others, on="service", how="left", maintain_order="left")
    asked = [
        (service, change, peers or 0)
        for service, change, peers in found.select("service", "change_bytes", "_peers").iter_rows()
    ]
    is_usual = [bool(change) and moves.is_usual(service, change, peers) for service, change, peers in asked]
    alike = [
        moves.peers_changed(service, change) if change and service else None for service, change, _ in asked
    ]
    compared = pl.col("peers_changed").is_not_null()
    return (
        found.with_columns(pl.Series("peers_changed", alike, pl.Int64))
        .with_columns(pl.when(compared).then(pl.col("_peers")).alias("peers"))
        .filter(~pl.Series(is_usual, dtype=pl.Boolean))
        .drop("_peers")
    )
