"""The columns of the table of finding groups: one row a fingerprint."""

from typing import Final

import polars as pl

from reports.columns.column import Column, Unit, count, size, text
from reports.columns.shared_columns import SAID

GROUPS: tuple[Column, ...] = (
    text(
        "fingerprint",
        "Fingerprint",
        "this run",
        "Identifies the finding over runs: made of code, service and kind, not of host, pid or wording",
        16,
    ),
    text(
        "standing",
        "Standing",
        "the last runs",
        "new, worse, same, resolved, or unseen (it cannot be told on the hosts that had it)",
        8,
    ),
    text("code", "Code", "rules", "Which finding it is: grew, bloated, many_arenas, ...", 20),
    text("severity", "Severity", "rules", "alarm, warning or info; the gravest of its members", 8),
    text("service", "Service", "cgroup, or exe and arguments", "The service that it concerns"),
    text("kind", "Kind", "rules", "The kind of memory that it concerns; empty if it is none", 15),
    count("members", "Members", "this run", "Processes that have it; if it is unseen, that had it", 7),
    count("hosts", "Hosts", "this run", "Hosts on which they run", 6),
    size(
        "bytes",
        "Concerns",
        "this run",
        "Memory that it concerns, over all members; unknown if it is resolved",
    ),
    size("before_bytes", "Before", "the run compared with", "The same in the run compared with"),
    Column("since_at", "Since", Unit.TIME, "the last runs", 25, "Start of the run that told it first"),
    text("since_run", "Since run", "the last runs", "That run", 32),
    Column("resolved_at", "Resolved", Unit.TIME, "the last runs", 25, "Start of the first run without it"),
    text("owner", "Owner", "inventory", "The label `owner` of most of its hosts", 24),
    text("mute_reason", "Muted because", "settings", "Why it is muted; empty if it is not", 40),
    text("muted_until", "Muted until", "settings", "The day on which the mute ends", 10),
    text("title", "Finding", "rules", "What it is, in one sentence with its figures", 80),
    *SAID,
    text(
        "rests_on",
        "Rests on",
        "the last runs",
        "What the standing rests on, where it is not the plain comparison; empty otherwise",
        40,
    ),
)
MEMBERS: Final = pl.List(  # a further column `first`: its first members, the largest first
    pl.Struct(
        {
            "host": pl.String,
            "pid": pl.Int64,
            "comm": pl.String,
            "bytes": pl.Int64,
            "evidence": pl.String,
        }
    )
)
CARRIED: Final[
    dict[str, pl.DataType | type[pl.DataType]]
] = {  # what the next run needs to know, for no reader
    "first": MEMBERS,
    "first_standing": pl.String,  # when it was told first: new, or same if it may be older
    "absent_runs": pl.Int64,  # without it, one after the other; 0: somebody has it, or it is unseen
    "resolved_after": pl.Int64,  # so many of these runs; more than 1 if it comes and goes
    "told_bytes": pl.Int64,  # when it was told as new or worse, on the hosts of today
    "told_members": pl.Int64,
    "told_gravity": pl.Int64,
    "muted_bytes": pl.Int64,  # when it was muted; null if it is not
}
HOLDERS: Final[
    dict[str, pl.DataType | type[pl.DataType]]
] = {  # one row per fingerprint and host, also of hosts that did not answer: what they had before
    "fingerprint": pl.String,
    "host": pl.String,
    "members": pl.Int64,
    "bytes": pl.Int64,
    "runs_ago": pl.Int64,  # 0: in this run
    "by_peers": pl.Boolean,  # of `bloated`: whether its baseline is that of peers; else of no meaning
}
GROWING: Final[
    dict[str, pl.DataType | type[pl.DataType]]
] = {  # one row per process that grew and still holds it
    "host": pl.String,
    "pid": pl.Int64,
    "start_ticks": pl.Int64,
    "started_at_s": pl.Float64,
    "comm": pl.String,
    "service": pl.String,
    "exe": pl.String,
    "kind": pl.String,
    "base_bytes": pl.Int64,  # before it grew
    "base_at": pl.String,  # start of the run that read it
    "at": pl.List(pl.String),  # starts of the runs that read it since, the last GROWING_RUNS_MAX
    "sizes": pl.List(pl.Int64),  # and its size in each
    "peers": pl.Int64,
    "peers_changed": pl.Int64,
}
MUTES: tuple[Column, ...] = (
    text("code", "Code", "settings", "The code that it mutes; * is every code", 20),
    text("service", "Service", "settings", "Pattern of services"),
    text("hosts", "Hosts", "settings", "Pattern of hosts and groups"),
    text("kind", "Kind", "settings", "Pattern of kinds of memory", 15),
    text("reason", "Reason", "settings", "Why", 40),
    text("until", "Until", "settings", "The last day on which it holds, UTC", 10),
    text("state", "State", "this run", "in force, unmatched (nothing to mute) or expired", 9),
    count("groups", "Findings", "this run", "Findings that it mutes", 6),
)
