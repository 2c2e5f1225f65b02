"""The lines of many files at once: their starts and ends, their file, and which begin with a key."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from procmaps.digits import WORD_BYTES, Text, decimal, padded_decimal, skip_blanks
from procmaps.files import Spans
from procmaps.tables import UNKNOWN, Addresses, Flags, Ints32, Ints64, which

KILO_BYTES: Final = 1024
VALUE_LIMIT_BYTES: Final = 2**57  # larger numbers cannot be sizes of memory
_NEWLINE, _RETURN = 10, 13
_KILOBYTES: Final = b" kB"


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The lines of several files in one text; empty lines are left out."""

    text: Text
    start: Ints64
    end: Ints64  # without the newline, and without the carriage return in files that have CRLF
    firsts: Addresses  # the first eight characters, or those of the next lines too
    heads: npt.NDArray[np.uint16]  # the first two characters
    file: Ints32  # which of the files
    file_start: Ints64  # the start of each file in the text
    file_bytes: Ints64
    ended: Flags  # per file: whether it is empty or ends with a newline

    def __len__(self) -> int:
        return len(self.start)


def lines_of(text: Text, files: Spans) -> Lines:
    """The lines of these files, each of which follows a newline."""
    file_start, file_end = files.start, files.end
    file_bytes = file_end - file_start
    ended = (file_bytes == 0) | (text.characters[file_end - 1] == _NEWLINE)
    first, last = text.newlines.searchsorted((file_start, file_end))
    counts = np.where(file_bytes > 0, last - first + ~ended, 0)
    file = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    # the newlines that end the lines; those of one file are contiguous
    closing = np.arange(len(file)) + np.repeat(first - (counts.cumsum() - counts), counts)
    start, end, firsts = text.newlines[closing - 1] + 1, text.newlines[closing], text.firsts[closing]
    returns = text.characters[end - 1] == _RETURN
    if returns.any():
        # a name may end in a carriage return; a file with CRLF has one in every line
        plain = np.bincount(file[~returns & (end > start)], minlength=len(counts)) > 0
        end = end - (returns & ~plain[file])
    whole = end > start
    if not whole.all():
        start, end, file, firsts = start[whole], end[whole], file[whole], firsts[whole]
    heads = (firsts >> np.uint64(48)).astype(np.uint16)
    return Lines(text, start, end, firsts, heads, file, file_start, file_bytes, ended)


def _word(key: bytes) -> tuple[np.uint64, np.uint64]:
    """The first eight bytes of the key as a word, and the mask of the bytes that count."""
    head = key[:WORD_BYTES]
    mask = b"\xff" * len(head)
    return (
        np.uint64(int.from_bytes(head.ljust(WORD_BYTES, b"\0"))),
        np.uint64(int.from_bytes(mask.ljust(WORD_BYTES, b"\0"))),
    )


def beginning_with(lines: Lines, key: bytes) -> Ints64:
    """The rows of the lines that begin with the key, which has at least two characters."""
    word, mask = _word(key)
    alike = which(lines.heads == int.from_bytes(key[:2]))
    rows: Ints64 = alike[(lines.firsts[alike] & mask) == word]
    for offset in range(WORD_BYTES, len(key), WORD_BYTES):
        word, mask = _word(key[offset:])
        rows = rows[(lines.text.word(lines.start[rows] + offset) & mask) == word]
    return rows


def numbers_after(lines: Lines, rows: Ints64, key_bytes: int | Ints64) -> Ints64:
    """The numbers that follow a key of this length in these lines; UNKNOWN if none does."""
    at = skip_blanks(lines.text, lines.start[rows] + key_bytes)
    value, _, sound = decimal(lines.text, at)
    sound &= (at < lines.end[rows]) & (value < VALUE_LIMIT_BYTES)
    return np.where(sound, value.astype(np.int64), UNKNOWN)


def sizes_after(lines: Lines, rows: Ints64, key_bytes: int | Ints64) -> Ints64:
    """The sizes in bytes of lines such as `VmSize:  1234 kB`; UNKNOWN if there is none."""
    size = padded_decimal(lines.text, lines.end[rows] - len(_KILOBYTES))
    other = which(size == UNKNOWN)
    if len(other):
        # more digits than a word has, or another format
        size[other] = numbers_after(lines, rows[other], np.broadcast_to(key_bytes, len(rows))[other])
    return np.where((size >= 0) & (size < VALUE_LIMIT_BYTES // KILO_BYTES), size * KILO_BYTES, UNKNOWN)
