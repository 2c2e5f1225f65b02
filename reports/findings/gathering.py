"""The findings of a run by fingerprint, gathered from some hosts at a time.

Of a part of the hosts stay: per fingerprint its largest members, per fingerprint and host one row, and the
number of processes per service.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from archive import tables
from reports.findings import bloated
from reports.findings.fingerprint import fingerprint, service_key
from reports.tables.measures import sum_any
from reports.tables.severities import GRAVITY

FIRST_MAX: Final = 5  # members of a finding that are named
SAID: Final = ("severity", "advice", "confirm", "not_shown")
PROCESS: Final = ("host", "pid", "start_ticks")
_READ: Final = (*PROCESS, "comm", "code", "evidence", *SAID, "kind", "concerns_bytes")
OF_PROCESSES: Final = (*PROCESS, "service", "exe", "restarted")
_NO_TICKS: Final = -1  # null equals nothing in a join
_SAME_PROGRAM: Final = ("yes", "no")  # it, or one with the same program and arguments, was there before
_KNOWN: Final = (*PROCESS, "kind", "code", "severity", "advice")

ROW: Final[dict[str, type[pl.DataType]]] = {  # a process that has a finding
    "host": pl.String,
    "pid": pl.Int64,
    "start_ticks": pl.Int64,
    "comm": pl.String,
    "code": pl.String,
    "evidence": pl.String,
    **dict.fromkeys(SAID, pl.String),
    "kind": pl.String,
    "concerns_bytes": pl.Int64,
    "service": pl.String,
    "exe": pl.String,
    "was_there": pl.Boolean,
    "before_bytes": pl.Int64,  # what it had before, if a new baseline alone is why it is told; else null
    "by_peers": pl.Boolean,  # whether its baseline is that of its peers; null without a baseline
}


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is found in a run, or in a part of it."""

    groups: pl.DataFrame  # fingerprint, code, key, kind, gravity, was_there, by_baseline
    first: pl.DataFrame  # fingerprint, and ROW of its FIRST_MAX gravest and largest members
    holders: pl.DataFrame  # fingerprint, host, members, bytes, before_members, before_bytes, by_peers
    names: pl.DataFrame  # fingerprint, service, members
    services: pl.DataFrame  # key, processes


class Gathering:
    """Takes the hosts in parts. No process is kept but the first of each finding."""

    def __init__(self) -> None:
        self._parts: list[Gathered] = []
        self._first = pl.DataFrame(schema={"fingerprint": pl.String, "gravity": pl.Int64, **ROW})
        self._services: list[pl.DataFrame] = []
        self._known: list[pl.DataFrame] = []  # of processes that can be told as grown
        self._undecided: list[pl.DataFrame] = []  # bloated, or told as grown

    def add(
        self, found: pl.DataFrame, processes: pl.DataFrame, growing: pl.DataFrame, rose: pl.DataFrame
    ) -> None:
        """Some hosts: their table of findings, their processes with growth and bloat.

        `growing` are processes that an earlier run told as grown, `rose` those that this one can tell so; the
        last word has `decide`.
        """
        of = processes.select(*PROCESS[:2], pl.col("start_ticks").fill_null(_NO_TICKS), *OF_PROCESSES[3:])
        rows = (
            found.select(*_READ)
            .with_columns(pl.col("start_ticks").fill_null(_NO_TICKS))
            .join(of, on=PROCESS, how="left", maintain_order="left")
            .with_columns(
                pl.col("restarted").is_in(_SAME_PROGRAM).fill_null(value=False).alias("was_there"),
                pl.col("service", "exe").fill_null(""),
                pl.lit(None, pl.Int64).alias("before_bytes"),
                pl.lit(None, pl.Boolean).alias("by_peers"),
            )
        )
        followed = pl.concat([each.select(PROCESS) for each in (growing, rose)])
        known = rows.filter(pl.col("kind") != "").join(followed, on=PROCESS, how="semi")
        self._known.append(tables.with_own_texts(known.select(*_KNOWN)))
        large = bloated.rows(processes)
        maybe = pl.concat(
            [large.filter("rose"), large.filter(~pl.col("rose")).join(growing, on=PROCESS, how="semi")]
        )
        sure = large.filter(~pl.col("rose")).join(growing, on=PROCESS, how="anti")
        self._undecided.append(tables.with_own_texts(maybe.select(*ROW)))
        self.add_rows(pl.concat([rows.select(*ROW), sure.select(*ROW)]))
        keys = with_keys(processes.select("service", "exe"))
        counts = keys.group_by("key").agg(pl.len().cast(pl.Int64).alias("processes"))
        self._services.append(tables.with_own_texts(counts))

    def decide(self, grown: pl.DataFrame, growing: pl.DataFrame) -> None:
        """The processes that grew, as ROW; those in `growing` are not told as bloated as well."""
        rows = (each.join(growing, on=PROCESS, how="anti") for each in self._undecided)
        self.add_rows(pl.concat([grown, *rows]))

    def known(self) -> pl.DataFrame:
        """Findings about a kind of memory, of processes that can be told as grown: the gravest of each."""
        every = pl.concat([pl.DataFrame(schema={name: ROW[name] for name in _KNOWN}), *self._known])
        key = [*PROCESS, "kind"]
        ordered = every.with_columns(GRAVITY.alias("_gravity")).sort(*key, "_gravity", "code")
        return ordered.unique(key, keep="first", maintain_order=True).drop("_gravity")

    def add_rows(self, rows: pl.DataFrame) -> None:
        """Some processes with findings, as ROW."""
        part = _of(rows)
        self._first = _first(pl.concat([self._first, part.first]))
        self._parts.append(part)

    def gathered(self) -> Gathered:
        """All that was added."""
        groups = pl.concat([_EMPTY.groups, *(part.groups for part in self._parts)])
        names = pl.concat([_EMPTY.names, *(part.names for part in self._parts)])
        services = pl.concat([_EMPTY.services, *self._services])
        return Gathered(
            groups=groups.group_by("fingerprint").agg(
                pl.col("code", "key", "kind").first(),
                pl.col("gravity").min(),
                pl.col("was_there").any(),
                pl.col("by_baseline").all(),
            ),
            first=self._first,
            holders=pl.concat([_EMPTY.holders, *(part.holders for part in self._parts)])
            .group_by("fingerprint", "host")
            .agg(
                pl.col("members", "before_members", "before_bytes").sum(),
                pl.col("by_peers").any(),
                sum_any(pl.col("bytes")),
            ),
            names=names.group_by("fingerprint", "service").agg(pl.col("members").sum()),
            services=services.group_by("key").agg(pl.col("processes").sum()),
        )


