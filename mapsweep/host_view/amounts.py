"""Sizes as `mapsweep show` prints them: in columns, as bars on one scale, and with the mark of a bound."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mapsweep.terminal.terminal import Terminal, cells, padded, visible
from procmaps.own_probe import RUNTIME
from reports.text.sizes import size
from reports.views.one_host import Row

GAP: Final = "  "
_BAR_COLUMNS_MIN, _BAR_COLUMNS_MAX = 6, 32


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: on a terminal as wide as its cells, and dropped where there is no room for it.

    The cells are printable.
    """

    title: str
    cells: Sequence[str]
    is_text: bool = False
    need: int = 0  # the higher, the sooner it is dropped; 0: it never is
    least: int = 0  # columns to which a text can be cut; 0: it is never cut
    is_whole: bool = False  # the first column: a text with too little room stands above its row, not cut

    @property
    def columns(self) -> int:
        """What its widest cell needs."""
        return max((cells(each) for each in (self.title, *self.cells)), default=0)


def text_column(
    title: str, texts: Iterable[str], *, need: int = 0, least: int = 0, is_whole: bool = False
) -> Column:
    """A column of names from a host."""
    return Column(title, [*map(visible, texts)], is_text=True, need=need, least=least, is_whole=is_whole)


def process_name(row: Row) -> str:
    """What a process calls itself, else its program; a process of the sweep itself is marked."""
    name = row["comm"] or row["exe"] or "?"
    return f"{name} (probe)" if row["runtime"] == RUNTIME else str(name)


def known(row: Row, measure: str) -> str:
    """A measure of a process or a host, `<= 1.2 GiB` if only a bound is known."""
    bound = row[f"{measure}_resident_bytes"] is None
    return size(row[f"{measure}_resident_max_bytes"], bound=bound, plain=True)


def table_lines(columns: Sequence[Column], terminal: Terminal, bars: Sequence[float] = ()) -> list[str]:
    """The heading and the rows. In a pipe no column is dropped and no text cut.

    `bars` are shares from 0 to 1, one per row, drawn behind it. A name above its row is a line.
    """
    bar_columns = 0
    kept = list(columns)
    if terminal.is_tty:
        needed = _BAR_COLUMNS_MIN + len(GAP) if bars else 0
        kept = _fitting(kept, terminal.columns - needed)
    widths = _widths(kept, terminal, len(GAP) + _BAR_COLUMNS_MIN if bars else 0)
    if bars:
        left = terminal.columns - sum(widths) - len(GAP) * len(widths)
        bar_columns = max(0, min(left, _BAR_COLUMNS_MAX))
    lines = [_line([each.title for each in kept], kept, widths, terminal)]
    for number in range(len(kept[0].cells)):
        texts = [each.cells[number] for each in kept]
        if terminal.is_tty and kept[0].is_whole and cells(texts[0]) > widths[0]:
            lines.append(terminal.fitted(texts[0], terminal.columns))
            texts[0] = ""
        line = _line(texts, kept, widths, terminal)
        if bar_columns:
            line = f"{line}{GAP}{terminal.bar(bars[number], bar_columns)}"
        lines.append(line)
    return [line.rstrip() for line in lines]


def has_room(columns: Sequence[Column], terminal: Terminal) -> bool:
    """Whether a table with bars has room for all of these columns. In a pipe it always does."""
    needed = sum(each.columns + len(GAP) for each in columns) + _BAR_COLUMNS_MIN
    return not terminal.is_tty or needed <= terminal.columns


def _fitting(columns: list[Column], room: int) -> list[Column]:
    """Without those that are needed least, until the others fit."""
    kept = list(columns)
    while sum(min(each.least or each.columns, each.columns) + len(GAP) for each in kept) - len(GAP) > room:
        spare = max(kept, key=lambda each: each.need)
        if not spare.need:
            break
        kept.remove(spare)
    return kept


def _widths(columns: Sequence[Column], terminal: Terminal, taken: int) -> list[int]:
    """The columns of each; texts that can be cut share what the others leave."""
    widths = [each.columns for each in columns]
    if not terminal.is_tty:
        return widths
    over = sum(widths) + len(GAP) * (len(widths) - 1) + taken - terminal.columns
    while over > 0:
        spare = [number for number, each in enumerate(columns) if each.least and widths[number] > each.least]
        if not spare:
            break
        widest = max(spare, key=lambda number: widths[number])
        widths[widest] -= 1
        over -= 1
    return widths


def _line(texts: Sequence[str], columns: Sequence[Column], widths: Sequence[int], terminal: Terminal) -> str:
    fields = []
    for text, column, width in zip(texts, columns, widths, strict=True):
        shown = terminal.fitted(text, width) if column.is_text else text
        fields.append(padded(shown, width) if column.is_text else " " * (width - cells(shown)) + shown)
    return GAP.join(fields)
