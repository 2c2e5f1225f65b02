"""Tables: what is dropped and cut where there is no room, and the bars."""

from dataclasses import replace

import pytest

from mapsweep.host_view.amounts import Column, table_lines, text_column
from mapsweep.terminal.terminal import Terminal, cells

TTY = Terminal(columns=80, is_tty=True, colour=False, unicode=False, redraws=False)
NAMES = ("a" * 50, "\x1b[31m", "\u65e5\u672c")


def columns() -> list[Column]:
    return [
        text_column("name", NAMES, least=8),
        Column("size", ["1.0 MiB"] * 3),
        Column("growth", ["+1.0 MiB"] * 3, need=1),
        Column("threads", ["7"] * 3, need=2),
    ]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
@pytest.mark.parametrize("bars", [(), (1.0, 0.5, 0.0)])
def test_a_table_fits_every_terminal(width: int, bars: tuple[float, ...]) -> None:
    lines = table_lines(columns(), replace(TTY, columns=width), bars)
    assert len(lines) == 4
    assert all(cells(line) <= width and line.isprintable() for line in lines)


def test_what_is_needed_least_goes_first() -> None:
    def titles(width: int) -> list[str]:
        return table_lines(columns(), replace(TTY, columns=width))[0].split()

    assert titles(40) == ["name", "size", "growth", "threads"]
    assert titles(34) == ["name", "size", "growth"]
    assert titles(20) == ["name", "size"]


def test_in_a_pipe_nothing_is_dropped_or_cut() -> None:
    heading, first, *_ = table_lines(columns(), replace(TTY, columns=20, is_tty=False))
    assert heading.split() == ["name", "size", "growth", "threads"]
    assert NAMES[0] in first


def test_bars_are_on_one_scale() -> None:
    one, half, none = table_lines(columns(), TTY, (1.0, 0.5, 0.0))[1:]
    assert one.count("#") == 2 * half.count("#") > 0
    assert none.count("#") == 0
