"""The table of runs: as wide as the terminal, whole in a pipe."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from mapsweep.durations import short
from mapsweep.run_lines import RunLine, State
from mapsweep.terminal.prose import prose
from mapsweep.terminal.terminal import Style, Terminal, cells, padded, visible
from reports.text import asker_words
from reports.text.sizes import number, size

SIZES_FROM_COLUMNS: Final = 64  # a narrower terminal has no room for sizes
_ID_COLUMNS_MIN: Final = 8
_ID_COLUMNS_ENOUGH: Final = 31
_SCOPE_COLUMNS_MIN: Final = 12
_SCOPE_COLUMNS_WISHED: Final = 24
_UNKNOWN_ASKER: Final = "who asked is not known: an older mapsweep planned it"
_COUNTS: Final = (8, 8, 8)  # ok, partial, failed: up to 999,999


def heading(lines: Sequence[RunLine], terminal: Terminal) -> str:
    """The names of the columns."""
    counts = "".join(
        name.rjust(width) for name, width in zip(("ok", "partial", "failed"), _COUNTS, strict=True)
    )
    sizes = f"{'size':>9} {'native':>9}" if _has_sizes(terminal) else ""
    more = "  scope, hosts" if _scope_columns(lines, terminal) else ""
    return f"{padded('run', _id_columns(lines, terminal))} {'age':>4} {sizes}{counts}{more}"


def rows(lines: Sequence[RunLine], terminal: Terminal, *, who: bool = False) -> Iterator[str]:
    """A line for each run, one more for what is unusual about it, and with `who` some on who asked for it."""
    for line in lines:
        yield _row(line, lines, terminal)
        if who:
            told = f"by {asker_words.told(line.asker)}" if line.asker else _UNKNOWN_ASKER
            yield from prose(told, terminal, "    ")
        if line.note:
            yield terminal.styled(_cut(f"    {line.note}", terminal.columns, terminal), Style.ODD)


def _row(line: RunLine, lines: Sequence[RunLine], terminal: Terminal) -> str:
    id_columns = _id_columns(lines, terminal)
    sizes = ""
    if _has_sizes(terminal):
        native = size(line.native_heap_resident_max_bytes, plain=True)
        sizes = f"{size(line.size_bytes, plain=True):>9} {native:>9}"
    more = ""
    if room := _scope_columns(lines, terminal):
        more = "  " + _cut(visible(f"{line.scope} {line.hosts}"), room, terminal)
    age = short(timedelta(seconds=line.age_s))
    run = padded(_cut(line.run, id_columns, terminal), id_columns)
    return f"{run} {age:>4} {sizes}{_counts(line, terminal)}{more}".rstrip()


def _counts(line: RunLine, terminal: Terminal) -> str:
    """How the hosts ended, or how far they are."""
    columns = sum(_COUNTS)
    if line.state is State.CLOSED:
        counts = zip((line.ok, line.partial, line.failed), _COUNTS, strict=True)
        return "".join(number(count, plain=True).rjust(width) for count, width in counts)
    if line.state is State.AT_WORK:
        text, style = f"at work: {line.done:,} of {line.asked:,}", Style.GOOD
        if len(text) >= columns:
            text = f"at work: {line.done * 100 // line.asked} %"
    else:
        text, style = "stopped, --resume", Style.ODD
    return terminal.styled(text.rjust(columns), style)


def _has_sizes(terminal: Terminal) -> bool:
    return not terminal.is_tty or terminal.columns >= SIZES_FROM_COLUMNS


def _fixed_columns(terminal: Terminal) -> int:
    return 6 + sum(_COUNTS) + (19 if _has_sizes(terminal) else 0)


def _id_columns(lines: Sequence[RunLine], terminal: Terminal) -> int:
    """Enough for the longest id; on a terminal, what the other columns leave."""
    longest = max((len(line.run) for line in lines), default=0)
    if not terminal.is_tty:
        return longest
    room = terminal.columns - _fixed_columns(terminal)
    if room >= _ID_COLUMNS_ENOUGH + _SCOPE_COLUMNS_MIN + 2:  # one long id must not hide the scope of all
        room = max(_ID_COLUMNS_ENOUGH, room - _SCOPE_COLUMNS_WISHED - 2)
    return max(_ID_COLUMNS_MIN, min(longest, room))


def _scope_columns(lines: Sequence[RunLine], terminal: Terminal) -> int:
    """The room that is left for scope and pattern; 0 if it is too narrow."""
    if not terminal.is_tty:
        return max((cells(visible(f"{line.scope} {line.hosts}")) for line in lines), default=0)
    room = terminal.columns - _fixed_columns(terminal) - _id_columns(lines, terminal) - 2
    return room if room >= _SCOPE_COLUMNS_MIN else 0


def _cut(text: str, columns: int, terminal: Terminal) -> str:
    """The text; on a terminal its end is cut, because the beginning of an id names a run."""
    if not terminal.is_tty or cells(text) <= columns:
        return text
    mark = "…" if terminal.unicode else "~"
    taken = text
    while taken and cells(taken) > columns - 1:
        taken = taken[:-1]
    return taken + mark
