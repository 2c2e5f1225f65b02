"""The labelled mappings of some processes of a kept dump, for the page and `mapsweep show`.

A row is a block: memory that was requested at once, as a thread stack with its guard, or an arena's heap with
its reserve. Equal blocks with no other memory between them are one row: "37 arenas of 64 MiB". There can be
gaps between them: then end - start is more than the reserved bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import polars as pl

from archive.dump_snapshot import unpack
from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from domain.records import Dump
from procmaps.classify import classify
from procmaps.excerpt import excerpt
from procmaps.kinds import Confidence, Kind
from procmaps.perms import perms_text
from procmaps.read import DumpError
from procmaps.reasons import why as reason
from procmaps.rules.book import RULES
from procmaps.tables import (
    EXECUTE,
    READ,
    UNKNOWN,
    WRITE,
    Flags,
    Ints64,
    PartTable,
    Snapshot,
)
from reports.text.plain import printable

ROWS_A_PROCESS_MAX: Final = 400
PROCESSES_MAX: Final = 1000  # of one dump
PAGE_DUMP_BYTES_MAX: Final = 64 * 2**20  # of a part of a dump; 1,000 processes have 10 MiB of maps
NAME_BYTES_MAX: Final = 4096  # of a mapping's name; the kernel gives at most a page

SCHEMA: Final[dict[str, type[pl.DataType]]] = {
    "pid": pl.Int64,
    "start_ticks": pl.Int64,  # null: unknown
    "start": pl.UInt64,  # address of the first byte
    "end": pl.UInt64,  # address after the last byte
    "perms": pl.String,  # `rw-p ---p`: of the accessible memory first
    "kind": pl.String,
    "rule": pl.String,
    "confidence": pl.String,
    "count": pl.Int64,  # blocks; 0 for what follows of a block that other memory interrupts
    "reserved_bytes": pl.Int64,
    "committed_bytes": pl.Int64,
    "resident_bytes": pl.Int64,  # null: unknown
    "name": pl.String,  # as the kernel gives it, unprintable characters escaped
    "why": pl.String,  # the reason for the first block; null unless asked for
}
CUT_SCHEMA: Final[dict[str, type[pl.DataType]]] = {
    "pid": pl.Int64,
    "start_ticks": pl.Int64,
    "rows": pl.Int64,  # that were left out: those with the least committed memory
    "count": pl.Int64,
    "reserved_bytes": pl.Int64,
    "committed_bytes": pl.Int64,
}

ProcessKey: TypeAlias = tuple[int, int | None]  # pid, start_ticks


@dataclass(frozen=True, slots=True)
class Mappings:
    """The rows, by process as asked for and then by address, and what was left out."""

    rows: pl.DataFrame  # SCHEMA
    cut: pl.DataFrame  # CUT_SCHEMA, a row per process that has more than is shown


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Columns, one entry per row: runs of equal blocks of one process."""

    first: Ints64  # the first part
    process: Ints64
    end: np.ndarray
    masks: Ints64
    count: Ints64
    reserved: Ints64
    committed: Ints64
    resident: Ints64  # UNKNOWN if it is for one part

    def only(self, kept: Flags) -> "_Blocks":
        return _Blocks(*(getattr(self, name)[kept] for name in self.__slots__))


def labelled_of(
    run: Run,
    host: str,
    processes: Sequence[ProcessKey],
    *,
    rows_max: int = ROWS_A_PROCESS_MAX,
    inflated_bytes: int = PAGE_DUMP_BYTES_MAX,
) -> Mappings | None:
    """The mappings of processes of a host of a run; None if its dump is not kept.

    OperatorError if the dump is damaged, or a part of it is larger than `inflated_bytes`; LockedError if it
    is encrypted, and cannot be read here.
    """
    try:
        dump = run.read_dump(host)
    except FileNotFoundError:
        return None
    return labelled(dump, processes, inflated_bytes=inflated_bytes, rows_max=rows_max)


def labelled(
    dump: Dump,
    processes: Sequence[ProcessKey],
    *,
    inflated_bytes: int,
    rows_max: int = ROWS_A_PROCESS_MAX,
    why: bool = False,
) -> Mappings:
    """The labelled mappings of at most PROCESSES_MAX processes; what the dump does not have is left out.

    The labels are those of today's rules: equal to the run's result if its rules are of the same version.
    Of a process, the `rows_max` rows with the most committed memory are kept. OperatorError if the bytes are
    not a dump, or are more than `inflated_bytes` when they are inflated.
    """
    place = f"dump of {dump.host}"
    try:
        unpacked = unpack(dump, inflated_bytes)
    except DumpError as error:
        raise OperatorError(Mistake(place, str(error), "sweep the host again")) from error
    if unpacked.is_cut:
        problem = f"has more than {inflated_bytes} bytes"
        raise OperatorError(
            Mistake(place, problem, f"mapsweep show {dump.host}/PID --mappings reads all of it")
        )
    whole = unpacked.snapshot
    table = whole.processes
    keys = zip(table.pid.tolist(), map(_known, table.start_ticks.tolist()), strict=True)
    row_of = {key: row for row, key in enumerate(keys)}
    asked = dict.fromkeys(processes)
    rows = [row_of[key] for key in asked if key in row_of][:PROCESSES_MAX]
    snapshot = excerpt(whole, rows)
    return mappings(snapshot, classify(snapshot), rows_max=rows_max, why=why)


def mappings(
    snapshot: Snapshot, parts: PartTable, *, rows_max: int = ROWS_A_PROCESS_MAX, why: bool = False
) -> Mappings:
    """The same of a snapshot that is labelled already."""
    blocks = _blocks(snapshot, parts)
    is_kept = _places(blocks) < rows_max
    return Mappings(
        _rows(snapshot, parts, blocks.only(is_kept), why=why), _cut(snapshot, blocks.only(~is_kept))
    )


