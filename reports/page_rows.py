"""The page's rows of processes, kinds and findings, made column by column, for all hosts at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import polars as pl

from reports import column_text as texts
from reports import settled
from reports.measures import YES
from reports.settled import Settled
from reports.severities import graver_first
from reports.sizes import AT_MOST, DASH, instant

_CUT: Final = 48
# of HTML, at least: with all that varies left out
ROW_BYTES_MIN: Final = 150
BLOCK_BYTES_MIN: Final = 600
KIND_BYTES_MIN: Final = 70
_CLASSES: Final = {"alarm": "bad", "warning": "warn"}


@dataclass(frozen=True, slots=True)
class HostHtml:
    """The rows in a host's section of the page."""

    processes: str  # rows of a table
    count: int  # how many
    others: int  # processes that are in no row
    others_native_heap_bytes: int | None
    others_stacks_bytes: int | None
    kinds: str  # of some processes, one block each


NOTHING: Final = HostHtml("", 0, 0, None, None, "")


class PageRows:
    """All rows that a page may show; `sections` gives those of each host. They are made when asked for."""

    def __init__(self, tables: Settled, *, compared: bool, ranged: bool) -> None:
        self._tables = tables
        self._compared = compared
        self._ranged = ranged
        shown = pl.concat(part.filter("shown") for part in tables.parts(settled.PROCESSES))
        self._shown = shown.sort("host", "host_place").with_columns(
            pl.int_range(pl.len()).over("host").alias("_place")
        )
        self.findings = _findings(tables.table(settled.FINDINGS))

    @cached_property
    def _rows(self) -> pl.Series:
        """The row of each process."""
        clocks = _clocks(self._tables)
        timed = self._shown.join(clocks, on="host", how="left", maintain_order="left")
        return _process_rows(timed, compared=self._compared, ranged=self._ranged)

    @cached_property
    def _kinds(self) -> pl.DataFrame:
        """The kinds of the processes."""
        return self._tables.table(settled.PROCESS_KINDS)

    @cached_property
    def _kinds_of(self) -> pl.Series:
        """How many rows of kinds each process has; null where none."""
        counts = self._kinds.group_by("host", "pid").agg(pl.len().alias("_kinds"))
        return self._shown.join(counts, on=["host", "pid"], how="left", maintain_order="left")["_kinds"]

    def least_bytes(self, processes: int, detailed: int) -> int:
        """What the rows take at least, without making them: most of a page is out of the question at once."""
        place = self._shown["_place"]
        kinds = self._kinds_of.filter((place < detailed) & self._kinds_of.is_not_null())
        rows = int((place < processes).sum()) * ROW_BYTES_MIN
        return rows + len(kinds) * BLOCK_BYTES_MIN + int(kinds.sum()) * KIND_BYTES_MIN

    def sections(self, processes: int, detailed: int) -> dict[str, HostHtml]:
        """By host, the rows of so many processes, and so many of them by kind."""
        heap, stack = pl.col("native_heap_resident_max_bytes"), pl.col("stacks_resident_max_bytes")
        hidden = pl.col("_place") >= processes
        rows = self._rows if processes else pl.Series("row", [""]).new_from_index(0, self._shown.height)
        table = (
            self._shown.with_columns(rows)
            .group_by("host")
            .agg(
                pl.col("row").filter(~hidden).str.join(""),
                (~hidden).sum().cast(pl.Int64).alias("count"),
                hidden.sum().cast(pl.Int64).alias("others"),
                pl.when(heap.filter(hidden).count() > 0).then(heap.filter(hidden).sum()).alias("heap"),
                pl.when(stack.filter(hidden).count() > 0).then(stack.filter(hidden).sum()).alias("stack"),
            )
        )
        blocks = self._blocks(detailed) if detailed else {}
        return {
            host: HostHtml(row, count, others, heap_bytes, stack_bytes, blocks.get(host, ""))
            for host, row, count, others, heap_bytes, stack_bytes in table.iter_rows()
        }

    def _blocks(self, detailed: int) -> dict[str, str]:
        """By host, the blocks of kinds of so many processes."""
        chosen = self._shown.filter(pl.col("_place") < detailed)
        process = ["host", "pid"]
        kinds = self._kinds.join(chosen, on=process, how="semi", maintain_order="left")
        blocks = chosen.select("host", _kind_blocks(chosen, kinds))
        joined = blocks.group_by("host", maintain_order=True).agg(pl.col("kinds").str.join(""))
        return {str(host): str(text) for host, text in joined.iter_rows()}


