"""The memory limits of a process's cgroup and those above it, in the form in which a host sends them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MOUNT: Final = Path("/sys/fs/cgroup")
DEPTH_LIMIT_COUNT: Final = 64
_VALUE_LIMIT_BYTES: Final = 64
_OLD: Final = re.compile(rb"[0-9]+:(?:[a-z_,]+,)?memory(?:,[a-z_,]+)?:(.*)")
_UNIFIED: Final = b"0::"


def limits_of(cgroup: bytes, mount: Path = MOUNT) -> bytes:
    """Lines `PATH<TAB>MAX<TAB>CURRENT`, in bytes, for a /proc/PID/cgroup; as in docs/dump-format.md."""
    lines: list[bytes] = []
    for line in cgroup.split(b"\n"):
        if line.startswith(_UNIFIED):
            lines += _limits(mount, line.removeprefix(_UNIFIED), "memory.max", "memory.current")
        elif old := _OLD.fullmatch(line):
            lines += _limits(mount / "memory", old[1], "memory.limit_in_bytes", "memory.usage_in_bytes")
    return b"".join(lines)


def _limits(mount: Path, path: bytes, most: str, current: str) -> Iterator[bytes]:
    """The line of a cgroup and of each above it that has limits."""
    for _ in range(DEPTH_LIMIT_COUNT):
        if path in {b"", b"/"} or not path.startswith(b"/"):
            return
        folder = mount / path.decode(errors="surrogateescape").lstrip("/")
        try:
            values = [_value(folder / name) for name in (most, current)]
        except (OSError, ValueError):
            values = []
        if values:
            yield b"\t".join((path, *values)) + b"\n"
        path = path.rpartition(b"/")[0]


def _value(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_VALUE_LIMIT_BYTES).strip()
