"""Some processes of a host as a snapshot of their own.

Their labels stay the same: a label depends on its own process and on the facts of the host, and no other.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np

from procmaps.tables import MapTable, ProcessTable, Snapshot

_WHOLE: Final = frozenset(("text",))  # not a column


def excerpt(snapshot: Snapshot, rows: Sequence[int]) -> Snapshot:
    """The processes at these different rows of the ProcessTable, in this order, with their mappings.

    Facts, counts and notes stay those of the host.
    """
    wanted = np.asarray(rows, np.int64)
    place = np.full(len(snapshot.processes), -1, np.int32)
    place[wanted] = np.arange(len(wanted), dtype=np.int32)
    owner = place[snapshot.maps.process]
    kept = (owner >= 0).nonzero()[0]
    kept = kept[np.argsort(owner[kept], kind="stable")]
    maps = replace(snapshot.maps, **_taken(snapshot.maps, kept))
    return replace(
        snapshot,
        processes=replace(snapshot.processes, **_taken(snapshot.processes, wanted)),
        maps=replace(maps, process=owner[kept]),
    )


def _taken(table: MapTable | ProcessTable, rows: np.ndarray) -> dict[str, Any]:
    """The columns of a table, of these rows alone."""
    columns = {each.name: getattr(table, each.name) for each in fields(table) if each.name not in _WHOLE}
    return {
        name: column[rows] if isinstance(column, np.ndarray) else tuple(column[row] for row in rows.tolist())
        for name, column in columns.items()
    }
