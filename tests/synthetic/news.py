"""News of a closed run, made of its own rows: changes, findings of services, and fourteen earlier runs."""

from typing import Any, Final

import numpy as np
import polars as pl

from archive import tables
from archive.run import Run
from reports.columns.change_columns import CHANGE_COUNTS, CHANGES, HISTORY, HISTORY_RUNS
from reports.columns.column import schema_of
from reports.tables import settled
from reports.tables.settled import Settled, named

MIB: Final = 2**20
RUNS: Final = 15
STANDINGS: Final = ("new", "worse", "same", "resolved", "unseen", "same")
_NOISE: Final = 0.02  # from one night to the next
_NOTHING: Final[dict[str, Any]] = {
    name: "" if kind is pl.String else None for name, kind in schema_of(CHANGES).items()
}


def tell(run: Run, *, runs: int = RUNS, changed: int = 40, seed: int = 1) -> Run:
    """The run, with tables of news written over those that closing made."""
    read = Settled(run)
    hosts, services = read.table(settled.HOSTS), read.table(settled.SERVICES)
    processes = pl.concat(part.filter("shown") for part in read.parts(settled.PROCESSES))
    changes = changes_of(hosts, services, processes, changed)
    counts = changes.group_by("change", "subject", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("count"), pl.col("change_bytes").sum()
    )
    dates = [f"2026-11-{22 - RUNS + 1 + at:02}T04:00:00Z" for at in range(RUNS)][-runs:]
    ids = [*(f"202611{date[8:10]}T040000Z-nightly-{seed:04x}" for date in dates[:-1]), run.run_id]
    history_runs = pl.DataFrame({"run_id": ids, "started_at": dates}, schema=HISTORY_RUNS)
    for name, table in (
        (settled.CHANGES, changes),
        (settled.CHANGE_COUNTS, counts.select(*schema_of(CHANGE_COUNTS))),
        (settled.FINDING_GROUPS, groups_of(read)),
        (settled.HISTORY, history_of(hosts, services, runs, seed)),
        (settled.HISTORY_RUNS, history_runs),
    ):
        run.write_settled(name, 0, tables.to_parquet(named(table, run.manifest)))
    return run


