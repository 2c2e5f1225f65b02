import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsweep.terminal.terminal import Style, Terminal, cells, shortened, terminal_of, visible, visible_bytes

TTY = Terminal(columns=80, is_tty=True, colour=True, unicode=True, redraws=True)
PIPE = Terminal(columns=80, is_tty=False, colour=False, unicode=False, redraws=False)


class Screen(io.TextIOWrapper):
    """A text stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "colour"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_follows_the_environment(environ: dict[str, str], colour: bool) -> None:
    assert terminal_of(Screen(), environ).colour is colour


def test_a_pipe_has_no_colour_unless_it_is_forced() -> None:
    assert not terminal_of(io.StringIO(), {"TERM": "xterm"}).colour
    assert terminal_of(io.StringIO(), {"TERM": "xterm", "FORCE_COLOR": "1"}).colour


def test_columns_can_be_set() -> None:
    assert terminal_of(Screen(), {"COLUMNS": "123"}).columns == 123
    assert terminal_of(io.StringIO(), {"COLUMNS": "none"}).columns == 80


def test_an_ascii_terminal_gets_ascii_bars() -> None:
    ascii_terminal = terminal_of(Screen("ascii"), {"TERM": "xterm"})
    assert ascii_terminal.bar(0.5, 4) == "##  "
    assert ascii_terminal.fitted("a" * 20, 5) == "aa~aa"
    assert TTY.bar(0.5, 4) == "██  "


@pytest.mark.parametrize(("share", "bar"), [(0.0, "    "), (0.001, "█   "), (1.0, "████"), (7.0, "████")])
def test_a_share_above_nothing_is_never_an_empty_bar(share: float, bar: str) -> None:
    assert TTY.bar(share, 4) == bar


def test_only_a_terminal_cuts_names_and_shows_styles() -> None:
    assert PIPE.fitted("x" * 200, 10) == "x" * 200
    assert TTY.fitted("prod-frontend-0123.example.org", 15) == "prod-fr…ple.org"
    assert PIPE.styled("bad", Style.BAD) == "bad"
    assert TTY.styled("bad", Style.BAD) == "\x1b[31mbad\x1b[0m"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"/usr/lib/x.so", "/usr/lib/x.so"),
        (b"\x1b[2J\x07", "\\x1b[2J\\x07"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202etxt.exe".encode(), "\\u202etxt.exe"),
        ("\x9b31m".encode(), "\\x9b31m"),
        ("naïve 日本".encode(), "naïve 日本"),
        ("\U000e0001".encode(), "\\U000e0001"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(raw: bytes, shown: str) -> None:
    assert visible_bytes(raw) == shown


def test_a_surrogate_from_a_file_name_is_shown_as_its_byte() -> None:
    assert visible("a\udcffb") == "a\\xffb"


@given(st.binary())
def test_no_bytes_at_all_reach_a_terminal_as_a_control(raw: bytes) -> None:
    assert visible_bytes(raw).isprintable()


@given(st.text(st.characters(exclude_categories=["C"])), st.integers(0, 40))
def test_shortened_text_fits(text: str, columns: int) -> None:
    short = shortened(text, columns, "…")
    assert cells(short) <= columns
    if cells(text) <= columns:
        assert short == text


def test_wide_characters_take_two_columns() -> None:
    assert cells("日本") == 4
    assert shortened("日本日本", 5, "…") == "日…本"
