"""The findings of the last of the earlier runs of a made fleet: those that the run after it is compared with.

They are what a closing makes of them (`reports.findings.closing`), of findings that were made once a recipe.
"""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from archive.runs import Runs
from bench.fleet_dumps import dump
from bench.fleet_manifest import manifest
from bench.fleet_plan import DAY_S, Fleet
from domain.moments import written
from domain.records import Host, Manifest
from procmaps.classify import RULES_VERSION
from reports.changes.noise import exceeds_floor
from reports.closing import service_table
from reports.closing.settle import settle
from reports.columns.change_columns import CHANGES
from reports.columns.column import schema_of
from reports.findings.closing import Changed, Found
from reports.findings.codes import CODES
from reports.findings.last import NOTHING
from reports.findings.rows import MadeBy
from reports.tables import measures, settled
from workers.life.host_steps import classify_host

LEVELS: Final = (
    0.0,
    0.1,
    0.4,
)  # of the native heap that are classified; the next lower one counts
GROWN_MAX: Final = 500  # processes told as grown in the night before
_PROCESS: Final = ("host", "pid", "start_ticks")


def of_recipes(fleet: Fleet) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The settled row of a process of each recipe that has not grown; and findings by recipe and band.

    A band is the place in LEVELS.
    """
    some = fleet.plan(next(number for number, home in enumerate(fleet.homes) if not home.is_failed))
    count = len(fleet.recipes)
    every = count * len(LEVELS)
    nothing = np.zeros(every)
    plan = replace(
        some,
        recipe=np.tile(np.arange(count), len(LEVELS)),
        instance=np.ones(every, np.int64),
        pid=np.arange(1, every + 1),
        start_ticks=np.full(every, 1000),
        age_s=nothing + DAY_S,
        level=np.repeat(LEVELS, count),
        java_level=nothing,
        is_denied=nothing.astype(np.bool_),
        is_cut=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(folder)
        host = Host(plan.home.name, plan.home.address)
        run = runs.create(manifest(datetime.fromtimestamp(fleet.now_s, UTC), [host]))
        run.write_dump(dump(fleet, plan))
        classify_host(run, host.name)
        run.close(settle(run, runs, run.manifest.started_at))
        told = settled.Settled(run)
        place = pl.col("pid") - 1
        found = told.table(settled.FINDINGS).with_columns(
            (place % count).alias("recipe"), (place // count).alias("band")
        )
        rows = told.table(settled.PROCESSES).filter(pl.col("pid") <= count).sort("pid")
    return rows, found.drop("run", "scope", *_PROCESS)


class LastFindings:
    """Takes the hosts in parts, as a closing does."""

    def __init__(self, found: pl.DataFrame) -> None:
        """`found` are the findings by recipe and band."""
        self._found = found
        self._all = Found.since(NOTHING)
        self._grown: list[pl.DataFrame] = []

    def add(self, processes: pl.DataFrame) -> None:
        """The processes of some hosts, with their recipe and level."""
        band = pl.sum_horizontal(pl.col("level") >= level for level in LEVELS[1:]).cast(pl.Int64)
        of = processes.select(*_PROCESS, "recipe", band.alias("band"))
        found = of.join(self._found, on=("recipe", "band"), how="inner", maintain_order="left")
        medians = service_table.medians([service_table.amounts(processes)])  # of these hosts: they are alike
        compared = measures.with_peers(processes.drop("recipe", "level", "peer_excess_bytes"), medians)
        self._all.add(found.drop("recipe", "band"), compared)
        change = pl.col("anon_growth_bytes")
        before = pl.col("rss_anon_bytes") + pl.col("swap_bytes") - change
        grown = processes.filter((change > 0) & exceeds_floor(change, before))
        self._grown.append(
            grown.select(
                pl.lit("grew").alias("change"),
                pl.lit("process").alias("subject"),
                *(*_PROCESS, "comm", "service"),
                before.alias("before_bytes"),
                (before + change).alias("now_bytes"),
                change.alias("change_bytes"),
            )
        )

    def tables(self, run: Manifest, hosts: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The tables of findings of the run, as the run after it reads them."""
        empty = pl.DataFrame(schema=schema_of(CHANGES))
        grown = pl.concat(self._grown).sort("change_bytes", *_PROCESS, descending=[True, False, False, False])
        rows = pl.concat([empty, grown.head(GROWN_MAX)], how="diagonal")
        rows = rows.with_columns(pl.col("kind").fill_null(""))
        compared_at = written(datetime.fromisoformat(run.started_at) - timedelta(seconds=DAY_S))
        made_by = MadeBy(RULES_VERSION, {code.name: code.version for code in CODES})
        return self._all.tables(run, made_by, hosts, Changed(rows, compared_at, compared_at))
