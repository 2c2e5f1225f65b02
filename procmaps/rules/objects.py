"""Which runtimes and allocators a process has loaded, from the files that it maps executable."""

import re

import numpy as np
import numpy.typing as npt

from procmaps.tables import EXECUTE, Flags, Ints64, MapTable, which

Marks = npt.NDArray[np.uint32]

# one bit a mark
MARKS = (
    "jvm",
    "glibc",
    "musl",
    "jemalloc",
    "tcmalloc",
    "mimalloc",
    "v8",
    "python",
    "dotnet",
    "beam",
    "php",
    "openblas",
    "ruby",
    "mono",
)
OTHER_MALLOCS = ("jemalloc", "tcmalloc", "mimalloc")  # that stand before the libc's where they are loaded
BIT = {name: np.uint32(1 << position) for position, name in enumerate(MARKS)}

_LIBRARIES = (
    ("jvm", rb"jvm\.so"),
    ("glibc", rb"c\.so\.6|c-2\.\d+\.so"),
    ("musl", rb"c\.musl-[^/]*|c\.so"),
    ("jemalloc", rb"jemalloc[^/]*"),
    ("tcmalloc", rb"tcmalloc[^/]*"),
    ("mimalloc", rb"mimalloc[^/]*"),
    ("v8", rb"node\.so[^/]*|v8[^/]*\.so[^/]*"),
    ("python", rb"python[^/]*"),
    ("dotnet", rb"(?:coreclr|clrgc)\.so"),
    ("php", rb"php[^/]*"),
    ("openblas", rb"(?:scipy_)?openblas[^/]*"),
    ("ruby", rb"ruby[^/]*"),
    ("mono", rb"monosgen[^/]*|mono-2[^/]*"),
)
_PROGRAMS = (
    ("musl", rb"ld-musl-[^/]*"),
    ("v8", rb"node|nodejs|node\d+|electron|chrome|chromium|deno"),
    ("python", rb"python[\d.]*[a-z]*"),
    ("beam", rb"beam\.smp|beam"),
    ("php", rb"php[\d.]*|php-fpm[\d.]*|php-cgi[\d.]*"),
    ("ruby", rb"ruby[\d.]*"),
    ("mono", rb"mono|mono-sgen[\d-]*"),
)


def _either(named: tuple[tuple[str, bytes], ...]) -> bytes:
    return b"|".join(b"(%s)" % pattern for _, pattern in named)


_GROUPS = tuple(int(BIT[name]) for name, _ in (*_LIBRARIES, *_PROGRAMS))
OBJECT_NAME = re.compile(rb"(?:lib(?:%s)|%s)(?: \(deleted\))?$" % (_either(_LIBRARIES), _either(_PROGRAMS)))


def find_objects(maps: MapTable, processes: int, file_rows: Flags) -> tuple[Marks, dict[int, bytes]]:
    """The marks of each process, and by process row the path of its libjvm.so.

    A file is known by its device, its inode and the length of its name, so that a library that 200
    processes map is looked at once. `file_rows` says which mappings are of real files.
    """
    rows = which(file_rows & (maps.perms & EXECUTE != 0))
    marks = np.zeros(processes, np.uint32)
    if not len(rows):
        return marks, {}
    first, inverse = _distinct_files(maps, rows)
    names = zip(maps.name_start[rows[first]].tolist(), maps.name_end[rows[first]].tolist(), strict=True)
    found = np.array([_mark_of(maps.text[start:end]) for start, end in names], np.uint32)[inverse]
    marked = which(found)
    process = maps.process[rows]
    np.bitwise_or.at(marks, process[marked], found[marked])
    jvm_rows = rows[found == BIT["jvm"]]
    return marks, {int(maps.process[row]): maps.name(int(row)) for row in jvm_rows}


def has(marks: Marks, *names: str) -> Flags:
    """Which processes carry at least one of these marks."""
    bits = np.uint32(sum(int(BIT[name]) for name in names))
    found: Flags = (marks & bits) != 0
    return found


def _distinct_files(maps: MapTable, rows: Ints64) -> tuple[Ints64, Ints64]:
    """For each distinct file the position of one of its rows, and for each row its file."""
    length = (maps.name_end[rows] - maps.name_start[rows]).astype(np.uint64)
    key = (
        maps.inode[rows] * np.uint64(0x9E3779B97F4A7C15)
        ^ maps.device[rows] * np.uint64(0xC2B2AE3D27D4EB4F)
        ^ length
    )
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return first, inverse


def _mark_of(path: bytes) -> int:
    match = OBJECT_NAME.match(path, path.rfind(b"/") + 1)
    return 0 if match is None or match.lastindex is None else _GROUPS[match.lastindex - 1]
