"""The columns of the reports, each declared once: every output and docs/report-columns.md follow it.

A column's name is the heading in CSV, the key in JSON, the column in Parquet and the field of the row type in
`reports.rows`. Names of sizes end in _bytes; an empty cell, null or a dash is unknown, never 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

import polars as pl

from archive.records import HostRecord
from reports import meminfo

Of: TypeAlias = Callable[[HostRecord], str | int | float | None]


class Unit(StrEnum):
    """How a value is to be read."""

    TEXT = "text"
    BYTES = "bytes"
    CHANGE = "bytes, signed"
    COUNT = "count"
    SECONDS = "s"
    TIME = "UTC, RFC 3339"
    EPOCH = "s since 1970"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, where it comes from, what it means."""

    name: str
    title: str
    unit: Unit
    source: str
    width: int  # characters in plain text
    meaning: str
    of: Of | None = (
        None  # what a host's record says; else it is computed in `reports.measures` and its sisters
    )


def _text(name: str, title: str, source: str, meaning: str, width: int = 32) -> Column:
    return Column(name, title, Unit.TEXT, source, width, meaning)


def _bytes(name: str, title: str, source: str, meaning: str, width: int = 11) -> Column:
    return Column(name, title, Unit.BYTES, source, width, meaning)


def _change(name: str, title: str, source: str, meaning: str, width: int = 10) -> Column:
    return Column(name, title, Unit.CHANGE, source, width, meaning)


def _count(name: str, title: str, source: str, meaning: str, width: int = 6) -> Column:
    return Column(name, title, Unit.COUNT, source, width, meaning)


def _told(column: Column, of: Of) -> Column:
    """A column that a host's record tells."""
    return replace(column, of=of)


_MAPS = "maps"
_BOUND = "smaps Rss, else maps and status"

_EXTENTS = (
    (
        "resident_max_bytes",
        "",
        _BOUND,
        "at most resident: Rss from smaps, else the smaller of committed and RssAnon (prints with <=)",
    ),
    (
        "resident_bytes",
        " resident",
        "smaps Rss",
        "resident; unknown where any of it was read from maps alone",
    ),
    ("committed_bytes", " committed", _MAPS, "accessible (any of r, w, x): an upper bound of resident"),
    ("reserved_bytes", " reserved", _MAPS, "address space, accessible or not"),
)


def _extents(prefix: str, title: str, what: str, width: int = 11) -> tuple[Column, ...]:
    """The four sizes of one measure."""
    return tuple(
        _bytes(f"{prefix}_{name}", title + suffix, source, f"{what}: {meaning}", width)
        for name, suffix, source, meaning in _EXTENTS
    )


_NATIVE = _extents("native_heap", "Native heap", "Kinds heap_main, heap_arena, heap_mmap and heap_allocator")
_STACKS = (
    _count("stacks", "Stacks", _MAPS, "Thread stacks, each with its guards counted once; main stacks not"),
    *_extents("stacks", "Stack memory", "Kind thread_stack", 12),
)
_PARTS = tuple(
    _bytes(
        f"{kind}_resident_max_bytes", kind, _BOUND, f"Native heap of kind {kind}: {meaning}, at most resident"
    )
    for kind, meaning in (
        ("heap_main", "the brk [heap]"),
        ("heap_arena", "glibc's arenas beside the main one"),
        ("heap_mmap", "large malloc blocks with a mapping of their own"),
        ("heap_allocator", "jemalloc, tcmalloc, mimalloc, musl and others"),
    )
)
_JAVA = _extents("java_heap", "Java heap", "Kind java_heap")
_STATUS = (
    _bytes("rss_bytes", "RSS", "status VmRSS", "Resident memory; shared pages count in every process"),
    _bytes("rss_anon_bytes", "RssAnon", "status RssAnon", "Resident anonymous memory"),
    _bytes("rss_file_bytes", "RssFile", "status RssFile", "Resident pages of files"),
    _bytes("rss_shmem_bytes", "RssShmem", "status RssShmem", "Resident shared memory"),
    _bytes("swap_bytes", "Swap", "status VmSwap", "Swapped-out anonymous memory"),
)
_PEER = _bytes(
    "peer_excess_bytes",
    "Above peers",
    "this run",
    "Native heap above the median of the service's processes over the fleet, from 5 on; summed for a host",
)
_OWN = _bytes(
    "own_excess_bytes",
    "Above own low",
    "the last 14 runs",
    "Native heap of a service on a host above the least that it had there in the last 14 comparable runs",
)
_BLOAT = _bytes(
    "bloat_bytes",
    "Bloat",
    "peers and own past",
    "The larger of peer_excess_bytes and own_excess_bytes, service by service; unknown without a baseline",
)
_GROWTH = _change(
    "growth_bytes",
    "Growth",
    "the run compared with",
    "Change of native heap since the last complete run of the same scope, evidence and rules version, over "
    "processes that ran in both (same start time): never read across a restart",
)

