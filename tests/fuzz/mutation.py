"""Damage to text of /proc: what a torn read, an odd kernel or a hostile host could make of it."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

PLACES: Final = 2**16  # a place in a text, as a share of its length
LINES_MAX: Final = 64  # how many lines one mutation moves

Lines: TypeAlias = list[bytes]
Mutate: TypeAlias = Callable[[Lines, int, int], None]
Mutation: TypeAlias = tuple[Mutate, int, int]

_FIELDS: Final = (
    *(b"0", b"1", b"-1", b"fff", b"1000", b"7fffffffffff", b"8000000000000000", b"ffffffffff600000"),
    *(b"ffffffffffffffff", b"10000000000000000", b"18446744073709551615", b"9223372036854775807", b"00:01"),
    *(b"rw-p", b"---p", b"rwxp", b"r--s", b"rwxs", b"????", b"kB", b"VmFlags:", b"Rss:", b"", b" ", b"\t"),
    *(b"[heap]", b"[stack]", b"[stack:7]", b"[vsyscall]"),
    *(b"[anon: Go: heap]", b"[anon: glibc: malloc arena]", b"[anon: glibc: pthread stack: 7]"),
    *(b"/dev/zero (deleted)", b"/memfd:java_heap (deleted)", b"/anon_hugepage (deleted)", b"/SYSV00000000"),
    *(b"/usr/lib/libc.so.6", b"/jdk-21/lib/server/libjvm.so", b"/usr/bin/node", b"/usr/bin/python3.13"),
    *(b"/x/classes.jsa", b"/lib/ld-musl-x86_64.so.1", b"/usr/lib/libjemalloc.so.2", b"\xff\xfe\x00\x1b["),
    *(b"nh gu ac", b"nr", b"dc", b"dd", b"ht", b"hg nh", b"99999999999999999999 kB", b"unlimited", b"-Xmx1g"),
)  # fmt: skip


def mutated(text: bytes, mutations: Sequence[Mutation]) -> bytes:
    """The text after each mutation in turn."""
    lines = text.split(b"\n")
    for mutate, place, value in mutations:
        mutate(lines, place * len(lines) // PLACES, value)
        if not lines:
            lines = [b""]
    return b"\n".join(lines)


def _set_byte(lines: Lines, at: int, value: int) -> None:
    line = lines[at]
    if line:
        place = (value >> 8) % len(line)
        lines[at] = line[:place] + bytes((value & 255,)) + line[place + 1 :]


def _set_field(lines: Lines, at: int, value: int) -> None:
    """Another word in place of one that is there."""
    fields = lines[at].split(b" ")
    fields[(value >> 8) % len(fields)] = _FIELDS[(value & 255) % len(_FIELDS)]
    lines[at] = b" ".join(fields)


def _set_bound(lines: Lines, at: int, value: int) -> None:
    """Another start or end: that of a mapping nearby, or one that no kernel prints."""
    low, dash, rest = lines[at].partition(b"-")
    high, space, behind = rest.partition(b" ")
    other = lines[min(len(lines) - 1, at + (value >> 4) % LINES_MAX)].partition(b"-")[0]
    word = other if value & 1 else _FIELDS[(value >> 4) % 11]
    if dash:
        lines[at] = word + dash + rest if value & 2 else low + dash + word + space + behind
    else:
        lines[at] = high + word


def _set_number(lines: Lines, at: int, value: int) -> None:
    """The first decimal number of the line, or a hexadecimal digit, made another."""
    digits = [place for place, byte in enumerate(lines[at]) if 48 <= byte <= 57]
    if digits:
        place = digits[(value >> 4) % len(digits)]
        lines[at] = (
            lines[at][:place] + b"0123456789abcdef"[value & 15 : (value & 15) + 1] + lines[at][place + 1 :]
        )


def _drop(lines: Lines, at: int, value: int) -> None:
    del lines[at : at + 1 + value % LINES_MAX]


def _repeat(lines: Lines, at: int, value: int) -> None:
    lines[at:at] = lines[at : at + 1 + value % LINES_MAX]


def _move(lines: Lines, at: int, value: int) -> None:
    taken = lines[at : at + 1 + value % 8]
    del lines[at : at + 1 + value % 8]
    place = (value >> 3) * (len(lines) + 1) // PLACES
    lines[place:place] = taken


def _join(lines: Lines, at: int, value: int) -> None:
    """A newline lost, or become another byte."""
    if at + 1 < len(lines):
        lines[at : at + 2] = [lines[at] + bytes((value & 255,)) * (value & 1) + lines[at + 1]]


def _break(lines: Lines, at: int, value: int) -> None:
    place = value % (len(lines[at]) + 1)
    lines[at : at + 1] = [lines[at][:place], lines[at][place:]]


def _cut(lines: Lines, at: int, value: int) -> None:
    """The text ends here, in mid-line."""
    lines[at:] = [lines[at][: value % (len(lines[at]) + 1)]]


def _lengthen(lines: Lines, at: int, value: int) -> None:
    lines[at] += lines[at][-1:] * value


def _windows(lines: Lines, at: int, value: int) -> None:
    """CRLF, for some lines or for all."""
    for row in range(at, min(len(lines), at + value)):
        lines[row] += b"\r"


MUTATES: Final[tuple[Mutate, ...]] = (
    *(_set_byte, _set_field, _set_bound, _set_number, _drop, _repeat, _move, _join, _break, _cut, _lengthen),
    _windows,
)