def changes_of(
    hosts: pl.DataFrame, services: pl.DataFrame, processes: pl.DataFrame, count: int
) -> pl.DataFrame:
    """One change of each sort of a host, then of services, and processes that grew and shrank."""
    rows: list[dict[str, Any]] = []
    ranked = hosts.filter(pl.col("rank").is_not_null())["name"].to_list()
    failed = hosts.filter(pl.col("rank").is_null()).to_dicts()
    for place, one in enumerate(
        processes.sort("rss_anon_bytes", descending=True, nulls_last=True).head(count).to_dicts()
    ):
        now = (one["rss_anon_bytes"] or 0) + (one["swap_bytes"] or 0)
        by = (-1 if place % 5 == 4 else 1) * min(now // 2, (900 - 10 * place) * MIB)
        rows.append(
            {
                "change": "grew" if by > 0 else "shrank",
                "subject": "process",
                **{name: one[name] for name in ("host", "service", "pid", "start_ticks", "comm")},
                "before_bytes": now - by,
                "now_bytes": now,
                "change_bytes": by,
                "per_day_bytes": by,
                "trend_per_day_bytes": by // 10 if place % 2 else None,
                "kind": ("heap_arena", "java_heap", "")[place % 3],
                "kind_before_bytes": 76 * MIB if place % 3 < 2 else None,
                "kind_now_bytes": 76 * MIB + by if place % 3 < 2 and by > 0 else None,
                "kind_exact": ("no", "yes", "")[place % 3],
                "peers": place % 7,
                "peers_changed": 0,
                "count": 1,
                "owner": ("payments", "search", "")[place % 3],
            }
        )
    host = {"subject": "host", "count": 1, "owner": "payments"}
    rows[1:1] = [
        *(
            {**host, "change": "failed", "host": one["name"], "stage": one["stage"], "reason": one["reason"]}
            for one in failed[:1]
        ),
        {**host, "change": "went", "host": "gone-01", "before_bytes": 900 * MIB},
        *(
            {**host, "change": change, "host": name}
            for change, name in zip(("recovered", "appeared", "restarted"), ranked, strict=False)
        ),
        *(
            {"change": "restarted", "subject": "service", "service": name, "count": 5}
            for name in services["service"].to_list()[:1]
        ),
        {
            "change": "went",
            "subject": "service",
            "service": "old.service",
            "count": 2,
            "before_bytes": 70 * MIB,
        },
    ]
    made = [{**_NOTHING, **row, "place": place} for place, row in enumerate(rows, start=1)]
    return pl.DataFrame(made, schema=schema_of(CHANGES))


def groups_of(read: Settled) -> pl.DataFrame:
    """The findings as closing made them, with each standing in turn, and some that are muted."""
    rows = read.table(settled.FINDING_GROUPS).drop("run", "scope", strict=False).with_row_index("_place")
    place = pl.col("_place").cast(pl.Int64)
    standing, is_muted = place % len(STANDINGS), place % 11 == 10
    is_resolved = standing == STANDINGS.index("resolved")
    return rows.with_columns(
        standing.replace_strict(dict(enumerate(STANDINGS)), return_dtype=pl.String).alias("standing"),
        pl.lit("2026-11-19T04:00:00Z").alias("since_at"),
        pl.when(is_resolved).then(pl.lit("2026-11-22T04:00:00Z")).otherwise(pl.lit("")).alias("resolved_at"),
        pl.when(is_resolved).then(None).otherwise(pl.col("bytes")).alias("bytes"),
        pl.when(place % 2 == 1).then(400 * MIB).cast(pl.Int64).alias("before_bytes"),
        pl.when(is_muted).then(pl.lit("known, see the ticket")).otherwise(pl.lit("")).alias("mute_reason"),
        pl.when(is_muted).then(pl.lit("2026-12-24")).otherwise(pl.lit("")).alias("muted_until"),
        pl.lit(0, pl.Int64).alias("absent_runs"),
    ).drop("_place")


def history_of(hosts: pl.DataFrame, services: pl.DataFrame, runs: int, seed: int) -> pl.DataFrame:
    """Random walks that end at what the run has; some hosts failed at times, one is gone, one is new."""
    drawn = np.random.default_rng(seed)
    parts = []
    for subject, name, table, anon in (
        ("host", "name", hosts, pl.col("rss_anon_bytes") + pl.col("swap_bytes")),
        ("service", "service", services, 2 * pl.col("native_heap_resident_max_bytes")),
    ):
        rows = table.select(
            pl.lit(subject).alias("subject"),
            pl.col(name).alias("name"),
            pl.col("native_heap_resident_max_bytes").alias("native_heap_bytes"),
            anon.cast(pl.Int64).alias("anon_bytes"),
        )
        parts.append(
            rows.with_columns(
                pl.Series(measure, _walks(rows[measure], runs, drawn), pl.List(pl.Int64))
                for measure in ("native_heap_bytes", "anon_bytes")
            )
        )
    gone = [900 * MIB] * (runs - 1) + [None]
    left = {
        "subject": ["host", "service"],
        "name": ["gone-01", "old.service"],
        "native_heap_bytes": [gone] * 2,
        "anon_bytes": [gone] * 2,
    }
    return pl.concat([*parts, pl.DataFrame(left, schema=HISTORY)])


def _walks(now: pl.Series, runs: int, drawn: np.random.Generator) -> list[list[int | None]]:
    """One walk a value, backwards from it."""
    steps = drawn.normal(0, _NOISE, (len(now), runs))
    steps[:, -1] = 0
    factors = 1 + np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
    missing = drawn.random((len(now), runs)) < 0.01
    missing[:, -1] = False
    return [
        [
            None if gap or value is None else max(0, int(value * factor)) // 4096 * 4096
            for factor, gap in zip(row, gaps, strict=True)
        ]
        for value, row, gaps in zip(now.to_list(), factors, missing, strict=True)
    ]
