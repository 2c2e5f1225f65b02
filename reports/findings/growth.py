"""Processes that grew and still hold it: found by the changes of a run, and followed until they give it back.

The size of a process is its resident anonymous memory and swap, as in the changes: exact, and known whatever
rules labelled the run. A process is the same by pid, start ticks and start time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from archive import tables
from domain.moments import epoch_s
from procmaps.amounts import scaled
from procmaps.kind_words import KIND_WORDS
from procmaps.kind_words import inside as inside_kind
from procmaps.kinds import KIND_BY_LABEL
from reports.columns.group_columns import GROWING
from reports.findings.forecast import SOON_DAYS, Forecast, forecast, its_limit, when_full
from reports.findings.gathering import ROW
from reports.tables.trend import SAME_START_S

CODE: Final = "grew"
GROWING_RUNS_MAX: Final = 14  # sizes kept of a process
GROWING_MAX: Final = 1000  # processes that are followed; the smallest growth is dropped
HELD_LEAST_BYTES: Final = 64 * 2**20  # above its size before; less is given back ...
HELD_LEAST_SHARE: Final = 0.02  # ... and so is less than this share of that size
WARNING_LEAST_BYTES: Final = 256 * 2**20  # held above the size before; less is a remark ...
WARNING_LEAST_RAM_SHARE: Final = 0.05  # ... unless it is so much of the host's RAM
PROCESS: Final = ("host", "pid", "start_ticks")
ROOMS: Final = ("limit_bytes", "limit_room_least_bytes", "limit_room_most_bytes")  # `procmaps.memory_limits`
ADVICE: Final = (
    "See what the process did since then. If it goes on growing, restart it before its host is full."
)
CONFIRM: Final = (
    "The next runs show whether it goes on, stops or falls; a heap profiler shows which code holds it."
)


@dataclass(frozen=True, slots=True)
class Now:
    """This run, and the one that it is compared with."""

    started_at: str
    compared_at: str  # "" if there is none
    oldest_at: str  # start of the oldest run that counts
    unread: pl.Series  # names of the hosts that did not answer


def risen(processes: pl.DataFrame) -> pl.DataFrame:
    """Of some hosts who can be among the changes as grown: PROCESS, started_at_s, exe, ROOMS."""
    rose = processes.filter(pl.col("anon_growth_bytes") >= HELD_LEAST_BYTES)
    return tables.with_own_texts(rose.select(*PROCESS, "started_at_s", "exe", *ROOMS))


def held(processes: pl.DataFrame, growing: pl.DataFrame) -> pl.DataFrame:
    """Of some hosts the processes that an earlier run followed: PROCESS, started_at_s, now_bytes, ROOMS."""
    size = pl.col("rss_anon_bytes") + pl.col("swap_bytes")
    still = (
        processes.select(*PROCESS, "started_at_s", size.alias("now_bytes"), *ROOMS)
        .join(growing, on=PROCESS, how="semi")
        .filter(pl.col("now_bytes").is_not_null())
    )
    return tables.with_own_texts(still)


def followed(
    changes: pl.DataFrame, rose: pl.DataFrame, sizes: pl.DataFrame, growing: pl.DataFrame, now: Now
) -> pl.DataFrame:
    """GROWING of this run: who held on, who is new, and whose host did not answer.

    `changes` are those of the run, `rose` what `risen` found, `sizes` what `held` found, `growing` that of
    the run before.
    """
    grew = changes.filter(
        (pl.col("subject") == "process") & (pl.col("change") == "grew") & pl.col("before_bytes").is_not_null()
    )
    kept = _kept(grew, sizes, growing, now)
    unseen = growing.filter(
        pl.col("host").is_in(now.unread.implode()) & (pl.col("at").list.last() >= now.oldest_at)
    )
    known = pl.concat([each.select(PROCESS) for each in (kept, unseen)])
    of_new = rose.select(*PROCESS, "started_at_s", "exe")
    started = grew.join(known, on=PROCESS, how="anti").join(of_new, on=PROCESS, how="left")
    new = started.select(
        *(*PROCESS, "started_at_s", "comm", "service"),
        pl.col("exe").fill_null(""),
        "kind",
        pl.col("before_bytes").alias("base_bytes"),
        pl.lit(now.compared_at).alias("base_at"),
        pl.concat_list(pl.lit(now.compared_at), pl.lit(now.started_at)).alias("at"),
        pl.concat_list("before_bytes", "now_bytes").alias("sizes"),
        *("peers", "peers_changed"),
    )
    every = pl.concat([frame.select(*GROWING).cast(GROWING) for frame in (kept, unseen, new)])  # type: ignore[arg-type]
    amount = pl.col("sizes").list.last() - pl.col("base_bytes")
    return every.sort(-amount, *PROCESS).head(GROWING_MAX)


def _kept(grew: pl.DataFrame, sizes: pl.DataFrame, growing: pl.DataFrame, now: Now) -> pl.DataFrame:
    """Those of the run before that are the same process and still above their size before they grew.

    Not those that now grew by more than ever before, in another kind of memory: that is another finding.
    """
    moved = (pl.col("started_at_s") - pl.col("_started")).abs()
    gain = pl.col("now_bytes") - pl.col("base_bytes")
    of_today = ("kind", "change_bytes", "peers", "peers_changed")
    today = grew.select(*PROCESS, *(pl.col(name).alias(f"_{name}") for name in of_today))
    differs = (pl.col("_kind") != "") & (pl.col("kind") != "") & (pl.col("_kind") != pl.col("kind"))
    overtaken = differs & (pl.col("_change_bytes") > gain - pl.col("_change_bytes"))
    return (
        growing.join(
            sizes.select(*PROCESS, pl.col("started_at_s").alias("_started"), "now_bytes"),
            on=PROCESS,
            how="inner",
        )
        .filter(moved.is_null() | (moved < SAME_START_S))
        .filter((gain >= HELD_LEAST_BYTES) & (gain >= pl.col("base_bytes") * HELD_LEAST_SHARE))
        .join(today, on=PROCESS, how="left")
        .filter(~overtaken.fill_null(value=False))
        .with_columns(
            pl.col("started_at_s").fill_null(pl.col("_started")),
            pl.concat_list("at", pl.lit(now.started_at)).list.tail(GROWING_RUNS_MAX),
            pl.concat_list("sizes", "now_bytes").list.tail(GROWING_RUNS_MAX),
            pl.coalesce("_peers", "peers").alias("peers"),
            pl.coalesce("_peers_changed", "peers_changed").alias("peers_changed"),
        )
    )


def with_rooms(
    growing: pl.DataFrame, hosts: pl.DataFrame, rose: pl.DataFrame, sizes: pl.DataFrame
) -> pl.DataFrame:
    """GROWING with what each process can grow by.

    `hosts` has host, mem_available_bytes and mem_total_bytes, `rose` and `sizes` have ROOMS.
    """
    of_processes = pl.concat([each.select(*PROCESS, *ROOMS) for each in (rose, sizes)]).unique(PROCESS)
    return growing.join(hosts, on="host", how="left", maintain_order="left").join(
        of_processes, on=PROCESS, how="left", maintain_order="left"
    )


def rows(growing: pl.DataFrame, now: Now, known: pl.DataFrame) -> pl.DataFrame:
    """ROW of the processes of GROWING, with their rooms, that answered.

    `known` are other findings as PROCESS, kind, advice: about the memory that grew they know better what to
    do than the words on its kind.
    """
    better = known.select(*PROCESS, "kind", pl.col("advice").alias("_known"))
    seen = growing.filter(pl.col("at").list.last() == now.started_at).join(
        better, on=[*PROCESS, "kind"], how="left", maintain_order="left"
    )
    return pl.DataFrame(list(_rows(seen)), schema=ROW, orient="row")


def _rows(seen: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for each in seen.iter_rows(named=True):
        told = told_of(each)
        grown = each["sizes"][-1] - each["base_bytes"]
        yield {
            **{name: each[name] for name in (*PROCESS, "comm", "kind", "service", "exe")},
            "code": CODE,
            "evidence": _evidence(each),
            "severity": _severity(told, grown, each["mem_total_bytes"]),
            "advice": " ".join((ADVICE, *_to_do(each["kind"], each["_known"]))),
            "confirm": CONFIRM,
            "not_shown": _fills(told),
            "concerns_bytes": grown,
            "was_there": True,
            "before_bytes": None,
            "by_peers": None,
        }


def _severity(told: Forecast, grown_bytes: int, ram_bytes: int | None) -> str:
    """An alarm if the host or the limit is full soon; a remark if it is little, in bytes and for the host."""
    if told.days is not None and told.days <= SOON_DAYS:
        return "alarm"
    is_much = grown_bytes >= WARNING_LEAST_BYTES or (
        ram_bytes is not None and grown_bytes >= ram_bytes * WARNING_LEAST_RAM_SHARE
    )
    return "warning" if is_much else "info"


def told_of(each: dict[str, Any]) -> Forecast:
    """When a process of GROWING, with its rooms, fills its host or a limit, whichever comes first."""
    times, sizes = [epoch_s(at) for at in each["at"]], each["sizes"]
    host = forecast(times, sizes, each["mem_available_bytes"])
    if each["limit_room_most_bytes"] is None:
        return host
    limit = forecast(times, sizes, each["limit_room_most_bytes"])
    if limit.days is None or (host.days is not None and host.days <= limit.days):
        return host
    earliest = forecast(times, sizes, each["limit_room_least_bytes"]).days
    return replace(limit, earliest_days=earliest, limit_bytes=each["limit_bytes"])


def _evidence(each: dict[str, Any]) -> str:
    sizes = " to ".join(scaled(size) for size in (each["base_bytes"], each["sizes"][-1]))
    return f"From {sizes} of anonymous memory and swap since {each['base_at'][:10]}{_inside(each['kind'])}."


def _inside(kind: str) -> str:
    return f", most of it in {inside(kind)}" if kind else ""


def inside(kind: str) -> str:
    """A kind by its label, as it stands behind `in`; of another version of the rules the label."""
    return inside_kind(KIND_BY_LABEL[kind]) if kind in KIND_BY_LABEL else kind


def _to_do(kind: str, known: str | None) -> Iterator[str]:
    """What is to be done about the memory that grew: as another finding says, or about much of its kind."""
    if known:
        yield known
    elif kind in KIND_BY_LABEL:
        yield KIND_WORDS[KIND_BY_LABEL[kind]].when_large


def _fills(told: Forecast) -> str:
    if told.days is None:
        return f"Cannot tell when it fills the host: {told.why_not}."
    full = (
        "the memory that the host has available is" if told.limit_bytes is None else f"{its_limit(told)} is"
    )
    return f"At this rate {full} full {when_full(told)}."
