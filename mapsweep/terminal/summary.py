"""The summary of a sweep on the terminal: the top ten, the failures, the verdict, and what to do next."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from textwrap import wrap

from mapsweep.terminal.prose import command_lines
from mapsweep.terminal.terminal import Style, Terminal, cells, padded, visible
from reports import doubts, verdict
from reports.report import Report
from reports.sizes import growth, size
from reports.verdict import TOP_HOSTS, TopRow, Word

_GAP = "  "
_BAR_COLUMNS_MIN, _BAR_COLUMNS_MAX = 8, 32
_NAME_COLUMNS_MIN = 12
_PROSE_COLUMNS_MIN = 20
_WORD_STYLES = {
    Word.OK: Style.GOOD,
    Word.CHANGED: Style.ODD,
    Word.PARTIAL: Style.ODD,
    Word.FAILED: Style.BAD,
    Word.OPEN: Style.ODD,
}


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the short ranking; on a narrow terminal those with a high need_columns are left out."""

    title: str
    columns: int
    need_columns: int  # of the terminal
    cell: Callable[[TopRow], str]


def _size(amount_bytes: int | None, *, bound: bool) -> str:
    return size(amount_bytes, bound=bound, plain=True)


_COLUMNS = (
    _Column("native heap", 12, 0, lambda row: _size(row.native_heap_bytes, bound=row.is_bound)),
    _Column("stacks", 12, 72, lambda row: _size(row.stacks_bytes, bound=row.is_bound)),
    _Column("growth", 10, 100, lambda row: growth(row.growth_bytes, plain=True)),
)
_WORST_COLUMNS = 24
_WORST_NEED_COLUMNS = 120


def summary_lines(
    report: Report, terminal: Terminal, places: tuple[str, ...], hints: tuple[str, ...], top: int = TOP_HOSTS
) -> Iterator[str]:
    """The lines of the summary; `places` are the paths of the report, `hints` the commands to run next."""
    ranked = verdict.top(report, top)
    if ranked:
        yield from _ranking(ranked, terminal)
        yield ""
    yield from _failures(report, terminal)
    if report.failures:
        yield ""
    yield from _verdict(report, terminal)
    if doubtful := doubts.line(report):
        yield from _prose(visible(doubtful), terminal)
    yield from (f"report: {visible(place)}" for place in places)
    for hint in hints:
        yield from command_lines("next:   ", hint, terminal)


def trouble_lines(report: Report, terminal: Terminal, places: tuple[str, ...]) -> Iterator[str]:
    """What --quiet tells of a run that did not go well: the failures, the verdict, and where to read more."""
    yield from _failures(report, terminal)
    yield from _verdict(report, terminal)
    yield from (f"report: {visible(place)}" for place in places)


def _failures(report: Report, terminal: Terminal) -> Iterator[str]:
    for line in verdict.failures(report):
        yield from _prose(visible(line), terminal)


def _verdict(report: Report, terminal: Terminal) -> Iterator[str]:
    word = verdict.word(report)
    first, *rest = _prose(f"{word}: {verdict.sentence(report)} {verdict.counts(report)}.", terminal)
    yield terminal.styled(word, _WORD_STYLES[word]) + first.removeprefix(word)
    yield from rest


def _prose(text: str, terminal: Terminal) -> list[str]:
    """A sentence, on a terminal wrapped between words."""
    if not terminal.is_tty:
        return [text]
    columns = max(terminal.columns, _PROSE_COLUMNS_MIN)
    return wrap(text, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _ranking(top: tuple[TopRow, ...], terminal: Terminal) -> Iterator[str]:
    """The hosts with the most native heap, the largest last: nearest the prompt."""
    columns = [column for column in _COLUMNS if terminal.columns >= column.need_columns]
    has_worst = terminal.columns >= _WORST_NEED_COLUMNS
    taken = sum(column.columns + len(_GAP) for column in columns) + has_worst * (_WORST_COLUMNS + len(_GAP))
    name_columns = _name_columns(top, terminal, taken)
    left = terminal.columns - name_columns - taken - len(_GAP)
    bar_columns = max(min(left, _BAR_COLUMNS_MAX), _BAR_COLUMNS_MIN)
    heading = _GAP.join((f"{'host':<{name_columns}}", *(f"{one.title:>{one.columns}}" for one in columns)))
    yield terminal.styled(heading, Style.FAINT)
    for row in reversed(top):
        name = terminal.fitted(visible(row.name), name_columns)
        fields = [padded(name, name_columns), *(f"{one.cell(row):>{one.columns}}" for one in columns)]
        fields.append(terminal.bar(row.share, bar_columns))
        if has_worst:
            fields.append(terminal.fitted(visible(row.worst), _WORST_COLUMNS))
        yield _GAP.join(fields).rstrip()


def _name_columns(top: tuple[TopRow, ...], terminal: Terminal, taken: int) -> int:
    longest = max(len("host"), *(cells(visible(row.name)) for row in top))
    if not terminal.is_tty:
        return longest  # in a pipe a name is never cut
    left = terminal.columns - taken - len(_GAP) - _BAR_COLUMNS_MIN
    return max(min(longest, left), _NAME_COLUMNS_MIN)
