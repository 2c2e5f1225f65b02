"""Marks: which runtimes and allocators a process has loaded. A process carries any number of them."""

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from procmaps.lazy_pattern import compiled
from procmaps.tables import EXECUTE, Flags, Ints64, MapTable, which

Marks = npt.NDArray[np.uint64]


class Files(NamedTuple):
    """Patterns of the names of files that carry a mark if they are mapped executable."""

    libraries: bytes = b""  # what follows "lib"
    programs: bytes = b""


# one bit a mark; a file carries each mark whose pattern it matches
_FILES: Final = {
    "jvm": Files(rb"jvm\.so"),
    "glibc": Files(rb"c\.so\.6|c-2\.\d+\.so"),
    "musl": Files(rb"c\.musl-[^/]*|c\.so", rb"ld-musl-[^/]*"),
    "jemalloc": Files(rb"jemalloc[^/]*", rb"clickhouse[^/]*"),
    "tcmalloc": Files(rb"tcmalloc[^/]*", rb"mongo[ds]"),
    "mimalloc": Files(rb"mimalloc[^/]*"),
    # Scudo, rpmalloc, snmalloc, Hoard, Mesh
    "other_malloc": Files(
        rb"scudo[^/]*|clang_rt\.scudo[^/]*|rpmalloc[^/]*|snmalloc[^/]*|hoard\.so|mesh\.so[^/]*"
    ),
    "asan": Files(rb"[al]san\.so[^/]*|clang_rt\.[al]san[^/]*"),
    "tsan": Files(rb"tsan\.so[^/]*|clang_rt\.tsan[^/]*"),
    "partition_alloc": Files(b"", rb"electron|chrome|chromium"),
    # modules, libraries and programs with a jemalloc of their own, beside the malloc of the libc
    "jemalloc_inside": Files(
        rb"duckdb[^/]*\.so[^/]*|polars[^/]*\.so[^/]*|chdb[^/]*\.so[^/]*",
        rb"_?duckdb[^/]*\.so|_?polars[^/]*\.so|_?chdb[^/]*\.so|_granian[^/]*\.so"
        rb"|(?:redis|valkey|keydb)-server|tikv-server|qdrant",
    ),
    "arrow": Files(rb"arrow\.so[^/]*"),  # with mimalloc inside
    "clamav": Files(rb"clamav\.so[^/]*"),
    "apr": Files(rb"apr-1\.so[^/]*"),
    # they map pools of odd sizes: InnoDB, storage/innobase/buf/buf0buf.cc; tarantool, src/lib/small
    "database_pools": Files(b"", rb"mariadbd|mysqld(?:-debug)?|tarantool"),
    "boehm_gc": Files(rb"gc\.so\.1[^/]*"),
    "d_runtime": Files(rb"(?:g?druntime|gphobos|phobos2)[^/]*\.so[^/]*"),  # of LDC, GCC and DMD
    "v8": Files(
        rb"node\.so[^/]*|v8[^/]*\.so[^/]*", rb"node|nodejs|node\d+|electron|chrome|chromium|deno|workerd"
    ),
    "python": Files(rb"python[^/]*", rb"python[\d.]*[a-z]*"),
    "greenlet": Files(b"", rb"_greenlet[^/]*\.so"),  # a module of Python
    "firefox": Files(rb"xul\.so|mozglue\.so", rb"firefox(?:-esr)?(?:-bin)?|thunderbird(?:-bin)?"),
    "luajit": Files(rb"luajit[^/]*", rb"luajit[^/]*|tarantool"),
    "luajit_alone": Files(b"", rb"luajit[^/]*"),  # a program that does nothing else
    "dotnet": Files(rb"(?:coreclr|clrgc)\.so"),
    "beam": Files(b"", rb"beam\.smp|beam"),
    "php": Files(rb"php[^/]*", rb"php[\d.]*|php-fpm[\d.]*|php-cgi[\d.]*"),
    "openblas": Files(rb"(?:scipy_)?openblas[^/]*"),
    "r": Files(rb"R\.so"),
    "perl": Files(rb"perl\.so[^/]*", rb"perl[\d.]*"),
    "ruby": Files(rb"ruby[^/]*", rb"ruby[\d.]*"),
    # another architecture's programs: linux-user/ of QEMU has a program for each
    "qemu": Files(
        b"",
        rb"qemu-(?:aarch64|alpha|arm|hexagon|hppa|i386|loongarch64|m68k|microblaze|mips|or1k|ppc|riscv"
        rb"|s390x|sh4|sparc|x86_64|xtensa)(?:eb|_be|el|le|n32|32|64|32plus|64le|64el|n32el)?(?:-static)?"
        rb"(?:-binfmt-P)?",
    ),
    "mono": Files(rb"monosgen[^/]*|mono-2[^/]*", rb"mono|mono-sgen[\d-]*"),
}
MARKS: Final = (*_FILES, "go")  # Go has no file of its own: procmaps.rules.process_marks
BIT: Final = {name: np.uint64(1 << position) for position, name in enumerate(MARKS)}
_DELETED: Final = b" (deleted)"


