"""The tables of a host as Polars frames, and frames as bytes. Equal tables give equal bytes, in any process.

docs/architecture.md lists the columns; unknown values are null.
"""

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from archive.results import REMEDY
from domain.mistakes import Mistake, OperatorError
from procmaps.doubts import DoubtTable
from procmaps.facts import display
from procmaps.findings import Finding
from procmaps.identity import IdentityTable
from procmaps.kinds import Kind
from procmaps.memory_limits import rooms
from procmaps.tables import UNKNOWN, Evidence, FootprintTable, Snapshot, Trouble

COMPRESSION_LEVEL = 3
ROWS_PER_GROUP = 1 << 20
ARGUMENTS_LENGTH_MAX = 4096  # characters kept of a command line; some have megabytes

_EVIDENCE: Final = {int(evidence): evidence.name.lower() for evidence in Evidence}

_KINDS: Final = pl.Series([kind.label for kind in Kind], dtype=pl.String)

Values: TypeAlias = npt.NDArray[np.int64] | npt.NDArray[np.float64] | list[str] | pl.Series

PROCESS_SCHEMA: Final[dict[str, type[pl.DataType]]] = {
    "pid": pl.Int64,
    "start_ticks": pl.Int64,
    "started_at_s": pl.Float64,
    "uid": pl.Int64,
    "comm": pl.String,
    "exe": pl.String,
    "service": pl.String,
    "unit": pl.String,
    "container": pl.String,
    "runtime": pl.String,
    "evidence": pl.String,
    "trouble": pl.String,
    "threads": pl.Int64,
    "vm_size_bytes": pl.Int64,
    "rss_bytes": pl.Int64,
    "rss_anon_bytes": pl.Int64,
    "rss_file_bytes": pl.Int64,
    "rss_shmem_bytes": pl.Int64,
    "swap_bytes": pl.Int64,
    "native_sure_bytes": pl.Int64,
    "native_doubt_bytes": pl.Int64,
    "guessed_bytes": pl.Int64,
    "present_bytes": pl.Int64,
    "largest_guess": pl.String,
    "limit_bytes": pl.Int64,
    "limit_room_least_bytes": pl.Int64,
    "limit_room_most_bytes": pl.Int64,
}
ARGUMENT_SCHEMA: Final[dict[str, type[pl.DataType]]] = {
    "pid": pl.Int64,
    "start_ticks": pl.Int64,
    "arguments": pl.String,
}
FOOTPRINT_SCHEMA: Final[dict[str, type[pl.DataType]]] = {
    "pid": pl.Int64,
    "start_ticks": pl.Int64,
    "kind": pl.String,
    "block_bytes": pl.Int64,
    "count": pl.Int64,
    "reserved_bytes": pl.Int64,
    "committed_bytes": pl.Int64,
    "resident_bytes": pl.Int64,
    "resident_max_bytes": pl.Int64,
    "pss_bytes": pl.Int64,
    "swap_bytes": pl.Int64,
}

FINDING_SCHEMA: Final[dict[str, type[pl.DataType]]] = {
    "pid": pl.Int64,
    "start_ticks": pl.Int64,
    "comm": pl.String,
    "code": pl.String,
    "severity": pl.String,
    "evidence": pl.String,
    "advice": pl.String,
    "confirm": pl.String,
    "not_shown": pl.String,
    "kind": pl.String,
    "concerns_bytes": pl.Int64,
}


def processes_frame(snapshot: Snapshot, identity: IdentityTable, doubts: DoubtTable) -> pl.DataFrame:
    """One row per process, in the order of the dump."""
    processes, below = snapshot.processes, rooms(snapshot)
    columns: dict[str, Values] = {
        "pid": processes.pid,
        "start_ticks": processes.start_ticks,
        "started_at_s": np.round(identity.started_at_s, 2),
        "uid": processes.uid,
        "comm": list(identity.comm),
        "exe": list(identity.exe),
        "service": list(identity.service),
        "unit": list(identity.unit),
        "container": list(identity.container),
        "runtime": list(identity.runtime),
        "evidence": [_EVIDENCE[evidence] for evidence in processes.evidence.tolist()],
        "trouble": [_trouble(bits) for bits in processes.trouble.tolist()],
        "threads": processes.threads,
        "vm_size_bytes": processes.vm_size_bytes,
        "rss_bytes": processes.rss_bytes,
        "rss_anon_bytes": processes.rss_anon_bytes,
        "rss_file_bytes": processes.rss_file_bytes,
        "rss_shmem_bytes": processes.rss_shmem_bytes,
        "swap_bytes": processes.swap_bytes,
        "native_sure_bytes": doubts.native_sure_bytes,
        "native_doubt_bytes": doubts.native_doubt_bytes,
        "guessed_bytes": doubts.guessed_bytes,
        "present_bytes": doubts.present_bytes,
        "largest_guess": doubts.largest_guesses(),
        "limit_bytes": below.limit_bytes,
        "limit_room_least_bytes": below.least_bytes,
        "limit_room_most_bytes": below.most_bytes,
    }
    return _frame(columns, PROCESS_SCHEMA)


def arguments_frame(snapshot: Snapshot) -> pl.DataFrame:
    """One row per process, in the order of the dump: its arguments, with secrets masked."""
    processes = snapshot.processes
    columns: dict[str, Values] = {
        "pid": processes.pid,
        "start_ticks": processes.start_ticks,
        "arguments": [
            _text(b" ".join(argv)[:ARGUMENTS_LENGTH_MAX])[:ARGUMENTS_LENGTH_MAX] for argv in processes.argv
        ],
    }
    return _frame(columns, ARGUMENT_SCHEMA)


