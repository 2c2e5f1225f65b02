"""The hosts with the most native heap on the terminal, with their growth and their largest process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from mapsweep.terminal.terminal import Style, Terminal, cells, padded, visible
from reports.report import Report
from reports.sentence import verdict
from reports.sentence.verdict import TopRow
from reports.text.sizes import growth, size

_GAP: Final = "  "
_BAR_COLUMNS_MIN: Final = 8
_BAR_COLUMNS_MAX: Final = 32
_NAME_COLUMNS_MIN: Final = 12
_WORST_COLUMNS: Final = 22
_WORST_NEED_COLUMNS: Final = 72
_BAR_NEED_COLUMNS: Final = 92


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the short ranking; on a narrow terminal those with a high need_columns are left out."""

    title: str
    columns: int
    need_columns: int  # of the terminal
    cell: Callable[[TopRow], str]


def _size(amount_bytes: int | None, *, bound: bool) -> str:
    return size(amount_bytes, bound=bound, plain=True)


def _growth(row: TopRow) -> str:
    """A process that was restarted is not compared: without another that grew this is no 0."""
    return "restarted" if row.restarted and not row.growth_bytes else growth(row.growth_bytes, plain=True)


_HEAP: Final = _Column("native heap", 11, 0, lambda row: _size(row.native_heap_bytes, bound=row.is_bound))
_GROWTH: Final = _Column("growth", 9, 48, _growth)
_STACKS: Final = _Column("stacks", 11, 100, lambda row: _size(row.stacks_bytes, bound=row.is_bound))


def lines(report: Report, terminal: Terminal, top: int) -> Iterator[str]:
    """The first `top` hosts, the largest last: nearest the prompt. None if no host answered."""
    rows = verdict.top(report, top)
    if not rows:
        return
    growths = (_GROWTH,) if report.run.compared_with else ()
    columns = [each for each in (_HEAP, *growths, _STACKS) if terminal.columns >= each.need_columns]
    has_worst = terminal.columns >= _WORST_NEED_COLUMNS
    taken = sum(column.columns + len(_GAP) for column in columns) + has_worst * (_WORST_COLUMNS + len(_GAP))
    # the process is worth more than a bar, and so is the whole name
    spare = terminal.columns - taken - len(_GAP) - _longest(rows)
    has_bar = not has_worst or terminal.columns >= _BAR_NEED_COLUMNS or spare >= _BAR_COLUMNS_MIN
    name_columns = _name_columns(rows, terminal, taken + has_bar * (_BAR_COLUMNS_MIN + len(_GAP)))
    left = terminal.columns - name_columns - taken - len(_GAP)
    bar_columns = max(min(left, _BAR_COLUMNS_MAX), _BAR_COLUMNS_MIN)
    heads = [f"{'host':<{name_columns}}", *(f"{one.title:>{one.columns}}" for one in columns)]
    if has_worst:
        heads.extend([" " * bar_columns] * has_bar + ["largest process"])
    yield terminal.styled(_GAP.join(heads).rstrip(), Style.FAINT)
    for row in reversed(rows):
        name = terminal.fitted(visible(row.name), name_columns)
        fields = [padded(name, name_columns), *(f"{one.cell(row):>{one.columns}}" for one in columns)]
        if has_bar:
            fields.append(terminal.bar(row.share, bar_columns))
        if has_worst:
            fields.append(terminal.fitted(visible(row.worst), _WORST_COLUMNS))
        yield _GAP.join(fields).rstrip()


def _name_columns(top: tuple[TopRow, ...], terminal: Terminal, taken: int) -> int:
    longest = _longest(top)
    if not terminal.is_tty:
        return longest  # in a pipe a name is never cut
    return max(min(longest, terminal.columns - taken), _NAME_COLUMNS_MIN)


def _longest(top: tuple[TopRow, ...]) -> int:
    return max(len("host"), *(cells(visible(row.name)) for row in top))