HOSTS: tuple[Column, ...] = (
    _count("rank", "#", "this run", "Place by native heap, ties by name; none for a failed host", 4),
    _text("name", "Host", "inventory", "The name in the inventory"),
    _text("status", "Status", "this run", "ok, partial (something is missing, see reason) or failed", 8),
    _text("stage", "Stage", "this run", "Where a failed host's sweep ended: dns, tcp, auth, ...", 9),
    _text("reason", "Reason", "this run", "Why it is partial or failed: a short code", 24),
    _text("detail", "Detail", "this run", "The reason in a sentence", 40),
    _text("remedy", "Remedy", "this run", "What to do about it", 40),
    *_NATIVE,
    *_PARTS,
    _GROWTH,
    _BLOAT,
    _PEER,
    _OWN,
    *_STACKS,
    _count("stack_rank", "# stacks", "this run", "Place by thread stacks, ties by name", 5),
    *_JAVA,
    _count("arena_heaps", "Arena heaps", _MAPS, "Heaps of glibc's arenas (64 MiB of reserve each)"),
    _bytes(
        "unidentified_resident_max_bytes",
        "Unidentified",
        _BOUND,
        "Kind anonymous: what no rule could place, at most resident",
    ),
    _count("threads", "Threads", "status Threads", "Threads of the processes that were read"),
    *_STATUS,
    _told(
        _count("sent", "Processes", "probe", "Processes that the host sent; kernel threads are not"),
        lambda record: record.sent,
    ),
    _told(
        _count("denied", "Not readable", "probe", "Processes whose maps this account may not read"),
        lambda record: record.denied,
    ),
    _told(
        _count("vanished", "Vanished", "probe", "Processes that ended between the listing and the reading"),
        lambda record: record.vanished,
    ),
    _count("restarted", "Restarted", "the run compared with", "Processes with another start time than then"),
    _told(_bytes("mem_total_bytes", "RAM", "meminfo MemTotal", "Memory of the host"), meminfo.total),
    _told(
        _bytes("mem_free_bytes", "Free", "meminfo MemFree", "Not used for anything"), meminfo.line("MemFree")
    ),
    _told(
        _bytes("mem_available_bytes", "Available", "meminfo MemAvailable", "What a new process could get"),
        meminfo.line("MemAvailable"),
    ),
    _told(
        _bytes("anon_pages_bytes", "Anonymous", "meminfo AnonPages", "Anonymous memory of all processes"),
        meminfo.line("AnonPages"),
    ),
    _told(
        _bytes(
            "cache_bytes", "File cache", "meminfo Cached + Buffers - Shmem", "Pages of files, reclaimable"
        ),
        meminfo.cache,
    ),
    _told(
        _bytes("shmem_bytes", "Shared memory", "meminfo Shmem", "tmpfs, System V and POSIX shared memory"),
        meminfo.line("Shmem"),
    ),
    _told(_bytes("slab_bytes", "Slab", "meminfo Slab", "The kernel's own objects"), meminfo.line("Slab")),
    _told(
        _bytes("page_tables_bytes", "Page tables", "meminfo PageTables", "Page tables"),
        meminfo.line("PageTables"),
    ),
    _told(
        _bytes("kernel_stack_bytes", "Kernel stacks", "meminfo KernelStack", "Kernel stacks of all threads"),
        meminfo.line("KernelStack"),
    ),
    _told(
        _bytes("huge_pages_bytes", "Huge pages", "meminfo Hugetlb", "Set aside as huge pages, used or not"),
        meminfo.line("Hugetlb"),
    ),
    _told(
        _change(
            "remainder_bytes",
            "Not attributed",
            "meminfo",
            "MemTotal less all of the lines above: drivers, percpu and other kernel memory",
        ),
        meminfo.remainder,
    ),
    _told(_count("cores", "Cores", "/proc/stat", "Processors", 5), meminfo.cores),
    _told(_text("kernel", "Kernel", "osrelease", "Kernel release", 24), lambda record: record.kernel),
    _told(_text("os_name", "System", "os-release", "Distribution", 24), lambda record: record.os_name),
    _told(
        _text(
            "thp_mode", "THP", "transparent_hugepage", "Transparent huge pages: always, madvise or never", 8
        ),
        lambda record: record.thp_mode,
    ),
    _told(
        Column("at", "Swept at", Unit.TIME, "this run", 25, "When the probe was started"),
        lambda record: record.at,
    ),
    _told(
        Column(
            "elapsed_s",
            "Took",
            Unit.SECONDS,
            "this run",
            8,
            "From the first connection attempt to the last byte",
        ),
        lambda record: record.elapsed_s,
    ),
    _told(
        _count("attempt", "Attempt", "this run", "The attempt that gave this result", 3),
        lambda record: record.attempt,
    ),
)

