"""Footprints of one host -> its kinds, summed for the host and for the processes that are shown."""

from collections.abc import Iterable

import polars as pl

from procmaps.kinds import KIND_BY_LABEL, Family, Kind
from reports.rows import KindRow

ROWS_A_PROCESS_MAX = 16  # block sizes told apart in one process; the rest is added up, kind by kind
SEVERAL_SIZES = 0

_SUMMED = ("count", "reserved_bytes", "committed_bytes", "resident_max_bytes")
_ANONYMOUS = tuple(kind.label for kind in Kind if kind.family in {Family.NATIVE_HEAP, Family.STACK})


def of_host(footprints: pl.DataFrame, processes: pl.DataFrame) -> tuple[KindRow, ...]:
    """A row a kind; native heap and stacks bounded by each process's RssAnon, as everywhere."""
    limits = processes.select("pid", "rss_anon_bytes").unique("pid", keep="first")
    by_process = footprints.group_by("pid", "kind").agg(*_sums()).join(limits, on="pid", how="left")
    most, limit = pl.col("resident_max_bytes"), pl.col("rss_anon_bytes")
    over = pl.col("kind").is_in(_ANONYMOUS) & pl.col("resident_bytes").is_null() & (most > limit)
    bounded = by_process.with_columns(pl.when(over).then(limit).otherwise(most).alias("resident_max_bytes"))
    summed = bounded.group_by("kind").agg(*_sums()).with_columns(pl.lit(SEVERAL_SIZES).alias("block_bytes"))
    return tuple(sorted(_rows(summed), key=_by_kind))


def of_processes(footprints: pl.DataFrame, pids: Iterable[int]) -> dict[int, tuple[KindRow, ...]]:
    """By pid: a row a kind and block size, the largest first; beyond ROWS_A_PROCESS_MAX a row a kind."""
    chosen = footprints.filter(pl.col("pid").is_in(list(pids)))
    grouped: dict[int, list[KindRow]] = {}
    for pid, row in zip(chosen["pid"], _rows(chosen), strict=True):
        grouped.setdefault(pid, []).append(row)
    return {pid: tuple(_folded(rows)) for pid, rows in grouped.items()}


def together(hosts: Iterable[tuple[KindRow, ...]]) -> tuple[KindRow, ...]:
    """The kinds of all hosts, a row a kind."""
    rows: dict[str, list[KindRow]] = {}
    for host in hosts:
        for row in host:
            rows.setdefault(row.kind, []).append(row)
    return tuple(sorted((_added(kind, same) for kind, same in rows.items()), key=_by_kind))


def _sums() -> list[pl.Expr]:
    resident = pl.col("resident_bytes")
    known = pl.when(resident.null_count() == 0).then(resident.sum()).alias("resident_bytes")
    return [*(pl.col(name).sum() for name in _SUMMED), known]


def _rows(table: pl.DataFrame) -> list[KindRow]:
    names = (
        "kind",
        "block_bytes",
        "count",
        "reserved_bytes",
        "committed_bytes",
        "resident_bytes",
        "resident_max_bytes",
    )
    return [KindRow(*row) for row in table.select(names).iter_rows()]


def _folded(rows: list[KindRow]) -> list[KindRow]:
    ordered = sorted(rows, key=_largest_first)
    kept, rest = ordered[:ROWS_A_PROCESS_MAX], ordered[ROWS_A_PROCESS_MAX:]
    by_kind: dict[str, list[KindRow]] = {}
    for row in rest:
        by_kind.setdefault(row.kind, []).append(row)
    return [*kept, *(_added(kind, same) for kind, same in by_kind.items())]


def _added(kind: str, rows: list[KindRow]) -> KindRow:
    sizes = {row.block_bytes for row in rows}
    residents = [row.resident_bytes for row in rows if row.resident_bytes is not None]
    mosts = [row.resident_max_bytes for row in rows if row.resident_max_bytes is not None]
    return KindRow(
        kind,
        sizes.pop() if len(sizes) == 1 else SEVERAL_SIZES,
        sum(row.count for row in rows),
        sum(row.reserved_bytes for row in rows),
        sum(row.committed_bytes for row in rows),
        sum(residents) if len(residents) == len(rows) else None,
        sum(mosts) if mosts else None,
    )


def _largest_first(row: KindRow) -> tuple[int, int, int, int]:
    return (-(row.resident_max_bytes or 0), -row.reserved_bytes, KIND_BY_LABEL[row.kind], row.block_bytes)


def _by_kind(row: KindRow) -> int:
    return KIND_BY_LABEL[row.kind]
