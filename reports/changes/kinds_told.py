"""The kinds of the changes that are told: of processes by their footprints, of hosts by the sums of kinds."""

from collections.abc import Callable, Iterable
from typing import Final

import polars as pl

from archive.results import Result
from archive.run import Run
from domain.mistakes import OperatorError
from reports.changes import kinds
from reports.changes.labels import Labels
from reports.changes.rows import Change, Subject
from reports.tables import sections, settled
from reports.tables.past_runs import is_of_the_run
from reports.tables.settled import Settled

HOSTS_MAX: Final = 200  # whose kinds are looked up in the sums of both runs
PROCESSES_MAX: Final = 200  # of which kinds are looked up; each takes two results to read
_KEY: Final = ("host", "pid", "start_ticks")
_KINDS: Final = ("kind", "kind_before_bytes", "kind_now_bytes", "kind_exact")
_CHANGED: Final = (Change.GREW.value, Change.SHRANK.value)
_HOST_KINDS: Final = ("host", "kind", "committed_bytes", "resident_bytes", "resident_max_bytes")


class Kinds:
    """The labels of a run that is being closed, and those of the run compared with."""

    def __init__(self, run: Run, host_kinds: Iterable[pl.DataFrame], last: Settled, labels: Labels) -> None:
        """`host_kinds` are the parts of that table of the run."""
        self._run = run
        self._host_kinds = host_kinds
        self._last = last
        self._labels = labels

    def of(self, told: pl.DataFrame) -> pl.DataFrame:
        """The rows with their kinds. A service has that of its member that changed most, a host likewise."""
        processes, services, hosts = (
            told.filter(pl.col("subject") == subject)
            for subject in (Subject.PROCESS, Subject.SERVICE, Subject.HOST)
        )
        found = self._of_processes(processes.head(PROCESSES_MAX))
        known = processes.drop(_KINDS, strict=False).join(found, on=list(_KEY), how="left", nulls_equal=True)
        members = known.filter(pl.col("kind").is_not_null() & pl.col("change").is_in(_CHANGED))
        by_number = pl.col("count_before").is_not_null()  # of these no member's kind says what it is
        pools, services = services.filter(by_number), services.filter(~by_number)
        of_members = services.drop(_KINDS, strict=False).join(
            _largest(members, "service"), on=["change", "service"], how="left"
        )
        rows = [known, pools, of_members.drop("_change"), self._of_hosts(hosts, members)]
        return pl.concat(rows, how="diagonal").sort("place")

    def _of_processes(self, rows: pl.DataFrame) -> pl.DataFrame:
        now = _footprints(rows.filter(pl.col("change") != Change.WENT), self._own)
        then = _footprints(rows.filter(pl.col("change") != Change.APPEARED), self._labels.result)
        return kinds.of_rows(rows, now, then)

    def _own(self, host: str) -> Result | None:
        return self._run.read_result(host)

    def _of_hosts(self, hosts: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
        """Hosts; what no process owns has its kind already."""
        is_open = (pl.col("kind").fill_null("") == "") & pl.col("change").is_in(_CHANGED)
        named, unnamed = hosts.filter(~is_open), hosts.filter(is_open).drop(_KINDS, strict=False)
        by_member = (
            unnamed.join(_largest(members, "host"), on=["change", "host"], how="inner")
            .filter(pl.col("_change").abs() >= kinds.PART * pl.col("change_bytes").abs())
            .drop("_change")
        )
        others = unnamed.join(by_member, on=["change", "host"], how="anti")
        if not self._labels.has_same_rules or others.is_empty():
            return pl.concat([named, by_member, others], how="diagonal")
        first = others.head(HOSTS_MAX)
        parts = self._last.parts(settled.HOST_KINDS, _HOST_KINDS)
        try:
            now, then = (_of_some(each, first["host"]) for each in (self._host_kinds, parts))
        except (OperatorError, OSError) as error:
            if not is_of_the_run(error):
                raise
            return pl.concat([named, by_member, others], how="diagonal")
        none = pl.lit(None, pl.Int64)
        found = kinds.of_rows(first.with_columns(none.alias("pid"), none.alias("start_ticks")), now, then)
        by_sums = others.join(found.select("host", *_KINDS), on="host", how="left")
        return pl.concat([named, by_member, by_sums], how="diagonal")


def _largest(members: pl.DataFrame, key: str) -> pl.DataFrame:
    """change, key, _change and the kind of the process that changed most, of each host or service."""
    ranked = members.sort(pl.col("change_bytes").abs(), "place", descending=[True, False])
    first = ranked.unique(["change", key], keep="first", maintain_order=True)
    return first.select("change", key, pl.col("change_bytes").alias("_change"), *_KINDS)


def _of_some(parts: Iterable[pl.DataFrame], hosts: pl.Series) -> pl.DataFrame:
    """The kinds of these hosts, summed."""
    empty = pl.DataFrame(
        schema={"host": pl.String, "kind": pl.String, **dict.fromkeys(_HOST_KINDS[2:], pl.Int64)}
    )
    rows = [part.select(_HOST_KINDS).filter(pl.col("host").is_in(hosts.implode())) for part in parts]
    return kinds.summed(pl.concat([empty, *rows]))


def _footprints(rows: pl.DataFrame, read: Callable[[str], Result | None]) -> pl.DataFrame:
    """The kinds of these processes, summed; of hosts one at a time, so that few are in memory."""
    found = [kinds.summed(pl.DataFrame(schema=sections.FOOTPRINT_SCHEMA))]
    for (host,), wanted in rows.group_by("host", maintain_order=True):
        result = read(str(host))
        if result is not None:
            of_host = sections.footprints([result]).drop("_process")
            found.append(kinds.summed(of_host.join(wanted, on=list(_KEY), how="semi")))
    return pl.concat(found)
