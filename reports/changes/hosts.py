"""What became of hosts: those that came, went, failed, recovered, were restarted, grew or shrank."""

from typing import Final

import polars as pl

from reports.changes.noise import exceeds_floor, spread
from reports.columns.column import schema_of
from reports.columns.columns import HOSTS
from reports.tables.status import ANSWERED, FAILED

CUT_OFF: Final = "cut_off"  # a reason of reports.tables.status: the end of the stream is missing
OWNED_BY_NONE: Final = {  # lines of meminfo that no process owns, and what a change of them is called
    "shmem_bytes": "shmem",
    "slab_kept_bytes": "slab",
    "page_tables_bytes": "page_tables",
    "kernel_stack_bytes": "kernel_stacks",
    "huge_pages_bytes": "huge_pages",
}
BREATHING: Final = ("shmem_bytes", "slab_kept_bytes")  # of which earlier runs say what is usual
ANON: Final = ("rss_anon_bytes", "swap_bytes")
READ: Final = ("name", "status", "stage", "reason", "boot_id", *ANON, *OWNED_BY_NONE)  # of the last run
_SIZE: Final = pl.col("rss_anon_bytes") + pl.col("swap_bytes")


def paired(now: pl.DataFrame, then: pl.DataFrame | None) -> pl.DataFrame:
    """One row per host of either run, what it was then with `_then` behind the name.

    read: whole in both runs; unread: both asked it, and one did not read it whole; rebooted: known to
    have been started anew; shmem_change_bytes. `now` need not have the sums of processes.
    """
    declared = schema_of(HOSTS)
    earlier = then if then is not None else pl.DataFrame(schema={name: declared[name] for name in READ})
    was = earlier.select(pl.col(name).alias(f"{name}_then") for name in READ)
    needed = now.select(name for name in READ if name not in ANON)
    both = needed.join(was, left_on="name", right_on="name_then", how="full", coalesce=False).with_columns(
        pl.coalesce("name", "name_then").alias("host")
    )
    asked = pl.col("name").is_not_null() & pl.col("name_then").is_not_null()
    read = asked & _whole("") & _whole("_then")
    boots = pl.col("boot_id"), pl.col("boot_id_then")
    rebooted = read & (boots[0] != "") & (boots[1] != "") & (boots[0] != boots[1])
    return both.with_columns(
        read.alias("read"),
        (asked & ~read).alias("unread"),
        rebooted.fill_null(value=False).alias("rebooted"),
        (pl.col("shmem_bytes") - pl.col("shmem_bytes_then")).alias("shmem_change_bytes"),
    )


def _whole(when: str) -> pl.Expr:
    """Whether a host was read to the end of its processes."""
    answered = pl.col(f"status{when}").is_in(ANSWERED)
    return (answered & (pl.col(f"reason{when}") != CUT_OFF)).fill_null(value=False)


def changed(pairs: pl.DataFrame, sums: pl.DataFrame) -> pl.DataFrame:
    """The changes of hosts: change, host, before_bytes, now_bytes, change_bytes, kind, stage, reason.

    `pairs` as `paired` gives them, with rss_anon_bytes and swap_bytes of now; `sums` are those of
    `reports.changes.part`. Growth is above the floor, and may still be usual.
    """
    answered, did = (pl.col(f"status{when}").is_in(ANSWERED).fill_null(value=False) for when in ("", "_then"))
    came, went = pl.col("name_then").is_null(), pl.col("name").is_null()
    failed = (pl.col("status") == FAILED) & did
    recovered = answered & (pl.col("status_then") == FAILED)
    before = (pl.col("rss_anon_bytes_then") + pl.col("swap_bytes_then")).alias("before_bytes")
    now = _SIZE.alias("now_bytes")
    none, nothing = pl.lit(None, pl.Int64), pl.lit("")
    events = [
        pairs.filter(which.fill_null(value=False)).select(
            pl.lit(change).alias("change"),
            "host",
            before,
            now,
            none.alias("change_bytes"),
            nothing.alias("kind"),
            stage.fill_null("").alias("stage"),
            reason.fill_null("").alias("reason"),
        )
        for change, which, stage, reason in (
            ("appeared", came, pl.col("stage"), pl.col("reason")),
            ("went", went, nothing, nothing),
            ("failed", failed, pl.col("stage"), pl.col("reason")),
            ("recovered", recovered, pl.col("stage_then"), pl.col("reason_then")),
            ("restarted", pl.col("rebooted"), nothing, nothing),
        )
    ]
    return pl.concat([*events, _grown(pairs, sums)])


def _grown(pairs: pl.DataFrame, sums: pl.DataFrame) -> pl.DataFrame:
    """One row for a host that changed: its processes, or what none of them owns if that changed more."""
    change, before = pl.col("change_bytes"), pl.col("before_bytes")
    chance = spread(pl.col("rises_squared"), pl.col("falls_squared"))
    own = sums.filter(change.abs() > chance).select(
        "host", "before_bytes", "now_bytes", "change_bytes", pl.lit("").alias("kind")
    )
    lasting = pairs.filter(pl.col("read") & ~pl.col("rebooted"))
    others = [
        lasting.select(
            "host",
            pl.col(f"{line}_then").alias("before_bytes"),
            pl.col(line).alias("now_bytes"),
            (pl.col(line) - pl.col(f"{line}_then")).alias("change_bytes"),
            pl.lit(kind).alias("kind"),
        )
        for line, kind in OWNED_BY_NONE.items()
    ]
    moved = pl.concat([own, *others]).filter(exceeds_floor(change, before))
    return (
        moved.sort(change.abs(), "kind", descending=[True, False])
        .unique("host", keep="first", maintain_order=True)
        .select(
            pl.when(change > 0).then(pl.lit("grew")).otherwise(pl.lit("shrank")).alias("change"),
            "host",
            "before_bytes",
            "now_bytes",
            "change_bytes",
            "kind",
            pl.lit("").alias("stage"),
            pl.lit("").alias("reason"),
        )
    )
