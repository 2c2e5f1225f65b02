"""What became of the processes of some hosts: the part of a comparison that goes with the hosts.

All that is kept of a part is small: sums per host and service, and the processes that changed most.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from archive import tables
from reports.changes import pools
from reports.changes.noise import APPEARED_BYTES, GROWTH_FLOOR_BYTES, exceeds_floor
from reports.tables.measures import OF_PROBE, sum_any

CHANGED_A_PART_MAX: Final = 2_000  # processes of a part and direction that are looked at one by one
SESSION: Final = "session-"  # systemd's units of logins, which come and go
MOVE_BYTES: Final = GROWTH_FLOOR_BYTES // 2  # half of the least change that is told; peers are asked for it

_GROUP: Final = ("host", "service")
_UNIT: Final = (*_GROUP, "unit")
_READ: Final = (  # of a process in either run
    *("host", "service", "unit", "pid", "start_ticks", "comm", "runtime"),
    *("rss_anon_bytes", "swap_bytes", "rss_shmem_bytes"),
)
_PROCESS: Final = ("host", "pid", "start_ticks")
ROW: Final[dict[str, type[pl.DataType]]] = {
    "host": pl.String,
    "service": pl.String,
    "pid": pl.Int64,
    "start_ticks": pl.Int64,
    "comm": pl.String,
    "before_bytes": pl.Int64,
    "now_bytes": pl.Int64,
    "change_bytes": pl.Int64,
    "change": pl.String,
}


@dataclass(frozen=True, slots=True)
class PartChanges:
    """What the processes of some hosts tell."""

    rows: pl.DataFrame  # ROW: processes that changed beyond the floor, appeared or went
    beyond: pl.DataFrame  # change, count, change_bytes: of those that rows has no room for
    hosts: pl.DataFrame  # one row per host: sums over processes in both runs
    services: pl.DataFrame  # one row per service: the same, and members that came and went
    pools: pl.DataFrame  # one row per service with more or fewer processes (`reports.changes.pools`)
    moves: pl.DataFrame  # service, change_bytes: list of the changes of at least MOVE_BYTES
    unsure: pl.DataFrame  # service, seen (then or now): on hosts that one of the runs did not read whole


def of_part(now: pl.DataFrame, then: pl.DataFrame | None, pairs: pl.DataFrame) -> PartChanges:
    """Compare the processes of some hosts.

    `now` has what `reports.tables.trend.with_growth` adds, `then` are processes of the run compared with.
    `pairs` are these hosts (`reports.changes.hosts.paired`).
    """
    here = pairs.select("host", "read", "unread", "rebooted", "shmem_change_bytes")
    now = now.select(*_READ, "restarted", "then_anon_bytes", "then_shmem_bytes", "anon_growth_bytes")
    is_same = pl.col("restarted") == "no"
    both = _sized(now.filter(is_same), here)
    before = (then if then is not None else now).select(_READ)
    before = (
        before.filter(pl.col("host").is_in(here["host"].implode())) if then is not None else before.clear()
    )
    compared = here.filter("read").select("host", "rebooted")
    fresh = _strangers(now.filter(~is_same), compared)
    gone = _strangers(before.join(both.select(_PROCESS), on=list(_PROCESS), how="anti"), compared)
    rows, beyond = _rows(both, fresh, gone)
    return PartChanges(
        rows,
        beyond,
        hosts=_sums(_without_shared(both), "host"),
        services=_services(both, fresh, gone),
        pools=pools.of_part(both, fresh, gone),
        moves=_moves(both),
        unsure=_unsure(now, before, here),
    )


def _sized(both: pl.DataFrame, here: pl.DataFrame) -> pl.DataFrame:
    """Processes in both runs with their sizes.

    Shared memory counts as far as the host's own sum of it changed as well: pages that were there and are
    only now mapped are no growth. Processes that map it together share the change by what each of them
    mapped.
    """
    step = (pl.col("rss_shmem_bytes") - pl.col("then_shmem_bytes")).fill_null(0)
    up, down = step.clip(lower_bound=0), (-step).clip(lower_bound=0)
    joined = both.join(here, on="host", how="left", maintain_order="left").with_columns(
        up.alias("_up"), down.alias("_down"), pl.col("shmem_change_bytes").fill_null(0).alias("_shmem")
    )

    def counted(part: str, most: pl.Expr) -> pl.Expr:
        whole = pl.col(part).sum().over("host")
        scale = pl.when(whole > 0).then((most.clip(lower_bound=0) / whole).clip(upper_bound=1)).otherwise(0.0)
        return (pl.col(part) * scale).round().cast(pl.Int64)

    anon = pl.col("rss_anon_bytes") + pl.col("swap_bytes")
    return joined.with_columns(
        (pl.col("then_anon_bytes") + counted("_down", -pl.col("_shmem"))).alias("before_bytes"),
        (anon + counted("_up", pl.col("_shmem"))).alias("now_bytes"),
    ).with_columns((pl.col("now_bytes") - pl.col("before_bytes")).alias("change_bytes"))


def _without_shared(both: pl.DataFrame) -> pl.DataFrame:
    """The same with anonymous memory alone: of a host, shared memory is a line of its own."""
    before, change = pl.col("then_anon_bytes"), pl.col("anon_growth_bytes")
    return both.with_columns(
        before.alias("before_bytes"), (before + change).alias("now_bytes"), change.alias("change_bytes")
    )


def _strangers(processes: pl.DataFrame, compared: pl.DataFrame) -> pl.DataFrame:
    """Processes that are in one run only, on hosts that were read whole in both.

    Without those of logins, and without the probe's: each run has its own. One of no known start time is
    none: it can be the same as another.
    """
    size = pl.col("rss_anon_bytes") + pl.col("swap_bytes")
    return (
        processes.filter(
            pl.col("start_ticks").is_not_null()
            & (pl.col("service") != "")
            & ~pl.col("unit").str.starts_with(SESSION)
            & ~OF_PROBE
        )
        .join(compared, on="host", how="inner")
        .select(*_UNIT, "pid", "start_ticks", "comm", "rebooted", size.alias("size_bytes"))
    )


def _rows(both: pl.DataFrame, fresh: pl.DataFrame, gone: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The processes to be told, and the count of those that are left out."""
    change, size = pl.col("change_bytes"), pl.col("size_bytes")
    moved = both.filter(exceeds_floor(change, pl.col("before_bytes"))).with_columns(
        pl.when(change > 0).then(pl.lit("grew")).otherwise(pl.lit("shrank")).alias("change")
    )
    none = pl.lit(None, pl.Int64)
    came = fresh.filter(size >= APPEARED_BYTES).join(gone, on=list(_GROUP), how="anti")
    left = gone.filter(size >= APPEARED_BYTES).join(fresh, on=list(_GROUP), how="anti")
    together = pl.concat(
        [
            moved.select(ROW.keys()),
            came.with_columns(
                none.alias("before_bytes"),
                size.alias("now_bytes"),
                none.alias("change_bytes"),
                pl.lit("appeared").alias("change"),
            ).select(ROW.keys()),
            left.with_columns(
                size.alias("before_bytes"),
                none.alias("now_bytes"),
                none.alias("change_bytes"),
                pl.lit("went").alias("change"),
            ).select(ROW.keys()),
        ]
    ).sort(
        [pl.coalesce("change_bytes", "now_bytes", "before_bytes").abs(), *_PROCESS],
        descending=[True, False, False, False],
    )
    place = pl.int_range(pl.len()).over("change")
    kept = together.filter(place < CHANGED_A_PART_MAX)
    others = together.filter(place >= CHANGED_A_PART_MAX)
    beyond = others.group_by("change").agg(pl.len().cast(pl.Int64).alias("count"), sum_any(change))
    return tables.with_own_texts(kept), tables.with_own_texts(beyond)


