"""Recorded processes, taken apart so that they can be sent again with other addresses, sizes and names."""

import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from mapsweep.demo.demo_fleet import unpack
from tests.truth.cases import CASES, FRESH, LIVE, cases

PAGE_BYTES: Final = 4096
ARENA_BYTES: Final = 64 * 2**20  # of address space that glibc reserves for a heap of an arena
HEAP_PAGES_MAX: Final = 2**16  # that a heap grows by: 256 MiB
JAVA_STEP_PAGES: Final = 2048  # 8 MiB: a multiple of the regions that collectors take
JAVA_RESERVE_MIN_BYTES: Final = 64 * 2**20
# what is moved together; 0 stays where it is. RANDOM is where V8 asks for its pages.
RANDOM, EXECUTABLE, LIBRARIES, STACK = 1, 2, 3, 4
GROUPS: Final = STACK + 1
WIDE: Final = 0x100000000000  # from here on an address has 12 digits
RANDOM_END: Final = 0x500000000000
_EXECUTABLES_END: Final = 0x600000000000
_STACKS_BEGIN: Final = 0x7FF000000000
_KERNELS_BEGIN: Final = 1 << 47
_LINE: Final = re.compile(rb"([0-9a-f]+)-([0-9a-f]+)( [^\n]*\n)")
_FILE: Final = re.compile(rb"(\S+ \S+ \S+ \S+ )(\d+)( +)/.*\n")

Addresses = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Elastic:
    """Boundaries of a process that may lie higher, one entry each."""

    line: Addresses  # whose end moves
    next_line: Addresses  # whose start moves with it; -1 if there is a gap
    pages: Addresses  # by how many pages at most
    step_pages: Addresses  # in such steps
    is_java: npt.NDArray[np.bool_]  # the boundary of a Java heap, and not of the native heap


@dataclass(frozen=True, slots=True)
class Template:
    """A process: its mappings in columns, and its other files with places for what differs."""

    start: Addresses
    end: Addresses
    moves: npt.NDArray[np.int64]  # the group of each mapping
    lowest: tuple[int, ...]  # address of each group
    highest: tuple[int, ...]
    lines: tuple[bytes, ...]  # as recorded
    places: Addresses  # at which byte of the lines together each of them begins
    elastic: Elastic
    head: bytes  # status, stat and limits as a format of bytes, with their marks
    rss_kb: int
    anon_kb: int
    size_kb: int
    data_kb: int
    threads: int
    argv: tuple[bytes, ...]
    exe: bytes
    comm: bytes


def renamed(template: Template, exe: bytes) -> Template:
    """The same program under another path, as another file."""
    if not template.exe or exe == template.exe:
        return template
    old = b" " + template.exe + b"\n"
    lines = tuple(_other_file(line, exe) if line.endswith(old) else line for line in template.lines)
    argv = (exe, *template.argv[1:])
    return replace(template, lines=lines, places=_places(lines), exe=exe, argv=argv)


def _places(lines: Sequence[bytes]) -> Addresses:
    lengths = np.array([len(line) for line in lines], np.int64)
    return lengths.cumsum() - lengths


def _other_file(line: bytes, path: bytes) -> bytes:
    """A mapping of another file, whose inode has as many digits: mapsweep tells files apart by it."""

    def other(found: re.Match[bytes]) -> bytes:
        least = 10 ** (len(found[2]) - 1)
        return b"%s%d%s%s\n" % (found[1], least + zlib.crc32(path) % (9 * least), found[3], path)

    return _FILE.sub(other, line)


@cache
def recorded() -> Mapping[str, Template]:
    """Templates by name: HOST/COMM of the demo fleet, or the name of a known process."""
    found: dict[str, Template] = {}
    for name, files in _files():
        template = _template(files)
        if template is not None:
            found.setdefault(name, template)
    return found


def _files() -> Iterator[tuple[str, Mapping[str, bytes]]]:
    with tempfile.TemporaryDirectory() as folder:
        unpack(Path(folder))
        for status in sorted(Path(folder).glob("*/proc/[0-9]*/status")):
            files = {file.name: file.read_bytes() for file in status.parent.iterdir() if file.is_file()}
            yield f"{status.parts[-4]}/{files['comm'].decode().strip()}", files
    for set_name in (CASES, LIVE, FRESH):
        for case in cases(set_name):
            yield case.name, case.files


