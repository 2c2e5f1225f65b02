"""/proc/PID/maps of a whole host as columns, without a loop over its mappings.

A line is `START-END PERMS OFFSET MAJOR:MINOR INODE[ PAD NAME]` (fs/proc/task_mmu.c, show_vma_header_prefix):
hex of at least 8, 8, 8, 2 and 2 digits, a decimal inode, one space. The name is all that follows the padding;
it may hold any byte but a newline. A header of smaps has the same form.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from procmaps.digits import HEX_LIMIT_DIGITS, Text, decimal, digits_at, hexadecimal, skip_blanks
from procmaps.lines import Lines
from procmaps.tables import EXECUTE, READ, SHARED, WRITE, Addresses, Bytes8, Flags, Ints64

ADDRESS_LEAST_DIGITS: Final = 8
DEVICE_LEAST_DIGITS: Final = 2
DEVICE_LIMIT_DIGITS: Final = 8
NAME_LIMIT_BYTES: Final = 16_384  # PATH_MAX, each byte of it escaped as four
USER_SPACE_BYTES: Final = 2**57  # the largest of any architecture with five levels of page tables
KERNEL_SPACE_START: Final = 0xFFFF_8000_0000_0000  # [vsyscall] lies there

_U = np.uint64
_DASH, _SPACE, _COLON = ord("-"), ord(" "), ord(":")
_PERMS = (("r", READ), ("w", WRITE), ("x", EXECUTE))


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
    first = lines.text.characters[lines.start]
    return ((first >= ord("0")) & (first <= ord("9"))) | ((first >= ord("a")) & (first <= ord("f")))


def keys(lines: Lines) -> Flags:
    """Which lines begin as a field of smaps does: in upper case."""
    first = lines.text.characters[lines.start]
    return (first >= ord("A")) & (first <= ord("Z"))


def parse(lines: Lines, rows: Ints64) -> MapLines:
    """The mappings in these lines; lines that are not of the kernel's form are left out."""
    text, at = lines.text, lines.start[rows]
    start, end, at, sound = _addresses(text, at)
    perms, perms_sound = _perms(text, at)
    offset, major, minor, at, fields_sound = _offset_and_device(text, at + 5)
    width = digits_at(text, at)
    inode, inode_sound = decimal(text, at, width)
    at = at + width
    line_end = lines.end[rows]
    sound &= perms_sound & fields_sound & inode_sound
    sound &= (at == line_end) | (text.characters[at] == _SPACE)
    sound &= (end > start) & ((end <= USER_SPACE_BYTES) | (start >= KERNEL_SPACE_START))
    name_start = np.minimum(_name_start(text, lines.start[rows], at), line_end)
    name_end = np.minimum(line_end, name_start + NAME_LIMIT_BYTES)
    device = major << _U(32) | minor
    found = MapLines(rows, start, end, perms, offset, device, inode, name_start, name_end)
    return found if sound.all() else found.only(np.flatnonzero(sound))


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


def _perms(text: Text, at: Ints64) -> tuple[Bytes8, Flags]:
    word = np.ascontiguousarray(text.word(at)[:, np.newaxis]).astype(">u8").view(np.uint8).reshape(-1, 8)
    perms = np.zeros(len(at), np.uint8)
    sound = word[:, 4] == _SPACE
    for column, (letter, bit) in enumerate(_PERMS):
        is_set = word[:, column] == ord(letter)
        sound &= is_set | (word[:, column] == _DASH)
        perms |= is_set * np.uint8(bit)
    shared = word[:, 3] == ord("s")
    sound &= shared | (word[:, 3] == ord("p"))
    return perms | shared * np.uint8(SHARED), sound


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


def _name_start(text: Text, line_start: Ints64, inode_end: Ints64) -> Ints64:
    """Where the name starts: behind the padding. Names begin with `/`, `[` or a letter, not with a space."""
    characters = text.characters
    usual, narrow = line_start + 73, line_start + 49  # the columns of names on 64-bit and on 32-bit kernels
    found = (inode_end < usual) & (characters[usual - 1] == _SPACE) & (characters[usual] != _SPACE)
    # a name that starts further left may have a space just there
    found &= (characters[inode_end + 1] == _SPACE) & (characters[np.maximum(inode_end, narrow)] == _SPACE)
    rest = np.flatnonzero(~found)
    usual[rest] = skip_blanks(text, inode_end[rest], limit_words=10)
    return usual
