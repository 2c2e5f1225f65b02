"""The files of one process, from a PID, a file, a folder like /proc/PID, or a stream."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from domain.mistakes import Mistake, OperatorError
from mapsweep.process_view.cgroup_limits import limits_of
from mapsweep.process_view.host_facts import OF_MACHINE, PROC
from procmaps.frames import sent_arguments
from procmaps.masking import mask_cmdline
from procmaps.masking_options import AS_BY_DEFAULT, Masking
from procmaps.secret_paths import mask_cgroup, mask_comm, mask_path
from procmaps.secret_records import mask_fact, mask_file
from procmaps.tables import Evidence

# Only files that the probe sends are read, because a label must not depend on where it is made.
BESIDE_MAPPINGS = ("status", "stat", "limits", "comm", "cmdline", "cgroup")
# Rules also depend on these facts of the host, named as in a dump. A captured folder holds them.
OF_HOST = (*OF_MACHINE, "cgroup-memory")

INPUT_BYTES_MAX = 256 * 2**20  # 60,000 mappings are 3 MiB of maps and 50 MiB of smaps
BESIDE_BYTES_MAX = 4 * 2**20  # the kernel limits arguments to 2 MiB


@dataclass(frozen=True, slots=True)
class ProcessFiles:
    """The files of one process, named as in /proc/PID, and of its host; of maps and smaps exactly one."""

    source: str  # the name that the operator gave
    pid: int  # 0 if no file has it
    files: Mapping[str, bytes] = field(repr=False)

    from_folder: bool = False

    @property
    def mappings(self) -> bytes:
        """The text of maps or smaps."""
        return self.files[self._mappings_file]

    @property
    def place(self) -> str:
        """Where that text is from."""
        return f"{self.source}: {self._mappings_file}" if self.from_folder else self.source

    @property
    def _mappings_file(self) -> str:
        return "smaps" if "smaps" in self.files else "maps"


def open_process(target: str, evidence: Evidence, stdin: BinaryIO) -> ProcessFiles:
    """The files of the target that the operator gave; digits are a PID. Raises OperatorError."""
    if target == "-":
        return _of_text("standard input", bounded(stdin, "standard input", INPUT_BYTES_MAX))
    if target.isascii() and target.isdigit():
        return _of_pid(int(target), evidence)
    path = Path(target)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as trouble:
        raise _unreadable(target, trouble) from None
    if stat.S_ISDIR(mode):
        return _of_folder(target, path, evidence)
    return _of_text(target, read_file(path, target, INPUT_BYTES_MAX))


def _of_text(source: str, text: bytes) -> ProcessFiles:
    name = _mappings_file(text)
    return ProcessFiles(source, 0, MappingProxyType({name: masked(name, text)}))


def _mappings_file(text: bytes) -> str:
    """Whether a text is maps or smaps. No name can look like a line: the kernel escapes newlines in it."""
    return "smaps" if b"\nSize: " in text[: 2**16] else "maps"


def _of_pid(pid: int, evidence: Evidence) -> ProcessFiles:
    source = f"pid {pid}"
    folder = PROC / str(pid)
    if not folder.is_dir():
        raise OperatorError(Mistake(source, "no such process"))
    return _of_folder(source, folder, evidence)


def _of_folder(source: str, folder: Path, evidence: Evidence) -> ProcessFiles:
    files = {}
    name, text = _mappings_of_folder(source, folder, evidence)
    files[name] = masked(name, text)
    for beside in (*BESIDE_MAPPINGS, *OF_HOST):
        try:
            files[beside] = masked(beside, read_beside(folder, beside, source))
        except OperatorError:
            continue  # missing or not readable: its columns are unknown
    pid = _pid_of(files.get("stat", b""))
    return ProcessFiles(source, pid, MappingProxyType(files), from_folder=True)


def read_beside(folder: Path, name: str, source: str) -> bytes:
    """A file of a process, or a fact of its host: for /proc/PID of this one. Raises OperatorError."""
    if name not in OF_HOST or folder.parent.resolve() != PROC:
        return read_file(folder / name, source, BESIDE_BYTES_MAX)
    if name in OF_MACHINE:
        try:
            return OF_MACHINE[name](BESIDE_BYTES_MAX)
        except OSError as trouble:
            raise _unreadable(f"{source}: {name}", trouble) from None
    return limits_of(read_file(folder / "cgroup", source, BESIDE_BYTES_MAX))


def masked(name: str, content: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """A file with its secrets masked as in a sweep, because people pass on what they see."""
    if name == "cmdline":
        return mask_cmdline(sent_arguments(content), masking)
    if name == "comm":
        return mask_comm(content, masking)
    if name == "cgroup-memory":
        lines = (line.partition(b"\t") for line in content.split(b"\n"))
        return b"\n".join(mask_path(path, masking) + tab + sizes for path, tab, sizes in lines)
    if name in OF_HOST:
        return b"\n".join(mask_fact(line, masking) for line in content.split(b"\n"))
    return mask_cgroup(content, masking) if name == "cgroup" else mask_file(name.encode(), content, masking)


def _mappings_of_folder(source: str, folder: Path, evidence: Evidence) -> tuple[str, bytes]:
    """The file smaps if it is wanted and readable, otherwise maps."""
    if evidence is Evidence.SMAPS:
        try:
            if text := read_file(folder / "smaps", source, INPUT_BYTES_MAX):
                return "smaps", text
        except OperatorError:
            pass  # maps may still be readable
    try:
        return "maps", read_file(folder / "maps", source, INPUT_BYTES_MAX)
    except OperatorError:
        if evidence is Evidence.MAPS and (folder / "smaps").is_file():
            return "smaps", read_file(folder / "smaps", source, INPUT_BYTES_MAX)
        raise


def _pid_of(stat_text: bytes) -> int:
    first = stat_text.partition(b" ")[0]
    return int(first) if first.isdigit() and len(first) <= 10 else 0


def read_file(path: Path, source: str, limit_bytes: int) -> bytes:
    """The whole content of a file of /proc. Raises OperatorError with a reason for the operator."""
    place = source if path == Path(source) else f"{source}: {path.name}"
    try:
        with path.open("rb", buffering=0) as file:
            return bounded(file, place, limit_bytes)
    except OSError as trouble:
        raise _unreadable(place, trouble) from None


def bounded(file: BinaryIO, place: str, limit_bytes: int) -> bytes:
    """The whole content of a file; one read of /proc gives at most about a page."""
    chunks = []
    received_bytes = 0
    while chunk := file.read(2**20):
        received_bytes += len(chunk)
        if received_bytes > limit_bytes:
            raise OperatorError(Mistake(place, f"more than {limit_bytes} bytes", "is it a maps file?"))
        chunks.append(chunk)
    return b"".join(chunks)


def _right_missing() -> str:
    """What reading another process needs; root of a container may lack it."""
    if os.geteuid() == 0:
        return "root lacks SYS_PTRACE here, as in a container, or a security module forbids it"
    return "a process of another user needs root"


def _unreadable(place: str, trouble: OSError | ValueError) -> OperatorError:
    if isinstance(trouble, PermissionError):
        return OperatorError(Mistake(place, "permission denied", _right_missing()))
    if isinstance(trouble, ProcessLookupError):
        return OperatorError(Mistake(place, "the process has ended"))
    if isinstance(trouble, OSError) and trouble.strerror:
        return OperatorError(Mistake(place, trouble.strerror.lower()))
    return OperatorError(Mistake(place, str(trouble)))
