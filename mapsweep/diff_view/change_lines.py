"""What changed between two runs as a table for people, with the sentence before it."""

from collections.abc import Iterator, Sequence
from typing import Final

from mapsweep.places import place_flags
from mapsweep.terminal.prose import prose, what_next
from mapsweep.terminal.terminal import Style, Terminal, cells, padded, visible
from reports.changes.rows import Change, ChangeRow, Subject
from reports.sentence import change_words, first_advice, next_commands
from reports.sentence.change_list import short_list
from reports.sentence.headline import headline
from reports.text.sizes import day_time, growth, number
from reports.views.run_changes import RunChanges

_STYLES: Final = {
    Change.GREW: Style.ODD,
    Change.FAILED: Style.BAD,
    Change.SHRANK: Style.GOOD,
    Change.RECOVERED: Style.GOOD,
}
CHANGES_MAX: Final = 24  # without --all
_CHANGE_COLUMNS: Final = 13
_GAP: Final = "  "


def change_lines(found: RunChanges, terminal: Terminal, rows_max: int | None) -> Iterator[str]:
    """The sentence, then the first changes without repetition (None: all rows), then what is not told."""
    changes = found.report.changes
    began = [day_time(run.manifest.started_at) for run in (found.before, found.now)]
    for line in prose(f"{found.now.manifest.scope.name}: {began[0]} to {began[1]}", terminal):
        yield terminal.styled(line, Style.STRONG)
    yield from prose(headline(found.report).sentence, terminal)
    short = None if rows_max is None else short_list(found.report, rows_max)
    rows = list(changes.rows) if short is None else list(short.rows)
    if rows:
        yield ""
        yield from _rows(rows, terminal)
        yield ""
    total = sum(each.count for each in changes.counts)
    if short is not None and short.is_cut:
        yield f"{number(total)} changes of processes, services and hosts in all: add --all to see them"
    elif short is None and total > len(rows):
        yield f"and {number(total - len(rows))} more, for which a run has no room"
    yield from prose(found.noise, terminal)
    yield from _to_do(found, terminal)


def _to_do(found: RunChanges, terminal: Terminal) -> Iterator[str]:
    """The advice on the largest change if a finding is about it, and where to look next."""
    lead, run_id, flags = headline(found.report).lead, found.now.run_id, place_flags(found.now)
    if lead is None:
        steps = first_advice.steps(found.report)[:1]
        advice, command = next((f"{step.where}: {step.advice}" for step in steps), ""), ""
    else:
        about = first_advice.about(found.findings, lead)
        advice = about[0].advice if about else ""
        command = next_commands.show(lead.host, lead.pid, run_id, flags) if lead.host else ""
        if lead.service and not lead.host:
            command = next_commands.top_of(lead.service, run_id, flags)
    if advice or command:
        yield ""
    yield from what_next(advice, command, terminal)


def _rows(rows: Sequence[ChangeRow], terminal: Terminal) -> Iterator[str]:
    """A line a change; on a narrow terminal what changed stands below where, so that names are whole."""
    wheres = [visible(_where(row)) for row in rows]
    whats = [visible(_what(row)) for row in rows]
    widest = max(map(cells, wheres))
    needed = _CHANGE_COLUMNS + widest + len(_GAP) + max(map(cells, whats))
    is_wide = not terminal.is_tty or needed <= terminal.columns
    for row, where, what in zip(rows, wheres, whats, strict=True):
        word, style = change_words.word(row), _STYLES.get(Change(row.change))
        change = f"{word:<{_CHANGE_COLUMNS}}"
        shown = change if style is None else change.replace(word, terminal.styled(word, style))
        line = padded(where, widest) if is_wide and what else where
        both = f"{line}{_GAP}{what}" if what else line
        if is_wide or _CHANGE_COLUMNS + cells(both) <= terminal.columns:
            yield f"{shown}{both}"
        else:
            first, *rest = prose(where, terminal, " " * _CHANGE_COLUMNS)
            yield shown + first[_CHANGE_COLUMNS:]
            yield from rest
            yield from prose(what, terminal, " " * _CHANGE_COLUMNS) if what else ()


def _where(row: ChangeRow) -> str:
    """A process as `mapsweep show` takes it, with its service; a service with its host, if it is one."""
    if row.subject == Subject.PROCESS:
        return f"{row.host}/{row.pid} {row.service or row.comm}"
    if row.subject == Subject.HOST:
        return f"host {row.host}"
    return f"service {row.service}" + (f" on {row.host}" if row.host else "")


def _what(row: ChangeRow) -> str:
    """By how much, and what is behind it."""
    change = "" if row.change_bytes is None else growth(row.change_bytes, plain=True)
    return "; ".join(filter(None, (change, *change_words.why(row))))