def _clocks(tables: Settled) -> pl.DataFrame:
    """host, and when it was swept in seconds since 1970."""
    hosts = tables.table(settled.HOSTS, ("name", "at"))
    moments = [instant(at) for at in hosts["at"].to_list()]
    seconds = [moment.timestamp() if moment else None for moment in moments]
    return pl.DataFrame(
        {"host": hosts["name"], "_swept": seconds}, schema={"host": pl.String, "_swept": pl.Float64}
    )


def _sortable(value: pl.Expr) -> pl.Expr:
    """The attribute by which a cell is sorted, if its text is not the number itself."""
    return pl.when(value != 0).then(pl.format(' data-v="{}"', value)).otherwise(pl.lit(""))


def _cell(name: str, text: pl.Expr) -> Iterator[pl.Expr]:
    yield from (pl.lit("<td"), _sortable(pl.col(name)), pl.lit(">"), text, pl.lit("</td>"))


def _amount(measure: str, class_: str = "") -> Iterator[pl.Expr]:
    most = pl.col(f"{measure}_resident_max_bytes")
    yield from (pl.lit(f"<td{class_}"), _sortable(most), pl.lit(">"), texts.extent(measure), pl.lit("</td>"))


def _span(measure: str) -> Iterator[pl.Expr]:
    width = pl.col(f"{measure}_most_bytes") - pl.col(f"{measure}_least_bytes")
    yield from (pl.lit("<td"), _sortable(width), pl.lit(">"), texts.span(measure))


def _count(name: str) -> Iterator[pl.Expr]:
    yield from (pl.lit("<td>"), texts.number(name), pl.lit("</td>"))


def _process_rows(shown: pl.DataFrame, *, compared: bool, ranged: bool) -> pl.Series:
    """One row per process."""
    names = shown.select(
        texts.escaped(shown["exe"], 120),
        texts.escaped(shown["comm"], 24),
        texts.escaped(shown["service"].replace("", DASH), 40),
    ).rename(lambda name: f"_{name}")
    up = pl.col("_up_s")
    restarted = pl.when(pl.col("restarted") == "yes").then(pl.lit(' <span class="tag">restarted</span>'))
    denied = pl.when(pl.col("evidence") == "denied").then(
        pl.lit(' <span class="tag warn">not readable</span>')
    )
    doubtful = pl.when(pl.col("doubtful") == YES).then(pl.lit(' <span class="tag warn">doubtful</span>'))
    pieces = (
        pl.format('<tr><td>{}<th scope="row" class="name"><bdi title="{}">{}</bdi>', "pid", "_exe", "_comm"),
        restarted.otherwise(pl.lit("")),
        denied.otherwise(pl.lit("")),
        doubtful.otherwise(pl.lit("")),
        pl.format('</th><td class="name"><bdi>{}</bdi>', "_service"),
        *_amount("native_heap", ' class="key"'),
        *(_span("native_heap") if ranged else ()),
        *(_cell("growth_bytes", texts.growth("growth_bytes")) if compared else ()),
        *_cell("bloat_bytes", texts.size("bloat_bytes")),
        *_cell("rss_bytes", texts.size("rss_bytes")),
        *_count("stacks"),
        *_amount("stacks"),
        *_cell("stacks_reserved_bytes", texts.size("stacks_reserved_bytes")),
        *_amount("java_heap"),
        *_count("arena_heaps"),
        *_count("threads"),
        *(pl.lit("<td"), _sortable(up), pl.lit(">"), texts.duration(up).fill_null(DASH), pl.lit("</tr>\n")),
    )
    since_s = texts.whole(pl.col("_swept") - pl.col("started_at_s")).clip(lower_bound=0)
    table = pl.concat([shown, names], how="horizontal").with_columns(since_s.alias("_up_s"))
    return table.select(pl.concat_str(pieces).alias("row"))["row"]


def _kind_rows(kinds: pl.DataFrame) -> pl.DataFrame:
    """The rows of the tables of kinds, one text per process: host, pid, _kinds."""
    pieces = (
        pl.format(
            '<tr><th scope="row" class="t">{}<td class="t">{}<td>{}<td>',
            "kind",
            "family",
            texts.number("count"),
        ),
        pl.when(pl.col("block_bytes") != 0).then(texts.size("block_bytes")).otherwise(pl.lit("")),
        pl.format("<td>{}<td>{}", texts.size("reserved_bytes"), texts.size("committed_bytes")),
        pl.format('<td class="key">{}\n', texts.extent("kind")),
    )
    safe = kinds.with_columns(texts.escaped(kinds["kind"]))
    bounded = safe.rename(
        {"resident_bytes": "kind_resident_bytes", "resident_max_bytes": "kind_resident_max_bytes"}
    )
    return (
        bounded.select("host", "pid", pl.concat_str(pieces).alias("_kinds"))
        .group_by("host", "pid", maintain_order=True)
        .agg(pl.col("_kinds").str.join(""))
    )


