"""Parses numbers in text, a whole column at once.

Hex digits are placed side by side and converted to bytes at once. Decimal digits are read as words: a word
has eight characters, the first in its highest byte. Characters before a field are replaced by the digit 0, so
that all widths are handled alike.
"""

from binascii import Error, unhexlify
from typing import Final, NamedTuple

import numpy as np

from procmaps.tables import UNKNOWN, Addresses, Bytes8, Flags, Ints64, which

WORD_BYTES: Final = 8
HEX_LIMIT_DIGITS: Final = 16
DECIMAL_LIMIT_DIGITS: Final = 20
LEAD_BYTES: Final = 32  # words are read this far before the end of a field
PAD_BYTES: Final = 160  # fields are searched this far after the start of a line

_U = np.uint64
_LOW, _TOP, _ZEROS = _U(0x0F0F0F0F0F0F0F0F), _U(0x8080808080808080), _U(0x3030303030303030)
_BLANKS, _TABS = _U(0x2020202020202020), _U(0x0909090909090909)
_KEEP = np.array([(1 << 8 * width) - 1 for width in range(WORD_BYTES + 1)], np.uint64)
_IS_HEX = np.isin(np.arange(256), np.frombuffer(b"0123456789abcdef", np.uint8))
_LOWER_CASE = 0x20  # set in digits and in lower-case letters, not in upper-case ones
_TENS = 10 ** np.arange(WORD_BYTES + 1, dtype=np.uint64)
_FIRST = _TOP & ~_KEEP[::-1]  # the top bits of the first 0 to 8 characters


class Text(NamedTuple):
    """Bytes as characters and as words at every position, and the ends and first words of their lines.

    LEAD_BYTES precede every span that is read, and PAD_BYTES follow it: nothing is read out of bounds.
    """

    raw: bytes
    characters: Bytes8
    words: Addresses  # words[i] is raw[i:i + 8], big endian
    newlines: Ints64  # the positions of all newlines, and the end
    firsts: Addresses  # the word with which each line begins; 0 if there are not eight bytes up to the end

    def word(self, at: Ints64) -> Addresses:
        """The words that start at these positions."""
        return self.words[at].astype(np.uint64)


def text_of(raw: bytes) -> Text:
    """These bytes as a Text; spans must keep LEAD_BYTES and PAD_BYTES from their ends."""
    characters = np.frombuffer(raw, np.uint8)
    words: Addresses = np.ndarray((max(len(raw) - WORD_BYTES + 1, 0),), ">u8", raw, strides=(1,))
    newlines = np.append(which(characters == ord("\n")), len(raw))
    starts = np.concatenate(([0], newlines[:-1] + 1))
    firsts = np.zeros(len(starts), np.uint64)
    whole = int(starts.searchsorted(len(words)))
    firsts[:whole] = words[starts[:whole]]  # once for all: of a long text each look costs a miss of the cache
    return Text(raw, characters, words, newlines, firsts)


