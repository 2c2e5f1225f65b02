"""Lines of many files at once: where they start and end, which file they are from, which begin with a key."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from procmaps.digits import WORD_BYTES, Text, decimal, digits_at, skip_blanks, text_of
from procmaps.tables import UNKNOWN, Addresses, Flags, Ints32, Ints64

_NEWLINE, _RETURN = 10, 13
KILO_BYTES = 1024
VALUE_LIMIT_BYTES = 2**57  # larger figures are nobody's memory


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of several files joined to one text; lines without a character are left out."""

    text: Text
    start: Ints64
    end: Ints64  # without the newline, and without the return that stands before each newline of some files
    chunk: Ints32  # which file
    chunk_start: Ints64  # where each file starts in the text
    chunk_bytes: Ints64
    ended: Flags  # per file: it is empty or ends with a newline

    def __len__(self) -> int:
        return len(self.start)


def lines_of(chunks: Sequence[bytes | memoryview]) -> Lines:
    """The lines of these files."""
    text, chunk_start = text_of(chunks)
    newline = np.flatnonzero(text.characters == _NEWLINE)
    start, end = newline[:-1] + 1, newline[1:]
    whole = np.flatnonzero(end > start)
    start, end = start[whole], end[whole]
    first = np.searchsorted(start, chunk_start)
    counts = np.diff(np.append(first, len(start)))
    chunk = np.repeat(np.arange(len(chunks), dtype=np.int32), counts)
    chunk_bytes = np.array([len(content) for content in chunks], np.int64)
    ended = (chunk_bytes == 0) | (text.characters[chunk_start + chunk_bytes - 1] == _NEWLINE)
    returns = text.characters[end - 1] == _RETURN
    if returns.any():
        # a name may end in a return; a file written with CRLF has one in every line
        plain = np.bincount(chunk[~returns], minlength=len(chunks)) > 0
        end = end - (returns & ~plain[chunk])
        whole = np.flatnonzero(end > start)
        start, end, chunk = start[whole], end[whole], chunk[whole]
    return Lines(text, start, end, chunk, chunk_start, chunk_bytes, ended)


def _word(key: bytes) -> tuple[np.uint64, np.uint64]:
    """The first eight bytes of the key as a word, and the mask of the bytes that count."""
    head = key[:WORD_BYTES]
    mask = b"\xff" * len(head)
    return (
        np.uint64(int.from_bytes(head.ljust(WORD_BYTES, b"\0"))),
        np.uint64(int.from_bytes(mask.ljust(WORD_BYTES, b"\0"))),
    )


def beginning_with(lines: Lines, rows: Ints64, first_words: Addresses, key: bytes) -> Ints64:
    """Which of these rows begin with the key, as indices in `rows`; their first words are given."""
    word, mask = _word(key)
    found = np.flatnonzero((first_words & mask) == word)
    for offset in range(WORD_BYTES, len(key), WORD_BYTES):
        word, mask = _word(key[offset:])
        found = found[(lines.text.word(lines.start[rows[found]] + offset) & mask) == word]
    return found


def numbers_after(lines: Lines, rows: Ints64, key_bytes: int) -> Ints64:
    """The numbers that follow a key of this length in these lines; UNKNOWN where none does."""
    at = skip_blanks(lines.text, lines.start[rows] + key_bytes)
    value, sound = decimal(lines.text, at, digits_at(lines.text, at))
    sound &= (at < lines.end[rows]) & (value < VALUE_LIMIT_BYTES // KILO_BYTES)
    return np.where(sound, value.astype(np.int64), UNKNOWN)
