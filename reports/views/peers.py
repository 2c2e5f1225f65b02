"""The peers of a process: other processes of its service in the same run, and the medians of their kinds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from reports.tables import sections, settled
from reports.tables.measures import PEERS_MIN
from reports.tables.settled import Settled
from reports.views.compare import COMMITTED, EXACT, SIZES, THREADS, Side, side_of_medians, with_anon
from reports.views.one_host import Row

HOSTS_MAX: Final = 200  # whose results are read for kinds; of more peers every so many hosts
DENIED: Final = "denied"
_PROCESS: Final = ("host", "pid", "start_ticks")
_NEEDED: Final = (
    *(*_PROCESS, "evidence", *(name for name in SIZES if name != "anon_bytes"), THREADS),
    *("rss_anon_bytes", *EXACT.values(), *COMMITTED.values()),
)


_MEDIAN: Final = ("bytes", "committed_bytes", "count")


@dataclass(frozen=True, slots=True)
class Peers:
    """The medians of the peers of a process, and what they rest on."""

    side: Side
    count: int  # of all other processes of the service
    read: int  # of those of which the medians are
    of_kinds: int  # of those whose kinds were read


def peers(tables: Settled, run: Run, process: Row) -> Peers:
    """The peers of a process of a service.

    They are those with the same evidence, unless fewer than PEERS_MIN have it: bounds and exact sizes make no
    median. OperatorError if it has no service or no peer that was read.
    """
    service, place = process["service"], f"{process['host']}/{process['pid']}"
    if not service:
        raise OperatorError(Mistake(place, "belongs to no service", _REMEDY))
    found = tables.table(settled.PROCESSES, _NEEDED, pl.col("service") == service)
    same_start = pl.col("start_ticks").eq_missing(pl.lit(process["start_ticks"], pl.Int64))
    is_itself = (pl.col("host") == process["host"]) & (pl.col("pid") == process["pid"]) & same_start
    others = with_anon(found).filter(~is_itself)
    read = others.filter(pl.col("evidence") != DENIED)
    alike = read.filter(pl.col("evidence") == process["evidence"])
    chosen = alike if alike.height >= PEERS_MIN or alike.height == read.height else read
    if chosen.is_empty():
        why = "the others may not be read" if others.height else f"it is the only process of {service}"
        raise OperatorError(Mistake(place, f"has no peer to compare with: {why}", _REMEDY))
    kinds, count, rules = _medians(run, chosen)
    title = f"median of {chosen.height:,} {'peer' if chosen.height == 1 else 'peers'}"
    side = side_of_medians(title, chosen, kinds, rules)
    return Peers(side, others.height, chosen.height, count)


_REMEDY: Final = "compare it with one process: mapsweep diff HOST/PID HOST/PID"


def _medians(run: Run, chosen: pl.DataFrame) -> tuple[pl.DataFrame, int, str]:
    """Medians by kind, with bytes, committed_bytes, count and is_exact; of how many; version of the rules.

    A kind that a process does not have is 0 there.
    """
    hosts = chosen["host"].unique().sort()
    some = hosts.gather_every(-(-len(hosts) // HOSTS_MAX))
    wanted = chosen.filter(pl.col("host").is_in(some.implode())).select(_PROCESS)
    read, versions = list[pl.DataFrame](), set[str]()
    for frame, version in _footprints(run, some):
        read.append(frame.join(wanted, on=list(_PROCESS), how="semi", nulls_equal=True))
        versions.add(version)
    of_kinds = (
        pl.concat(read)
        .group_by(*_PROCESS, "kind")
        .agg(
            pl.col("resident_max_bytes").sum().alias("bytes"),
            pl.col("committed_bytes", "count").sum(),
            (pl.col("resident_bytes").null_count() == 0).alias("is_exact"),
        )
    )
    every = wanted.join(of_kinds.select("kind").unique(), how="cross")
    filled = every.join(of_kinds, on=[*_PROCESS, "kind"], how="left", nulls_equal=True)
    medians = filled.group_by("kind").agg(
        *(pl.col(name).fill_null(0).median().round().cast(pl.Int64) for name in _MEDIAN),
        pl.col("is_exact").fill_null(value=True).all(),
    )
    return medians, wanted.height, versions.pop() if len(versions) == 1 else ""


def _footprints(run: Run, hosts: pl.Series) -> Iterator[tuple[pl.DataFrame, str]]:
    for host in hosts:
        try:
            result = run.read_result(host)
        except FileNotFoundError:
            remedy = f"mapsweep reclassify {run.run_id} makes it from its dump, if that is kept"
            raise OperatorError(Mistake(f"{run.run_id}: result of {host}", "is gone", remedy)) from None
        yield sections.footprints([result]), result.record.rules_version
