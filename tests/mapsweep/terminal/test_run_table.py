"""The table of runs: nothing wraps, and in a pipe nothing is cut."""

from dataclasses import replace

import pytest

from mapsweep.run_lines import RunLine, State
from mapsweep.terminal.run_table import heading, rows
from mapsweep.terminal.terminal import Terminal, cells

GIB = 2**30
CLOSED = RunLine(
    run="20261123T045837Z-nightly-3f2a",
    started_at="2026-11-23T04:58:37+00:00",
    closed_at="2026-11-23T05:10:00+00:00",
    age_s=6 * 86_400,
    scope="nightly",
    hosts="prod-*",
    asked=2000,
    ok=1990,
    partial=3,
    failed=7,
    complete=True,
    state=State.CLOSED,
    done=2000,
    native_heap_resident_max_bytes=1200 * GIB,
    size_bytes=912 * 2**20,
    has_dumps=True,
    rules_version="1",
    note="",
)
OPEN = replace(
    CLOSED, closed_at=None, ok=None, partial=None, failed=None, complete=None, state=State.AT_WORK, done=120
)
LARGEST = replace(
    CLOSED,
    run=f"20261123T045837Z-{'x' * 40}-3f2a",
    scope="x" * 40,
    hosts="é漢" * 80,
    age_s=999 * 86_400,
    asked=999_999,
    ok=999_999,
    partial=999_999,
    failed=999_999,
    native_heap_resident_max_bytes=1023 * 2**50,
    size_bytes=1023 * 2**30,
    note="not mailed yet, next try 03:10; the deadline came before all hosts were done, and more of it",
)
ALL = [
    CLOSED,
    OPEN,
    LARGEST,
    replace(OPEN, state=State.STOPPED),
    replace(OPEN, asked=999_999, done=999_998),
    replace(CLOSED, native_heap_resident_max_bytes=None, size_bytes=None, age_s=-5),
]


def terminal(columns: int, *, is_tty: bool = True, unicode: bool = True) -> Terminal:
    return Terminal(columns, is_tty=is_tty, colour=False, unicode=unicode, redraws=False)


def test_a_run_in_80_columns() -> None:
    assert [heading([CLOSED], terminal(80)), *rows([CLOSED, OPEN], terminal(80))] == [
        "run                            age      size    native      ok partial  failed",
        "20261123T045837Z-nightly-3f2a   6d   912 MiB   1.2 TiB   1,990       3       7",
        "20261123T045837Z-nightly-3f2a   6d   912 MiB   1.2 TiB   at work: 120 of 2,000",
    ]


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("columns", [44, 60, 63, 64, 80, 93, 94, 100, 120, 200, 300])
def test_nothing_wraps_whatever_is_in_it(columns: int, unicode: bool) -> None:
    shown = terminal(columns, unicode=unicode)
    for line in (heading(ALL, shown), *rows(ALL, shown)):
        assert cells(line) <= columns, line


def test_what_is_cut_of_an_id_is_its_end_so_that_the_rest_names_it() -> None:
    _, row, *_ = rows([CLOSED, LARGEST], terminal(80))
    assert LARGEST.run.startswith(row.split("…")[0])
    assert len(row.split("…")[0]) > len("20261123T045837Z")


def test_a_wide_terminal_shows_the_scope_and_a_narrow_one_no_sizes() -> None:
    assert heading([CLOSED], terminal(120)).endswith("scope, hosts")
    assert next(rows([CLOSED], terminal(120))).endswith("  nightly prod-*")
    assert "native" not in heading([CLOSED], terminal(63))
    assert "native" in heading([CLOSED], terminal(64))


def test_in_a_pipe_all_is_whole() -> None:
    text = "\n".join(rows(ALL, terminal(80, is_tty=False)))
    assert "…" not in text
    assert LARGEST.run in text
    assert LARGEST.note in text
    assert f"{LARGEST.scope} {LARGEST.hosts}" in text


def test_a_scope_cannot_move_the_cursor() -> None:
    (row,) = rows([replace(CLOSED, hosts="\x1b[2J")], terminal(200))
    assert row.endswith("\\x1b[2J")
