"""Columns that hosts, services and processes share."""

from reports.columns.column import Column, change, count, size, text

MAPS = "maps"
BOUND = "smaps Rss, or maps and status"

EXTENTS = (
    (
        "resident_max_bytes",
        "",
        BOUND,
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
        MAPS,
        "accessible memory (any of r, w, x); an upper bound of the resident size",
    ),
    ("reserved_bytes", " reserved", MAPS, "address space, accessible or not"),
)


def _extents(prefix: str, title: str, what: str, width: int = 11) -> tuple[Column, ...]:
    """The four sizes of one measure."""
    return tuple(
        size(f"{prefix}_{name}", title + suffix, source, f"{what}: {meaning}", width)
        for name, suffix, source, meaning in EXTENTS
    )


NATIVE = _extents("native_heap", "Native heap", "Kinds heap_main, heap_arena, heap_mmap and heap_allocator")
RANGE = (
    size(
        "native_heap_least_bytes",
        "At least",
        BOUND,
        "Native heap without what is only guessed to be native heap: never more than "
        "native_heap_resident_max_bytes, and of the same unit",
    ),
    size(
        "native_heap_most_bytes",
        "At most",
        BOUND,
        "Native heap with what is guessed to be something else and can be native heap: never less than "
        "native_heap_resident_max_bytes, and of the same unit",
    ),
)
GUESSED = (
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
DOUBTFUL = count(
    "doubtful",
    "Doubtful",
    "rules",
    "Processes with doubtful labels: guessed_bytes is more than a tenth of present_bytes",
    8,
)
STACKS = (
    count("stacks", "Stacks", MAPS, "Thread stacks, without main stacks; a stack and its guards count once"),
    *_extents("stacks", "Stack memory", "Kind thread_stack", 12),
)
PARTS = tuple(
    size(
        f"{kind}_resident_max_bytes",
        kind,
        BOUND,
        f"Native heap of kind {kind} ({meaning}): upper bound of the resident size",
    )
    for kind, meaning in (
        ("heap_main", "the brk [heap]"),
        ("heap_arena", "glibc's arenas except the main one"),
        ("heap_mmap", "large malloc blocks with a mapping of their own"),
        ("heap_allocator", "jemalloc, tcmalloc, mimalloc, musl and others"),
    )
)
JAVA = _extents("java_heap", "Java heap", "Kind java_heap")
STATUS = (
    size("rss_bytes", "RSS", "status VmRSS", "Resident memory; shared pages count in every process"),
    size("rss_anon_bytes", "RssAnon", "status RssAnon", "Resident anonymous memory"),
    size("rss_file_bytes", "RssFile", "status RssFile", "Resident pages of files"),
    size("rss_shmem_bytes", "RssShmem", "status RssShmem", "Resident shared memory"),
    size("swap_bytes", "Swap", "status VmSwap", "Swapped-out anonymous memory"),
)
PEER = size(
    "peer_excess_bytes",
    "Above peers",
    "this run",
    "Native heap above the median of the service's processes in the fleet (at least 5); summed for a host",
)
OWN = size(
    "own_excess_bytes",
    "Above own minimum",
    "the last 14 runs",
    "Native heap of a service on a host above its minimum there in the last 14 comparable runs",
)
BLOAT = size(
    "bloat_bytes",
    "Bloat",
    "peers and own past",
    "The larger of peer_excess_bytes and own_excess_bytes, per service; unknown without a baseline",
)
GROWTH = change(
    "growth_bytes",
    "Growth",
    "the run compared with",
    "Change of native heap since that run, summed over the processes that are in both runs with the same "
    "start time and read by the same file; unknown if that run's labels are by other rules and were not made "
    "anew",
)
ANON_GROWTH = change(
    "anon_growth_bytes",
    "Anonymous growth",
    "the run compared with",
    "Change of RssAnon and VmSwap since the run compared with, whatever its rules, summed over the processes "
    "that are in both runs; unknown if there is none",
    16,
)

ARENA_HEAPS = count("arena_heaps", "Arena heaps", MAPS, "Heaps of glibc's arenas (64 MiB of reserve each)")
UNIDENTIFIED = size(
    "unidentified_resident_max_bytes",
    "Unidentified",
    BOUND,
    "Memory that no rule recognised (kind anonymous): upper bound of the resident size",
)

HOST: Column = text("host", "Host", "inventory", "The name in the inventory")
PROCESS: tuple[Column, ...] = (
    HOST,
    count("pid", "PID", "/proc", "Process id on the host", 8),
    count(
        "start_ticks",
        "Start ticks",
        "stat, field 22",
        "Start time in clock ticks after boot; with pid it identifies the process",
        12,
    ),
)
COMM = text("comm", "Name", "comm", "The name that the process gave itself", 16)
SAID: tuple[Column, ...] = (  # of a finding, and of all that have the same
    text("advice", "Advice", "rules", "What to do about it", 60),
    text("confirm", "To confirm", "rules", "The test that would prove it right or wrong", 60),
    text("not_shown", "Not shown", "rules", "What this evidence cannot say", 60),
)