def findings_frame(snapshot: Snapshot, found: list[Finding]) -> pl.DataFrame:
    """One row per finding, the most severe first."""
    processes = snapshot.processes
    of = np.array([each.process for each in found], np.int64)
    columns: dict[str, Values] = {
        "pid": processes.pid[of],
        "start_ticks": processes.start_ticks[of],
        "comm": [display(processes.comm[each.process]) for each in found],
        "code": [each.code for each in found],
        "severity": [each.severity.label for each in found],
        "evidence": [each.evidence for each in found],
        "advice": [each.advice for each in found],
        "confirm": [each.confirm for each in found],
        "not_shown": [each.not_shown for each in found],
        "kind": [each.kind for each in found],
        "concerns_bytes": np.array(
            [UNKNOWN if each.concerns_bytes is None else each.concerns_bytes for each in found], np.int64
        ),
    }
    return _frame(columns, FINDING_SCHEMA)


def footprints_frame(snapshot: Snapshot, footprints: FootprintTable) -> pl.DataFrame:
    """One row per process, kind and block size, in the order of the table."""
    columns: dict[str, Values] = {
        "pid": snapshot.processes.pid[footprints.process],
        "start_ticks": snapshot.processes.start_ticks[footprints.process],
        "kind": _KINDS[footprints.kind],
        "block_bytes": footprints.block_bytes,
        "count": footprints.count,
        "reserved_bytes": footprints.reserved_bytes,
        "committed_bytes": footprints.committed_bytes,
        "resident_bytes": footprints.resident_bytes,
        "resident_max_bytes": footprints.resident_max_bytes,
        "pss_bytes": footprints.pss_bytes,
        "swap_bytes": footprints.swap_bytes,
    }
    return _frame(columns, FOOTPRINT_SCHEMA)


def to_ipc(frame: pl.DataFrame) -> bytes:
    """A frame as an Arrow IPC stream, which costs a tenth of Parquet for a table of this size.

    LZ4, because a buffer holds a few hundred bytes: Zstandard takes twice as long for two thirds of the size.
    """
    target = BytesIO()
    frame.write_ipc_stream(target, compression="lz4", compat_level=pl.CompatLevel.oldest())
    return target.getvalue()


def from_ipc(content: bytes, place: str) -> pl.DataFrame:
    """The frame in an Arrow IPC stream; an OperatorError that names `place` if it is damaged."""
    try:
        return pl.read_ipc_stream(BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise OperatorError(Mistake(place, f"is not a whole Arrow stream: {error}", REMEDY)) from error


def to_parquet(frame: pl.DataFrame) -> bytes:
    """A frame as the bytes of one Parquet file; the same frame gives the same bytes."""
    target = BytesIO()
    frame.write_parquet(
        target,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        statistics=True,
        row_group_size=ROWS_PER_GROUP,
    )
    return target.getvalue()


def from_parquet(content: bytes, place: str, wanted: Sequence[str] | None = None) -> pl.DataFrame:
    """The frame in a Parquet file's bytes, or those of these columns that it has.

    OperatorError that names `place` if it is damaged.
    """
    try:
        try:
            return pl.read_parquet(BytesIO(content), columns=list(wanted) if wanted else None)
        except (
            pl.exceptions.ColumnNotFoundError
        ):  # of an older version; to ask first would cost as much again
            present = pl.read_parquet_schema(BytesIO(content))
            return pl.read_parquet(
                BytesIO(content), columns=[name for name in wanted or () if name in present]
            )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise OperatorError(Mistake(place, f"is not a whole Parquet file: {error}", REMEDY)) from error


def with_own_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows with copies of their texts, equal ones of a column once in memory.

    Rows that are taken out of a table keep all texts of that table in memory otherwise.
    """
    if frame.is_empty():  # as most of a closing are; each column would take several queries
        return frame.clear()
    return frame.with_columns(_own(column) for column in frame.iter_columns() if column.dtype == pl.String)


def _own(texts: pl.Series) -> pl.Series:
    distinct = texts.drop_nulls().unique(maintain_order=True)
    places = texts.cast(pl.Enum(distinct)).to_physical()
    return (distinct + "").gather(places).alias(texts.name)


def _frame(columns: dict[str, Values], schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    """The columns in the order of the schema; -1 in a count is unknown, and so is an empty text."""
    counts = _counts({name: columns[name] for name, kind in schema.items() if kind is pl.Int64})
    return pl.DataFrame(
        [
            counts[name] if name in counts else _column(name, columns[name], kind)
            for name, kind in schema.items()
        ]
    )


def _counts(columns: dict[str, Values]) -> dict[str, pl.Series]:
    """Columns of counts, made as one and cut: in a table of some hundred rows each column costs alike."""
    values = np.concatenate(list(columns.values()), dtype=np.int64)
    unknown = values == UNKNOWN
    counts = pl.Series(values)
    if unknown.any():
        counts = counts.set(pl.Series(unknown), None)
    rows = len(values) // len(columns)
    return {name: counts.slice(place * rows, rows).alias(name) for place, name in enumerate(columns)}


def _column(name: str, values: Values, kind: type[pl.DataType]) -> pl.Series:
    """One column of text or of fractions."""
    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, list):
        texts = [text or None for text in values] if "" in values else values
        return pl.Series(name, texts, dtype=kind)
    return pl.Series(name, values, dtype=kind, nan_to_null=True)


def _text(raw: bytes) -> str:
    r"""UTF-8; other bytes are written as \xNN."""
    return raw.decode("utf-8", "backslashreplace")


@cache
def _trouble(bits: int) -> str:
    return " ".join(trouble.name.lower() for trouble in Trouble if bits & trouble and trouble.name)