def _of(rows: pl.DataFrame) -> Gathered:
    keyed = _fingerprinted(rows).with_columns(GRAVITY.alias("gravity"))
    one = pl.len().cast(pl.Int64).alias("members")
    return Gathered(
        groups=tables.with_own_texts(
            keyed.group_by("fingerprint").agg(
                pl.col("code", "key", "kind").first(),
                pl.col("gravity").min(),
                pl.col("was_there").any(),
                pl.col("before_bytes").is_not_null().all().alias("by_baseline"),
            )
        ),
        first=_first(keyed.select("fingerprint", "gravity", *ROW)),
        holders=tables.with_own_texts(
            keyed.group_by("fingerprint", "host").agg(
                one,
                sum_any(pl.col("concerns_bytes")).alias("bytes"),
                pl.col("before_bytes").count().cast(pl.Int64).alias("before_members"),
                pl.col("before_bytes").sum(),
                pl.col("by_peers").any(),
            )
        ),
        names=tables.with_own_texts(keyed.group_by("fingerprint", "service").agg(one)),
        services=_EMPTY.services,
    )


def _first(rows: pl.DataFrame) -> pl.DataFrame:
    """The gravest and then the largest members of each finding; of equal ones by host and pid."""
    ordered = rows.sort(
        "fingerprint",
        "gravity",
        pl.col("concerns_bytes"),
        "host",
        "pid",
        descending=[False, False, True, False, False],
        nulls_last=True,
        maintain_order=True,
    )
    return tables.with_own_texts(ordered.group_by("fingerprint", maintain_order=True).head(FIRST_MAX))


def with_keys(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with `key`, that of their service; the program counts only where there is no service."""
    program = pl.when(pl.col("service") == "").then(pl.col("exe")).otherwise(pl.lit("")).alias("_program")
    with_program = rows.with_columns(program)
    names = with_program.select("service", "_program").unique()
    keys = pl.Series("key", [service_key(*pair) for pair in names.iter_rows()], pl.String)
    return with_program.join(names.with_columns(keys), on=("service", "_program"), how="left").drop(
        "_program"
    )


def _fingerprinted(rows: pl.DataFrame) -> pl.DataFrame:
    keyed = with_keys(rows)
    names = keyed.select("code", "key", "kind").unique()
    prints = pl.Series("fingerprint", [fingerprint(*each) for each in names.iter_rows()], pl.String)
    return keyed.join(names.with_columns(prints), on=("code", "key", "kind"), how="left")


_GROUP: Final = {
    "fingerprint": pl.String,
    "code": pl.String,
    "key": pl.String,
    "kind": pl.String,
    "gravity": pl.Int64,
    "was_there": pl.Boolean,
    "by_baseline": pl.Boolean,
}
_HOLDER: Final = {
    "fingerprint": pl.String,
    "host": pl.String,
    **dict.fromkeys(("members", "bytes", "before_members", "before_bytes"), pl.Int64),
    "by_peers": pl.Boolean,
}
_EMPTY: Final = Gathered(
    groups=pl.DataFrame(schema=_GROUP),
    first=pl.DataFrame(schema={"fingerprint": pl.String, "gravity": pl.Int64, **ROW}),
    holders=pl.DataFrame(schema=_HOLDER),
    names=pl.DataFrame(schema={"fingerprint": pl.String, "service": pl.String, "members": pl.Int64}),
    services=pl.DataFrame(schema={"key": pl.String, "processes": pl.Int64}),
)
