"""/proc/PID/maps of a whole host as columns, without a loop over its mappings.

A line is `START-END PERMS OFFSET MAJOR:MINOR INODE[ PAD NAME]` (fs/proc/task_mmu.c, show_vma_header_prefix):
hex of at least 8, 8, 8, 2 and 2 digits, a decimal inode, one space. The name is all that follows the padding;
it may contain any byte except a newline. A header of smaps has the same form.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from procmaps.digits import HEX_LIMIT_DIGITS, Text, decimal, hex_bytes, hexadecimal, skip_blanks
from procmaps.lines import Lines
from procmaps.tables import EXECUTE, READ, SHARED, WRITE, Addresses, Bytes8, Flags, Ints64, which

ADDRESS_LEAST_DIGITS: Final = 8
DEVICE_LEAST_DIGITS: Final = 2
DEVICE_LIMIT_DIGITS: Final = 8
PERMS_BYTES: Final = 4
NAME_LIMIT_BYTES: Final = 16_384  # PATH_MAX with each byte escaped as four
USER_SPACE_BYTES: Final = 2**57  # the largest of any architecture with five levels of page tables
KERNEL_SPACE_START: Final = 0xFFFF_8000_0000_0000  # the place of [vsyscall]

_ROLLUP: Final = b"[rollup]"  # Linux, fs/proc/task_mmu.c, show_smaps_rollup; a path begins with a slash
_U = np.uint64
_DASH, _SPACE, _COLON, _ZERO, _FOUR_ZEROS = ord("-"), ord(" "), ord(":"), ord("0"), 0x30303030
# the kernel's text for each set of perms, as a word
_PERMS = np.array(
    [
        int.from_bytes(
            bytes((b"-r"[perms >> 3], b"-w"[perms >> 2 & 1], b"-x"[perms >> 1 & 1], b"ps"[perms & 1]))
        )
        for perms in range(16)
    ],
    np.uint32,
)
# START-END PERMS OFFSET MAJOR:MINOR of the least width, except for addresses of 12 digits
_USUAL = np.dtype(
    {
        "names": [
            *("start", "dash", "end", "space_1", "perms", "space_2", "offset", "space_3"),
            *("major", "colon", "minor", "space_4"),
        ],
        "formats": ["V12", "u1", "V12", "u1", ">u4", "u1", "V8", "u1", "V2", "u1", "V2", "u1"],
    }
)
_STOPS = (
    *(("dash", _DASH), ("space_1", _SPACE), ("space_2", _SPACE), ("space_3", _SPACE)),
    *(("colon", _COLON), ("space_4", _SPACE)),
)
_USUAL_LINE = np.frombuffer(b"000000000000-000000000000 ---p 00000000 00:00 ", _USUAL)[0]
# the same as bytes, two digits each, where all but the digits is 0: behind a dash or a space a number lies
# half a byte higher; what a field holds of its neighbours is shifted out
_NUMBERS = np.dtype(
    {
        "names": ["start", "end", "offset", "major", "minor"],
        "formats": [">u8", ">u8", ">u8", "u1", ">u2"],
        "offsets": [0, 5, 12, 20, 21],
        "itemsize": _USUAL.itemsize // 2,
    }
)
_LONGEST_BYTES = 3 * HEX_LIMIT_DIGITS + PERMS_BYTES + 2 * DEVICE_LIMIT_DIGITS + 6  # a stop behind each


class MapLines(NamedTuple):
    """The columns of the lines in the kernel's format, and the rows of those lines."""

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
        """The columns with only these rows."""
        return MapLines._make(column[kept] for column in self)

    def starting_at(self, start: Addresses) -> "MapLines":
        """The mappings without the bytes at their starts that overlapped earlier ones."""
        return self._replace(start=start)


def headers(lines: Lines) -> Flags:
    """Which lines begin as a mapping does: with a lower-case hex digit. Keys of smaps begin in upper case."""
    first = lines.heads >> 8
    return ((first >= ord("0")) & (first <= ord("9"))) | ((first >= ord("a")) & (first <= ord("f")))


def keys(lines: Lines) -> Flags:
    """Which lines begin as a field of smaps does: in upper case."""
    first = lines.heads >> 8
    return (first >= ord("A")) & (first <= ord("Z"))


def parse(lines: Lines, rows: Ints64) -> MapLines:
    """The mappings in these lines; lines in another format are left out."""
    text, line_start, line_end = lines.text, lines.start[rows], lines.end[rows]
    fields = _fields(text, line_start)
    at = fields.inode_at
    inode, width, inode_sound = decimal(text, at)
    at = at + width
    start, end = fields.start, fields.end
    sound = fields.sound & inode_sound & ((at == line_end) | (text.characters[at] == _SPACE))
    sound &= (end > start) & ((end <= USER_SPACE_BYTES) | (start >= KERNEL_SPACE_START))
    name_start = _name_start(text, line_start, line_end, at)
    name_end = np.minimum(line_end, name_start + NAME_LIMIT_BYTES)
    sound[_sums(text, fields.perms, name_start, name_end)] = False
    found = MapLines(
        rows, start, end, fields.perms, fields.offset, fields.device, inode, name_start, name_end
    )
    return found if sound.all() else found.only(which(sound))


class _Fields(NamedTuple):
    """The fields before the inode, and its position."""

    start: Addresses
    end: Addresses
    perms: Bytes8
    offset: Addresses
    device: Addresses
    inode_at: Ints64
    sound: Flags


