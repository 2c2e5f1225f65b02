"""Numbers out of text, a whole column at once: eight digits are one 64-bit word.

A word holds eight characters, the first in its highest byte. A field ends where its last digit ends; what
stands before it in the word is replaced by the digit 0, so fields of every width take the same path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from procmaps.tables import Addresses, Bytes8, Flags, Ints64

WORD_BYTES: Final = 8
HEX_LIMIT_DIGITS: Final = 16
DECIMAL_LIMIT_DIGITS: Final = 20
PAD_BYTES: Final = 160  # a line's fields are looked for this far behind its start, and words before it

_U = np.uint64
_ONES, _LOW, _HIGH = _U(0x0101010101010101), _U(0x0F0F0F0F0F0F0F0F), _U(0xF0F0F0F0F0F0F0F0)
_ZEROS, _SIXES, _NINE, _TOP = _U(0x3030303030303030), _U(0x0606060606060606), _U(9), _U(0x8080808080808080)
_BLANKS, _TABS = _U(0x2020202020202020), _U(0x0909090909090909)
_KEEP = np.array([(1 << 8 * width) - 1 for width in range(WORD_BYTES + 1)], np.uint64)
_FILL = _ZEROS & ~_KEEP


@dataclass(frozen=True, slots=True)
class Text:
    """Text between pads of newlines, as bytes and as words at every position."""

    raw: bytes
    characters: Bytes8
    words: Addresses  # words[i] is raw[i:i + 8], big endian

    def word(self, at: Ints64) -> Addresses:
        """The words that start at these positions."""
        return self.words[at].astype(np.uint64)


def text_of(chunks: Sequence[bytes | memoryview]) -> tuple[Text, Ints64]:
    """The chunks one after the other, a newline between them, and where each of them starts."""
    pad = b"\n" * PAD_BYTES
    raw = b"".join((pad, b"\n".join(chunks), pad))
    starts = np.zeros(len(chunks), np.int64)
    if chunks:
        np.cumsum([len(chunk) + 1 for chunk in chunks[:-1]], out=starts[1:])
    words: Addresses = np.ndarray((len(raw) - WORD_BYTES + 1,), ">u8", raw, strides=(1,))
    return Text(raw, np.frombuffer(raw, np.uint8), words), starts + PAD_BYTES


def _hex_word(word: Addresses, width: Ints64) -> tuple[Addresses, Addresses]:
    """The value of the last `width` characters, and a word that is not 0 where one is no hex digit."""
    word = (word & _KEEP[width]) | _FILL[width]
    letter = (word >> _U(6)) & _ONES
    value = (word & _LOW) + letter * _NINE
    wrong = (word & _HIGH) ^ (_ZEROS + letter * _U(0x30))
    wrong |= value & _HIGH
    wrong |= (((value + _SIXES) >> _U(4)) & _ONES) ^ letter  # a letter is 10 or more, a digit is not
    value = (value | value >> _U(4)) & _U(0x00FF00FF00FF00FF)
    value = (value | value >> _U(8)) & _U(0x0000FFFF0000FFFF)
    return (value | value >> _U(16)) & _U(0xFFFFFFFF), wrong


def hexadecimal(text: Text, end: Ints64, width: Ints64) -> tuple[Addresses, Flags]:
    """The hex numbers (0 to 16 digits, lower case) that end at these positions, and which are sound."""
    value, wrong = _hex_word(text.word(end - WORD_BYTES), np.minimum(width, WORD_BYTES))
    wide = np.flatnonzero(width > WORD_BYTES)
    if len(wide) == len(end):
        high, high_wrong = _hex_word(text.word(end - 2 * WORD_BYTES), width - WORD_BYTES)
        value |= high << _U(32)
        wrong |= high_wrong
    elif len(wide):
        high, high_wrong = _hex_word(text.word(end[wide] - 2 * WORD_BYTES), width[wide] - WORD_BYTES)
        value[wide] |= high << _U(32)
        wrong[wide] |= high_wrong
    return value, (wrong == 0) & (width > 0)


def _decimal_word(word: Addresses, width: Ints64) -> Addresses:
    value = ((word & _KEEP[width]) | _FILL[width]) & _LOW
    value = ((value >> _U(8)) & _U(0x00FF00FF00FF00FF)) * _U(10) + (value & _U(0x00FF00FF00FF00FF))
    value = ((value >> _U(16)) & _U(0x0000FFFF0000FFFF)) * _U(100) + (value & _U(0x0000FFFF0000FFFF))
    return (value >> _U(32)) * _U(10_000) + (value & _U(0xFFFFFFFF))


def _leading(flags: Addresses) -> Ints64:
    """How many bytes come before the first whose top bit is set; 8 where none is. Other bits must be 0."""
    exponent: Ints64 = np.frexp(flags.astype(np.float64))[1].astype(np.int64)
    return (64 - exponent) // 8


def digits_at(text: Text, at: Ints64) -> Ints64:
    """How many decimal digits stand at these positions: 0 to 21, where 21 stands for too many."""
    word = text.word(at) ^ _ZEROS
    width = _leading((((word & ~_TOP) + _U(0x7676767676767676)) | word) & _TOP)
    full = np.flatnonzero(width == WORD_BYTES)
    while len(full) and int(width[full[0]]) <= DECIMAL_LIMIT_DIGITS:
        word = text.word(at[full] + width[full]) ^ _ZEROS
        more = _leading((((word & ~_TOP) + _U(0x7676767676767676)) | word) & _TOP)
        width[full] += more
        full = full[more == WORD_BYTES]
    return np.minimum(width, DECIMAL_LIMIT_DIGITS + 1)


def decimal(text: Text, at: Ints64, width: Ints64) -> tuple[Addresses, Flags]:
    """The decimal numbers of these widths at these positions, and which are sound: 1 to 20 digits."""
    end = at + width
    value = _decimal_word(text.word(end - WORD_BYTES), np.minimum(width, WORD_BYTES))
    sound = (width > 0) & (width <= DECIMAL_LIMIT_DIGITS)
    wide = np.flatnonzero(width > WORD_BYTES)
    if len(wide):
        rest = np.minimum(width[wide], DECIMAL_LIMIT_DIGITS) - WORD_BYTES
        middle = _decimal_word(text.word(end[wide] - 2 * WORD_BYTES), np.minimum(rest, WORD_BYTES))
        top = _decimal_word(text.word(end[wide] - 3 * WORD_BYTES), np.maximum(rest - WORD_BYTES, 0))
        below = middle * _U(10**8) + value[wide]
        value[wide] = top * _U(10**16) + below
        largest_top, largest_below = divmod(2**64 - 1, 10**16)
        sound[wide] &= (top < largest_top) | ((top == largest_top) & (below <= largest_below))
    return value, sound


def skip_blanks(text: Text, at: Ints64, limit_words: int = 4) -> Ints64:
    """The positions of the next characters that are neither space nor tab, at most `limit_words` words on."""
    at = at.copy()
    rest = np.arange(len(at))
    for _ in range(limit_words):
        word = text.word(at[rest])
        other = _not_zero(word ^ _BLANKS) & _not_zero(word ^ _TABS)
        step = _leading(other)
        at[rest] += step
        rest = rest[step == WORD_BYTES]
        if not len(rest):
            break
    return at


def _not_zero(word: Addresses) -> Addresses:
    """The top bit of each byte that is not zero."""
    return (((word & ~_TOP) + ~_TOP) | word) & _TOP
