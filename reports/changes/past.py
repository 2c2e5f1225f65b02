"""The last runs of the hosts and services of this run, read from the small tables of each."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from domain.moments import epoch_s
from reports.changes import hosts as host_changes
from reports.changes.series import Floats, Series, looked_up, series
from reports.tables import settled
from reports.tables.measures import NATIVE
from reports.tables.past_runs import PastRun, Tapes

DAY_S: Final = 86_400.0
ANON: Final = ("rss_anon_bytes", "swap_bytes")
STEPS: Final = "anon_growth_bytes"
_BOTH: Final = (NATIVE, *ANON, STEPS, "restarted")
_OF_HOSTS: Final = (*_BOTH, *host_changes.BREATHING)
_OF_SERVICES: Final = (*_BOTH, "members")
GONE_SCHEMA: Final[dict[str, type[pl.DataType]]] = {
    "name": pl.String,
    "run": pl.Int64,  # place in Past.runs
    "native_heap_bytes": pl.Int64,
    "anon_bytes": pl.Int64,
}


@dataclass(frozen=True, slots=True)
class Past:
    """Earlier runs in numbers, the oldest first, and the hosts of the last one; None if there is none."""

    runs: tuple[PastRun, ...]
    hosts: Series
    services: Series
    last_hosts: pl.DataFrame | None
    gone_hosts: pl.DataFrame  # GONE_SCHEMA: what earlier runs knew of hosts that this one has not
    gone_services: pl.DataFrame


def past(tapes: Tapes, hosts: pl.Series, services: pl.Series) -> Past:
    """What earlier runs tell of these hosts and services. LostError if one of them cannot be read."""
    host_tables = tapes.each(lambda run: _of_a_run(run.table(settled.HOSTS, ("name", *_OF_HOSTS)), hosts))
    of_hosts = [found for found, _ in host_tables]
    of_services = tapes.each(lambda run: run.table(settled.SERVICES, ("service", *_OF_SERVICES)))
    last = tapes.last_table(settled.HOSTS, host_changes.READ)
    gone = [of_services[-1]["service"]] if of_services else []
    names = pl.concat([services, *gone]).unique(maintain_order=True)
    looked = [looked_up(names, "service", table, _OF_SERVICES) for table in of_services]
    for run, *tables in zip(tapes.runs, of_hosts, looked, strict=True):
        for table in tables:
            if not run.has_same_rules:
                table[NATIVE].fill(np.nan)
    return Past(
        tapes.runs,
        series(hosts, of_hosts, _OF_HOSTS),
        series(names, looked, _OF_SERVICES),
        last,
        _gone(tapes.runs, [others for _, others in host_tables]),
        _gone(tapes.runs, [_others(table, "service", services) for table in of_services]),
    )


def _of_a_run(table: pl.DataFrame, hosts: pl.Series) -> tuple[dict[str, Floats], pl.DataFrame]:
    """The measures of these hosts in an earlier run, and the sizes of its other hosts."""
    return looked_up(hosts, "name", table, _OF_HOSTS), _others(table, "name", hosts)


def _others(table: pl.DataFrame, key: str, here: pl.Series) -> pl.DataFrame:
    """name, native_heap_bytes, anon_bytes of a run's hosts or services that are not `here`."""
    return table.filter(~pl.col(key).is_in(here.implode())).select(
        pl.col(key).alias("name"),
        pl.col(NATIVE).cast(pl.Int64).alias("native_heap_bytes"),
        (pl.col(ANON[0]) + pl.col(ANON[1])).cast(pl.Int64).alias("anon_bytes"),
    )


def _gone(runs: tuple[PastRun, ...], found: list[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all runs; native heaps by other rules are not known."""
    native = pl.col("native_heap_bytes")
    rows = [
        table.with_columns(
            pl.lit(place, pl.Int64).alias("run"),
            native if run.has_same_rules else pl.lit(None, pl.Int64).alias("native_heap_bytes"),
        ).select(*GONE_SCHEMA)
        for place, (run, table) in enumerate(zip(runs, found, strict=True))
    ]
    return pl.concat([pl.DataFrame(schema=GONE_SCHEMA), *rows])


def steps(of: Series) -> Floats:
    """The changes from run to run without restarts; of runs that did not keep them, from the sums."""
    known, restarted = of.measures[STEPS], of.measures["restarted"]
    levels = of.measures[ANON[0]] + of.measures[ANON[1]]
    between = np.diff(levels, axis=1, prepend=np.nan)
    return np.where(np.isnan(known) & (restarted == 0), between, known)


def days(runs: tuple[PastRun, ...], started_at: str) -> Floats:
    """The days of the starts of earlier runs and of this one."""
    return np.array([epoch_s(at) / DAY_S for at in (*(run.started_at for run in runs), started_at)])
