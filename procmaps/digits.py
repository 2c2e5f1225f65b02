"""Numbers out of text, a whole column at once.

Hex digits are looked up in pairs. Decimal digits are taken by words: a word holds eight characters, the first
in its highest byte. What stands before a field is replaced by the digit 0, so all widths take the same path.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from procmaps.tables import UNKNOWN, Addresses, Bytes8, Flags, Ints64

WORD_BYTES: Final = 8
HEX_LIMIT_DIGITS: Final = 16
DECIMAL_LIMIT_DIGITS: Final = 20
LEAD_BYTES: Final = 32  # words are read this far before a field ends
PAD_BYTES: Final = 160  # a line's fields are looked for this far behind its start

_U = np.uint64
_LOW, _TOP, _ZEROS = _U(0x0F0F0F0F0F0F0F0F), _U(0x8080808080808080), _U(0x3030303030303030)
_BLANKS, _TABS = _U(0x2020202020202020), _U(0x0909090909090909)
_KEEP = np.array([(1 << 8 * width) - 1 for width in range(WORD_BYTES + 1)], np.uint64)
_FILL = _ZEROS & ~_KEEP
_HEX_PAIRS = np.full(1 << 16, 0xFFFF, np.uint16)  # by two characters as a little-endian word
_HEX_PAIRS[np.frombuffer(b"".join(b"%02x" % value for value in range(256)), "<u2")] = np.arange(256)
_FIRST = _TOP & ~_KEEP[::-1]  # the top bits of the first 0 to 8 characters


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes as characters and as words at every position, and where its lines end.

    Before every span that is read there are LEAD_BYTES, behind it PAD_BYTES: nothing is read out of bounds.
    """

    raw: bytes
    characters: Bytes8
    pairs: npt.NDArray[np.uint16]  # pairs[i] is raw[i:i + 2], big endian
    words: Addresses  # words[i] is raw[i:i + 8], big endian
    newlines: Ints64  # the positions of all newlines, and the end

    def word(self, at: Ints64) -> Addresses:
        """The words that start at these positions."""
        return self.words[at].astype(np.uint64)


def text_of(raw: bytes) -> Text:
    """These bytes as a Text; no span is nearer to an end of them than LEAD_BYTES and PAD_BYTES."""
    characters = np.frombuffer(raw, np.uint8)
    words: Addresses = np.ndarray((max(len(raw) - WORD_BYTES + 1, 0),), ">u8", raw, strides=(1,))
    pairs = np.ndarray((max(len(raw) - 1, 0),), ">u2", raw, strides=(1,))
    newlines = np.append(np.flatnonzero(characters == ord("\n")), len(raw))
    return Text(raw, characters, pairs, words, newlines)


def hex_pairs(pairs: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """The values of pairs of lower-case hex digits, 256 and more where a character is none."""
    return _HEX_PAIRS.take(pairs)


def hexadecimal(text: Text, end: Ints64, width: Ints64) -> tuple[Addresses, Flags]:
    """The hex numbers (0 to 16 digits, lower case) that end at these positions, and which are sound."""
    window = np.ndarray(
        (len(text.raw) - HEX_LIMIT_DIGITS + 1,), f"V{HEX_LIMIT_DIGITS}", text.raw, strides=(1,)
    )
    digits = window[end - HEX_LIMIT_DIGITS].view(np.uint8).reshape(-1, HEX_LIMIT_DIGITS)
    digits[np.arange(HEX_LIMIT_DIGITS) < HEX_LIMIT_DIGITS - width[:, np.newaxis]] = ord("0")
    values = hex_pairs(digits.view("<u2"))
    sound = width > 0
    if len(values) and values.max() > 0xFF:
        sound &= (values <= 0xFF).all(axis=1)
    return big_endian(values), sound


def big_endian(values: npt.NDArray[np.uint16]) -> Addresses:
    """The numbers whose bytes stand in the rows, the highest first."""
    padded = np.zeros((len(values), WORD_BYTES), np.uint8)
    padded[:, WORD_BYTES - values.shape[1] :] = values
    return padded.view(">u8").reshape(-1).astype(np.uint64)


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


def padded_decimal(text: Text, end: Ints64) -> Ints64:
    """The numbers of 1 to 7 digits with blanks before them that end here; UNKNOWN where there is none."""
    word = text.word(end - WORD_BYTES)
    digit = word ^ _ZEROS
    # of the eight characters some are blanks, at least the first, then come digits, at least one
    blank = ~_not_zero(word ^ _BLANKS) & _TOP
    no_digit = (((digit & ~_TOP) + _U(0x7676767676767676)) | digit) & _TOP
    blanks = _leading(_TOP ^ blank)
    sound = (blank == no_digit) & (blank == _FIRST[blanks]) & (blanks > 0) & (blanks < WORD_BYTES)
    return np.where(sound, _decimal_word(word, WORD_BYTES - blanks).astype(np.int64), UNKNOWN)


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
