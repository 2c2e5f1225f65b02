"""The marks of each process: by the files that it maps, and by the memory of what is linked into it."""

from typing import Final, NamedTuple

import numpy as np

from procmaps.rules.allocators import RESERVING_AS_GO
from procmaps.rules.go import go_processes
from procmaps.rules.kernel_names import Name, read_codes
from procmaps.rules.language_runtimes import RESERVE_AS_GO
from procmaps.rules.marks import BIT, Marks, has, marks_of_files
from procmaps.rules.regions import ACCESS
from procmaps.tables import WRITE, Bytes8, MapTable, which

ASAN_SHADOW_END: Final = 0x1000_7FFF_8000
_MAY_BE_GO = np.zeros(256, np.bool_)
_MAY_BE_GO[[Name.ANONYMOUS, Name.ANON_OTHER, Name.HUGE, Name.GO_HEAP, Name.GO_RUNTIME]] = True


class Marked(NamedTuple):
    """The marks of all processes of a host, and what was read on the way."""

    marks: Marks
    code: Bytes8  # the Name of each mapping
    libjvm: dict[int, bytes]  # the path of libjvm.so, by row of the process


def find_marks(maps: MapTable, processes: int) -> Marked:
    """The marks that files give, and those that memory gives."""
    code = read_codes(maps)
    is_file = (code >= int(Name.FILE_CODE)) & (code <= int(Name.FILE_DATA))
    marks, libjvm = marks_of_files(maps, processes, is_file)
    _mark_dotnet(maps, code, marks)
    _mark_musl(maps, code, marks)
    _mark_asan(maps, code, marks)
    _mark_go(maps, code, marks)
    return Marked(marks, code, libjvm)


def _mark_dotnet(maps: MapTable, code: Bytes8, marks: Marks) -> None:
    """The views of the file in which it writes and runs compiled code."""
    marks[maps.process[code == int(Name.DOTNET_CODE)]] |= BIT["dotnet"]


def _mark_musl(maps: MapTable, code: Bytes8, marks: Marks) -> None:
    """A closed page in its brk memory, the lowest one: musl, src/malloc/mallocng/malloc.c."""
    heaps = which(code == int(Name.HEAP))
    process = maps.process[heaps[maps.perms[heaps] & ACCESS == 0]]
    marks[process[~has(marks, "glibc", "qemu")[process]]] |= BIT["musl"]


def _mark_asan(maps: MapTable, code: Bytes8, marks: Marks) -> None:
    """Shadow memory up to its fixed end, linked in or not: compiler-rt, lib/asan/asan_mapping.h."""
    shadow = (code == int(Name.ANONYMOUS)) & (maps.end == np.uint64(ASAN_SHADOW_END))
    marks[maps.process[shadow & (maps.perms & WRITE != 0)]] |= BIT["asan"]


def _mark_go(maps: MapTable, code: Bytes8, marks: Marks) -> None:
    """A heap at the fixed base, islands of page summaries, or memory that Go has named its heap."""
    named = maps.process[code == int(Name.GO_HEAP)]
    process = np.concatenate((named, go_processes(maps, _MAY_BE_GO[code])))
    marks[process[~has(marks, *RESERVE_AS_GO, *RESERVING_AS_GO)[process]]] |= BIT["go"]
