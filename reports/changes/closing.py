"""Compares a run with the one before it while it is closed, and makes the tables of changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from archive.run import Run
from reports.changes import hosts as host_changes
from reports.changes import pools
from reports.changes import services as service_changes
from reports.changes.history import history
from reports.changes.kinds_told import Kinds
from reports.changes.labels import Labels
from reports.changes.order import ordered
from reports.changes.owners import Owners
from reports.changes.part import PartChanges, of_part
from reports.changes.past import ANON, STEPS, Past, days, past, steps
from reports.changes.processes import Moves, with_peers
from reports.changes.rows import Change, Subject
from reports.changes.series import Series, looked_up, slopes
from reports.changes.usual import comes_and_goes, often_restarted, unusual, unusual_numbers, usual_of
from reports.columns.change_columns import CHANGE_COUNTS, CHANGES
from reports.columns.column import names_of, schema_of
from reports.tables import settled
from reports.tables.measures import sum_any
from reports.tables.past_runs import Tapes

PER_DAY_DAYS_MIN: Final = 0.25  # between two runs; a rate from fewer hours would be guessed
_SCHEMA: Final = schema_of(CHANGES)


@dataclass(frozen=True, slots=True)
class Compared:
    """The tables of what changed."""

    changes: pl.DataFrame
    counts: pl.DataFrame
    history: pl.DataFrame
    runs: pl.DataFrame
    rests_on: str  # what the comparison could not rest on

    def named(self) -> tuple[tuple[str, pl.DataFrame], ...]:
        """Each with the name of its table."""
        return (
            (settled.CHANGES, self.changes),
            (settled.CHANGE_COUNTS, self.counts),
            (settled.HISTORY, self.history),
            (settled.HISTORY_RUNS, self.runs),
        )


@dataclass(frozen=True, slots=True)
class Now:
    """This run, with the sums of its hosts and services."""

    hosts: pl.DataFrame
    services: pl.DataFrame
    host_kinds: Iterable[pl.DataFrame]  # parts of that table, in the order of hosts


class Comparison:
    """A run and the earlier ones; `add` takes the hosts part by part, in their order."""

    def __init__(
        self, run: Run, rules_version: str, tapes: Tapes, hosts: pl.DataFrame, services: pl.Series
    ) -> None:
        """`hosts` are all hosts of this run without sums, `services` the names of its services.

        LostError if an earlier run cannot be read.
        """
        self._past: Past = past(tapes, hosts["name"], services)
        self._run, self._last = run, tapes.last
        last = tapes.runs[-1] if tapes.runs else None
        self._labels = (
            Labels(tapes.last.run, has_same_rules=last.has_same_rules, rules_version=rules_version)
            if tapes.last and last
            else None
        )
        self._days = days(self._past.runs, run.manifest.started_at)
        self._pairs = host_changes.paired(hosts, self._past.last_hosts)
        self._owners = Owners(hosts)
        self._parts: list[PartChanges] = []

    def relabelled(self, hosts: pl.Series, then: pl.DataFrame | None) -> pl.DataFrame | None:
        """Processes of the run compared with; of these hosts with native heaps by the rules of this run."""
        if self._labels is None or then is None:
            return then
        return self._labels.natives(then, hosts)

    def rests_on(self) -> str:
        """What the comparison could not rest on, in a sentence; "" if nothing is missing."""
        return self._labels.rests_on(int(self._pairs["read"].sum())) if self._labels else ""

    def add(self, hosts: pl.Series, processes: pl.DataFrame, then: pl.DataFrame | None) -> None:
        """Some hosts: their names, their processes with growth, and those of the run compared with."""
        here = self._pairs.filter(pl.col("host").is_in(hosts.implode()))
        self._parts.append(of_part(processes, then, here))
        self._owners.add(processes)

    def restarted(self) -> pl.DataFrame:
        """service, restarted: how many of its processes; no row if there is no earlier run."""
        if not self._past.runs:
            return pl.DataFrame(schema={"service": pl.String, "restarted": pl.Int64})
        return self._services().select("service", "restarted")

    def tables(self, now: Now) -> Compared:
        """The tables of changes and of the last runs."""
        counts = pl.DataFrame(schema=schema_of(CHANGE_COUNTS))
        changes = pl.DataFrame(schema=_SCHEMA)
        if self._past.runs:
            rows, counts = self._changes(now)
            changes = self._told(rows, now)
        return Compared(
            changes,
            counts,
            *history(self._past, self._run.manifest, now.hosts, now.services),
            self.rests_on(),
        )

    def _services(self) -> pl.DataFrame:
        return service_changes.combined(part.services for part in self._parts)

    def _changes(self, now: Now) -> tuple[pl.DataFrame, pl.DataFrame]:
        """All changes that are told, those beyond the limits of parts only as counts."""
        sums = self._services()
        services = self._of_services(sums, now.services)
        rows = pl.concat(
            [self._of_hosts(now.hosts), services, self._of_processes(sums, services)], how="diagonal"
        )
        beyond = [
            part.beyond.with_columns(pl.lit(Subject.PROCESS.value).alias("subject")) for part in self._parts
        ]
        one = pl.lit(1, pl.Int64).alias("count")
        counted = pl.concat(
            [
                rows.select("change", "subject", one, "change_bytes"),
                *(each.select("change", "subject", "count", "change_bytes") for each in beyond),
            ]
        )
        counts = counted.group_by("change", "subject").agg(
            pl.col("count").sum(), sum_any(pl.col("change_bytes"))
        )
        return rows, counts.sort("change", "subject").select(names_of(CHANGE_COUNTS))

    def _of_hosts(self, hosts: pl.DataFrame) -> pl.DataFrame:
        sizes = hosts.select("name", *ANON)
        rows = host_changes.changed(
            self._pairs.join(sizes, on="name", how="left"),
            pl.concat(part.hosts for part in self._parts),
        )
        of = self._past.hosts
        usual_ones = [usual_of(of, steps(of), "")] + [
            usual_of(of, np.diff(of.measures[line], axis=1), host_changes.OWNED_BY_NONE[line])
            for line in host_changes.BREATHING
        ]
        kept = unusual(rows, pl.concat(usual_ones), left=["host", "kind"], right=["name", "kind"])
        return kept.with_columns(
            pl.lit(Subject.HOST.value).alias("subject"),
            pl.lit(1, pl.Int64).alias("count"),
            *(
                pl.when(pl.col("kind") != "").then(pl.col(size)).alias(f"kind_{size}")
                for size in ("before_bytes", "now_bytes")
            ),
            pl.when(pl.col("kind") != "").then(pl.lit("yes")).alias("kind_exact"),
        )

    def _of_services(self, sums: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
        of = self._past.services
        was_there = ~np.isnan(of.measures["members"])
        known = of.names.filter(pl.Series(was_there.any(axis=1)))
        unsure = pl.concat(part.unsure for part in self._parts)
        rows = service_changes.changed(sums, services, pl.DataFrame({"service": known}), unsure)
        kept = unusual(rows, usual_of(of, steps(of), "").drop("kind"), left=["service"], right=["name"])
        more = unusual_numbers(pools.changed(part.pools for part in self._parts), of, of.measures["members"])
        by_members = kept.join(more, on=["change", "service"], how="anti")  # those include what these grew by
        kept = pl.concat([by_members, more], how="diagonal")
        often = pl.DataFrame(
            {
                "service": of.names,
                "_restarts": often_restarted(of.measures["restarted"]),
                "_comes": comes_and_goes(of.measures["members"]),
            }
        )
        is_usual = (
            ((pl.col("change") == Change.RESTARTED) & (pl.col("count") <= pl.col("_restarts")))
            | ((pl.col("change") == Change.WENT) & pl.col("_comes"))
            | (pl.col("count_before").is_not_null() & pl.col("_comes"))
        )
        return (
            kept.join(often, on="service", how="left")
            .filter(~is_usual.fill_null(value=False))
            .drop("_restarts", "_comes")
            .with_columns(pl.lit(Subject.SERVICE.value).alias("subject"))
        )

    def _of_processes(self, sums: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
        """Processes, without those of a service that came or went as a whole, or does so often."""
        of, jobs = self._past.hosts, self._past.services
        rows = pl.concat(part.rows for part in self._parts)
        unusual_rows = unusual(rows, usual_of(of, steps(of), "").drop("kind"), left=["host"], right=["name"])
        comes = jobs.names.filter(pl.Series(comes_and_goes(jobs.measures["members"]), dtype=pl.Boolean))
        whole = services.filter(pl.col("change").is_in((Change.APPEARED.value, Change.WENT.value)))["service"]
        is_told = pl.col("change_bytes").is_null() & pl.col("service").is_in(
            pl.concat([comes, whole]).implode()
        )
        moved = with_peers(unusual_rows.filter(~is_told), sums, Moves(part.moves for part in self._parts))
        return moved.with_columns(
            pl.lit(Subject.PROCESS.value).alias("subject"), pl.lit(1, pl.Int64).alias("count")
        )

    def _told(self, rows: pl.DataFrame, now: Now) -> pl.DataFrame:
        """The rows of the table: in their order, with rates, trends and owners."""
        days_apart = float(self._days[-1] - self._days[-2])
        a_day = (pl.col("change_bytes") / days_apart).round().cast(pl.Int64)
        told = self._with_kinds(ordered(rows), now).with_columns(
            (a_day if days_apart >= PER_DAY_DAYS_MIN else pl.lit(None, pl.Int64)).alias("per_day_bytes")
        )
        trends = [
            self._trends(self._past.hosts, "name", now.hosts, told, Subject.HOST),
            self._trends(self._past.services, "service", now.services, told, Subject.SERVICE),
        ]
        is_host, is_service = (pl.col("subject") == each for each in (Subject.HOST, Subject.SERVICE))
        name = pl.when(is_host).then(pl.col("host")).when(is_service).then(pl.col("service"))
        told = told.with_columns(name.alias("_name")).join(
            pl.concat(trends), left_on=["subject", "_name"], right_on=["subject", "name"], how="left"
        )
        told = self._owners.of(told).sort("place")
        missing = [
            pl.lit(None, kind).alias(name) for name, kind in _SCHEMA.items() if name not in told.columns
        ]
        texts = [name for name, kind in _SCHEMA.items() if kind is pl.String]
        return (
            told.with_columns(missing)
            .select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())
            .with_columns(pl.col(texts).fill_null(""))
        )

    def _with_kinds(self, told: pl.DataFrame, now: Now) -> pl.DataFrame:
        """The rows with the kind that changed most, as far as it is known."""
        if self._last is None or self._labels is None:
            return told
        return Kinds(self._run, now.host_kinds, self._last, self._labels).of(told)

    def _trends(
        self, of: Series, key: str, now: pl.DataFrame, told: pl.DataFrame, subject: Subject
    ) -> pl.DataFrame:
        """subject, name, trend_per_day_bytes of the hosts or services that are told."""
        column = "host" if subject is Subject.HOST else "service"
        moved = told.filter((pl.col("subject") == subject) & pl.col("change_bytes").is_not_null())
        wanted = moved[column].unique()
        chosen = of.places(wanted)
        present = looked_up(of.names.gather(chosen), key, now, (STEPS,))[STEPS]
        levels = np.hstack([steps(of)[chosen], present[:, None]])
        found = slopes(levels[:, 1:], self._days)
        return pl.DataFrame(
            {
                "subject": pl.Series([subject.value] * len(chosen), dtype=pl.String),
                "name": of.names.gather(chosen),
                "trend_per_day_bytes": pl.Series(found).fill_nan(None).round().cast(pl.Int64),
            }
        )
