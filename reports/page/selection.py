"""Which rows and columns of a run's tables go into the page."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl

from reports import settled, shared_columns
from reports.column import names_of
from reports.columns import HOSTS, PROCESSES, SERVICES
from reports.host_table import HOST_EXTRAS
from reports.page_rows import GRAVITY
from reports.settled import Settled
from reports.sizes import instant

_KINDS: Final = (
    "kind",
    "block_bytes",
    "count",
    "reserved_bytes",
    "committed_bytes",
    "resident_max_bytes",
    "resident_bytes",
)
_FINDINGS: Final = ("pid", "comm", "severity", "code", "evidence", "advice", "confirm", "not_shown")
_NOT_OF_HOSTS: Final = {"elapsed_s"}
_NOT_OF_PROCESSES: Final = {"host", "start_ticks", "started_at_s", "uid"}
_PROCESS: Final = tuple(name for name in names_of(PROCESSES) if name not in _NOT_OF_PROCESSES)
PARTS: Final = tuple(column.name for column in shared_columns.PARTS)

# Columns whose values are mostly the sum of others, which stand before them.
_OF_EXTENTS: Final = {
    f"{measure}_{size}": (f"{measure}_{before}",)
    for measure in ("native_heap", "stacks", "java_heap")
    for size, before in (
        ("resident_bytes", "resident_max_bytes"),
        ("committed_bytes", "resident_max_bytes"),
        ("reserved_bytes", "committed_bytes"),
    )
}
BASES: Final[dict[str, tuple[str, ...]]] = {
    **_OF_EXTENTS,
    "native_heap_resident_max_bytes": PARTS,
    "native_heap_least_bytes": ("native_heap_resident_max_bytes",),
    "native_heap_most_bytes": ("native_heap_resident_max_bytes",),
    "bloat_bytes": ("peer_excess_bytes",),
    "rss_bytes": ("rss_anon_bytes", "rss_file_bytes", "rss_shmem_bytes"),
    "present_bytes": ("rss_bytes", "swap_bytes"),
}
KIND_BASES: Final[dict[str, tuple[str, ...]]] = {
    "committed_bytes": ("reserved_bytes",),
    "resident_max_bytes": ("committed_bytes",),
    "resident_bytes": ("resident_max_bytes",),
}
# what others are the sum of, or nearly
_EARLY: Final = (
    *PARTS,
    "peer_excess_bytes",
    "rss_anon_bytes",
    "rss_file_bytes",
    "rss_shmem_bytes",
    "rss_bytes",
    "swap_bytes",
)


def _in_order(names: Iterable[str]) -> list[str]:
    """Names of columns, the bases of others before these."""
    return sorted(names, key=lambda name: _EARLY.index(name) if name in _EARLY else len(_EARLY))


@dataclass(frozen=True, slots=True)
class Selected:
    """The tables of a page, in the order of the hosts' ranking."""

    hosts: pl.DataFrame
    services: pl.DataFrame
    processes: pl.DataFrame
    kinds: pl.DataFrame
    host_kinds: pl.DataFrame
    findings: pl.DataFrame

    def named(self) -> dict[str, pl.DataFrame]:
        """The tables by the names that they have in the page."""
        return {
            "hosts": self.hosts,
            "services": self.services,
            "processes": self.processes,
            "kinds": self.kinds,
            "host_kinds": self.host_kinds,
            "findings": self.findings,
        }


def select(tables: Settled) -> Selected:
    """All that the page may show."""
    hosts = tables.table(settled.HOSTS).sort("place").with_row_index("_host")
    order = hosts.select(pl.col("name").alias("host"), "_host", _swept(hosts["at"]))
    shown = pl.concat(
        part.filter("shown").select("host", "host_place", "started_at_s", *_PROCESS)
        for part in tables.parts(settled.PROCESSES)
    )
    processes = shown.join(order, on="host").sort("_host", "host_place")
    place = processes.with_row_index("_process").select("host", "pid", "_process")
    kinds = (
        tables.table(settled.PROCESS_KINDS)
        .join(place, on=["host", "pid"], maintain_order="left")
        .sort("_process", maintain_order=True)
    )
    processes = processes.with_row_index("_process").with_columns(
        _counted(kinds["_process"], processes.height).alias("kinds"),
        pl.lit(0, pl.Int64).alias("mappings"),
        (pl.col("_swept") - pl.col("started_at_s")).clip(0).round().cast(pl.Int64).alias("up_s"),
    )
    host_kinds = tables.table(settled.HOST_KINDS).join(order, on="host").sort("_host", maintain_order=True)
    findings = (
        tables.table(settled.FINDINGS)
        .join(order, on="host")
        .with_columns(GRAVITY.alias("gravity"))
        .sort("_host", "gravity", maintain_order=True)
    )
    extras = [name for name in HOST_EXTRAS if name != "place"]
    counts = {"shown": processes, "kinds": host_kinds, "findings": findings}
    return Selected(
        hosts=hosts.select(
            *_in_order(name for name in names_of(HOSTS) if name not in _NOT_OF_HOSTS),
            (pl.col("elapsed_s") * 1000).round().cast(pl.Int64).alias("elapsed_ms"),
            *extras,
            *(_counted(rows["_host"], hosts.height).alias(name) for name, rows in counts.items()),
        ),
        services=tables.table(settled.SERVICES).select(_in_order(names_of(SERVICES))),
        processes=processes.select(*_in_order(_PROCESS), "up_s", "kinds", "mappings"),
        kinds=kinds.select(_KINDS),
        host_kinds=host_kinds.select(name for name in _KINDS if name != "block_bytes"),
        findings=findings.select(_FINDINGS),
    )


def _counted(owners: pl.Series, count: int) -> pl.Series:
    """How many rows each of `count` owners has."""
    rows = owners.value_counts().rename({owners.name: "owner", "count": "rows"})
    all_owners = pl.DataFrame({"owner": pl.int_range(count, eager=True).cast(owners.dtype)})
    joined = all_owners.join(rows, on="owner", how="left", maintain_order="left")
    return joined["rows"].fill_null(0).cast(pl.Int64)


def _swept(times: pl.Series) -> pl.Series:
    """Times in seconds since 1970."""
    distinct = times.unique(maintain_order=True)
    moments = [instant(at) for at in distinct.to_list()]
    seconds = [moment.timestamp() if moment else None for moment in moments]
    return times.replace_strict(
        distinct, pl.Series(seconds, dtype=pl.Float64), return_dtype=pl.Float64
    ).alias("_swept")
