"""The columns of the reports, each declared once: every output and docs/report-columns.md follow it.

A column's name is the heading in CSV, the key in JSON, the column in Parquet and the field of the row type in
`reports.rows`. Names of sizes end in _bytes; an empty cell, null or a dash means unknown, never 0.
"""

from reports import meminfo
from reports.column import Column, Unit, change, count, size, text

_MAPS = "maps"
_BOUND = "smaps Rss, or maps and status"

_EXTENTS = (
    (
        "resident_max_bytes",
        "",
        _BOUND,
        "upper bound of resident: Rss if smaps was read, otherwise the smaller of committed and RssAnon",
    ),
    (
        "resident_bytes",
        " resident",
        "smaps Rss",
        "resident size; unknown unless smaps was read for all of it",
    ),
    (
        "committed_bytes",
        " committed",
        _MAPS,
        "accessible memory (any of r, w, x); an upper bound of the resident size",
    ),
    ("reserved_bytes", " reserved", _MAPS, "address space, accessible or not"),
)


def _extents(prefix: str, title: str, what: str, width: int = 11) -> tuple[Column, ...]:
    """The four sizes of one measure."""
    return tuple(
        size(f"{prefix}_{name}", title + suffix, source, f"{what}: {meaning}", width)
        for name, suffix, source, meaning in _EXTENTS
    )


_NATIVE = _extents("native_heap", "Native heap", "Kinds heap_main, heap_arena, heap_mmap and heap_allocator")
_RANGE = (
    size(
        "native_heap_least_bytes",
        "At least",
        _BOUND,
        "Native heap without what is only guessed to be native heap: never more than "
        "native_heap_resident_max_bytes, and of the same unit",
    ),
    size(
        "native_heap_most_bytes",
        "At most",
        _BOUND,
        "Native heap with what is guessed to be something else and can be native heap: never less than "
        "native_heap_resident_max_bytes, and of the same unit",
    ),
)
_GUESSED = (
    size(
        "guessed_bytes",
        "Guessed",
        "rules",
        "Memory that is resident or swapped and labelled by a guess; without smaps at most so much",
    ),
    size(
        "present_bytes",
        "Resident or swapped",
        "smaps Rss + Swap, or status VmRSS + VmSwap",
        "All memory of processes whose mappings were read that is resident or swapped",
    ),
)
_DOUBTFUL = count(
    "doubtful",
    "Doubtful",
    "rules",
    "Processes with doubtful labels: guessed_bytes is more than a tenth of present_bytes",
    8,
)
_STACKS = (
    count("stacks", "Stacks", _MAPS, "Thread stacks, without main stacks; a stack and its guards count once"),
    *_extents("stacks", "Stack memory", "Kind thread_stack", 12),
)
_PARTS = tuple(
    size(
        f"{kind}_resident_max_bytes",
        kind,
        _BOUND,
        f"Native heap of kind {kind} ({meaning}): upper bound of the resident size",
    )
    for kind, meaning in (
        ("heap_main", "the brk [heap]"),
        ("heap_arena", "glibc's arenas except the main one"),
        ("heap_mmap", "large malloc blocks with a mapping of their own"),
        ("heap_allocator", "jemalloc, tcmalloc, mimalloc, musl and others"),
    )
)
_JAVA = _extents("java_heap", "Java heap", "Kind java_heap")
_STATUS = (
    size("rss_bytes", "RSS", "status VmRSS", "Resident memory; shared pages count in every process"),
    size("rss_anon_bytes", "RssAnon", "status RssAnon", "Resident anonymous memory"),
    size("rss_file_bytes", "RssFile", "status RssFile", "Resident pages of files"),
    size("rss_shmem_bytes", "RssShmem", "status RssShmem", "Resident shared memory"),
    size("swap_bytes", "Swap", "status VmSwap", "Swapped-out anonymous memory"),
)
_PEER = size(
    "peer_excess_bytes",
    "Above peers",
    "this run",
    "Native heap above the median of the service's processes in the fleet (at least 5); summed for a host",
)
_OWN = size(
    "own_excess_bytes",
    "Above own minimum",
    "the last 14 runs",
    "Native heap of a service on a host above its minimum there in the last 14 comparable runs",
)
_BLOAT = size(
    "bloat_bytes",
    "Bloat",
    "peers and own past",
    "The larger of peer_excess_bytes and own_excess_bytes, per service; unknown without a baseline",
)
_GROWTH = change(
    "growth_bytes",
    "Growth",
    "the run compared with",
    "Change of native heap since the last complete run of the same scope, evidence and rules version, summed "
    "over the processes that are in both runs with the same start time; restarted processes do not count",
)

