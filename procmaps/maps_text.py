"""/proc/PID/maps of a whole host as columns, without a loop over its mappings.

A line is `START-END PERMS OFFSET MAJOR:MINOR INODE[ PAD NAME]` (fs/proc/task_mmu.c, show_vma_header_prefix):
hex of at least 8, 8, 8, 2 and 2 digits, a decimal inode, one space. The name is all that follows the padding;
it may hold any byte but a newline. A header of smaps has the same form.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from procmaps.digits import (
    HEX_LIMIT_DIGITS,
    Text,
    big_endian,
    decimal,
    digits_at,
    hex_pairs,
    hexadecimal,
    skip_blanks,
)
from procmaps.lines import Lines
from procmaps.tables import EXECUTE, READ, SHARED, WRITE, Addresses, Bytes8, Flags, Ints64

ADDRESS_LEAST_DIGITS: Final = 8
DEVICE_LEAST_DIGITS: Final = 2
DEVICE_LIMIT_DIGITS: Final = 8
NAME_LIMIT_BYTES: Final = 16_384  # PATH_MAX, each byte of it escaped as four
USER_SPACE_BYTES: Final = 2**57  # the largest of any architecture with five levels of page tables
KERNEL_SPACE_START: Final = 0xFFFF_8000_0000_0000  # [vsyscall] lies there

_T = TypeVar("_T", bound=np.generic)
_U = np.uint64
_DASH, _SPACE, _COLON = ord("-"), ord(" "), ord(":")
# what the kernel prints for each set of perms, as a word
_PERMS = np.array(
    [
        int.from_bytes(
            (b"r" if perms & READ else b"-")
            + (b"w" if perms & WRITE else b"-")
            + (b"x" if perms & EXECUTE else b"-")
            + (b"s" if perms & SHARED else b"p")
        )
        for perms in range(16)
    ],
    np.uint32,
)
# START-END PERMS OFFSET MAJOR:MINOR, hex digits in pairs
_USUAL = np.dtype(
    {
        "names": [
            *("start", "dash", "end", "space_1", "perms", "space_2", "offset", "space_3"),
            *("major", "colon", "minor", "space_4"),
        ],
        "formats": [
            *(("<u2", 6), "u1", ("<u2", 6), "u1", ">u4", "u1", ("<u2", 4), "u1"),
            *("<u2", "u1", "<u2", "u1"),
        ],
    }
)
_STOPS = (
    *(("space_1", _SPACE), ("space_2", _SPACE), ("space_3", _SPACE)),
    *(("colon", _COLON), ("space_4", _SPACE)),
)


@dataclass(frozen=True, slots=True)
class MapLines:
    """The columns of the lines that have the kernel's form, and which lines those are."""

    row: Ints64  # row in the Lines
    start: Addresses
    end: Addresses
    perms: Bytes8
    offset: Addresses
    device: Addresses
    inode: Addresses
    name_start: Ints64
    name_end: Ints64

    def only(self, kept: Ints64) -> "MapLines":
        """The same columns with these rows alone."""
        return MapLines(
            self.row[kept],
            self.start[kept],
            self.end[kept],
            self.perms[kept],
            self.offset[kept],
            self.device[kept],
            self.inode[kept],
            self.name_start[kept],
            self.name_end[kept],
        )

    def starting_at(self, start: Addresses) -> "MapLines":
        """The same mappings, with what overlapped the ones before them taken off their starts."""
        return replace(self, start=start)


def headers(lines: Lines) -> Flags:
    """Which lines begin as a mapping does: with a lower-case hex digit. Keys of smaps begin in upper case."""
    first = lines.heads >> 8
    return ((first >= ord("0")) & (first <= ord("9"))) | ((first >= ord("a")) & (first <= ord("f")))


def keys(lines: Lines) -> Flags:
    """Which lines begin as a field of smaps does: in upper case."""
    first = lines.heads >> 8
    return (first >= ord("A")) & (first <= ord("Z"))


def parse(lines: Lines, rows: Ints64) -> MapLines:
    """The mappings in these lines; lines that are not of the kernel's form are left out."""
    text, line_start, line_end = lines.text, lines.start[rows], lines.end[rows]
    fields = _fields(text, line_start)
    at = fields.inode_at
    width = digits_at(text, at)
    inode, inode_sound = decimal(text, at, width)
    at = at + width
    start, end = fields.start, fields.end
    sound = fields.sound & inode_sound & ((at == line_end) | (text.characters[at] == _SPACE))
    sound &= (end > start) & ((end <= USER_SPACE_BYTES) | (start >= KERNEL_SPACE_START))
    name_start = _name_start(text, line_start, line_end, at)
    name_end = np.minimum(line_end, name_start + NAME_LIMIT_BYTES)
    found = MapLines(
        rows, start, end, fields.perms, fields.offset, fields.device, inode, name_start, name_end
    )
    return found if sound.all() else found.only(np.flatnonzero(sound))


@dataclass(frozen=True, slots=True)
class _Fields:
    """What stands before the inode, and where that begins."""

    start: Addresses
    end: Addresses
    perms: Bytes8
    offset: Addresses
    device: Addresses
    inode_at: Ints64
    sound: Flags


def _fields(text: Text, at: Ints64) -> _Fields:
    """The fields of all lines that begin here."""
    usual, rows = _usual(text, at)
    if len(rows) == len(at):
        return usual
    is_other = np.ones(len(at), np.bool_)
    is_other[rows] = False
    others = np.flatnonzero(is_other)
    general = _general(text, at[others])

    def merged(ours: npt.NDArray[_T], theirs: npt.NDArray[_T]) -> npt.NDArray[_T]:
        column = np.empty(len(at), ours.dtype)
        column[rows], column[others] = ours, theirs
        return column

    return _Fields(
        merged(usual.start, general.start),
        merged(usual.end, general.end),
        merged(usual.perms, general.perms),
        merged(usual.offset, general.offset),
        merged(usual.device, general.device),
        merged(usual.inode_at, general.inode_at),
        merged(usual.sound, general.sound),
    )


