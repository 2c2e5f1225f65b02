"""The terminal: its width, its colours, and which characters may be shown."""

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

PIPE_COLUMNS = 80  # for lines that fill the width; in a pipe text is never cut


class Style(StrEnum):
    """The styles of text; none has a meaning that is not in the words."""

    STRONG = "1"
    FAINT = "2"
    BAD = "31"
    GOOD = "32"
    ODD = "33"


@dataclass(frozen=True, slots=True)
class Terminal:
    """The capabilities of an output stream."""

    columns: int
    is_tty: bool
    colour: bool
    unicode: bool
    redraws: bool  # a line can be redrawn, as a progress bar needs

    def styled(self, text: str, style: Style) -> str:
        """The text in a style, if the stream shows styles."""
        return f"\x1b[{style}m{text}\x1b[0m" if self.colour and text else text

    def fitted(self, text: str, columns: int) -> str:
        """The text; on a terminal, its middle is cut to fit the columns."""
        return shortened(text, columns, "…" if self.unicode else "~") if self.is_tty else text

    def bar(self, share: float, columns: int) -> str:
        """A horizontal bar for a share from 0 to 1; a share above 0 is never an empty bar."""
        filled = min(columns, max(round(share * columns), 1 if share > 0 else 0))
        return ("█" if self.unicode else "#") * filled + " " * (columns - filled)


def terminal_of(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Terminal:
    """The capabilities by the stream, NO_COLOR, FORCE_COLOR, TERM and COLUMNS."""
    is_tty = stream.isatty()
    dumb = environ.get("TERM", "") in {"", "dumb"}
    colour = bool(environ.get("FORCE_COLOR")) or (is_tty and not dumb)
    return Terminal(
        columns=_columns(stream, is_tty, environ),
        is_tty=is_tty,
        colour=colour and not environ.get("NO_COLOR"),
        unicode=_shows_blocks(stream),
        redraws=is_tty and not dumb,
    )


def visible(text: str) -> str:
    r"""The text with control and invisible characters as escapes: \x1b, \u202e."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def visible_bytes(text: bytes) -> str:
    r"""Bytes from a host as text: UTF-8, with \xNN for other bytes."""
    return visible(text.decode("utf-8", "backslashreplace"))


def cells(text: str) -> int:
    """How many columns a terminal needs for a text without control characters."""
    if text.isascii():
        return len(text)
    return sum(_char_cells(char) for char in text)


def padded(text: str, columns: int) -> str:
    """The text, padded with blanks on the right."""
    return text + " " * (columns - cells(text))


def shortened(text: str, columns: int, mark: str) -> str:
    """The text, with its middle replaced by a mark if it needs more columns."""
    if cells(text) <= columns:
        return text
    if columns <= 1:
        return mark[:columns]
    tail_columns = (columns - 1) // 2
    head = beginning(text, columns - 1 - tail_columns)
    tail = beginning(text[::-1], tail_columns)[::-1]
    return head + mark + tail


def beginning(text: str, columns: int) -> str:
    """As many of the first characters as fit."""
    taken = 0
    for place, char in enumerate(text):
        taken += _char_cells(char)
        if taken > columns:
            return text[:place]
    return text


def _char_cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _columns(stream: TextIO, is_tty: bool, environ: Mapping[str, str]) -> int:
    if (typed := environ.get("COLUMNS", "")).isdecimal() and int(typed) > 0:
        return int(typed)
    if not is_tty:
        return PIPE_COLUMNS
    try:
        return os.get_terminal_size(stream.fileno()).columns or PIPE_COLUMNS
    except (OSError, ValueError):
        import shutil  # noqa: PLC0415 - its import takes longer than the rest of this module

        return shutil.get_terminal_size().columns


def _shows_blocks(stream: TextIO) -> bool:
    try:
        "█…".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
