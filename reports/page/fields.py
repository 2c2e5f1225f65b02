"""The columns of the page's tables, and which of them are kept as what exceeds others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import polars as pl

from reports.closing.host_table import HOST_EXTRAS
from reports.columns import shared_columns
from reports.columns.change_columns import CHANGES
from reports.columns.column import names_of, schema_of
from reports.columns.columns import HOSTS, PROCESSES, SERVICES
from reports.columns.group_columns import GROUPS

_PARTS: Final = tuple(column.name for column in shared_columns.PARTS)
_RSS: Final = ("rss_anon_bytes", "rss_file_bytes", "rss_shmem_bytes")
# What others are mostly the sum of stands before them.
_EARLY: Final = (
    *_PARTS,
    "native_heap_resident_max_bytes",
    "peer_excess_bytes",
    *_RSS,
    "rss_bytes",
    "swap_bytes",
)


def _in_order(names: Iterable[str], *left_out: str) -> tuple[str, ...]:
    wanted = [name for name in names if name not in left_out]
    return tuple(sorted(wanted, key=lambda name: _EARLY.index(name) if name in _EARLY else len(_EARLY)))


_OTHERS: Final = ("others", "others_native_heap_bytes", "others_stacks_bytes")  # the page has its own
# What only comparisons of runs need; the page tells what came of them.
_ONLY_COMPARED: Final = ("anon_growth_bytes", "slab_kept_bytes", "boot_id")
OF_HOSTS: Final = (
    *_in_order(names_of(HOSTS), "elapsed_s", *_ONLY_COMPARED),
    *(name for name in HOST_EXTRAS if name not in {"place", "owner"} and name not in _OTHERS),
)
OF_SERVICES: Final = _in_order(
    names_of(SERVICES), *_ONLY_COMPARED, "rss_anon_bytes", "swap_bytes", "restarted"
)
OF_PROCESSES: Final = _in_order(
    names_of(PROCESSES), "host", "start_ticks", "started_at_s", "uid", "arguments", *_ONLY_COMPARED
)
OF_FINDINGS: Final = ("pid", "comm", "severity", "code", "evidence", "advice", "confirm", "not_shown")
OF_HOST_KINDS: Final = (
    *("kind", "count", "reserved_bytes", "committed_bytes", "resident_max_bytes", "resident_bytes"),
)
OF_KINDS: Final = ("kind", "block_bytes", *OF_HOST_KINDS[1:])
OF_CHANGES: Final = tuple(name for name in names_of(CHANGES) if name != "place")  # the order says it
OF_GROUPS: Final = tuple(names_of(GROUPS))
OF_MEMBERS: Final = ("host", "pid", "comm", "bytes", "evidence")  # of a group, its first ones
GROUPS_SCHEMA: Final = schema_of(GROUPS)
MEMBERS_SCHEMA: Final[dict[str, type[pl.DataType]]] = {
    "_group": pl.Int64,
    "host": pl.String,
    "pid": pl.Int64,
    "comm": pl.String,
    "bytes": pl.Int64,
    "evidence": pl.String,
}
MEASURES: Final = ("native_heap_bytes", "anon_bytes")  # whose last runs are kept
MAPPINGS: Final[dict[str, type[pl.DataType]]] = {
    "start": pl.UInt64,
    "end_": pl.UInt64,
    "perms": pl.String,
    "kind": pl.String,
    "rule": pl.String,
    "confidence": pl.String,
    "count": pl.Int64,
    "reserved_bytes": pl.Int64,
    "committed_bytes": pl.Int64,
    "resident_bytes": pl.Int64,
    "name": pl.String,
}

Bases: TypeAlias = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a table, and those that are kept as what exceeds the sum of others."""

    names: tuple[str, ...]
    bases: Bases


BASES: Final[Bases] = {
    **{
        f"{measure}_{size}": (f"{measure}_{before}",)
        for measure in ("native_heap", "stacks", "java_heap")
        for size, before in (
            ("resident_bytes", "resident_max_bytes"),
            ("committed_bytes", "resident_max_bytes"),
            ("reserved_bytes", "committed_bytes"),
        )
        if (measure, size) != ("stacks", "reserved_bytes")  # whole multiples of the stack size
    },
    "native_heap_resident_max_bytes": _PARTS,
    "native_heap_least_bytes": ("native_heap_resident_max_bytes",),
    "native_heap_most_bytes": ("native_heap_resident_max_bytes",),
    "bloat_bytes": ("peer_excess_bytes",),
    "rss_anon_bytes": ("native_heap_resident_max_bytes",),  # where it is the bound
    "rss_bytes": _RSS,
    "present_bytes": ("rss_bytes", "swap_bytes"),
}
_CHANGE_BASES: Final[Bases] = {
    "now_bytes": ("before_bytes", "change_bytes"),
    "kind_now_bytes": ("kind_before_bytes",),
    "per_day_bytes": ("change_bytes",),
}
_KIND_BASES: Final[Bases] = {
    "committed_bytes": ("reserved_bytes",),
    "resident_max_bytes": ("committed_bytes",),
    "resident_bytes": ("resident_max_bytes",),
}
_MAPPING_BASES: Final[Bases] = {
    "end_": ("start",),
    "committed_bytes": ("reserved_bytes",),
    "resident_bytes": ("committed_bytes",),
}

HOSTS_TABLE: Final = Table((*OF_HOSTS, "elapsed_ms"), BASES)
SERVICES_TABLE: Final = Table(OF_SERVICES, BASES)
PROCESSES_TABLE: Final = Table((*OF_PROCESSES, "up_min"), BASES)
FINDINGS_TABLE: Final = Table(OF_FINDINGS, {})
HOST_KINDS_TABLE: Final = Table(OF_HOST_KINDS, _KIND_BASES)
KINDS_TABLE: Final = Table(OF_KINDS, _KIND_BASES)
MAPPINGS_TABLE: Final = Table(tuple(MAPPINGS), _MAPPING_BASES)
CHANGES_TABLE: Final = Table(
    ("change_bytes", *(name for name in OF_CHANGES if name != "change_bytes")), _CHANGE_BASES
)
GROUPS_TABLE: Final = Table(OF_GROUPS, {"before_bytes": ("bytes",)})
MEMBERS_TABLE: Final = Table(OF_MEMBERS, {})


def history_bases(runs: int) -> Bases:
    """Of the last runs each is kept as its difference to the one after it."""
    return {
        f"{measure.removesuffix('_bytes')}_{run}": (f"{measure.removesuffix('_bytes')}_{run + 1}",)
        for measure in MEASURES
        for run in range(runs - 1)
    }
