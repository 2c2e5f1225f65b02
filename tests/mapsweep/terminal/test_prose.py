"""Sentences and commands, broken to the width of a terminal."""

import shlex
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mapsweep.terminal.prose import command_lines, prose
from mapsweep.terminal.terminal import Terminal, cells

TTY = Terminal(columns=40, is_tty=True, colour=False, unicode=True, redraws=False)
PIPE = replace(TTY, is_tty=False)
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=200)


def test_a_sentence_is_broken_between_words_and_further_lines_are_indented() -> None:
    text = "one two three four five six seven eight nine ten"
    assert list(prose(text, TTY, "  ")) == [
        "  one two three four five six seven",
        "    eight nine ten",
    ]
    assert list(prose(text, PIPE, "  ")) == [f"  {text}"]


def test_a_word_that_does_not_fit_is_broken_and_nothing_is_lost() -> None:
    word = "x" * 100
    assert list(prose(f"a {word} b", TTY)) == ["a", f"  {'x' * 38}", f"  {'x' * 38}", f"  {'x' * 24} b"]
    wide = list(prose("\u65e5" * 50, TTY))
    assert max(map(cells, wide)) <= 40
    assert "".join(line.strip() for line in wide) == "\u65e5" * 50


@given(TEXTS, st.integers(20, 100), st.sampled_from(["", "  ", "    "]))
def test_every_line_fits_and_is_printable(text: str, columns: int, indent: str) -> None:
    lines = list(prose(text, replace(TTY, columns=columns), indent))
    assert lines
    assert all(cells(line) <= columns and line.isprintable() for line in lines)


def test_a_command_goes_on_in_a_line_that_a_shell_joins() -> None:
    command = shlex.join(["mapsweep", "show", "it's here/1", "--run", "r" * 30, "--runs", "/a b"])
    lines = list(command_lines("next:   ", command, TTY))
    assert [line.endswith(" \\") for line in lines] == [True] * (len(lines) - 1) + [False]
    joined = "\n".join(lines).removeprefix("next:   ")
    assert shlex.split(joined.replace("\\\n", "")) == shlex.split(command)
    assert list(command_lines("next:   ", command, PIPE)) == [f"next:   {command}"]


WORDS = st.text(st.characters(whitelist_categories=["L", "N", "P", "Zs"]), min_size=1, max_size=30)


@given(st.lists(WORDS.filter(str.isprintable), min_size=1, max_size=9))
def test_what_is_pasted_is_the_command(words: list[str]) -> None:
    lines = list(command_lines("next:   ", shlex.join(words), TTY))
    assert shlex.split("\n".join(lines).removeprefix("next:   ").replace("\\\n", "")) == words
    assert all(cells(line) <= 40 or len(line.split()) <= 3 or "'" in line for line in lines)