def _usual(text: Text, at: Ints64) -> tuple[_Fields, Ints64]:
    """The lines with addresses of 12 digits and all else of the least width, as most are, and their rows."""
    window = np.ndarray((len(text.raw) - _USUAL.itemsize,), f"V{_USUAL.itemsize}", text.raw, strides=(1,))
    line = window[at].view(_USUAL)
    usual = line["dash"] == _DASH
    for stop, character in _STOPS:
        usual &= line[stop] == character
    rows = np.flatnonzero(usual)
    if len(rows) < len(at):
        at = at[rows]
        line = window[at].view(_USUAL)
    values = [hex_pairs(line[name]) for name in ("start", "end", "offset", "major", "minor")]
    perms, sound = _perms(line["perms"].astype(np.uint32))
    for value in values:
        if len(rows) and value.max() > 0xFF:
            sound &= (value.reshape(len(rows), -1) <= 0xFF).all(axis=1)
    start, end, offset = (big_endian(value) for value in values[:3])
    device = values[3].astype(np.uint64) << _U(32) | values[4]
    return _Fields(start, end, perms, offset, device, at + _USUAL.itemsize, sound), rows


def _general(text: Text, at: Ints64) -> _Fields:
    """The fields wherever they stand."""
    start, end, perms_at, sound = _addresses(text, at)
    word = text.word(perms_at)
    perms, perms_sound = _perms((word >> _U(32)).astype(np.uint32))
    offset, major, minor, inode_at, fields_sound = _offset_and_device(text, perms_at + 5)
    sound &= perms_sound & fields_sound & (text.characters[perms_at + 4] == _SPACE)
    return _Fields(start, end, perms, offset, major << _U(32) | minor, inode_at, sound)


def _perms(letters: Addresses) -> tuple[Bytes8, Flags]:
    """The bits of `rwxp`, `r--s` and so on, given as four characters in a word."""
    # letters have bit 6, the dash has not; s has bit 0, p has not
    perms = (letters >> 27) & READ | (letters >> 20) & WRITE | (letters >> 13) & EXECUTE | letters & SHARED
    return perms.astype(np.uint8), _PERMS[perms] == letters


def _width(text: Text, at: Ints64, stop: int, least: int | Ints64, most: int) -> Ints64:
    """The width of the fields that start here: up to the first stop; 0 where there is none."""
    width = np.full(len(at), least, np.int64) if isinstance(least, int) else least.copy()
    rest = np.flatnonzero(text.characters[at + width] != stop)
    while len(rest):
        width[rest] += 1
        over = width[rest] > most
        width[rest[over]] = 0
        rest = rest[~over]
        rest = rest[text.characters[at[rest] + width[rest]] != stop]
    return width


def _addresses(text: Text, at: Ints64) -> tuple[Addresses, Addresses, Ints64, Flags]:
    """START, END, the position of PERMS, and which lines are sound so far."""
    usual = 12  # digits of an address in the upper half of a 47-bit space: nearly all are of this width
    start_width = np.full(len(at), usual, np.int64)
    rest = np.flatnonzero(text.characters[at + usual] != _DASH)
    start_width[rest] = _width(text, at[rest], _DASH, ADDRESS_LEAST_DIGITS, HEX_LIMIT_DIGITS)
    end_at = at + start_width + 1
    # END has no fewer digits than START
    end_width = _width(text, end_at, _SPACE, np.maximum(start_width, ADDRESS_LEAST_DIGITS), HEX_LIMIT_DIGITS)
    perms_at = end_at + end_width + 1
    start, start_sound = hexadecimal(text, end_at - 1, start_width)
    end, end_sound = hexadecimal(text, perms_at - 1, end_width)
    return start, end, perms_at, start_sound & end_sound


def _offset_and_device(text: Text, at: Ints64) -> tuple[Addresses, Addresses, Addresses, Ints64, Flags]:
    """OFFSET, MAJOR, MINOR, the position of INODE, and which lines are sound so far."""
    sound = np.ones(len(at), np.bool_)
    values = []
    for stop, least, most in (
        (_SPACE, ADDRESS_LEAST_DIGITS, HEX_LIMIT_DIGITS),
        (_COLON, DEVICE_LEAST_DIGITS, DEVICE_LIMIT_DIGITS),
        (_SPACE, DEVICE_LEAST_DIGITS, DEVICE_LIMIT_DIGITS),
    ):
        width = _width(text, at, stop, least, most)
        value, value_sound = hexadecimal(text, at + width, width)
        values.append(value)
        sound &= value_sound
        at = at + width + 1
    return values[0], values[1], values[2], at, sound


def _name_start(text: Text, line_start: Ints64, line_end: Ints64, inode_end: Ints64) -> Ints64:
    """Where the names start: behind the padding, as none begins with a space; the line's end without one."""
    characters = text.characters
    usual, narrow = line_start + 73, line_start + 49  # the columns of names on 64-bit and on 32-bit kernels
    found = (inode_end < usual) & (characters[usual - 1] == _SPACE) & (characters[usual] != _SPACE)
    # a name that starts further left may have a space just there
    found &= (characters[inode_end + 1] == _SPACE) & (characters[np.maximum(inode_end, narrow)] == _SPACE)
    name_start = np.where(found, usual, line_end)
    rest = np.flatnonzero(~found & (line_end > inode_end + 1))
    name_start[rest] = skip_blanks(text, inode_end[rest], limit_words=10)
    return np.minimum(name_start, line_end)
