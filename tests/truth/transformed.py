"""Known processes as other kernels and settings would show them: memory and truth are the same."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

from tests.truth.cases import Case
from tests.truth.truth_file import Range

QEMU: Final = b"/usr/bin/qemu-x86_64-static"
QEMU_AT: Final = 0x2000_0000_0000  # neither a program nor the mmap area lies there
_LINE: Final = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (\S{4}) (\S+ \S+ (\d+))[ ]*(.*)")
_THREADS: Final = re.compile(rb"(?m)^Threads:\s+(\d+)")
_RSS_PARTS: Final = re.compile(rb"(?m)^Rss(?:Anon|File|Shmem):.*\n")


class Line(NamedTuple):
    """One line of maps."""

    start: int
    end: int
    perms: bytes
    file: bytes  # offset, device and inode
    anonymous: bool
    name: bytes


def read_implies_exec(case: Case) -> Case:
    """Under the personality READ_IMPLIES_EXEC: private memory that can be read can be executed."""
    return _with_maps(case, [_executable(line) for line in _lines(case)])


def executable_stacks(case: Case) -> Case:
    """A library asked for executable stacks: then Linux merges them with nothing that is not executable."""
    stacks = [known for known in case.truth if known.kind == "thread_stack"]
    lines = [
        _executable(line) if line.name == b"[stack]" or _inside(stacks, line) else line
        for line in _cut(_lines(case), stacks)
    ]
    return _with_maps(case, lines)


def named_stacks(case: Case) -> Case:
    """Linux 3.4 to 4.4: the line with the stack pointer of a thread is named for it."""
    live = int(found[1]) - 1 if (found := _THREADS.search(case.files.get("status", b""))) else 0
    tops = [known.end - 1 for known in case.truth if known.kind == "thread_stack"][-live:] if live else []
    lines = []
    for line in _lines(case):
        number = bisect_right(tops, line.end - 1)
        mine = line.anonymous and not line.name and line.perms.startswith(b"rw")
        if mine and number and tops[number - 1] >= line.start:
            lines.append(line._replace(name=b"[stack:%d]" % (1000 + number)))
        else:
            lines.append(line)
    return _with_maps(case, lines)


def translated(case: Case) -> Case:
    """A program of another architecture in qemu-user: none of its code is executable for the host.

    A program for 32 bits would have all its memory at other addresses, QEMU does not translate QEMU, and the
    shadow of ThreadSanitizer has no place there.
    """
    maps = case.files.get("maps", b"")
    if max(line.end for line in _lines(case)) <= 2**32 or b"/qemu-" in maps or b"/tsan." in maps:
        return case
    lines = [
        line._replace(perms=line.perms.replace(b"x", b"-"), name=b"" if line.name == b"[heap]" else line.name)
        for line in _lines(case)
        if line.name != b"[vsyscall]"
    ]
    for number, perms in enumerate((b"r--p", b"r-xp", b"rw-p")):
        at = QEMU_AT + number * 2**20
        lines.append(Line(at, at + 2**20, perms, b"%08x fe:00 99" % (number << 20), False, QEMU))
    lines.append(
        Line(QEMU_AT + 3 * 2**20, QEMU_AT + 4 * 2**20, b"rw-p", b"00000000 00:00 0", True, b"[heap]")
    )
    return _with_maps(case, sorted(lines))


def without_parts_of_rss(case: Case) -> Case:
    """Linux before 4.5: status has VmRSS alone."""
    files = dict(case.files)
    if "status" in files:
        files["status"] = _RSS_PARTS.sub(b"", files["status"])
    return replace(case, files=files)


TRANSFORMATIONS: Final[tuple[Callable[[Case], Case], ...]] = (
    read_implies_exec,
    executable_stacks,
    named_stacks,
    translated,
    without_parts_of_rss,
)


def _lines(case: Case) -> list[Line]:
    shown = case.shown_by("maps") or {}
    return [
        Line(int(at, 16), int(end, 16), perms, file, inode == b"0", name)
        for at, end, perms, file, inode, name in _LINE.findall(shown["maps"])
    ]


def _with_maps(case: Case, lines: list[Line]) -> Case:
    maps = b"".join(
        b"%08x-%08x %s %s %s\n" % (line.start, line.end, line.perms, line.file, line.name) for line in lines
    )
    return replace(
        case, files={name: text for name, text in case.files.items() if name != "smaps"} | {"maps": maps}
    )


def _executable(line: Line) -> Line:
    private = line.perms.startswith(b"r") and line.perms.endswith(b"p")
    kernels = line.name in {b"[vvar]", b"[vvar_vclock]", b"[vdso]", b"[vsyscall]"}
    return line._replace(perms=line.perms[:2] + b"xp") if private and not kernels else line


def _inside(ranges: list[Range], line: Line) -> bool:
    at = bisect_right(ranges, line.start, key=lambda known: known.start) - 1
    return at >= 0 and line.end <= ranges[at].end


def _cut(lines: list[Line], ranges: list[Range]) -> Iterator[Line]:
    """The lines, cut where a range begins or ends."""
    edges = sorted({edge for known in ranges for edge in (known.start, known.end)})
    for line in lines:
        first, last = bisect_right(edges, line.start), bisect_right(edges, line.end - 1)
        inside = [line.start, *edges[first:last], line.end]
        for start, end in pairwise(inside):
            yield line._replace(start=start, end=end)
