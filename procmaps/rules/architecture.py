"""The architecture of a process, by where its memory ends: nobody sends it."""

from typing import Final

import numpy as np

from procmaps.rules.kernel_names import Name
from procmaps.tables import EXECUTE, Bytes8, Ints64, MapTable, which

# bits of user space, at the top of which [stack] lies (Linux, TASK_SIZE in arch/*/include/asm)
AARCH64_BITS: Final = (39, 48)  # with pages of 4 KiB; x86-64 and ppc64le have 47, or with [stack] there too
RISCV64_BITS: Final = (38,)  # Sv39
PPC64LE_LOADER: Final = b"/ld64.so.2"
PPC64LE_FOLDERS: Final = (b"/powerpc64le-linux-gnu/", b"/ppc64le/")


def address_bits(maps: MapTable, code: Bytes8, processes: int) -> Ints64:
    """How many bits the address has at which each process's [stack] ends; 0 without one."""
    found = np.zeros(processes, np.int64)
    stacks = which(code == int(Name.STACK))
    found[maps.process[stacks]] = [(end - 1).bit_length() for end in maps.end[stacks].tolist()]
    return found


def is_ppc64le(maps: MapTable, process: int) -> bool:
    """Whether objects that a process maps tell it: its addresses end where those of x86-64 do."""
    own = slice(*maps.process.searchsorted((process, process + 1)).tolist())
    executable = which(maps.perms[own] & EXECUTE)
    starts, ends = maps.name_start[own][executable].tolist(), maps.name_end[own][executable].tolist()
    paths = {maps.text[start:end] for start, end in zip(starts, ends, strict=True)}
    return any(
        path.endswith(PPC64LE_LOADER) or any(folder in path for folder in PPC64LE_FOLDERS) for path in paths
    )
