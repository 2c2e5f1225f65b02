"""Two hosts, two processes, or a process and its peers, side by side: measures, kinds and services.

A side is what one run knows of one of them. `rows` puts two sides beside each other. What is known only by
its upper bound has a difference only as far as the bounds of both sides tell it: two bounds that differ say
nothing of the sizes below them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.columns.column import Column, change, count, names_of, size, text
from reports.tables.measures import NATIVE, STACKS
from reports.views.one_host import OneHost, Row

MEASURE, KIND, SERVICE, PROCESS = PARTS = ("measure", "kind", "service", "process")
JAVA: Final = "java_heap_resident_max_bytes"
ANON: Final = "anon_bytes"
EXACT: Final = {  # a measure is exact if this is known
    NATIVE: "native_heap_resident_bytes",
    STACKS: "stacks_resident_bytes",
    JAVA: "java_heap_resident_bytes",
}
COMMITTED: Final = {
    NATIVE: "native_heap_committed_bytes",
    STACKS: "stacks_committed_bytes",
    JAVA: "java_heap_committed_bytes",
}
SIZES: Final = (NATIVE, ANON, STACKS, JAVA, "rss_bytes", "swap_bytes")
THREADS: Final = "threads"

COLUMNS: Final[tuple[Column, ...]] = (
    text("part", "Of", "two sides", "measure, kind, service or process", 8),
    text("name", "Name", "two sides", "The name of the measure, kind or service; of a process name and pid"),
    size("left_bytes", "Left", "two sides", "Size on the left side, upper bound of the resident size"),
    size("right_bytes", "Right", "two sides", "Size on the right side, upper bound of the resident size"),
    change(
        "difference_bytes",
        "Difference",
        "two sides",
        "right_bytes minus left_bytes; unknown if one of them is only an upper bound",
    ),
    change(
        "difference_least_bytes",
        "Least difference",
        "two sides",
        "What the right side has more, at least: its lower bound minus the upper bound of the left side",
    ),
    change(
        "difference_most_bytes",
        "Most difference",
        "two sides",
        "What the right side has more, at most: its upper bound minus the lower bound of the left side",
    ),
    change(
        "committed_difference_bytes",
        "Committed difference",
        "maps",
        "Difference of the committed sizes, which maps gives exactly; unknown for measures without one",
    ),
    count("left_count", "Left count", "two sides", "Blocks of a kind, processes of a service, or threads"),
    count("right_count", "Right count", "two sides", "The same on the right side"),
    text(
        "exact", "Exact", "smaps", "Which size is exact, and no upper bound: yes (both), left, right, no", 5
    ),
)
_SIDE: Final[dict[str, type[pl.DataType]]] = {
    "part": pl.String,
    "name": pl.String,
    "key": pl.String,  # by which the two sides are joined
    "bytes": pl.Int64,
    "committed_bytes": pl.Int64,
    "count": pl.Int64,
    "is_exact": pl.Boolean,
}
_OF_KIND: Final = ("resident_max_bytes", "committed_bytes")
_PLACES: Final = {name: place for place, name in enumerate((*SIZES, THREADS))}


@dataclass(frozen=True, slots=True)
class Side:
    """One of two that are compared."""

    title: str
    evidence: frozenset[str]  # the grades of evidence of its processes
    rules_version: str
    table: pl.DataFrame  # by _SIDE


def host_side(view: OneHost, title: str, *, has_processes: bool) -> Side:
    """A host that answered: its measures, kinds and services; its processes if the other is the same host."""
    processes = with_anon(view.processes)
    services = (
        processes.filter(pl.col("service") != "")
        .group_by("service")
        .agg(
            *(_sum(name) for name in (NATIVE, COMMITTED[NATIVE])),
            pl.len().cast(pl.Int64).alias("count"),
            pl.col(EXACT[NATIVE]).null_count() == 0,
        )
    )
    called = pl.when(pl.col("comm") != "").then("comm").otherwise("exe")
    frames = [
        _measures(view.host | {ANON: _plus(view.host["rss_anon_bytes"], view.host["swap_bytes"])}),
        _part(view.kinds, KIND, _OF_KIND, pl.col("resident_bytes").is_not_null()),
        _part(services, SERVICE, (NATIVE, COMMITTED[NATIVE]), pl.col(EXACT[NATIVE])),
        processes.select(
            pl.lit(PROCESS).alias("part"),
            pl.format("{} ({})", called, "pid").alias("name"),
            pl.format("{} {}", "pid", pl.col("start_ticks").fill_null(-1)).alias("key"),
            pl.col(ANON).alias("bytes"),
            pl.lit(None, pl.Int64).alias("committed_bytes"),
            pl.lit(None, pl.Int64).alias("count"),
            pl.lit(value=True).alias("is_exact"),
        ),
    ]
    evidence = frozenset(processes["evidence"].unique()) - {"denied"}
    kept = frames if has_processes else frames[:-1]
    return Side(title, evidence, view.rules_version, pl.concat(kept))


def process_side(view: OneHost, row: Row, title: str) -> Side:
    """A process whose mappings were read: its measures and kinds."""
    kinds = (
        view.footprints_of(row)
        .group_by("kind")
        .agg(
            *(_sum(name) for name in ("resident_max_bytes", "committed_bytes")),
            pl.col("count").sum(),
            pl.col("resident_bytes").null_count() == 0,
        )
    )
    frames = [
        _measures(row | {ANON: _plus(row["rss_anon_bytes"], row["swap_bytes"])}),
        _part(kinds, KIND, _OF_KIND, pl.col("resident_bytes")),
    ]
    return Side(title, frozenset({row["evidence"]}), view.rules_version, pl.concat(frames))


def side_of_medians(title: str, members: pl.DataFrame, kinds: pl.DataFrame, rules_version: str) -> Side:
    """Medians of processes: `members` have their measures and evidence, `kinds` those of their kinds.

    kind, bytes, committed_bytes, count, is_exact.
    """
    names = (*SIZES, *COMMITTED.values(), THREADS)
    middle = members.select(pl.col(name).median().round().cast(pl.Int64) for name in names)
    exact = {of: None if members[of].null_count() else 0 for of in EXACT.values()}
    frames = [
        _measures(middle.row(0, named=True) | exact),
        _part(kinds, KIND, ("bytes", "committed_bytes"), pl.col("is_exact")),
    ]
    return Side(title, frozenset(members["evidence"].unique()), rules_version, pl.concat(frames))


def rows(left_side: Side, right_side: Side) -> pl.DataFrame:
    """Two sides by COLUMNS: measures, then kinds, services, processes; the largest difference first.

    A kind or a service that one side does not have is 0 there; a process is unknown there. Where the
    difference is not known, that of the committed sizes gives the place.
    """
    both = left_side.table.join(
        right_side.table, on=["part", "key"], how="full", coalesce=True, suffix="_right"
    )
    is_sum = pl.col("part").is_in([KIND, SERVICE])

    def of(side: str, value: str) -> pl.Expr:
        is_absent = is_sum & pl.col(f"name{side}").is_null()
        return pl.when(is_absent).then(pl.lit(0, pl.Int64)).otherwise(pl.col(f"{value}{side}"))

    def least(side: str) -> pl.Expr:
        return pl.when(exact[side]).then(of(side, "bytes")).otherwise(0)

    exact = {  # at most nothing is nothing
        side: pl.col(f"is_exact{side}").fill_null(value=True)
        | (pl.col(f"bytes{side}") == 0).fill_null(value=False)
        for side in ("", "_right")
    }
    is_exact = exact[""] & exact["_right"]
    left, right = of("", "bytes"), of("_right", "bytes")
    joined = both.select(
        "part",
        pl.coalesce("name", "name_right").alias("name"),
        left.alias("left_bytes"),
        right.alias("right_bytes"),
        pl.when(is_exact).then(right - left).alias("difference_bytes"),
        (least("_right") - left).alias("difference_least_bytes"),
        (right - least("")).alias("difference_most_bytes"),
        (of("_right", "committed_bytes") - of("", "committed_bytes")).alias("committed_difference_bytes"),
        of("", "count").alias("left_count"),
        of("_right", "count").alias("right_count"),
        pl.when(is_exact)
        .then(pl.lit("yes"))
        .when(exact[""])
        .then(pl.lit("left"))
        .when(exact["_right"])
        .then(pl.lit("right"))
        .otherwise(pl.lit("no"))
        .alias("exact"),
    )
    place = pl.col("part").replace_strict({part: place for place, part in enumerate(PARTS)})
    alone = pl.when(pl.col("left_bytes").is_null() | pl.col("right_bytes").is_null()).then(
        pl.coalesce("right_bytes", "left_bytes")
    )
    most = pl.coalesce(sure_difference(), "committed_difference_bytes", alone).abs()
    measure = pl.col("name").replace_strict(_PLACES, default=0, return_dtype=pl.Int64)
    order = pl.when(pl.col("part") == MEASURE).then(measure).otherwise(-most)
    return joined.sort(place, order, "name", nulls_last=True).select(names_of(COLUMNS))


def sure_difference() -> pl.Expr:
    """Of rows of COLUMNS the difference, or what is sure of it; unknown if either side can be larger."""
    least, most = pl.col("difference_least_bytes"), pl.col("difference_most_bytes")
    return pl.coalesce("difference_bytes", pl.when(least > 0).then(least).when(most < 0).then(most))


def caveats(left: Side, right: Side) -> Iterator[str]:
    """What two sides must not be compared without: other evidence, other rules."""
    if left.evidence != right.evidence:
        grades = " and ".join("/".join(sorted(side.evidence)) or "nothing" for side in (left, right))
        yield (
            f"the two were read from {grades}: sizes from maps are upper bounds, those from smaps exact, so "
            "differences say little; anonymous memory, swap and RSS compare"
        )
    if left.rules_version != right.rules_version:
        versions = " and ".join(side.rules_version or "several" for side in (left, right))
        yield (
            f"the two were labelled by other rules ({versions}): a kind can differ by its rule alone; "
            "anonymous memory, swap and RSS compare"
        )


def with_anon(processes: pl.DataFrame) -> pl.DataFrame:
    """Adds anon_bytes: resident anonymous memory and swap."""
    return processes.with_columns((pl.col("rss_anon_bytes") + pl.col("swap_bytes")).alias(ANON))


def _measures(row: Row) -> pl.DataFrame:
    """The measures of a host, a process, or of medians."""
    sizes = [
        (
            *(name, row[name], row[COMMITTED[name]] if name in COMMITTED else None, None),
            name not in EXACT or row[EXACT[name]] is not None,
        )
        for name in SIZES
    ]
    return pl.DataFrame(
        [
            (MEASURE, name, name, *amounts)
            for name, *amounts in (*sizes, (THREADS, None, None, row[THREADS], True))
        ],
        schema=_SIDE,
        orient="row",
    )


def _part(table: pl.DataFrame, part: str, sizes: tuple[str, str], exact: pl.Expr) -> pl.DataFrame:
    """Rows of a side: the table has a column called `part`, count, and the most and committed bytes."""
    most, committed = sizes
    return table.select(
        pl.lit(part).alias("part"),
        pl.col(part).alias("name"),
        pl.col(part).alias("key"),
        pl.col(most).alias("bytes"),
        pl.col(committed).cast(pl.Int64).alias("committed_bytes"),
        pl.col("count").cast(pl.Int64),
        exact.alias("is_exact"),
    )


def _sum(name: str) -> pl.Expr:
    """The sum of what is known; unknown if nothing is."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def _plus(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second
