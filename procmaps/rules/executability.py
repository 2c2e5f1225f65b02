"""Executable memory that holds no code: what is executable although nobody asked for it.

- A program without a PT_GNU_STACK header, or started with the personality READ_IMPLIES_EXEC, has all private
  memory that it can read executable as well (Linux, fs/binfmt_elf.c: elf_read_implies_exec; mm/mmap.c and
  mm/mprotect.c add PROT_EXEC; the brk heap by VM_DATA_DEFAULT_FLAGS).
- A program or a library that asks for an executable stack has [stack] and the stacks of all threads
  executable, and nothing else (glibc, nptl/allocatestack.c: GL(dl_stack_flags); _dl_make_stack_executable).
- A program of another architecture runs in QEMU, which translates its code: none of it is executable, and
  writable pages that hold code are read-only (accel/tcg/user-exec.c: page_protect).
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from procmaps.rules.kernel_names import Name
from procmaps.rules.marks import Marks, has
from procmaps.tables import EXECUTE, READ, SHARED, WRITE, Bytes8, Flags, MapTable, Snapshot, which


class Executability(NamedTuple):
    """What executable access says of each process's anonymous memory."""

    silent: Flags  # nothing: code is not executable, or what is executable need not be code
    stacks: Flags  # stacks of threads are executable, as code is


def as_asked(snapshot: Snapshot) -> tuple[Snapshot, Flags]:
    """The host with the access that was asked for, and the processes in which what can be read can be run.

    In those, anonymous memory and writable memory of files is no longer executable; whether a read-only
    mapping of a file was code cannot be told.
    """
    maps = snapshot.maps
    implied = _read_implies_execute(maps, len(snapshot.processes))
    if not implied.any():
        return snapshot, implied
    private = (maps.perms & (READ | EXECUTE | SHARED)) == READ | EXECUTE
    added = private & implied[maps.process] & ((maps.inode == 0) | (maps.perms & WRITE != 0))
    perms = np.where(added, maps.perms & (READ | WRITE | SHARED), maps.perms).astype(np.uint8)
    return replace(snapshot, maps=replace(maps, perms=perms)), implied


def executability(maps: MapTable, code: Bytes8, marks: Marks, implied: Flags) -> Executability:
    """Of each process, by what `as_asked` returned."""
    stacks = np.zeros(len(marks), np.bool_)
    main = which(code == int(Name.STACK))
    stacks[maps.process[main[maps.perms[main] & (WRITE | EXECUTE) == WRITE | EXECUTE]]] = True
    stacks &= ~has(marks, "musl")  # it maps stacks without asking (src/thread/pthread_create.c)
    return Executability(implied | has(marks, "qemu"), stacks)


def _read_implies_execute(maps: MapTable, processes: int) -> Flags:
    """Processes with private writable memory of no file, [stack] included, all of which is executable."""
    rows = which((maps.inode == 0) & (maps.perms & (READ | WRITE | SHARED) == READ | WRITE))
    executable = maps.perms[rows] & EXECUTE != 0
    found = np.zeros(processes, np.bool_)
    if executable.any():
        found[maps.process[rows[executable]]] = True
        found[maps.process[rows[~executable]]] = False
    return found
