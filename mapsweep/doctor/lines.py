"""The checks for people: one line each, below it the hosts, the remedy, and commands to copy."""

import shlex
from collections.abc import Iterable, Iterator
from typing import Final

from mapsweep.doctor.check import Check, Level
from mapsweep.terminal.prose import prose, under_its_indent
from mapsweep.terminal.terminal import Style, Terminal, cells, visible

LEVEL_COLUMNS: Final = 6
NAME_COLUMNS: Final = 12
_JOINED: Final = " \\"
_STYLES: Final = {
    Level.OK: Style.GOOD,
    Level.WARN: Style.ODD,
    Level.FAIL: Style.BAD,
    Level.UNKNOWN: Style.FAINT,
}


def check_lines(checks: Iterable[Check], terminal: Terminal) -> Iterator[str]:
    """Every check; those that are not OK with what to do."""
    indent = " " * LEVEL_COLUMNS
    for check in checks:
        head = f"{check.level:<{LEVEL_COLUMNS}}{check.name:<{NAME_COLUMNS}}"
        first, *more = prose(head + check.text, terminal, further=" " * cells(head))
        yield terminal.styled(first[:LEVEL_COLUMNS], _STYLES[check.level]) + first[LEVEL_COLUMNS:]
        yield from more
        for detail in check.details:
            yield from under_its_indent(f"{indent}{detail}", terminal)
        if check.remedy:
            yield from prose(f"-> {check.remedy}", terminal, indent, further="   ")
        for command in check.commands:
            yield from _command_lines(visible(command), terminal, f"{indent}   ")


def _command_lines(command: str, terminal: Terminal, indent: str) -> Iterator[str]:
    """A command that may have pipes; on a terminal it goes on in lines that a shell joins."""
    lexer = shlex.shlex(command, posix=False, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words = list(lexer)
    if not terminal.is_tty or " ".join(words) != command:  # a word of several quoted pieces stays whole
        yield indent + command
        return
    line = indent
    for word in words:
        if line.strip() and cells(line) + cells(f" {word}{_JOINED}") > terminal.columns:
            yield line + _JOINED
            line = f"{indent}  "
        line += f" {word}" if line.strip() else word
    yield line


def last_line(checks: Iterable[Check]) -> str:
    """How many checks came out how."""
    levels = [check.level for check in checks]
    counts = (f"{levels.count(level)} {level}" for level in (Level.OK, Level.WARN, Level.FAIL))
    unknown = levels.count(Level.UNKNOWN)
    return ", ".join(counts) + (f", {unknown} cannot be told" if unknown else "")
