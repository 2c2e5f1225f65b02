"""The tables of the last runs: what each host and service had in them, also those that are gone."""

from typing import Final

import numpy as np
import polars as pl

from domain.records import Manifest
from reports.changes.past import ANON, Past
from reports.changes.rows import Subject
from reports.changes.series import Floats, Series, looked_up
from reports.columns.change_columns import HISTORY, HISTORY_RUNS
from reports.tables.measures import NATIVE

GONE_MAX: Final = 500  # hosts, and as many services, that only earlier runs have
_MEASURES: Final = ("native_heap_bytes", "anon_bytes")


def history(
    past: Past, manifest: Manifest, hosts: pl.DataFrame, services: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two tables: the last runs of each host and service, and those runs.

    After those of this run stand those that only earlier runs read, at most GONE_MAX of each: the last to go
    first, then the largest.
    """
    runs = pl.DataFrame(
        {
            "run_id": [*(run.run_id for run in past.runs), manifest.run_id],
            "started_at": [*(run.started_at for run in past.runs), manifest.started_at],
        },
        schema=HISTORY_RUNS,
    )
    subjects = pl.concat(
        [
            _lists(past.hosts, "name", hosts, Subject.HOST),
            _lists(past.services, "service", services, Subject.SERVICE),
            _gone(past.gone_hosts, runs.height, Subject.HOST),
            _gone(past.gone_services, runs.height, Subject.SERVICE),
        ]
    )
    return subjects.select(pl.col(name).cast(kind) for name, kind in HISTORY.items()), runs


def _lists(of: Series, key: str, now: pl.DataFrame, subject: Subject) -> pl.DataFrame:
    """subject, name and a list per measure, of the names in the table of this run."""
    chosen = of.places(now[key])
    names = of.names.gather(chosen)
    present = looked_up(names, key, now, (NATIVE, *ANON))
    sums = {
        "native_heap_bytes": (of.measures[NATIVE], present[NATIVE]),
        "anon_bytes": (of.measures[ANON[0]] + of.measures[ANON[1]], present[ANON[0]] + present[ANON[1]]),
    }
    lists = {
        name: _rows(np.hstack([earlier[chosen], last[:, None]])) for name, (earlier, last) in sums.items()
    }
    return pl.DataFrame({"name": names, **lists}).with_columns(pl.lit(subject.value).alias("subject"))


def _gone(rows: pl.DataFrame, runs: int, subject: Subject) -> pl.DataFrame:
    """As `_lists`, of `past.GONE_SCHEMA`: null in the runs in which they were not, and in this one."""
    known = rows.filter(pl.col("anon_bytes").is_not_null()).sort("name", "run")
    last = known.unique("name", keep="last", maintain_order=True)
    chosen = last.sort("run", "anon_bytes", "name", descending=[True, True, False])["name"].head(GONE_MAX)
    grid = pl.DataFrame({"name": chosen}).join(
        pl.DataFrame({"run": np.arange(runs)}, schema={"run": pl.Int64}), how="cross"
    )
    of_runs = grid.join(
        rows.unique(["name", "run"], keep="first"), on=["name", "run"], how="left", maintain_order="left"
    )
    lists = of_runs.group_by("name", maintain_order=True).agg(_MEASURES)
    return lists.with_columns(pl.lit(subject.value).alias("subject"))


def _rows(values: Floats) -> pl.Series:
    """Each row as a list of whole numbers; null where one is not known."""
    flat = pl.Series(values.ravel()).fill_nan(None).cast(pl.Int64)
    width = values.shape[1]
    starts = pl.DataFrame({"value": flat, "row": np.arange(len(flat)) // max(width, 1)})
    return starts.group_by("row", maintain_order=True).agg("value")["value"]
