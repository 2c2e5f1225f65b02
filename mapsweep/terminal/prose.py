"""Sentences for people: on a terminal they are broken to its width, in a pipe they stay whole."""

import shlex
from collections.abc import Iterator
from typing import Final

from mapsweep.terminal.terminal import Terminal, beginning, cells, visible

COLUMNS_MIN: Final = 20
_JOINED: Final = " \\"


def prose(text: str, terminal: Terminal, indent: str = "", *, further: str = "  ") -> Iterator[str]:
    """The lines of a text, escaped; those after the first are indented by `further` more."""
    shown = visible(text)
    if not terminal.is_tty:
        yield indent + shown
        return
    columns = max(terminal.columns, COLUMNS_MIN)
    line, start = indent, indent
    for word in shown.split(" "):
        gap = " " if len(line) > len(start) else ""
        if cells(line) + len(gap) + cells(word) <= columns:
            line += gap + word
            continue
        if line != start:
            yield line
            line = start = indent + further
        *full, rest = _pieces(word, columns - cells(indent + further))
        for piece in full:
            yield start + piece
            start = indent + further
        line = start + rest
    yield line


def under_its_indent(line: str, terminal: Terminal) -> Iterator[str]:
    """The lines of a line that begins with blanks; those after the first stay below its text."""
    text = line.lstrip(" ")
    return prose(text, terminal, " " * (len(line) - len(text)))


def command_lines(label: str, command: str, terminal: Terminal) -> Iterator[str]:
    """A command to be copied, after a label; on a terminal it goes on in a line that a shell joins."""
    line, start = label, " " * cells(label)
    for word in map(shlex.quote, shlex.split(command)):
        shown = visible(word)
        needed = cells(line) + len(" ") + cells(shown) + len(_JOINED)
        if terminal.is_tty and line not in {label, start} and needed > terminal.columns:
            yield line + _JOINED
            line = start
        line += shown if line in {label, start} else f" {shown}"
    yield line


def what_next(advice: str, command: str, terminal: Terminal) -> Iterator[str]:
    """The last lines of what a command prints: what to do, and the command to run next; "" tells nothing."""
    if advice:
        yield from prose(f"to do:  {advice}", terminal)
    if command:
        yield from command_lines("next:   ", command, terminal)


def _pieces(word: str, columns: int) -> Iterator[str]:
    """A word in pieces that fit; a path can be wider than a terminal."""
    while cells(word) > columns:
        piece = beginning(word, columns) or word[0]
        yield piece
        word = word[len(piece) :]
    yield word
