"""The measures of processes, services and hosts that are ranked, from the footprints of hosts.

Unknown stays null everywhere: a process whose maps may not be read has an unknown native heap, not 0. A sum
is over the known values, and the number of processes without one is beside it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import polars as pl

from procmaps.doubts import DOUBTFUL_PART
from procmaps.kinds import Family, Kind
from procmaps.own_probe import RUNTIME

PEERS_MIN = 5  # least number of processes of a service for a baseline
BLOAT_FACTOR_MIN = 2  # a process is bloated if it has twice the median ...
BLOAT_EXCESS_MIN_BYTES = 64 * 2**20  # ... and this much more than the median

_SIZES = ("reserved_bytes", "committed_bytes", "resident_bytes", "resident_max_bytes")
_NO_TICKS = -1
_PROCESS = ("host", "pid", "start_ticks")
_NATIVE_KINDS = tuple(kind.label for kind in Kind if kind.family is Family.NATIVE_HEAP)
_MEASURED_KINDS = (
    *_NATIVE_KINDS,
    *(kind.label for kind in (Kind.THREAD_STACK, Kind.JAVA_HEAP, Kind.ANONYMOUS)),
)
NATIVE: Final = "native_heap_resident_max_bytes"
STACKS: Final = "stacks_resident_max_bytes"
LEAST: Final = "native_heap_least_bytes"
MOST: Final = "native_heap_most_bytes"
YES: Final = "yes"
NO: Final = "no"
OF_PROBE: Final = pl.col("runtime").eq_missing(RUNTIME)  # the sweep's own: counted, and named as no largest


def measured(processes: pl.DataFrame, footprints: pl.DataFrame) -> pl.DataFrame:
    """Measures beside processes: 0 if there is nothing of a kind, null where maps were not read.

    `footprints` are numbered (`reports.tables.kinds`).
    """
    owners = footprints.group_by("_process").agg(
        pl.col(_PROCESS).first(), (pl.col("resident_bytes").null_count() == 0).alias("_exact")
    )
    of_kinds = (
        footprints.select("_process", "kind", "count", *_SIZES)
        .filter(pl.col("kind").is_in(_MEASURED_KINDS))
        .group_by("_process")
        .agg(
            *_extents("native_heap", pl.col("kind").is_in(_NATIVE_KINDS)),
            *_extents("stacks", pl.col("kind") == Kind.THREAD_STACK.label),
            *_extents("java_heap", pl.col("kind") == Kind.JAVA_HEAP.label),
            _count(Kind.THREAD_STACK).alias("stacks"),
            _count(Kind.HEAP_ARENA).alias("arena_heaps"),
            *(
                _kind(kind).alias(f"{kind.label}_resident_max_bytes")
                for kind in Kind
                if kind.label in _NATIVE_KINDS
            ),
            _kind(Kind.ANONYMOUS).alias("unidentified_resident_max_bytes"),
            pl.lit(value=True).alias("_measured"),
        )
    )
    sums = (
        owners.join(of_kinds, on="_process", how="left")
        .drop("_process")
        .with_columns(pl.col("start_ticks").fill_null(_NO_TICKS))
    )
    keyed = processes.with_columns(
        pl.col("start_ticks").fill_null(_NO_TICKS)
    )  # null equals nothing in a join
    joined = keyed.join(sums, on=_PROCESS, how="left", maintain_order="left").with_columns(
        pl.when(pl.col("start_ticks") != _NO_TICKS).then(pl.col("start_ticks")).alias("start_ticks")
    )
    measures = [name for name in sums.columns if name not in {*_PROCESS, "_exact", "_measured"}]
    joined = joined.with_columns(
        pl.when(
            pl.col("_measured").is_null()
            & (pl.col("_exact").is_not_null() | (pl.col("evidence") != "denied"))
        )
        .then(0)
        .otherwise(pl.col(name))
        .alias(name)
        for name in measures
    )
    bounds = [name for name in measures if name.endswith("_resident_max_bytes")]
    return (
        joined.with_columns(_at_most(name) for name in bounds)
        .with_columns(*_range())
        .with_columns(_at_most(MOST), _doubtful())
        .drop("_exact", "_measured", "native_sure_bytes", "native_doubt_bytes")
    )


def _range() -> Iterator[pl.Expr]:
    """The native heap without guesses, and with all that can be native heap; RssAnon bounds it later.

    Null in a result that does not tell, as those of older versions.
    """
    native, sure = pl.col(NATIVE), pl.col("native_sure_bytes")
    yield (
        pl.when(native.is_not_null() & sure.is_not_null()).then(pl.min_horizontal(native, sure)).alias(LEAST)
    )
    yield (native + pl.col("native_doubt_bytes")).alias(MOST)


def _doubtful() -> pl.Expr:
    """yes, no, or empty if it is not known."""
    over = pl.col("guessed_bytes") * DOUBTFUL_PART > pl.col("present_bytes")
    said = pl.when(over).then(pl.lit(YES)).otherwise(pl.lit(NO))
    return pl.when(over.is_null()).then(pl.lit("")).otherwise(said).alias("doubtful")


def _extents(measure_name: str, chosen: pl.Expr) -> list[pl.Expr]:
    """The four sizes of a measure; resident is known only if it is known for every part."""
    return [
        (_sum_known if size == "resident_bytes" else _sum)(pl.col(size).filter(chosen)).alias(
            f"{measure_name}_{size}"
        )
        for size in _SIZES
    ]


def _sum(column: pl.Expr) -> pl.Expr:
    return column.sum()


def _sum_known(column: pl.Expr) -> pl.Expr:
    """The sum; null as soon as one part is unknown."""
    return pl.when(column.null_count() == 0).then(column.sum())


def sum_any(column: pl.Expr) -> pl.Expr:
    """The sum of the known values; null if there are none."""
    return pl.when(column.count() > 0).then(column.sum())


def _count(kind: Kind) -> pl.Expr:
    return pl.col("count").filter(pl.col("kind") == kind.label).sum()


def _kind(kind: Kind) -> pl.Expr:
    return pl.col("resident_max_bytes").filter(pl.col("kind") == kind.label).sum()


def _at_most(name: str) -> pl.Expr:
    """Bounds the sum by RssAnon: each row is bounded by it, but their sum may exceed it."""
    most = pl.col(name)
    over = ~pl.col("_exact") & (most > pl.col("rss_anon_bytes"))
    return pl.when(over).then(pl.col("rss_anon_bytes")).otherwise(most).alias(name)


def with_peers(processes: pl.DataFrame, medians_: pl.DataFrame) -> pl.DataFrame:
    """Adds peer_excess_bytes: native heap above the median of the same service over the fleet.

    Null where fewer than PEERS_MIN of the service are known. `medians_`: see `reports.closing.service_table`.
    """
    excess = (pl.col(NATIVE) - pl.col("_median")).clip(lower_bound=0).round().cast(pl.Int64)
    baselines = medians_.filter(pl.col("_members") >= PEERS_MIN).select("service", "_median")
    joined = processes.join(baselines, on="service", how="left", maintain_order="left")
    return joined.with_columns(excess.alias("peer_excess_bytes")).drop("_median")


_SUMMED = (
    *(f"{kind}_resident_max_bytes" for kind in _NATIVE_KINDS),
    "arena_heaps",
    "unidentified_resident_max_bytes",
    "rss_bytes",
    "rss_anon_bytes",
    "rss_file_bytes",
    "rss_shmem_bytes",
    "swap_bytes",
    "java_heap_reserved_bytes",
    "java_heap_committed_bytes",
    "java_heap_resident_max_bytes",
)
RANKED: Final = (
    "native_heap_reserved_bytes",
    "native_heap_committed_bytes",
    NATIVE,
    "stacks",
    "stacks_reserved_bytes",
    "stacks_committed_bytes",
    "stacks_resident_max_bytes",
    "threads",
    "peer_excess_bytes",
)
_READ = pl.col(NATIVE).is_not_null()


def _sums(names: Iterable[str]) -> Iterator[pl.Expr]:
    return (sum_any(pl.col(name)).alias(name) for name in names)


def residents(*measures: str) -> Iterator[pl.Expr]:
    """Resident sums over the processes that were read; null as soon as one of them is a bound."""
    for name in measures:
        resident = pl.col(f"{name}_resident_bytes").filter(_READ)
        known = (resident.len() > 0) & (resident.null_count() == 0)
        yield pl.when(known).then(resident.sum()).alias(f"{name}_resident_bytes")


def doubts() -> Iterator[pl.Expr]:
    """Sums of what the labels leave open; null as soon as a process that was read does not tell."""
    for name in (LEAST, MOST):
        amounts = pl.col(name).filter(_READ)
        known = (amounts.len() > 0) & (amounts.null_count() == 0)
        yield pl.when(known).then(amounts.sum()).alias(name)
    yield from _sums(("guessed_bytes", "present_bytes"))
    told = pl.col("doubtful").filter(pl.col("doubtful") != "")
    yield pl.when(told.len() > 0).then((told == YES).sum()).cast(pl.Int64).alias("doubtful")


def host_sums(processes: pl.DataFrame) -> pl.DataFrame:
    """host, and the sums over its processes."""
    return processes.group_by("host").agg(
        *_sums((*RANKED, *_SUMMED)), *residents("native_heap", "stacks", "java_heap"), *doubts()
    )