class FileMarks:
    """Which marks a file carries, by its name: any number of them."""

    def __init__(self, table: Mapping[str, Files]) -> None:
        names = {mark: _pattern(files) for mark, files in table.items()}
        self._any = compiled(b"|".join(b"(?:%s)" % pattern for pattern in names.values()))
        self._each = tuple((int(BIT[mark]), compiled(pattern)) for mark, pattern in names.items())

    def of(self, path: bytes) -> int:
        """Bits of the marks; 0 for most files, which one look tells."""
        name = path[path.rfind(b"/") + 1 :].removesuffix(_DELETED)
        if self._any.fullmatch(name) is None:
            return 0
        return sum(bit for bit, pattern in self._each if pattern.fullmatch(name))


def _pattern(files: Files) -> bytes:
    """One pattern for the names of the libraries and the programs."""
    of_libraries = b"lib(?:%s)" % files.libraries if files.libraries else b""
    return b"|".join(pattern for pattern in (of_libraries, files.programs) if pattern)


_FILE_MARKS: Final = FileMarks(_FILES)


def marks_of_files(maps: MapTable, processes: int, file_rows: Flags) -> tuple[Marks, dict[int, bytes]]:
    """The marks of each process, and by process row the path of its libjvm.so.

    A file is known by its device, its inode and the length of its name, so that a library that 200
    processes map is looked at once. `file_rows` says which mappings are of real files.
    """
    executable = maps.perms & EXECUTE != 0
    marks, libjvm = _marks_of_rows(maps, processes, which(file_rows & executable))
    translated = has(marks, "qemu")
    if translated.any():
        # what is executable is QEMU's own; the program in it is only read
        own, own_libjvm = _marks_of_rows(
            maps, processes, which(file_rows & ~executable & translated[maps.process])
        )
        marks = np.where(translated, own | BIT["qemu"], marks)
        libjvm |= own_libjvm
    return marks, libjvm


def _marks_of_rows(maps: MapTable, processes: int, rows: Ints64) -> tuple[Marks, dict[int, bytes]]:
    marks = np.zeros(processes, np.uint64)
    if not len(rows):
        return marks, {}
    first, inverse = distinct_files(maps, rows)
    names = zip(maps.name_start[rows[first]].tolist(), maps.name_end[rows[first]].tolist(), strict=True)
    found = np.array([_FILE_MARKS.of(maps.text[start:end]) for start, end in names], np.uint64)[inverse]
    marked = which(found)
    process = maps.process[rows]
    np.bitwise_or.at(marks, process[marked], found[marked])
    jvm_rows = rows[has(found, "jvm")]
    return marks, {int(maps.process[row]): maps.name(int(row)) for row in jvm_rows}


def has(marks: Marks, *names: str) -> Flags:
    """Which processes carry at least one of these marks."""
    found: Flags = (marks & bits_of(names)) != 0
    return found


@cache
def bits_of(names: tuple[str, ...]) -> np.uint64:
    """The bits of several marks."""
    return np.uint64(sum({int(BIT[name]) for name in names}))  # a set: a mark may be named twice


def distinct_files(maps: MapTable, rows: Ints64) -> tuple[Ints64, Ints64]:
    """For each distinct file the position of one of its rows, and for each row its file."""
    length = (maps.name_end[rows] - maps.name_start[rows]).astype(np.uint64)
    key = (
        maps.inode[rows] * np.uint64(0x9E3779B97F4A7C15)
        ^ maps.device[rows] * np.uint64(0xC2B2AE3D27D4EB4F)
        ^ length
    )
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return first, inverse