def _blocks(snapshot: Snapshot, parts: PartTable) -> _Blocks:
    """Blocks, and equal ones that follow one another as one."""
    maps = snapshot.maps
    process = maps.process[parts.mapping].astype(np.int64)
    size = (parts.end - parts.start).astype(np.int64)
    perms = maps.perms[parts.mapping].astype(np.int64)
    committed = np.where((perms & (READ | WRITE | EXECUTE)) != 0, size, 0)
    single = _summed(_starts(parts.block), parts, process, (1 << perms, committed, size))
    return _summed(
        single.first[_is_other(snapshot, parts, single)], parts, process, (1 << perms, committed, size)
    )


def _starts(block: np.ndarray) -> Ints64:
    """The parts at which a block begins."""
    is_new = np.ones(len(block), np.bool_)
    is_new[1:] = block[1:] != block[:-1]
    return is_new.nonzero()[0]


def _summed(
    first: Ints64, parts: PartTable, process: Ints64, columns: tuple[Ints64, Ints64, Ints64]
) -> _Blocks:
    """Rows that begin at these parts."""
    masks, committed, size = columns
    if not len(first):
        nothing = np.zeros(0, np.int64)
        return _Blocks(nothing, nothing, parts.end[:0], *(nothing,) * 5)
    heads = (parts.block == np.arange(len(parts))).astype(np.int64)
    last = np.append(first[1:], len(parts)) - 1
    resident = np.add.reduceat(parts.resident_bytes, first)
    is_known = np.minimum.reduceat(parts.resident_bytes, first) != UNKNOWN
    return _Blocks(
        first=first,
        process=process[first],
        end=parts.end[last],
        masks=np.bitwise_or.reduceat(masks, first),
        count=np.add.reduceat(heads, first),
        reserved=np.add.reduceat(size, first),
        committed=np.add.reduceat(committed, first),
        resident=np.where(is_known, resident, UNKNOWN),
    )


def _is_other(snapshot: Snapshot, parts: PartTable, blocks: _Blocks) -> Flags:
    """Which blocks differ from the one before."""
    is_other = np.ones(len(blocks.first), np.bool_)
    if not len(blocks.first):
        return is_other
    first = blocks.first
    before, after = slice(None, -1), slice(1, None)
    columns = (
        *(blocks.process, blocks.masks, blocks.reserved, blocks.count),
        *(parts.kind[first], parts.rule[first], parts.confidence[first]),
        snapshot.maps.name_end[parts.mapping[first]] - snapshot.maps.name_start[parts.mapping[first]],
    )
    is_equal = np.logical_and.reduce([column[before] == column[after] for column in columns])
    for row in is_equal.nonzero()[0].tolist():
        names = (snapshot.maps.name(int(parts.mapping[first[each]])) for each in (row, row + 1))
        is_equal[row] = len(set(names)) == 1
    is_other[after] = ~is_equal
    return is_other


def _places(blocks: _Blocks) -> Ints64:
    """The place of each row in its process, by committed and then by reserved memory, from 0."""
    order = np.lexsort((-blocks.reserved, -blocks.committed, blocks.process))
    process = blocks.process[order]
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order)) - process.searchsorted(process)
    return places


def _rows(snapshot: Snapshot, parts: PartTable, blocks: _Blocks, *, why: bool) -> pl.DataFrame:
    first, maps = blocks.first, snapshot.maps
    columns = {
        **_process_columns(snapshot, blocks),
        "start": parts.start[first],
        "end": blocks.end,
        "perms": _perms(blocks.masks),
        "kind": [Kind(kind).label for kind in parts.kind[first].tolist()],
        "rule": [RULES[rule].name for rule in parts.rule[first].tolist()],
        "confidence": [Confidence(each).label for each in parts.confidence[first].tolist()],
        "count": blocks.count,
        "reserved_bytes": blocks.reserved,
        "committed_bytes": blocks.committed,
        "resident_bytes": [_known(each) for each in blocks.resident.tolist()],
        "name": [
            printable(maps.name(row)[:NAME_BYTES_MAX].decode("utf-8", "backslashreplace"))
            for row in parts.mapping[first].tolist()
        ],
        "why": [printable(reason(snapshot, parts, row)) if why else None for row in first.tolist()],
    }
    return pl.DataFrame(columns, schema=SCHEMA)


def _perms(masks: Ints64) -> list[str]:
    """The perms that a row's mappings have, the widest first."""
    words = {
        mask: " ".join(perms_text(bits) for bits in range(15, -1, -1) if mask >> bits & 1)
        for mask in set(masks.tolist())
    }
    return [words[mask] for mask in masks.tolist()]


def _cut(snapshot: Snapshot, blocks: _Blocks) -> pl.DataFrame:
    left = pl.DataFrame(
        {
            **_process_columns(snapshot, blocks),
            "rows": np.ones(len(blocks.first), np.int64),
            "count": blocks.count,
            "reserved_bytes": blocks.reserved,
            "committed_bytes": blocks.committed,
        },
        schema=CUT_SCHEMA,
    )
    return left.group_by("pid", "start_ticks", maintain_order=True).agg(pl.all().sum())


def _process_columns(snapshot: Snapshot, blocks: _Blocks) -> dict[str, Ints64 | list[int | None]]:
    ticks = snapshot.processes.start_ticks[blocks.process].tolist()
    return {"pid": snapshot.processes.pid[blocks.process], "start_ticks": [_known(each) for each in ticks]}


def _known(amount: int) -> int | None:
    return None if amount == UNKNOWN else amount
