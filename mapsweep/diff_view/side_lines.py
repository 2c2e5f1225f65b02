"""Two sides as tables for people: measures, kinds, services and processes, with the difference."""

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from mapsweep.diff_view.sides import Pair
from mapsweep.host_view.amounts import Column, table_lines, text_column
from mapsweep.terminal.prose import prose
from mapsweep.terminal.terminal import Style, Terminal, cells, visible
from reports.tables.measures import NATIVE, STACKS
from reports.text.sizes import growth, number, size
from reports.views.compare import ANON, EXACT, JAVA, KIND, MEASURE, PROCESS, SERVICE, THREADS, sure_difference
from reports.views.one_host import Row

TITLE_COLUMNS_MAX: Final = 20  # of the head of a column; longer ones stand above the tables
_LETTERS: Final = ("A", "B")
_SURE: Final = "sure_bytes"
_UNKNOWN: Final = (
    "A difference is not known (-) where a size is only an upper bound (<=): two bounds say nothing of what "
    "is below them. Committed is how much more of it the right side may use, which maps tells exactly; sweep "
    "with --evidence smaps for the rest."
)
ROWS_MAX: Final = 12  # of kinds, services and processes, without --all
_MEASURES: Final = {
    NATIVE: "native heap",
    ANON: "anonymous + swap",
    STACKS: "thread stacks",
    JAVA: "Java heap",
    "rss_bytes": "RSS",
    "swap_bytes": "swap",
    THREADS: "threads",
}
_HEADS: Final = {
    MEASURE: "",
    KIND: "kind",
    SERVICE: "service, native heap",
    PROCESS: "process, anonymous + swap",
}


def side_lines(
    about: str, pair: Pair, table: pl.DataFrame, terminal: Terminal, rows_max: int | None
) -> Iterator[str]:
    """The lines; of each table the first `rows_max`, None: all."""
    for line in prose(about, terminal):
        yield terminal.styled(line, Style.STRONG)
    heads = pair.left.title, pair.right.title
    if max(map(cells, map(visible, heads))) > TITLE_COLUMNS_MAX:
        for letter, title in zip(_LETTERS, heads, strict=True):
            yield from prose(f"{letter}: {title}", terminal, "  ")
        heads = _LETTERS
    for note in pair.notes:
        first, *others = prose(f"note: {note}", terminal)
        yield from (first.replace("note", terminal.styled("note", Style.ODD), 1), *others)
    marked = table.with_columns(sure_difference().alias(_SURE))
    has_unknown = False
    for part, head in _HEADS.items():
        rows = list(marked.filter(pl.col("part") == part).iter_rows(named=True))
        told = rows if part == MEASURE else list(filter(_differs, rows))
        if not rows or (part == PROCESS and not told):
            continue
        yield ""
        shown = told if part == MEASURE else told[:rows_max]
        if shown:
            heading, *lines = table_lines(_columns(head, shown, heads), terminal)
            yield terminal.styled(heading, Style.FAINT)
            yield from lines
            has_unknown |= any(map(_is_unknown, shown))
        yield from _left_out(part, rows, told, len(shown))
    if has_unknown:
        yield ""
        yield from prose(_UNKNOWN, terminal)


def _left_out(part: str, rows: Sequence[Row], told: Sequence[Row], shown: int) -> Iterator[str]:
    """What of a part is not shown."""
    if left := len(told) - shown:
        yield f"and {number(left)} more: --all"
    if (alike := len(rows) - len(told)) and part != PROCESS:
        more, many = "more " if told else "", "" if alike == 1 else "s"
        known = "known " if any(_is_unknown(row) and not _differs(row) for row in rows) else ""
        yield f"{number(alike)} {more}{part}{many} without a {known}difference"


def _is_unknown(row: Row) -> bool:
    """Whether bounds hide by how much, and in which direction, two sizes differ."""
    return row["exact"] != "yes" and row[_SURE] is None


def _differs(row: Row) -> bool:
    """Whether something is known to differ: the sizes, or if that cannot be told what is committed."""
    if _is_unknown(row):
        return bool(row["committed_difference_bytes"] != 0)
    return bool(row[_SURE] != 0)


def _columns(head: str, rows: Sequence[Row], heads: tuple[str, str]) -> list[Column]:
    is_measure = rows[0]["part"] == MEASURE
    names = [_MEASURES[row["name"]] if is_measure else row["name"] for row in rows]
    columns = [
        text_column(head, names, least=max(16, len(head)), is_whole=True),
        *(
            Column(visible(title), [_amount(row, side) for row in rows])
            for side, title in zip(("left", "right"), heads, strict=True)
        ),
        Column("difference", [_difference(row) for row in rows]),
    ]
    if any(map(_is_unknown, rows)):
        committed = [growth(row["committed_difference_bytes"], plain=True) for row in rows]
        columns.append(Column("committed", committed))
    if not is_measure and any(
        row["left_count"] is not None or row["right_count"] is not None for row in rows
    ):
        columns.insert(3, Column("count", [_counts(row) for row in rows], need=1))
    return columns


def _counts(row: Row) -> str:
    """`12`, or `26 to 9` if the sides differ."""
    left, right = (number(row[name], plain=True) for name in ("left_count", "right_count"))
    return left if left == right else f"{left} to {right}"


def _amount(row: Row, side: str) -> str:
    if row["name"] == THREADS and row["part"] == MEASURE:
        return number(row[f"{side}_count"], plain=True)
    is_bounded = row["part"] in {KIND, SERVICE} or row["name"] in EXACT
    return size(row[f"{side}_bytes"], bound=is_bounded and row["exact"] not in {"yes", side}, plain=True)


def _difference(row: Row) -> str:
    if row["name"] == THREADS and row["part"] == MEASURE:
        counts = row["left_count"], row["right_count"]
        return "-" if None in counts else f"{counts[1] - counts[0]:+,}" if counts[0] != counts[1] else "0"
    if row["exact"] == "yes" or row[_SURE] is None:
        return growth(row["difference_bytes"], plain=True)
    return f"{'>=' if row[_SURE] > 0 else '<='} {growth(row[_SURE], plain=True)}"