def _kind_blocks(shown: pl.DataFrame, kinds: pl.DataFrame) -> pl.Series:
    """A block per process that has kinds, each with its table; empty if it has none."""
    names = pl.DataFrame(
        [
            texts.escaped(shown["comm"], 32).alias("_comm"),
            texts.escaped(shown["arguments"], 600).alias("_arguments"),
            texts.escaped(shown["unit"], 60).alias("_unit"),
            texts.escaped(shown["container"], 24).alias("_container"),
            texts.escaped(shown["runtime"], _CUT).alias("_runtime"),
            texts.escaped(shown["evidence"]).alias("_evidence"),
            texts.escaped(shown["trouble"], 60).alias("_trouble"),
            texts.escaped(shown["largest_guess"], 60).alias("_guess"),
        ]
    )
    table = pl.concat([shown, names], how="horizontal").join(
        _kind_rows(kinds), on=["host", "pid"], how="left", maintain_order="left"
    )

    def where(name: str, pattern: str) -> pl.Expr:
        text = pl.col(name)
        return pl.when(text != "").then(pl.format(pattern, text)).otherwise(pl.lit(""))

    block = pl.concat_str(
        pl.format('<details class="process"><summary><bdi>{}</bdi> ({})</summary>\n', "_comm", "pid"),
        where("_arguments", '<p class="mono soft arguments"><bdi>{}</bdi></p>'),
        pl.lit('<p class="small soft">'),
        where("_unit", "unit {} · "),
        where("_container", "container {} · "),
        where("_runtime", "{} · "),
        "_evidence",
        where("_trouble", ' · <span class="warn">{}</span>'),
        pl.when(pl.col("doubtful") == YES)
        .then(
            pl.format(
                ' · <span class="warn">guessed {}{} of {}, most of it {}</span>',
                pl.when(pl.col("evidence") == "smaps").then(pl.lit("")).otherwise(pl.lit(AT_MOST)),
                texts.size("guessed_bytes"),
                texts.size("present_bytes"),
                "_guess",
            )
        )
        .otherwise(pl.lit("")),
        pl.format(
            " · VSZ {} · RssAnon {} · swap {}</p>\n",
            *(texts.size(name) for name in ("vm_size_bytes", "rss_anon_bytes", "swap_bytes")),
        ),
        pl.format(
            '<div class="scroll" role="region" aria-label="Kinds of {} ({})" tabindex="0">', "_comm", "pid"
        ),
        pl.lit(_KINDS_HEAD),
        "_kinds",
        pl.lit("</tbody>\n</table>\n</div></details>\n"),
    )
    return table.select(block.fill_null("").alias("kinds"))["kinds"]


_KINDS_HEAD: Final = (
    '<table class="kinds">\n<thead><tr><th scope="col" class="t">Kind</th>'
    '<th scope="col" class="t">Family</th>'
    '<th scope="col">Blocks</th><th scope="col">Each</th><th scope="col">Reserved</th>'
    '<th scope="col">Committed</th><th scope="col">Resident</th></tr></thead>\n<tbody>\n'
)


def _findings(table: pl.DataFrame) -> dict[str, str]:
    """The findings of each host as items of a list."""
    few = graver_first(table)
    shown = few.with_columns(
        texts.escaped(few["comm"], _CUT),
        *(texts.escaped(few[name]) for name in ("severity", "evidence", "advice", "confirm", "not_shown")),
    )
    tag = few["severity"].replace_strict(_CLASSES, default="soft", return_dtype=pl.String).alias("_tag")
    more = (
        pl.when(pl.col("not_shown") != "")
        .then(pl.format(" Not shown here: {}", "not_shown"))
        .otherwise(pl.lit(""))
    )
    item = pl.concat_str(
        pl.format('<li><span class="tag {}">{}</span> ', "_tag", "severity"),
        pl.format("<b><bdi>{}</bdi></b> ({}): {}\n", "comm", "pid", "evidence"),
        pl.format('<div>{}</div><div class="small soft">To confirm: {}', "advice", "confirm"),
        more,
        pl.lit("</div></li>\n"),
    )
    items = shown.with_columns(tag).select("host", item.alias("item"))
    joined = items.group_by("host").agg(pl.col("item").str.join(""))
    return {str(host): str(text) for host, text in joined.iter_rows()}
