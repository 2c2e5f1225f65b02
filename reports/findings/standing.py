"""What became of each finding since the last run: new, worse, same, resolved or unseen.

A host that did not answer, or of which this run cannot tell a finding, has what it last had, for
CARRIED_RUNS_MAX runs. Hosts that left the scope or came
into it move the size against which "worse" is measured, so that a larger fleet is not worse.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.columns.group_columns import HOLDERS
from reports.findings.gathering import Gathered
from reports.findings.growth import CODE as GREW
from reports.findings.last import Last
from reports.findings.rows import FIRST_LOOKED, LOOKED_OTHERWISE, MadeBy, Standing
from reports.tables.measures import sum_any

CARRIED_RUNS_MAX: Final = (
    14  # runs for which a finding is remembered that nobody has, or whose hosts are silent
)
RESOLVED_AFTER_RUNS: Final = 1  # without it, until it is told as resolved ...
RESOLVED_AFTER_RUNS_FLAPPING: Final = 3  # ... and if it has come back before
WORSE_LEAST_BYTES: Final = 64 * 2**20
WORSE_LEAST_SHARE: Final = 0.25  # of the size, or of the members, when it was last told
WORSE_LEAST_MEMBERS: Final = 2
BY_BASELINE: Final = (
    "as large in the run compared with: what is new is only what it is compared with (its peers, or their "
    "median)"
)
BY_RULES: Final = (
    "found by other rules than those of the run compared with: its processes were there then, and perhaps "
    "it was too"
)
RESOLVED_BY_RULES: Final = (
    "not found by other rules than those of the run compared with: it may still be there"
)
_SIZES: Final = ("members", "bytes")


@dataclass(frozen=True, slots=True)
class Today:
    """What standings are told of."""

    run_id: str
    started_at: str
    made_by: MadeBy
    asked: pl.Series  # names of the hosts of the run
    unread: pl.Series  # of these, those that did not answer, or not with all their processes
    unmeasured: pl.DataFrame  # of the others `reports.findings.unmeasured.PAIRS`


def holders(found: Gathered, last: Last, today: Today) -> pl.DataFrame:
    """HOLDERS: who has what, and what those had before of which nothing can be said today."""
    now = found.holders.with_columns(pl.lit(0, pl.Int64).alias("runs_ago"))
    recent = last.holders.filter(pl.col("runs_ago") < CARRIED_RUNS_MAX)
    is_unread = pl.col("host").is_in(today.unread.implode())
    pair = ["fingerprint", "host"]
    unmeasured = recent.filter(~is_unread).join(today.unmeasured, on=pair, how="semi")
    carried = (
        pl.concat([recent.filter(is_unread), unmeasured])
        .join(now, on=pair, how="anti")
        .with_columns(pl.col("runs_ago") + 1)
    )
    return pl.concat([now.select(*HOLDERS), carried.select(*HOLDERS)])


def standing(found: Gathered, have: pl.DataFrame, last: Last, today: Today) -> pl.DataFrame:
    """One row per fingerprint of this run and of those before, with what is carried on."""
    before = last.groups.select(
        "fingerprint",
        pl.col("standing").alias("was"),
        *(
            "since_at",
            "since_run",
            "resolved_at",
            "first_standing",
            "absent_runs",
            "resolved_after",
            "told_bytes",
            "told_members",
            "told_gravity",
        ),
        pl.col("code").alias("_last_code"),
        pl.col("bytes").alias("_last_bytes"),
        pl.col("before_bytes").alias("_last_before"),
    )
    table = (
        found.groups.join(before, on="fingerprint", how="full", coalesce=True)
        .join(_sums(have), on="fingerprint", how="left")
        .join(_moved(found, last, today), on="fingerprint", how="left")
        .join(_by_baseline(found, last), on="fingerprint", how="left")
        .with_columns(
            pl.col("members", "hosts", "_seen").fill_null(0),
            pl.col(r"^_(left|came|baseline)_(members|bytes)$").fill_null(0),
            pl.col("by_baseline").fill_null(value=False),
            (pl.coalesce("code", "_last_code") != GREW).alias("_is_of_rules"),
        )
    )
    rules = last.made_by.rules_version
    is_by_same = bool(last.made_by.codes) and rules != "" and rules == today.made_by.rules_version
    by_other_rules = bool(last.run_id) and not is_by_same
    base = [
        (
            pl.col(f"told_{name}")
            - pl.col(f"_left_{name}")
            + pl.col(f"_came_{name}")
            + pl.col(f"_baseline_{name}")
        )
        .clip(0)
        .alias(f"_base_{name}")
        for name in _SIZES
    ]
    based = table.with_columns(*base, *_looked_for(last.made_by.codes, today.made_by.codes)).with_columns(
        _excuse(by_other_rules=by_other_rules).alias("_excuse")
    )
    return _kept(based.with_columns(_standing()), today, by_other_rules=by_other_rules)


def _sums(have: pl.DataFrame) -> pl.DataFrame:
    """fingerprint, members, hosts and bytes over those that have it or had it, and how many answered."""
    return have.group_by("fingerprint").agg(
        pl.col("members").sum(),
        pl.col("host").n_unique().cast(pl.Int64).alias("hosts"),
        sum_any(pl.col("bytes")),
        (pl.col("runs_ago") == 0).sum().cast(pl.Int64).alias("_seen"),
    )


def _moved(found: Gathered, last: Last, today: Today) -> pl.DataFrame:
    """fingerprint, and the sizes on hosts that left the scope, and on those that nobody had read before."""
    read = pl.concat([last.answered, last.holders["host"]]).unique()
    left = last.holders.filter(~pl.col("host").is_in(today.asked.implode()))
    came = found.holders.filter(~pl.col("host").is_in(read.implode()))
    sums = [
        frame.group_by("fingerprint").agg(
            pl.col("members").sum().alias(f"_{name}_members"), pl.col("bytes").sum().alias(f"_{name}_bytes")
        )
        for name, frame in (("left", left), ("came", came))
    ]
    return sums[0].join(sums[1], on="fingerprint", how="full", coalesce=True)


def _by_baseline(found: Gathered, last: Last) -> pl.DataFrame:
    """fingerprint, and what processes had more in the last run if measured by the baseline of today."""
    both = found.holders.join(
        last.holders.select("fingerprint", "host", *(pl.col(name).alias(f"_{name}") for name in _SIZES)),
        on=["fingerprint", "host"],
        how="left",
    )
    return both.group_by("fingerprint").agg(
        (pl.col(f"before_{name}") - pl.col(f"_{name}").fill_null(0)).clip(0).sum().alias(f"_baseline_{name}")
        for name in _SIZES
    )


def _looked_for(then: dict[str, int], now: dict[str, int]) -> Iterator[pl.Expr]:
    """Whether the last run could not tell a code, or told it by other conditions; or this one does so."""
    code = pl.coalesce("code", "_last_code")
    known = [code.replace_strict(each, default=None, return_dtype=pl.Int64) for each in (then, now)]
    yield (pl.lit(bool(then)) & known[0].is_null()).alias("_is_first")
    yield (known[0].is_not_null() & known[0].ne_missing(known[1])).alias("_is_otherwise")


def _excuse(*, by_other_rules: bool) -> pl.Expr:
    """Why what no run knew is no news; null if it is."""
    old = pl.lit(by_other_rules) & pl.col("was_there").fill_null(value=False) & pl.col("_is_of_rules")
    return (
        pl.when("by_baseline")
        .then(pl.lit(BY_BASELINE))
        .when("_is_first")
        .then(pl.lit(FIRST_LOOKED))
        .when("_is_otherwise")
        .then(pl.lit(LOOKED_OTHERWISE))
        .when(old)
        .then(pl.lit(BY_RULES))
    )


def _standing() -> pl.Expr:
    known = pl.col("was").is_not_null()
    base, members = pl.col("_base_bytes"), pl.col("_base_members")
    larger = pl.col("bytes") - base >= pl.max_horizontal(pl.lit(WORSE_LEAST_BYTES), base * WORSE_LEAST_SHARE)
    more = pl.col("members") - members >= pl.max_horizontal(
        pl.lit(WORSE_LEAST_MEMBERS), members * WORSE_LEAST_SHARE
    )
    graver = pl.col("gravity") < pl.col("told_gravity")
    worse = pl.any_horizontal(each.fill_null(value=False) for each in (larger, more, graver))
    return (
        pl.when((pl.col("_seen") > 0) & ~known & pl.col("_excuse").is_null())
        .then(pl.lit(Standing.NEW))
        .when((pl.col("_seen") > 0) & ~known)
        .then(pl.lit(Standing.SAME))
        .when((pl.col("_seen") > 0) & worse & ~pl.col("_is_otherwise"))
        .then(pl.lit(Standing.WORSE))
        .when(pl.col("_seen") > 0)
        .then(pl.lit(Standing.SAME))
        .when(pl.col("members") > 0)
        .then(pl.lit(Standing.UNSEEN))
        .otherwise(pl.lit(Standing.RESOLVED))
        .alias("standing")
    )


def _kept(table: pl.DataFrame, today: Today, *, by_other_rules: bool) -> pl.DataFrame:
    """The columns that a reader sees, and those that the next run needs; what is long gone is dropped."""
    standing_ = pl.col("standing")
    gone, again = standing_ == Standing.RESOLVED, pl.col("was") == Standing.RESOLVED
    told = (
        standing_.is_in((Standing.NEW, Standing.WORSE))
        | pl.col("was").is_null()
        | ((standing_ == Standing.SAME) & pl.col("_is_otherwise"))
    )
    returns = ~gone & again
    after = pl.when(returns).then(RESOLVED_AFTER_RUNS_FLAPPING).otherwise("resolved_after")
    absent = pl.when(gone).then(pl.col("absent_runs").fill_null(0) + 1).otherwise(0)
    kept = table.with_columns(
        absent.cast(pl.Int64).alias("absent_runs"),
        after.fill_null(RESOLVED_AFTER_RUNS).cast(pl.Int64).alias("resolved_after"),
        pl.when(gone & again)
        .then("resolved_at")
        .when(gone)
        .then(pl.lit(today.started_at))
        .otherwise(pl.lit(""))
        .alias("resolved_at"),
        pl.when(pl.col("was").is_null()).then(standing_).otherwise("first_standing").alias("first_standing"),
        pl.col("since_at").fill_null(today.started_at),
        pl.col("since_run").fill_null(today.run_id),
        *(
            pl.when(told)
            .then(name)
            .when(gone)
            .then(f"told_{name}")
            .otherwise(f"_base_{name}")
            .alias(f"told_{name}")
            for name in _SIZES
        ),
        pl.when(told).then("gravity").otherwise("told_gravity").alias("told_gravity"),
        pl.when(gone & again).then("_last_before").otherwise("_last_bytes").alias("before_bytes"),
        pl.when(~gone).then("bytes").alias("bytes"),
        _rests_on(gone, by_other_rules=by_other_rules).alias("rests_on"),
    )
    return kept.filter(pl.col("absent_runs") <= CARRIED_RUNS_MAX).select(
        *("fingerprint", "standing", "was", "gravity", "members", "hosts", "bytes", "before_bytes"),
        *("since_at", "since_run", "resolved_at", "absent_runs", "resolved_after", "rests_on"),
        *("told_bytes", "told_members", "told_gravity", "first_standing"),
    )


def _rests_on(gone: pl.Expr, *, by_other_rules: bool) -> pl.Expr:
    """What must be said of a standing that something else than the processes may have brought about."""
    appeared = pl.col("was").is_null() & (pl.col("standing") == Standing.SAME)
    by_others = pl.col("_is_otherwise") | (pl.lit(by_other_rules) & pl.col("_is_of_rules"))
    vanished = gone & (pl.col("was") != Standing.RESOLVED) & by_others
    measured_anew = (pl.col("standing") == Standing.SAME) & pl.col("_is_otherwise")
    return (
        pl.when(appeared)
        .then("_excuse")
        .when(vanished)
        .then(pl.lit(RESOLVED_BY_RULES))
        .when(measured_anew)
        .then(pl.lit(LOOKED_OTHERWISE))
        .otherwise(pl.lit(""))
    )
