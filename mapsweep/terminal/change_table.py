"""Changes on the terminal, a line each: how much or what, where, and why."""

from collections.abc import Iterable, Iterator
from typing import Final

from mapsweep.terminal.terminal import Terminal, cells, padded, visible
from reports.changes.rows import Change, ChangeRow
from reports.sentence import change_words
from reports.text.sizes import growth

_GAP: Final = "  "
_WHAT_COLUMNS: Final = 11
_WHERE_COLUMNS_MIN: Final = 12
_WHERE_SHARE: Final = 0.45  # of the terminal, at most


def lines(rows: Iterable[ChangeRow], terminal: Terminal) -> Iterator[str]:
    """On a terminal each fits its width; in a pipe nothing is cut."""
    told = list(rows)
    where = [visible(change_words.where(row, plain=not terminal.unicode)) for row in told]
    longest = max((cells(name) for name in where), default=0)
    most = max(int(terminal.columns * _WHERE_SHARE), _WHERE_COLUMNS_MIN) if terminal.is_tty else longest
    where_columns = min(longest, most)
    for row, name in zip(told, where, strict=True):
        start = f"{_what(row):>{_WHAT_COLUMNS}}{_GAP}"
        start += padded(terminal.fitted(name, where_columns), where_columns) + _GAP
        left = terminal.columns - cells(start) if terminal.is_tty else None
        yield (start + _fitting(change_words.why(row, plain=not terminal.unicode), left, terminal)).rstrip()


def _fitting(parts: tuple[str, ...], columns: int | None, terminal: Terminal) -> str:
    """As many of the parts as there is room for; of the first at least its beginning."""
    shown = [visible(part) for part in parts]
    if columns is None or not shown:
        return "; ".join(shown)
    said = terminal.fitted(shown[0], max(columns, 1))
    for part in shown[1:]:
        if cells(said) + len("; ") + cells(part) > columns:
            break
        said += f"; {part}"
    return said


def _what(row: ChangeRow) -> str:
    if row.change in {Change.GREW, Change.SHRANK}:
        return growth(row.change_bytes, plain=True)
    return change_words.word(row)