SERVICES: tuple[Column, ...] = (
    _text(
        "service", "Service", "cgroup, else exe and arguments", "Unit without its instance, or program", 36
    ),
    _count("members", "Members", "this run", "Processes of the service whose memory was read", 7),
    _count("hosts", "Hosts", "this run", "Hosts on which it runs"),
    *_NATIVE,
    _bytes(
        "native_heap_median_bytes", "Median", _BOUND, "Native heap of the middle process, at most resident"
    ),
    _bytes("native_heap_max_bytes", "Largest", _BOUND, "Native heap of the largest process"),
    _text("largest_host", "Largest on", "this run", "The host of the largest process"),
    _count("bloated", "Bloated", "this run", "Processes with twice the median and 64 MiB above it"),
    _PEER,
    _GROWTH,
    *_STACKS,
    _count("threads", "Threads", "status Threads", "Threads of its processes"),
)

PROCESSES: tuple[Column, ...] = (
    _text("host", "Host", "inventory", "The name in the inventory"),
    _count("pid", "PID", "/proc", "Process id on the host", 8),
    _count("start_ticks", "Start ticks", "stat, field 22", "Clock ticks after boot; with pid, names it", 12),
    Column("started_at_s", "Started", Unit.EPOCH, "stat and btime", 12, "When the process was started"),
    _count("uid", "User id", "status Uid", "Real user id", 8),
    _text("comm", "Name", "comm", "The process's name, as it chose it", 16),
    _text("exe", "Program", "exe", "The executable"),
    _text("arguments", "Arguments", "cmdline", "Command line, secrets masked", 60),
    _text("service", "Service", "cgroup, else exe and arguments", "What it is a member of"),
    _text("unit", "Unit", "cgroup", "systemd unit"),
    _text("container", "Container", "cgroup", "Container id", 14),
    _text("runtime", "Runtime", "mapped files", "java, go, python, node, ...", 8),
    _text("evidence", "Evidence", "probe", "smaps, maps, or denied: what its mappings were read from", 8),
    _text("trouble", "Trouble", "probe", "What is odd about its record: torn, cut, empty, ...", 16),
    _text("restarted", "Restarted", "the run compared with", "Another start time than in that run", 5),
    *_NATIVE,
    *_PARTS,
    _GROWTH,
    _BLOAT,
    _PEER,
    _OWN,
    *_STACKS,
    *_JAVA,
    _count("arena_heaps", "Arena heaps", _MAPS, "Heaps of glibc's arenas (64 MiB of reserve each)"),
    _bytes("unidentified_resident_max_bytes", "Unidentified", _BOUND, "Kind anonymous, at most resident"),
    _count("threads", "Threads", "status Threads", "Threads"),
    _bytes("vm_size_bytes", "VSZ", "status VmSize", "All address space"),
    *_STATUS,
)

FOOTPRINTS: tuple[Column, ...] = (
    _text("host", "Host", "inventory", "The name in the inventory"),
    _count("pid", "PID", "/proc", "Process id on the host", 8),
    _count("start_ticks", "Start ticks", "stat, field 22", "Clock ticks after boot; with pid, names it", 12),
    _text("kind", "Kind", "rules", "What the memory is for", 15),
    _text("family", "Family", "rules", "The group that the kind is summed under", 11),
    _bytes("block_bytes", "Block", _MAPS, "Size of each block where equal ones are grouped, else 0"),
    _count("count", "Blocks", _MAPS, "Blocks; a stack with its guards is one"),
    _bytes("reserved_bytes", "Reserved", _MAPS, "Address space, accessible or not"),
    _bytes("committed_bytes", "Committed", _MAPS, "The accessible part (any of r, w, x)"),
    _bytes("resident_bytes", "Resident", "smaps Rss", "Resident; unknown without smaps"),
    _bytes("resident_max_bytes", "At most resident", _BOUND, "Rss, else min(committed, RssAnon)"),
    _bytes("pss_bytes", "Pss", "smaps Pss", "Resident, shared pages divided among their users"),
    _bytes("swap_bytes", "Swap", "smaps Swap", "Swapped out"),
)


_TYPES: Final[dict[Unit, type[pl.DataType]]] = {
    Unit.TEXT: pl.String,
    Unit.TIME: pl.String,
    Unit.SECONDS: pl.Float64,
    Unit.EPOCH: pl.Float64,
    Unit.BYTES: pl.Int64,
    Unit.CHANGE: pl.Int64,
    Unit.COUNT: pl.Int64,
}


def names_of(columns: tuple[Column, ...]) -> list[str]:
    """The names of columns, in their order."""
    return [column.name for column in columns]


def schema_of(columns: tuple[Column, ...]) -> dict[str, type[pl.DataType]]:
    """The types of columns as a table holds them."""
    return {column.name: _TYPES[column.unit] for column in columns}


def by_name(columns: tuple[Column, ...], *names: str) -> tuple[Column, ...]:
    """The named columns, in the order asked for."""
    declared = {column.name: column for column in columns}
    return tuple(declared[name] for name in names)