def hex_bytes(digits: Bytes8) -> tuple[Bytes8, Flags | None]:
    """The bytes of rows of lower-case hex digits, an even number per row; and which rows are sound.

    None means that all are sound; the other rows give zeros.
    """
    sound: Flags | None = None
    # unhexlify also accepts upper case
    found = _unhexlify(digits) if np.bitwise_and.reduce(digits, axis=None) & _LOWER_CASE else None
    if found is None:
        sound = np.all(_IS_HEX[digits], axis=1)
        found = _unhexlify(np.where(sound[:, np.newaxis], digits, np.uint8(ord("0"))))
    return np.frombuffer(found or b"", np.uint8).reshape(len(digits), digits.shape[1] // 2), sound


def _unhexlify(digits: Bytes8) -> bytes | None:
    try:
        return unhexlify(digits.data)
    except Error:
        return None


def hexadecimal(text: Text, end: Ints64, width: Ints64) -> tuple[Addresses, Flags]:
    """The hex numbers (0 to 16 digits, lower case) that end at these positions, and which are sound."""
    window = np.ndarray(
        (len(text.raw) - HEX_LIMIT_DIGITS + 1,), f"V{HEX_LIMIT_DIGITS}", text.raw, strides=(1,)
    )
    digits = window[end - HEX_LIMIT_DIGITS].view(np.uint8).reshape(-1, HEX_LIMIT_DIGITS)
    digits[np.arange(HEX_LIMIT_DIGITS) < HEX_LIMIT_DIGITS - width[:, np.newaxis]] = ord("0")
    values, sound = hex_bytes(digits)
    numbers: Addresses = values.view(">u8").reshape(-1).astype(np.uint64)
    return numbers, (width > 0) if sound is None else sound & (width > 0)


def _decimal_word(digits: Addresses) -> Addresses:
    """The numbers whose last digits are in the lowest bytes, with 0 or nothing before them."""
    value = digits & _LOW
    value = ((value >> _U(8)) & _U(0x00FF00FF00FF00FF)) * _U(10) + (value & _U(0x00FF00FF00FF00FF))
    value = ((value >> _U(16)) & _U(0x0000FFFF0000FFFF)) * _U(100) + (value & _U(0x0000FFFF0000FFFF))
    return (value >> _U(32)) * _U(10_000) + (value & _U(0xFFFFFFFF))


def _leading(flags: Addresses) -> Ints64:
    """The number of bytes before the first whose top bit is set, or 8. Other bits must be 0."""
    exponent = flags.astype(np.float64).view(np.int64) >> 52
    leading: Ints64 = np.minimum((1023 + 63 - exponent) >> 3, WORD_BYTES)
    return leading


def _digits_in(word: Addresses) -> Ints64:
    """The number of decimal digits at the start of these words."""
    digit = word ^ _ZEROS
    return _leading((((digit & ~_TOP) + _U(0x7676767676767676)) | digit) & _TOP)


def decimal(text: Text, at: Ints64) -> tuple[Addresses, Ints64, Flags]:
    """The decimal numbers at these positions, their lengths, and which are sound (1 to 20 digits)."""
    word = text.word(at)
    width = _digits_in(word)
    value = _decimal_word(word >> ((_U(WORD_BYTES) - width.astype(np.uint64)) << _U(3) & _U(63)))
    sound = width > 0
    wide = which(width == WORD_BYTES)
    if len(wide):
        value[wide], width[wide], sound[wide] = _wide_decimal(text, at[wide])
    return value, width, sound


def _wide_decimal(text: Text, at: Ints64) -> tuple[Addresses, Ints64, Flags]:
    """The same for numbers of eight or more digits."""
    width = WORD_BYTES + _digits_in(text.word(at + WORD_BYTES))
    end = at + width
    low, middle = text.word(end - WORD_BYTES), text.word(end - 2 * WORD_BYTES)
    value = _decimal_word(middle & _KEEP[width - WORD_BYTES]) * _U(10**8) + _decimal_word(low)
    sound = np.ones(len(at), np.bool_)
    vast = which(width == 2 * WORD_BYTES)
    if len(vast):
        more = _digits_in(text.word(at[vast] + 2 * WORD_BYTES))
        rest = _decimal_word(text.word(end[vast] + more - WORD_BYTES) & _KEEP[more])
        largest_top, largest_rest = np.divmod(_U(2**64 - 1), _TENS[more])
        sound[vast] = (more <= DECIMAL_LIMIT_DIGITS - 2 * WORD_BYTES) & (
            (value[vast] < largest_top) | ((value[vast] == largest_top) & (rest <= largest_rest))
        )
        value[vast] = value[vast] * _TENS[more] + rest
        width[vast] += more
    return value, width, sound


def padded_decimal(text: Text, end: Ints64) -> Ints64:
    """The numbers of 1 to 7 digits with blanks before them that end here; UNKNOWN if there is none."""
    word = text.word(end - WORD_BYTES)
    digit = word ^ _ZEROS
    # of the eight characters some are blanks, at least the first, then come digits, at least one
    blank = ~_not_zero(word ^ _BLANKS) & _TOP
    no_digit = (((digit & ~_TOP) + _U(0x7676767676767676)) | digit) & _TOP
    blanks = _leading(_TOP ^ blank)
    sound = (blank == no_digit) & (blank == _FIRST[blanks]) & (blanks > 0) & (blanks < WORD_BYTES)
    # the lower half of a blank is 0, like that of the digit 0
    return np.where(sound, _decimal_word(word).astype(np.int64), UNKNOWN)


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