def _squares(sign: int) -> pl.Expr:
    return ((pl.col("change_bytes") * sign).clip(lower_bound=0).cast(pl.Float64) ** 2).sum()


def _sums(both: pl.DataFrame, key: str) -> pl.DataFrame:
    """Sizes then and now of processes whose size is known in both runs."""
    known = both.filter(pl.col("change_bytes").is_not_null() & (pl.col(key) != ""))
    return tables.with_own_texts(
        known.group_by(key).agg(
            pl.col("before_bytes", "now_bytes", "change_bytes").sum(),
            _squares(1).alias("rises_squared"),
            _squares(-1).alias("falls_squared"),
            pl.len().cast(pl.Int64).alias("same"),
        )
    )


def _services(both: pl.DataFrame, fresh: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """One row per service: sums of processes in both runs, and those that came, went and were restarted.

    A unit of which a process is in both runs was not restarted: its others are workers that come and go.
    """
    came, left = (
        each.join(both, on=list(_UNIT), how="anti")
        .group_by(_GROUP)
        .agg(
            pl.len().cast(pl.Int64).alias("count"),
            sum_any(pl.col("size_bytes")),
            pl.col("rebooted").first(),
        )
        for each in (fresh, gone)
    )
    units = came.join(left, on=list(_GROUP), how="full", coalesce=True, suffix="_left")
    came_count, left_count = pl.col("count").fill_null(0), pl.col("count_left").fill_null(0)
    again = pl.min_horizontal(came_count, left_count)
    restarted = units.with_columns(again.alias("_again"))
    was = (pl.col("_again") > 0) & ~pl.col("rebooted")  # a reboot is told of the host alone
    strange = restarted.group_by("service").agg(
        pl.col("_again").filter(was).sum().alias("restarted"),
        pl.col("size_bytes").filter(was).sum().alias("restarted_now_bytes"),
        pl.col("size_bytes_left").filter(was).sum().alias("restarted_before_bytes"),
        pl.col("host").filter(was).n_unique().cast(pl.Int64).alias("restarted_hosts"),
        pl.col("host").filter(was).min().alias("restarted_host"),
        (came_count - pl.col("_again")).sum().alias("came"),
        (left_count - pl.col("_again")).sum().alias("left"),
        pl.col("size_bytes_left").sum().alias("left_bytes"),
        pl.col("host").filter(left_count > 0).n_unique().cast(pl.Int64).alias("left_hosts"),
        pl.col("host").filter(left_count > 0).min().alias("left_host"),
    )
    return _sums(both, "service").join(
        tables.with_own_texts(strange), on="service", how="full", coalesce=True
    )


def _moves(both: pl.DataFrame) -> pl.DataFrame:
    """service, and the changes of its processes that are at least half of one that is told."""
    moved = both.filter((pl.col("change_bytes").abs() >= MOVE_BYTES) & (pl.col("service") != ""))
    return tables.with_own_texts(moved.group_by("service").agg("change_bytes"))


def _unsure(now: pl.DataFrame, then: pl.DataFrame, here: pl.DataFrame) -> pl.DataFrame:
    """service, seen (then or now): on hosts that both runs asked and one of them did not read whole."""
    unread = here.filter("unread")["host"].implode()
    seen = [
        each.filter(pl.col("host").is_in(unread) & (pl.col("service") != ""))
        .select("service", pl.lit(run).alias("seen"))
        .unique()
        for each, run in ((then, "then"), (now, "now"))
    ]
    return tables.with_own_texts(pl.concat(seen))
