"""Services with more or fewer processes while one of them lives on: pools, fork storms, leaks of children."""

from collections.abc import Iterable
from typing import Final

import polars as pl

from archive import tables
from reports.changes.noise import exceeds_floor, spread

MEMBERS_MIN: Final = 2  # more or fewer processes than before; one is the ordinary turn of a pool ...
MEMBERS_SHARE: Final = 0.25  # ... and so is less than this share of those before
OF_CHANGE: Final = 0.5  # of the change is due to the number of processes; else its processes grew
ON_ONE_HOST: Final = 0.75  # of the change is on one host, which is then named
SESSIONS: Final = ("session-", "user@")  # units of logins and of what people start in them

_UNIT: Final = ("host", "service", "unit")
_GROUP: Final = ("host", "service")
_FIGURES: Final = ("count_before", "count", "before_bytes", "now_bytes", "more_bytes")


def of_part(both: pl.DataFrame, fresh: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """One row per service of some hosts: members and sizes then and now where a process of it lives on.

    `both` are processes in both runs with sizes, `fresh` and `gone` those in one run
    (`reports.changes.part`). more_bytes is what the change in number makes: so many processes of mean size.
    The columns with `_at` are those of the host on which that is most.
    """
    on_hosts = _of_hosts(both, fresh, gone)
    more = pl.col("more_bytes")
    most = on_hosts.sort(more.abs(), "host", descending=[True, False]).unique("service", keep="first")
    sums = on_hosts.group_by("service").agg(
        pl.col(_FIGURES).sum(),
        (more.clip(lower_bound=0).cast(pl.Float64) ** 2).sum().alias("rises_squared"),
        ((-more).clip(lower_bound=0).cast(pl.Float64) ** 2).sum().alias("falls_squared"),
        pl.len().cast(pl.Int64).alias("hosts"),
    )
    at = most.select("service", pl.col("host", *_FIGURES).name.suffix("_at"))
    return tables.with_own_texts(sums.join(at, on="service"))


def _of_hosts(both: pl.DataFrame, fresh: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """host, service and figures, of services whose number of processes changed under a living one.

    Only processes of a unit of which another is in both runs count: old and new containers stand side by side
    during a deployment. Of these only programs that the unit ran before, or runs still: jobs that cron or a
    scheduler starts are other programs.
    """
    alive = both.filter(
        pl.col("change_bytes").is_not_null()
        & (pl.col("service") != "")
        & ~pl.any_horizontal(pl.col("unit").str.starts_with(each) for each in SESSIONS)
    )
    lasting = alive.select(*_UNIT).unique()
    came, left = (each.join(lasting, on=list(_UNIT), how="semi") for each in (fresh, gone))
    touched = pl.concat([each.select(_GROUP) for each in (came, left)]).unique()
    here = alive.join(touched, on=list(_GROUP), how="semi")
    named = [
        frame.with_columns(pl.col("comm").str.replace_all(r"\d+", "").alias("_program"))
        for frame in (here, came, left)
    ]
    key = [*_UNIT, "_program"]
    programs = [each.select(key).unique() for each in named]
    then, now = (pl.concat([programs[0], other]).unique() for other in (programs[2], programs[1]))
    both_times = then.join(now, on=key, how="semi")
    here, came, left = (each.join(both_times, on=key, how="semi") for each in named)
    lived = here.group_by(_GROUP).agg(
        pl.len().cast(pl.Int64).alias("same"), pl.col("before_bytes", "now_bytes").sum()
    )
    moved = lived
    for frame, name in ((came, "came"), (left, "left")):
        counted = frame.group_by(_GROUP).agg(
            pl.len().cast(pl.Int64).alias(name), pl.col("size_bytes").sum().alias(f"{name}_bytes")
        )
        moved = moved.join(counted, on=list(_GROUP), how="left")
    moved = moved.with_columns(pl.col("came", "came_bytes", "left", "left_bytes").fill_null(0))
    net = pl.col("came") - pl.col("left")
    mean = (
        pl.when(net > 0)
        .then(pl.col("came_bytes") / pl.col("came"))
        .otherwise(pl.col("left_bytes") / pl.col("left"))
    )
    return moved.filter(net != 0).select(
        *_GROUP,
        (pl.col("same") + pl.col("left")).alias("count_before"),
        (pl.col("same") + pl.col("came")).alias("count"),
        (pl.col("before_bytes") + pl.col("left_bytes")).alias("before_bytes"),
        (pl.col("now_bytes") + pl.col("came_bytes")).alias("now_bytes"),
        (net * mean).round().cast(pl.Int64).alias("more_bytes"),
    )


def changed(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The services of all parts that changed by the number of their processes.

    change, service, host (if it is one), count_before, count, before_bytes, now_bytes, change_bytes. The
    number may still be usual.
    """
    rows = pl.concat(parts).sort(pl.col("more_bytes_at").abs(), "host_at", descending=[True, False])
    of_all = rows.group_by("service", maintain_order=True).agg(
        pl.col(*_FIGURES, "rises_squared", "falls_squared", "hosts").sum(),
        pl.col("host_at", *(f"{name}_at" for name in _FIGURES)).first(),
    )
    is_one = pl.col("more_bytes_at").abs() >= ON_ONE_HOST * pl.col("more_bytes").abs()
    told = of_all.select(
        "service",
        pl.when(is_one).then(pl.col("host_at")).otherwise(pl.lit("")).alias("host"),
        *(
            pl.when(is_one).then(pl.col(f"{name}_at")).otherwise(pl.col(name)).alias(name)
            for name in _FIGURES
        ),
        spread(pl.col("rises_squared"), pl.col("falls_squared")).alias("_chance"),
    ).with_columns((pl.col("now_bytes") - pl.col("before_bytes")).alias("change_bytes"))
    more, change = pl.col("more_bytes"), pl.col("change_bytes")
    members = (pl.col("count") - pl.col("count_before")).abs()
    return told.filter(
        exceeds_floor(more, pl.col("before_bytes"))
        & exceeds_floor(change, pl.col("before_bytes"))
        & (more.sign() == change.sign())
        & (more.abs() >= OF_CHANGE * change.abs())
        & (more.abs() > pl.col("_chance"))
        & (members >= MEMBERS_MIN)
        & (members >= MEMBERS_SHARE * pl.col("count_before"))
    ).select(
        pl.when(change > 0).then(pl.lit("grew")).otherwise(pl.lit("shrank")).alias("change"),
        "service",
        "host",
        *("count_before", "count", "before_bytes", "now_bytes", "change_bytes"),
    )