def _template(files: Mapping[str, bytes]) -> Template | None:
    maps = files.get("maps", b"")
    lines = [_LINE.fullmatch(line + b"\n") for line in maps.splitlines()]
    if not lines or any(line is None for line in lines) or not {"status", "stat"} <= files.keys():
        return None
    known = [line for line in lines if line is not None]
    raw = [(int(line[1], 16), int(line[2], 16)) for line in known]
    kept = [line[0] for line in known]
    if raw[-1][0] >= _KERNELS_BEGIN:  # vsyscall: it is at the same place everywhere
        raw.pop()
        last = kept.pop()
        kept[-1] += last
    rest = [line[3] for line in known][: len(raw)]
    start, end = np.array(raw, np.int64).T.copy()
    moves = np.searchsorted((WIDE, RANDOM_END, _EXECUTABLES_END, _STACKS_BEGIN), start, "right")
    status, argv = files["status"], tuple(files.get("cmdline", b"").rstrip(b"\0").split(b"\0"))
    exe = next((line.rpartition(b" ")[2][:-1] for line in rest if b" /" in line and b"x" in line[:6]), b"")
    return Template(
        start=start,
        end=end,
        moves=moves,
        lowest=tuple(int(start[moves == group].min(initial=_KERNELS_BEGIN)) for group in range(GROUPS)),
        highest=tuple(int(end[moves == group].max(initial=0)) for group in range(GROUPS)),
        lines=tuple(kept),
        places=_places(kept),
        elastic=_elastic(start, end, rest),
        head=_head(files),
        rss_kb=_kb(status, b"VmRSS"),
        anon_kb=_kb(status, b"RssAnon"),
        size_kb=_kb(status, b"VmSize"),
        data_kb=_kb(status, b"VmData"),
        threads=_kb(status, b"Threads"),
        argv=argv,
        exe=exe,
        comm=files.get("comm", b"").strip(),
    )


def _elastic(start: Addresses, end: Addresses, rest: list[bytes]) -> Elastic:
    """The end of the heap, and the boundaries between what an arena or a Java heap uses and its reserve."""
    rows: list[tuple[int, int, int, int, bool]] = []
    text = b"".join(rest)
    for line in range(len(start) - 1):
        after = line + 1
        room_pages = int(start[after] - end[line]) // PAGE_BYTES
        if rest[line].endswith(b"[heap]\n"):
            rows.append((line, -1, min(room_pages // 2, HEAP_PAGES_MAX), 1, False))
        reserve_bytes = int(end[after] - start[after])
        if not _is_reserved_above(rest[line], rest[after]) or room_pages:
            continue
        is_arena = start[line] % ARENA_BYTES == 0 and end[after] - start[line] == ARENA_BYTES
        if is_arena and start[line] >= _EXECUTABLES_END:
            rows.append((line, after, reserve_bytes // PAGE_BYTES - 1, 1, False))
        elif b"/libjvm.so\n" in text and end[after] < WIDE and reserve_bytes > JAVA_RESERVE_MIN_BYTES:
            rows.append((line, after, reserve_bytes // PAGE_BYTES - 1, JAVA_STEP_PAGES, True))
    columns = np.array(rows, np.int64).reshape(-1, 5)
    return Elastic(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3], columns[:, 4].astype(np.bool_))


def _is_reserved_above(line: bytes, after: bytes) -> bool:
    return (
        line.startswith(b" rw-p 00000000 00:00 0")
        and not line[22:].strip()
        and after.startswith(b" ---p 00000000 00:00 0")
        and not after[22:].strip()
    )


_OF_STATUS: Final = {
    b"Name": b"%(comm)s",
    b"Tgid": b"%(pid)d",
    b"Pid": b"%(pid)d",
    b"PPid": b"%(parent)d",
    b"NStgid": b"%(pid)d",
    b"NSpid": b"%(pid)d",
    b"Uid": b"%(uid)d\t%(uid)d\t%(uid)d\t%(uid)d",
    b"Gid": b"%(uid)d\t%(uid)d\t%(uid)d\t%(uid)d",
    b"State": b"S (sleeping)",
    b"VmPeak": b"%(peak)8d kB",
    b"VmSize": b"%(size)8d kB",
    b"VmHWM": b"%(high)8d kB",
    b"VmRSS": b"%(rss)8d kB",
    b"RssAnon": b"%(anon)8d kB",
    b"VmData": b"%(data)8d kB",
}


def _head(files: Mapping[str, bytes]) -> bytes:
    """The records before the maps, as a format: the blanks of the marks are in it."""
    status = b"".join(
        b"%s:\t%s\n" % (key, _OF_STATUS.get(key, value.strip(b"\t\n").replace(b"%", b"%%")))
        for key, _, value in (line.partition(b":") for line in files["status"].splitlines())
        if key
    )
    fields = files["stat"].rpartition(b")")[2].split()
    fields[0], fields[1], fields[19] = b"S", b"%(parent)d", b"%(ticks)d"
    stat = b"%(pid)d (%(comm)s) " + b" ".join(fields) + b"\n"
    limits = files.get("limits", b"").replace(b"%", b"%%")
    parts = (b"status", status), (b"stat", stat), (b"limits", limits)
    return b"".join(b"%(nonce)s " + kind + b" %(pid)d\n" + text + b"\n" for kind, text in parts)


def _kb(status: bytes, key: bytes) -> int:
    found = re.search(rb"^%s:\s+(\d+)" % key, status, re.MULTILINE)
    return int(found[1]) if found else 0
