import io
import logging
import os
import pty
import re
import select
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsweep.terminal.log_lines import LogLines
from mapsweep.terminal.progress import LEFT_S_MIN, STEP_S, Steps, display, left_of
from mapsweep.terminal.terminal import Terminal, terminal_of
from workers.life.progress import Progress

LOG = Terminal(columns=80, is_tty=False, colour=False, unicode=True, redraws=False)


def test_a_line_is_due_at_each_tenth() -> None:
    steps = Steps(asked=200, began_s=0.0)
    lines = []
    for ended in range(1, 201):
        steps.now = Progress(200, ended, ended, 0)
        lines.append(steps.due(0.1))
    assert [row + 1 for row, line in enumerate(lines) if line] == list(range(20, 201, 20))
    assert lines[19] == "20 of 200 hosts (10 %), 0 s"


def test_hosts_that_end_together_give_one_line() -> None:
    steps = Steps(asked=10, began_s=0.0)
    steps.now = Progress(10, 7, 5, 1)
    assert steps.due(1.0) == "6 of 10 hosts (60 %), 1 being classified, 1 failed, 1 s"
    assert steps.due(1.1) is None


@pytest.mark.parametrize("asked", [1, 3, 7, 9])
def test_few_hosts_give_a_line_each(asked: int) -> None:
    steps = Steps(asked, began_s=0.0)
    for ended in range(1, asked + 1):
        steps.now = Progress(asked, ended, ended, 0)
        assert steps.due(0.0) == f"{ended} of {asked} hosts ({100 * ended // asked} %), 0 s"


@given(st.integers(1, 5000))
def test_the_last_host_gives_a_line_always(asked: int) -> None:
    steps = Steps(asked, began_s=0.0)
    steps.now = Progress(asked, asked - 1, asked - 1, 0)
    steps.due(0.0)
    steps.now = Progress(asked, asked, asked, 0)
    assert steps.due(0.0) == f"{asked} of {asked} hosts (100 %), 0 s"


def test_silence_is_broken_after_thirty_seconds() -> None:
    steps = Steps(asked=10, began_s=100.0)
    assert steps.due(100.0 + STEP_S - 0.1) is None
    assert steps.due(100.0 + STEP_S) == "0 of 10 hosts (0 %), 30 s"
    assert steps.due(100.0 + STEP_S + 1) is None
    assert steps.due(100.0 + 2 * STEP_S) == "0 of 10 hosts (0 %), 1 min 0 s"


def test_no_hosts_at_all_divide_nothing() -> None:
    steps = Steps(asked=0, began_s=0.0)
    assert steps.due(STEP_S) == "0 of 0 hosts (100 %), 30 s"


def test_a_log_gets_lines_and_no_thread_is_left() -> None:
    stream = io.StringIO()
    before = threading.active_count()
    with display(2, stream, LOG) as tell:
        tell(Progress(2, 0, 0, 0))
        tell(Progress(2, 1, 0, 1))
        tell(Progress(2, 2, 1, 1))
    assert threading.active_count() == before
    assert [line.rpartition(",")[0] for line in stream.getvalue().splitlines()] == [
        "1 of 2 hosts (50 %), 1 failed",
        "2 of 2 hosts (100 %), 1 failed",
    ]


class Writes(io.StringIO):
    """A stream that keeps what each write gave it."""

    def __init__(self) -> None:
        super().__init__()
        self.each: list[str] = []

    def write(self, text: str) -> int:
        self.each.append(text)
        return super().write(text)


def test_a_line_is_one_write_so_that_no_other_comes_in_between() -> None:
    stream = Writes()
    with display(2, stream, LOG) as tell:
        tell(Progress(2, 1, 1, 0))
        tell(Progress(2, 2, 2, 0))
    lines = LogLines(stream)
    lines.handle(logging.LogRecord("workers", logging.DEBUG, __file__, 1, "a\nb", (), None))
    assert len(stream.each) == 3
    assert all(text.endswith("\n") for text in stream.each)


def drawn_on_a_terminal(environ: dict[str, str]) -> str:
    """What reaches a pseudo terminal of 80 columns while a sweep of four hosts goes on."""
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        terminal = terminal_of(stream, {"TERM": "xterm", "COLUMNS": "80"} | environ)
        with display(4, stream, terminal) as tell:
            tell(Progress(4, 2, 1, 0))
            tell(Progress(4, 4, 2, 2))
        stream.flush()
        drawn = b""
        while select.select([reader], [], [], 0)[0]:
            drawn += os.read(reader, 65536)
    os.close(reader)
    return drawn.decode()


def test_a_terminal_gets_a_bar_that_is_gone_at_the_end() -> None:
    drawn = drawn_on_a_terminal({})
    assert "4/4 hosts" in drawn
    assert "2 failed" in drawn
    assert "\x1b[2K" in drawn  # the line is erased
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn).splitlines()) <= 80


def test_the_bar_is_not_red_while_all_is_well() -> None:
    drawn = drawn_on_a_terminal({})
    assert "\x1b[36m" in drawn  # cyan
    assert not re.search(r"\x1b\[(?:[0-9;]*;)?(?:31|91|38;2;249;38;114)m", drawn)


@pytest.mark.parametrize(
    ("ended", "passed_s", "said"),
    [
        (0, 60.0, ""),
        (9, 60.0, ""),  # too early to tell
        (10, 60.0, "about 9 min 0 s left"),
        (50, 60.0, "about 1 min 0 s left"),
        (50, LEFT_S_MIN, "about 5 s left"),
        (50, LEFT_S_MIN - 0.1, ""),
        (89, 890.0, "about 1 min 50 s left"),
        (90, 900.0, ""),  # what is left are slow hosts
        (100, 900.0, ""),
    ],
)
def test_how_long_the_rest_takes_is_said_while_the_pace_can_tell(
    ended: int, passed_s: float, said: str
) -> None:
    assert left_of(Progress(100, ended, ended, 0), passed_s) == said


def test_no_color_keeps_the_bar_and_drops_its_colours() -> None:
    colours = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    assert colours.search(drawn_on_a_terminal({}))
    assert not colours.search(drawn_on_a_terminal({"NO_COLOR": "1"}))


def test_a_dumb_terminal_gets_lines() -> None:
    drawn = drawn_on_a_terminal({"TERM": "dumb"})
    assert "\x1b" not in drawn
    assert "4 of 4 hosts (100 %), 2 failed" in drawn


def test_a_log_does_not_pay_for_rich() -> None:
    code = "import sys, mapsweep.terminal.progress; sys.exit('rich' in sys.modules)"
    assert os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", code) == 0


def test_why_nothing_moves_is_said_in_a_silence() -> None:
    steps = Steps(asked=10, began_s=0.0)
    steps.now = Progress(10, 0, 0, 0, note="no worker has begun yet")
    assert steps.due(1.0) is None
    assert steps.due(31.0) == "0 of 10 hosts (0 %), no worker has begun yet, 31 s"