HOSTS: tuple[Column, ...] = (
    count("rank", "#", "this run", "Place by native heap, then by name; unknown for a failed host", 4),
    text("name", "Host", "inventory", "The name in the inventory"),
    text("status", "Status", "this run", "ok, partial (something is missing: see reason) or failed", 8),
    text(
        "stage",
        "Stage",
        "this run",
        "The stage at which the sweep of the host failed: dns, tcp, auth, ...",
        9,
    ),
    text("reason", "Reason", "this run", "Why the host is partial or failed, as a short code", 24),
    text("detail", "Detail", "this run", "The reason as a sentence", 40),
    text("remedy", "Remedy", "this run", "What to do about it", 40),
    text("labels", "Labels", "inventory", "The host's mapsweep_labels when the run was planned, by name", 40),
    *_NATIVE,
    *_RANGE,
    *_PARTS,
    _GROWTH,
    _BLOAT,
    _PEER,
    _OWN,
    *_STACKS,
    count("stack_rank", "# stacks", "this run", "Place by thread stacks, then by name", 5),
    *_JAVA,
    count("arena_heaps", "Arena heaps", _MAPS, "Heaps of glibc's arenas (64 MiB of reserve each)"),
    size(
        "unidentified_resident_max_bytes",
        "Unidentified",
        _BOUND,
        "Memory that no rule recognised (kind anonymous): upper bound of the resident size",
    ),
    _DOUBTFUL,
    text(
        "most_guessed",
        "Most guessed",
        "rules",
        "Name and pid of the doubtful process with the most memory that is labelled by a guess",
        24,
    ),
    *_GUESSED,
    count("threads", "Threads", "status Threads", "Threads of the processes that the host sent"),
    *_STATUS,
    count(
        "sent",
        "Processes",
        "probe",
        "Processes that the host sent, without kernel threads",
        of=lambda record: record.sent,
    ),
    count(
        "denied",
        "Not readable",
        "probe",
        "Processes whose maps this account may not read",
        of=lambda record: record.denied,
    ),
    count(
        "vanished",
        "Vanished",
        "probe",
        "Processes that ended after they were listed and before they were read",
        of=lambda record: record.vanished,
    ),
    count(
        "restarted",
        "Restarted",
        "the run compared with",
        "Processes started since that run in place of one with the same program and arguments",
    ),
    size("mem_total_bytes", "RAM", "meminfo MemTotal", "RAM of the host", of=meminfo.total),
    size("mem_free_bytes", "Free", "meminfo MemFree", "Memory that is not used", of=meminfo.line("MemFree")),
    size(
        "mem_available_bytes",
        "Available",
        "meminfo MemAvailable",
        "Memory that new processes could get without swapping",
        of=meminfo.line("MemAvailable"),
    ),
    size(
        "anon_pages_bytes",
        "Anonymous",
        "meminfo AnonPages",
        "Anonymous memory of all processes",
        of=meminfo.line("AnonPages"),
    ),
    size(
        "cache_bytes",
        "File cache",
        "meminfo Cached + Buffers - Shmem",
        "Pages of files, without tmpfs; can be reclaimed",
        of=meminfo.cache,
    ),
    size(
        "shmem_bytes",
        "Shared memory",
        "meminfo Shmem",
        "tmpfs, System V and POSIX shared memory",
        of=meminfo.line("Shmem"),
    ),
    size("slab_bytes", "Slab", "meminfo Slab", "The kernel's own objects", of=meminfo.line("Slab")),
    size(
        "page_tables_bytes",
        "Page tables",
        "meminfo PageTables",
        "Page tables of all processes",
        of=meminfo.line("PageTables"),
    ),
    size(
        "kernel_stack_bytes",
        "Kernel stacks",
        "meminfo KernelStack",
        "Kernel stacks of all threads",
        of=meminfo.line("KernelStack"),
    ),
    size(
        "huge_pages_bytes",
        "Huge pages",
        "meminfo Hugetlb",
        "Memory reserved for huge pages, used or not",
        of=meminfo.line("Hugetlb"),
    ),
    change(
        "remainder_bytes",
        "Not attributed",
        "meminfo",
        "MemTotal minus the lines above, except available: drivers, percpu and other kernel memory",
        of=meminfo.remainder,
    ),
    count("cores", "Cores", "/proc/stat", "Processors", 5, of=meminfo.cores),
    text("kernel", "Kernel", "osrelease", "Kernel release", 24, of=lambda record: record.kernel),
    text("os_name", "System", "os-release", "Distribution", 24, of=lambda record: record.os_name),
    text(
        "thp_mode",
        "THP",
        "transparent_hugepage",
        "Transparent huge pages: always, madvise or never",
        8,
        of=lambda record: record.thp_mode,
    ),
    Column(
        "at", "Swept at", Unit.TIME, "this run", 25, "When the probe was started", of=lambda record: record.at
    ),
    Column(
        "elapsed_s",
        "Took",
        Unit.SECONDS,
        "this run",
        8,
        "From the first connection attempt to the last byte",
        of=lambda record: record.elapsed_s,
    ),
    count(
        "attempt",
        "Attempt",
        "this run",
        "The attempt that gave this result",
        3,
        of=lambda record: record.attempt,
    ),
)

