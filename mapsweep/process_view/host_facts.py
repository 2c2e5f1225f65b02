"""What a sweep knows of a host besides its processes, of this machine and in the form of a dump.

The probe (collector/probe.sh) is what decides: each fact here must be its record of the same name, because a
label must not depend on where it is made. docs/dump-format.md describes the records.
"""

import re
from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
PIECE_BYTES: Final = 2**16  # /proc/sys refuses to be read in pieces of MiB
_STAT = re.compile(rb"^cpu[0-9]+|^btime .*", re.MULTILINE)


def _file(path: Path) -> Callable[[int], bytes]:
    def read(limit_bytes: int) -> bytes:
        with path.open("rb", buffering=0) as file:
            pieces = takewhile(bool, (file.read(PIECE_BYTES) for _ in range(limit_bytes // PIECE_BYTES)))
            return b"".join(pieces)

    return read


def _page(limit_bytes: int) -> bytes:
    """The size of a page, as the kernel says it of the first mapping of this process."""
    with (PROC / "self/smaps").open("rb") as file:
        return next((line for line in file if line.startswith(b"KernelPageSize:")), b"")[:limit_bytes]


def _procstat(limit_bytes: int) -> bytes:
    """The names of the CPUs, and the time of boot."""
    text = _file(PROC / "stat")(limit_bytes)
    return b"".join(found[0] + b"\n" for found in _STAT.finditer(text))


OF_MACHINE: Final[Mapping[str, Callable[[int], bytes]]] = {
    "osrelease": _file(PROC / "sys/kernel/osrelease"),
    "meminfo": _file(PROC / "meminfo"),
    "thp": _file(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
    "overcommit": _file(PROC / "sys/vm/overcommit_memory"),
    "max_map_count": _file(PROC / "sys/vm/max_map_count"),
    "page": _page,
    "procstat": _procstat,
}
