"""The columns of the tables that tell what changed, and what the last runs were."""

from typing import Final

import polars as pl

from reports.columns.column import Column, change, count, size, text

_RUNS: Final = "this run and the one compared with"

CHANGES: tuple[Column, ...] = (
    count("place", "#", "this run", "Place among all changes, the most important first", 4),
    text(
        "change",
        "Change",
        _RUNS,
        "grew, shrank, appeared, went, restarted, failed (it answered before), recovered",
        9,
    ),
    text("subject", "Of", _RUNS, "host, service or process", 7),
    text("host", "Host", "inventory", "The name in the inventory; empty for a service on several hosts"),
    text("service", "Service", "cgroup, or exe and arguments", "The service; empty for a host"),
    count("pid", "PID", "/proc", "Process id on the host; unknown unless the subject is a process", 8),
    count("start_ticks", "Start ticks", "stat, field 22", "With pid it identifies the process", 12),
    text("comm", "Name", "comm", "The name of the process; empty unless the subject is a process", 16),
    size(
        "before_bytes",
        "Before",
        "status",
        "RssAnon and VmSwap in the run compared with, and shared memory that was given back since; of a host "
        "whose kind is a line of meminfo (shmem, slab, ...) that line",
    ),
    size("now_bytes", "Now", "status", "The same in this run, and shared memory that came since"),
    change("change_bytes", "By", "status", "now_bytes minus before_bytes"),
    change("per_day_bytes", "A day", "status", "change_bytes by the days between the two runs"),
    change(
        "trend_per_day_bytes",
        "Trend a day",
        "the last 14 runs",
        "Median slope over the last 14 runs without a restart; unknown with fewer than 4 of them",
    ),
    text("kind", "Kind", "rules", "The kind of memory that changed most; empty if it is not known", 15),
    size("kind_before_bytes", "Kind before", "rules", "Memory of that kind in the run compared with"),
    size("kind_now_bytes", "Kind now", "rules", "Memory of that kind in this run"),
    text(
        "kind_exact",
        "Kind exact",
        "smaps, meminfo",
        "yes if its sizes are exact, no if they are upper bounds; empty if the kind is not known",
        5,
    ),
    count("peers", "Peers", _RUNS, "Other processes of the service that are in both runs", 6),
    count("peers_changed", "Peers too", _RUNS, "Of these, those that changed as much as that", 6),
    count(
        "count",
        "Count",
        _RUNS,
        "Members that appeared, went or restarted, or members now; 1 for a process or host",
        6,
    ),
    count(
        "count_before",
        "Count before",
        _RUNS,
        "Members then, of a service that changed by the number of its processes",
        6,
    ),
    text("stage", "Stage", "this run", "The stage at which the sweep of the host failed", 9),
    text("reason", "Reason", "this run", "Why it failed, or failed in the run compared with", 24),
    text("owner", "Owner", "inventory", "The label `owner` of the host, or of most hosts of the service", 24),
)

CHANGE_COUNTS: tuple[Column, ...] = (  # of all changes, also those beyond the limit of the table
    text("change", "Change", _RUNS, "As in the table of changes", 9),
    text("subject", "Of", _RUNS, "host, service or process", 7),
    count("count", "Count", _RUNS, "How many there are"),
    change("change_bytes", "By", "status", "The sum of their changes"),
)

HISTORY: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "subject": pl.String,  # host or service
    "name": pl.String,
    "native_heap_bytes": pl.List(pl.Int64),  # one a run, null where it is not known; the last is this run
    "anon_bytes": pl.List(pl.Int64),  # resident anonymous memory and swap
}
HISTORY_RUNS: Final[
    dict[str, pl.DataType | type[pl.DataType]]
] = {  # one row a run, in the order of the lists
    "run_id": pl.String,
    "started_at": pl.String,
}