SERVICES: tuple[Column, ...] = (
    text(
        "service",
        "Service",
        "cgroup, or exe and arguments",
        "systemd unit without its instance, or the program",
        36,
    ),
    count("members", "Members", "this run", "Processes of the service whose memory was read", 7),
    count("hosts", "Hosts", "this run", "Hosts on which it runs"),
    *_NATIVE,
    *_RANGE,
    size(
        "native_heap_median_bytes",
        "Median",
        _BOUND,
        "Median native heap of its processes, upper bound of the resident size",
    ),
    size(
        "native_heap_max_bytes",
        "Largest",
        _BOUND,
        "Native heap of its largest process, upper bound of the resident size",
    ),
    text("largest_host", "Largest on", "this run", "The host of the largest process"),
    count(
        "bloated",
        "Bloated",
        "this run",
        "Processes with at least twice the median and at least 64 MiB above it",
    ),
    _PEER,
    _GROWTH,
    *_STACKS,
    _DOUBTFUL,
    *_GUESSED,
    count("threads", "Threads", "status Threads", "Threads of its processes"),
)

PROCESSES: tuple[Column, ...] = (
    text("host", "Host", "inventory", "The name in the inventory"),
    count("pid", "PID", "/proc", "Process id on the host", 8),
    count(
        "start_ticks",
        "Start ticks",
        "stat, field 22",
        "Start time in clock ticks after boot; with pid it identifies the process",
        12,
    ),
    Column("started_at_s", "Started", Unit.EPOCH, "stat and btime", 12, "When the process was started"),
    count("uid", "User id", "status Uid", "Real user id", 8),
    text("comm", "Name", "comm", "The name that the process gave itself", 16),
    text("exe", "Program", "exe", "The executable"),
    text("arguments", "Arguments", "cmdline", "Command line, secrets masked", 60),
    text("service", "Service", "cgroup, or exe and arguments", "The service that the process belongs to"),
    text("unit", "Unit", "cgroup", "systemd unit"),
    text("container", "Container", "cgroup", "Container id", 14),
    text("runtime", "Runtime", "mapped files and memory", "jvm 17, go, python3.11, node, ...", 8),
    text(
        "evidence",
        "Evidence",
        "probe",
        "The file that was read: smaps or maps; denied if neither may be read",
        8,
    ),
    text("trouble", "Trouble", "probe", "What is wrong with its record: torn, cut, empty, ...", 16),
    text(
        "restarted",
        "Restarted",
        "the run compared with",
        "yes, no, new (not in that run), or empty if the host was not read then",
        5,
    ),
    *_NATIVE,
    *_RANGE,
    *_PARTS,
    _GROWTH,
    _BLOAT,
    _PEER,
    _OWN,
    *_STACKS,
    *_JAVA,
    count("arena_heaps", "Arena heaps", _MAPS, "Heaps of glibc's arenas (64 MiB of reserve each)"),
    size(
        "unidentified_resident_max_bytes",
        "Unidentified",
        _BOUND,
        "Memory that no rule recognised (kind anonymous): upper bound of the resident size",
    ),
    text(
        "doubtful",
        "Doubtful",
        "rules",
        "yes if guessed_bytes is more than a tenth of present_bytes, otherwise no; empty if it is not known",
        8,
    ),
    text(
        "largest_guess",
        "Largest guess",
        "rules",
        "The kind of the most memory that is labelled by a guess, and what it can be instead",
        26,
    ),
    *_GUESSED,
    count("threads", "Threads", "status Threads", "Threads"),
    size("vm_size_bytes", "VSZ", "status VmSize", "Address space of the process"),
    *_STATUS,
)

FOOTPRINTS: tuple[Column, ...] = (
    text("host", "Host", "inventory", "The name in the inventory"),
    count("pid", "PID", "/proc", "Process id on the host", 8),
    count(
        "start_ticks",
        "Start ticks",
        "stat, field 22",
        "Start time in clock ticks after boot; with pid it identifies the process",
        12,
    ),
    text("kind", "Kind", "rules", "What the memory is for", 15),
    text("family", "Family", "rules", "The group to which the kind belongs", 11),
    size(
        "block_bytes", "Block", _MAPS, "Size of one block, if blocks of equal size are grouped; otherwise 0"
    ),
    count("count", "Blocks", _MAPS, "Blocks; a stack and its guards count as one"),
    size("reserved_bytes", "Reserved", _MAPS, "Address space, accessible or not"),
    size("committed_bytes", "Committed", _MAPS, "The accessible part (any of r, w, x)"),
    size("resident_bytes", "Resident", "smaps Rss", "Resident; unknown without smaps"),
    size(
        "resident_max_bytes",
        "At most resident",
        _BOUND,
        "Rss if smaps was read, otherwise the smaller of committed and RssAnon",
    ),
    size("pss_bytes", "Pss", "smaps Pss", "Resident; a shared page is divided by the number of its users"),
    size("swap_bytes", "Swap", "smaps Swap", "Swapped out"),
)