def _fields(text: Text, at: Ints64) -> _Fields:
    """The fields of all lines that begin here."""
    window = np.ndarray((len(text.raw) - _USUAL.itemsize,), f"V{_USUAL.itemsize}", text.raw, strides=(1,))
    lines = window[at].view(_USUAL)
    is_usual = np.logical_and.reduce([lines[stop] == character for stop, character in _STOPS])
    others = which(~is_usual)
    lines[others] = _USUAL_LINE
    fields = _usual(lines, at)
    if len(others):
        general = _general(text, at[others])
        for name in _Fields._fields:
            getattr(fields, name)[others] = getattr(general, name)
    return fields


def _usual(lines: npt.NDArray[np.void], at: Ints64) -> _Fields:
    """The fields of lines of the usual form, which most have; all that is not a digit is overwritten."""
    perms, sound = _perms(lines["perms"].astype(np.uint32))
    for name in (*(name for name, _ in _STOPS), "perms"):
        lines[name] = _FOUR_ZEROS if name == "perms" else _ZERO
    found, digits_sound = hex_bytes(lines.view(np.uint8).reshape(-1, _USUAL.itemsize))
    numbers = found.view(_NUMBERS).reshape(-1)
    start, end, offset, minor = (
        numbers[name].astype(np.uint64) for name in ("start", "end", "offset", "minor")
    )
    return _Fields(
        start >> _U(16),
        end << _U(8) >> _U(12),
        perms,
        offset << _U(24) >> _U(28),
        numbers["major"].astype(np.uint64) << _U(32) | minor >> _U(4),
        at + _USUAL.itemsize,
        sound if digits_sound is None else sound & digits_sound,
    )


def _general(text: Text, at: Ints64) -> _Fields:
    """The fields at any position."""
    window = np.ndarray((len(text.raw) - _LONGEST_BYTES,), f"V{_LONGEST_BYTES}", text.raw, strides=(1,))
    lines = window[at].view(np.uint8).reshape(-1, _LONGEST_BYTES)
    columns = np.arange(_LONGEST_BYTES, dtype=np.uint8)

    def stop(character: int, behind: Ints64) -> Ints64:
        """The column after the next one with this character; 0 if there is none."""
        later = columns > behind.astype(np.uint8)[:, np.newaxis]
        found: Ints64 = ((lines == character) & later).argmax(axis=1)
        return found

    dash = stop(_DASH, np.zeros(len(at), np.int64))
    space_1 = stop(_SPACE, dash)
    space_2 = np.minimum(space_1 + 1 + PERMS_BYTES, _LONGEST_BYTES - 1)
    space_3 = stop(_SPACE, space_2)
    colon = stop(_COLON, space_3)
    space_4 = stop(_SPACE, colon)
    sound = lines[np.arange(len(at)), space_2] == _SPACE
    before = np.array((np.full(len(at), -1), dash, space_2, space_3, colon))
    behind = np.array((dash, space_1, space_3, colon, space_4))
    width = behind - before - 1
    least = np.array([ADDRESS_LEAST_DIGITS] * 3 + [DEVICE_LEAST_DIGITS] * 2)[:, np.newaxis]
    most = np.array([HEX_LIMIT_DIGITS] * 3 + [DEVICE_LIMIT_DIGITS] * 2)[:, np.newaxis]
    fits = (width >= least) & (width <= most)
    numbers, digits_sound = hexadecimal(text, (at + behind).reshape(-1), np.where(fits, width, 0).reshape(-1))
    start, end, offset, major, minor = numbers.reshape(5, -1)
    perms, perms_sound = _perms((text.word(at + space_1 + 1) >> _U(32)).astype(np.uint32))
    sound &= digits_sound.reshape(5, -1).all(axis=0) & (width[1] >= width[0]) & perms_sound
    return _Fields(start, end, perms, offset, major << _U(32) | minor, at + space_4 + 1, sound)


def _perms(letters: npt.NDArray[np.uint32]) -> tuple[Bytes8, Flags]:
    """The bits of `rwxp`, `r--s` and so on, given as four characters in a word."""
    # letters have bit 6, the dash does not; s has bit 0, p does not
    perms = (letters >> 27) & READ | (letters >> 20) & WRITE | (letters >> 13) & EXECUTE | letters & SHARED
    return perms.astype(np.uint8), _PERMS[perms] == letters


def _sums(text: Text, perms: Bytes8, name_start: Ints64, name_end: Ints64) -> Ints64:
    """The lines of smaps_rollup: each spans all mappings of a process, and is none."""
    rows = which((perms == 0) & (name_end - name_start == len(_ROLLUP)))
    return rows[[text.raw.startswith(_ROLLUP, start) for start in name_start[rows].tolist()]]


def _name_start(text: Text, line_start: Ints64, line_end: Ints64, inode_end: Ints64) -> Ints64:
    """The starts of the names, after the padding (no name begins with a space), or the line's end."""
    characters = text.characters
    usual, narrow = line_start + 73, line_start + 49  # the columns of names on 64-bit and on 32-bit kernels
    found = (inode_end < usual) & (characters[usual - 1] == _SPACE) & (characters[usual] != _SPACE)
    # a name that starts further left may have a space just there
    found &= (characters[inode_end + 1] == _SPACE) & (characters[np.maximum(inode_end, narrow)] == _SPACE)
    name_start = np.where(found, usual, line_end)
    rest = which(~found & (line_end > inode_end + 1))
    name_start[rest] = skip_blanks(text, inode_end[rest], limit_words=10)
    return np.minimum(name_start, line_end)
