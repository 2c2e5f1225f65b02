"""The columns of the reports, each declared once: every output and docs/report-columns.md follow it.

A column's name is the heading in CSV, the key in JSON, the column in Parquet and the field of the row type in
`reports.rows`. Names of sizes end in _bytes; an empty cell, null or a dash is unknown, never 0.
"""

from dataclasses import dataclass
from enum import StrEnum


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


_TEXT, _BYTES, _CHANGE, _COUNT = Unit.TEXT, Unit.BYTES, Unit.CHANGE, Unit.COUNT
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


def _extents(prefix: str, title: str, what: str) -> tuple[Column, ...]:
    """The four sizes of one measure."""
    return tuple(
        Column(f"{prefix}_{name}", title + suffix, _BYTES, source, 12, f"{what}: {meaning}")
        for name, suffix, source, meaning in _EXTENTS
    )


_NATIVE = _extents("native_heap", "Native heap", "Kinds heap_main, heap_arena, heap_mmap and heap_allocator")
_STACKS = (
    Column(
        "stacks",
        "Stacks",
        _COUNT,
        _MAPS,
        7,
        "Thread stacks, each with its guards counted once; main stacks not",
    ),
    *_extents("stacks", "Stacks", "Kind thread_stack"),
)
_PARTS = tuple(
    Column(
        f"{kind}_resident_max_bytes",
        kind,
        _BYTES,
        _BOUND,
        12,
        f"Native heap, of it kind {kind}: {meaning}, at most",
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
    Column(
        "rss_bytes", "RSS", _BYTES, "status VmRSS", 12, "Resident memory; shared pages count in every process"
    ),
    Column("rss_anon_bytes", "RssAnon", _BYTES, "status RssAnon", 12, "Resident anonymous memory"),
    Column("rss_file_bytes", "RssFile", _BYTES, "status RssFile", 12, "Resident pages of files"),
    Column("rss_shmem_bytes", "RssShmem", _BYTES, "status RssShmem", 12, "Resident shared memory"),
    Column("swap_bytes", "Swap", _BYTES, "status VmSwap", 12, "Swapped-out anonymous memory"),
)
_PEER = Column(
    "peer_excess_bytes",
    "Above peers",
    _BYTES,
    "this run",
    12,
    "Native heap above the median of the service's processes over the fleet, from 5 on; summed for a host",
)
_OWN = Column(
    "own_excess_bytes",
    "Above own low",
    _BYTES,
    "the last 14 runs",
    12,
    "Native heap of a service on a host above the least that it had there in the last 14 comparable runs",
)
_BLOAT = Column(
    "bloat_bytes",
    "Bloat",
    _BYTES,
    "peers and own past",
    12,
    "The larger of peer_excess_bytes and own_excess_bytes, service by service; unknown without a baseline",
)
_GROWTH = Column(
    "growth_bytes",
    "Growth",
    _CHANGE,
    "the run compared with",
    12,
    "Change of native heap since the last complete run of the same scope, evidence and rules version, over "
    "processes that ran in both (same start time): never read across a restart",
)

HOSTS: tuple[Column, ...] = (
    Column("rank", "#", _COUNT, "this run", 5, "Place by native heap, ties by name; none for a failed host"),
    Column("name", "Host", _TEXT, "inventory", 32, "The name in the inventory"),
    Column(
        "status", "Status", _TEXT, "this run", 8, "ok, partial (something is missing, see reason) or failed"
    ),
    Column("stage", "Stage", _TEXT, "this run", 9, "Where a failed host's sweep ended: dns, tcp, auth, ..."),
    Column("reason", "Reason", _TEXT, "this run", 24, "Why it is partial or failed: a short code"),
    Column("detail", "Detail", _TEXT, "this run", 40, "The reason in a sentence"),
    Column("remedy", "Remedy", _TEXT, "this run", 40, "What to do about it"),
    *_NATIVE,
    *_PARTS,
    _GROWTH,
    _BLOAT,
    _PEER,
    _OWN,
    *_STACKS,
    Column("stack_rank", "# stacks", _COUNT, "this run", 5, "Place by thread stacks, ties by name"),
    *_JAVA,
    Column(
        "arena_heaps", "Arena heaps", _COUNT, _MAPS, 7, "Heaps of glibc's arenas (64 MiB of reserve each)"
    ),
    Column(
        "unidentified_resident_max_bytes",
        "Unidentified",
        _BYTES,
        _BOUND,
        12,
        "Kind anonymous: what no rule could place, at most resident",
    ),
    Column("threads", "Threads", _COUNT, "status Threads", 7, "Threads of the processes that were read"),
    *_STATUS,
    Column("sent", "Processes", _COUNT, "probe", 7, "Processes that the host sent; kernel threads are not"),
    Column("denied", "Not readable", _COUNT, "probe", 7, "Processes whose maps this account may not read"),
    Column(
        "vanished", "Vanished", _COUNT, "probe", 7, "Processes that ended between the listing and the reading"
    ),
    Column(
        "restarted",
        "Restarted",
        _COUNT,
        "the run compared with",
        7,
        "Processes with another start time than then",
    ),
    Column("mem_total_bytes", "RAM", _BYTES, "meminfo MemTotal", 12, "Memory of the host"),
    Column("mem_free_bytes", "Free", _BYTES, "meminfo MemFree", 12, "Not used for anything"),
    Column(
        "mem_available_bytes", "Available", _BYTES, "meminfo MemAvailable", 12, "What a new process could get"
    ),
    Column(
        "anon_pages_bytes", "Anonymous", _BYTES, "meminfo AnonPages", 12, "Anonymous memory of all processes"
    ),
    Column(
        "cache_bytes",
        "File cache",
        _BYTES,
        "meminfo Cached + Buffers - Shmem",
        12,
        "Pages of files, reclaimable",
    ),
    Column(
        "shmem_bytes", "Shared memory", _BYTES, "meminfo Shmem", 12, "tmpfs, System V and POSIX shared memory"
    ),
    Column("slab_bytes", "Slab", _BYTES, "meminfo Slab", 12, "The kernel's own objects"),
    Column("page_tables_bytes", "Page tables", _BYTES, "meminfo PageTables", 12, "Page tables"),
    Column(
        "kernel_stack_bytes",
        "Kernel stacks",
        _BYTES,
        "meminfo KernelStack",
        12,
        "Kernel stacks of all threads",
    ),
    Column(
        "huge_pages_bytes",
        "Huge pages",
        _BYTES,
        "meminfo Hugetlb",
        12,
        "Set aside as huge pages, used or not",
    ),
    Column(
        "remainder_bytes",
        "Not attributed",
        _CHANGE,
        "meminfo",
        12,
        "MemTotal less all of the lines above: drivers, percpu and other kernel memory",
    ),
    Column("cores", "Cores", _COUNT, "/proc/stat", 5, "Processors"),
    Column("kernel", "Kernel", _TEXT, "osrelease", 24, "Kernel release"),
    Column("os_name", "System", _TEXT, "os-release", 24, "Distribution"),
    Column(
        "thp_mode",
        "THP",
        _TEXT,
        "transparent_hugepage",
        8,
        "Transparent huge pages: always, madvise or never",
    ),
    Column("at", "Swept at", Unit.TIME, "this run", 25, "When the probe was started"),
    Column(
        "elapsed_s", "Took", Unit.SECONDS, "this run", 8, "From the first connection attempt to the last byte"
    ),
    Column("attempt", "Attempt", _COUNT, "this run", 3, "The attempt that gave this result"),
)

SERVICES: tuple[Column, ...] = (
    Column(
        "service",
        "Service",
        _TEXT,
        "cgroup, else exe and arguments",
        40,
        "Unit without its instance, or program",
    ),
    Column("members", "Members", _COUNT, "this run", 7, "Processes of the service whose memory was read"),
    Column("hosts", "Hosts", _COUNT, "this run", 7, "Hosts on which it runs"),
    *_NATIVE,
    Column(
        "native_heap_median_bytes",
        "Median",
        _BYTES,
        _BOUND,
        12,
        "Native heap of the middle process, at most resident",
    ),
    Column("native_heap_max_bytes", "Largest", _BYTES, _BOUND, 12, "Native heap of the largest process"),
    Column("largest_host", "Largest on", _TEXT, "this run", 32, "The host of the largest process"),
    Column(
        "bloated", "Bloated", _COUNT, "this run", 7, "Processes with twice the median and 64 MiB above it"
    ),
    _PEER,
    _GROWTH,
    *_STACKS,
    Column("threads", "Threads", _COUNT, "status Threads", 7, "Threads of its processes"),
)

PROCESSES: tuple[Column, ...] = (
    Column("host", "Host", _TEXT, "inventory", 32, "The name in the inventory"),
    Column("pid", "PID", _COUNT, "/proc", 8, "Process id on the host"),
    Column(
        "start_ticks",
        "Start ticks",
        _COUNT,
        "stat, field 22",
        12,
        "Clock ticks after boot; with pid, names it",
    ),
    Column("started_at_s", "Started", Unit.EPOCH, "stat and btime", 12, "When the process was started"),
    Column("uid", "User id", _COUNT, "status Uid", 8, "Real user id"),
    Column("comm", "Name", _TEXT, "comm", 16, "The process's name, as it chose it"),
    Column("exe", "Program", _TEXT, "exe", 32, "The executable"),
    Column("arguments", "Arguments", _TEXT, "cmdline", 60, "Command line, secrets masked"),
    Column("service", "Service", _TEXT, "cgroup, else exe and arguments", 32, "What it is a member of"),
    Column("unit", "Unit", _TEXT, "cgroup", 32, "systemd unit"),
    Column("container", "Container", _TEXT, "cgroup", 14, "Container id"),
    Column("runtime", "Runtime", _TEXT, "mapped files", 8, "java, go, python, node, ..."),
    Column(
        "evidence", "Evidence", _TEXT, "probe", 8, "smaps, maps, or denied: what its mappings were read from"
    ),
    Column("trouble", "Trouble", _TEXT, "probe", 16, "What is odd about its record: torn, cut, empty, ..."),
    Column(
        "restarted", "Restarted", _TEXT, "the run compared with", 5, "Another start time than in that run"
    ),
    *_NATIVE,
    *_PARTS,
    _GROWTH,
    _BLOAT,
    _PEER,
    _OWN,
    *_STACKS,
    *_JAVA,
    Column(
        "arena_heaps", "Arena heaps", _COUNT, _MAPS, 7, "Heaps of glibc's arenas (64 MiB of reserve each)"
    ),
    Column(
        "unidentified_resident_max_bytes",
        "Unidentified",
        _BYTES,
        _BOUND,
        12,
        "Kind anonymous, at most resident",
    ),
    Column("threads", "Threads", _COUNT, "status Threads", 7, "Threads"),
    Column("vm_size_bytes", "VSZ", _BYTES, "status VmSize", 12, "All address space"),
    *_STATUS,
)

FOOTPRINTS: tuple[Column, ...] = (
    Column("host", "Host", _TEXT, "inventory", 32, "The name in the inventory"),
    Column("pid", "PID", _COUNT, "/proc", 8, "Process id on the host"),
    Column(
        "start_ticks",
        "Start ticks",
        _COUNT,
        "stat, field 22",
        12,
        "Clock ticks after boot; with pid, names it",
    ),
    Column("kind", "Kind", _TEXT, "rules", 15, "What the memory is for"),
    Column("family", "Family", _TEXT, "rules", 11, "The group that the kind is summed under"),
    Column(
        "block_bytes", "Block", _BYTES, _MAPS, 12, "Size of each block where equal ones are grouped, else 0"
    ),
    Column("count", "Blocks", _COUNT, _MAPS, 7, "Blocks; a stack with its guards is one"),
    Column("reserved_bytes", "Reserved", _BYTES, _MAPS, 12, "Address space, accessible or not"),
    Column("committed_bytes", "Committed", _BYTES, _MAPS, 12, "The accessible part (any of r, w, x)"),
    Column("resident_bytes", "Resident", _BYTES, "smaps Rss", 12, "Resident; unknown without smaps"),
    Column("resident_max_bytes", "At most resident", _BYTES, _BOUND, 12, "Rss, else min(committed, RssAnon)"),
    Column("pss_bytes", "Pss", _BYTES, "smaps Pss", 12, "Resident, shared pages divided among their users"),
    Column("swap_bytes", "Swap", _BYTES, "smaps Swap", 12, "Swapped out"),
)


def by_name(columns: tuple[Column, ...], *names: str) -> tuple[Column, ...]:
    """The named columns, in the order asked for."""
    declared = {column.name: column for column in columns}
    return tuple(declared[name] for name in names)
