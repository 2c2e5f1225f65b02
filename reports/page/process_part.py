"""The processes of a page, with their kinds, arguments and mappings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import polars as pl

from reports.page import fields
from reports.page.container import Packed, pack
from reports.page.fields import Table
from reports.page.room import Part, Room, below, counted, first, most

DETAILED_MAX: Final = 30_000  # processes whose kinds are read, which bounds the memory of a very large fleet

# At most this share of the bytes that are left when its turn comes.
_ALL: Final = 0.95  # the processes, if all of them fit
_SOME: Final = 0.75  # otherwise
_MAPPINGS: Final = 0.15
_ARGUMENTS: Final = 0.2
_KINDS: Final = 1.0

# What is known of these processes, by `_process`, the row of the process.
Known: TypeAlias = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class ProcessPart:
    """The tables, and how much of what there is they have."""

    rows: pl.DataFrame  # the processes
    processes: Packed
    kinds: Packed
    mappings: Packed
    a_host: int  # processes, at most
    parts: dict[str, Part]


def fill(rows: pl.DataFrame, kinds_of: Known, mappings_of: Known, room: Room) -> ProcessPart:
    """What there is room for: the first processes of each host, then what is known of the first of these."""
    a_host, processes = _of_each_host(rows, room)
    shown = below(rows, "_turn", a_host)
    turn = shown["_weight"].rank("ordinal").cast(pl.Int64) - 1  # in the page
    mappings = _of_first(_known(mappings_of, shown, turn), turn, room, _MAPPINGS, fields.MAPPINGS_TABLE)
    told, arguments = room.fit(_ARGUMENTS, shown.height, _arguments(shown["arguments"], turn))
    kinds = _of_first(_known(kinds_of, shown, turn), turn, room, _KINDS, fields.KINDS_TABLE)
    not_asked = shown.filter((turn >= DETAILED_MAX) & (pl.col("evidence") != "denied")).height
    counts = pl.DataFrame({"kinds": kinds.counts, "mappings": mappings.counts})
    return ProcessPart(
        rows=shown,
        processes=processes.beside(pack(counts)).beside(arguments),
        kinds=kinds.packed,
        mappings=mappings.packed,
        a_host=a_host,
        parts={
            "kinds": Part(kinds.part.shown, kinds.part.of + not_asked),
            "arguments": Part(told, shown.height),
            "mappings": Part(mappings.part.shown, shown.height),
        },
    )


def _of_each_host(rows: pl.DataFrame, room: Room) -> tuple[int, Packed]:
    """All processes, or the first few of each host; and how many that are of a host, at most."""
    table, largest = fields.PROCESSES_TABLE, most(rows["_turn"])
    if whole := room.whole(_ALL, rows.select(table.names), table.bases):
        return largest + 1, whole
    return room.fit(_SOME, largest, first(rows, "_turn", table.names), table.bases)


def _known(known_of: Known, shown: pl.DataFrame, turn: pl.Series) -> pl.DataFrame:
    """What is known of the first DETAILED_MAX processes."""
    asked = (turn < DETAILED_MAX).arg_true()
    known = known_of(shown[asked])
    return known.with_columns(asked.gather(known["_process"]).alias("_process"))


@dataclass(frozen=True, slots=True)
class _Detailed:
    """Rows of some processes."""

    packed: Packed
    counts: pl.Series  # rows of each process of the page
    part: Part  # processes


def _of_first(known: pl.DataFrame, turn: pl.Series, room: Room, share: float, table: Table) -> _Detailed:
    """What is known of the most important processes."""
    rows = known.with_columns(turn.gather(known["_process"]).alias("_turn"))
    count, packed = room.fit(share, len(turn), first(rows, "_turn", table.names), table.bases)
    kept = rows.filter(pl.col("_turn") < count)["_process"]
    counts = counted(kept, len(turn))
    return _Detailed(packed, counts, Part(int((counts > 0).sum()), known["_process"].n_unique()))


def _arguments(arguments: pl.Series, turn: pl.Series) -> Callable[[int], pl.DataFrame]:
    """The arguments of the most important processes; none of the others."""
    nothing = pl.Series("arguments", [""]).new_from_index(0, len(arguments))
    return lambda count: arguments.zip_with(turn < count, nothing).to_frame()
