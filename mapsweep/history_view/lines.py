"""A history as a table for people: a line a run, the newest last, with bars on one scale."""

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from mapsweep.history_view.subject import Subject
from mapsweep.host_view.amounts import Column, has_room, table_lines, text_column
from mapsweep.terminal.prose import prose
from mapsweep.terminal.terminal import Style, Terminal, visible
from reports.tables.measures import NATIVE
from reports.tables.status import ANSWERED, OK
from reports.text.sizes import growth, instant, number, size
from reports.views.one_host import Row
from reports.views.run_history import ANON, GROWTH

_BELOW: Final = "  "
_EXACT: Final = "native_heap_resident_bytes"


def history_lines(subject: Subject, table: pl.DataFrame, terminal: Terminal) -> Iterator[str]:
    """The lines; bars show anonymous memory and swap, or the native heap where no run knows those."""
    rows = list(table.iter_rows(named=True))
    runs = f"{number(len(rows))} {'run' if len(rows) == 1 else 'runs'} of {subject.scope}"
    for line in prose(f"{subject.kind} {subject.name}: {runs}, times in UTC", terminal):
        yield terminal.styled(line, Style.STRONG)
    levels = [_anon(row) for row in rows]
    drawn = levels if any(level is not None for level in levels) else [row[NATIVE] for row in rows]
    most = max(1, *(level or 0 for level in drawn))
    columns = [
        Column("began", _times(rows), is_text=True),
        Column("native heap", [_native(row) for row in rows]),
        Column("anon + swap", [size(level, plain=True) for level in levels]),
        Column("growth", [growth(row[GROWTH], plain=True) for row in rows]),
        *_counts(subject, rows),
    ]
    notes = [_note(row, before) for row, before in zip(rows, [None, *rows], strict=False)]
    beside = [*columns, text_column("", notes)] if any(notes) else columns
    are_beside = has_room(beside, terminal)
    bars = [(level or 0) / most for level in drawn]
    heading, *lines = table_lines(beside if are_beside else columns, terminal, bars)
    yield terminal.styled(heading, Style.FAINT)
    for line, note in zip(lines, notes, strict=True):
        yield line
        if note and not are_beside:
            yield from prose(note, terminal, _BELOW)
    yield from prose(subject.followed, terminal) if subject.followed else ()
    if any((row["members"] or 0) > 1 for row in rows) and subject.process is not None:
        yield from prose("Several processes are alike in host, program and arguments: their sum.", terminal)


def _counts(subject: Subject, rows: Sequence[Row]) -> Iterator[Column]:
    if subject.kind == "service":
        yield Column("members", [number(row["members"], plain=True) for row in rows], need=4)
        yield Column("hosts", [number(row["hosts"], plain=True) for row in rows], need=6)
    elif any((row["members"] or 0) > 1 for row in rows):
        yield Column("alike", [number(row["members"], plain=True) for row in rows], need=4)
    yield Column("restarts", [number(row["restarted"], plain=True) for row in rows], need=2)


def _times(rows: Sequence[Row]) -> list[str]:
    """`Sun 29 Nov 02:00`, with the year if the runs are not all of one."""
    moments = [instant(row["started_at"]) for row in rows]
    several = len({moment.year for moment in moments if moment is not None}) > 1
    return [
        visible(row["started_at"])
        if moment is None
        else f"{moment:%a} {moment.day:2} {moment:%b}{f' {moment:%Y}' if several else ''} {moment:%H:%M}"
        for moment, row in zip(moments, rows, strict=True)
    ]


def _anon(row: Row) -> int | None:
    """Resident anonymous memory and swap."""
    parts = [row[name] for name in ANON]
    return None if None in parts else sum(parts)


def _native(row: Row) -> str:
    return size(row[NATIVE], bound=row[_EXACT] is None, plain=True)


def _note(row: Row, before: Row | None) -> str:
    """What is unusual about a run: that there is no size and why, or that sizes do not compare."""
    said = []
    if row["status"] != OK:
        said.append(": ".join(filter(None, (row["status"], row["reason"] or row["stage"]))))
    if before is not None and row["status"] in ANSWERED and before["status"] in ANSWERED:
        if row["rules_version"] != before["rules_version"]:
            said.append("other rules")
        if row["evidence"] != before["evidence"]:
            said.append(f"from {row['evidence']}")
    return ", ".join(said)
