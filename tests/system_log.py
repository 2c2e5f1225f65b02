"""A system log: the datagram socket that a syslog daemon listens at, and a reader of the audit's lines."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)(?: |$)')
_HEAD = re.compile(r"<(\d+)>mapsweep\[\d+\]: (.*)")
DATAGRAM_BYTES_MAX = 65_536


def facts(line: str) -> dict[str, str]:
    """The fields of one line, as docs/audit.md describes it; AssertionError if there is more in it."""
    found = _FIELD.findall(line)
    assert "".join(f"{name}={value} " for name, value in found).rstrip() == line
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), names
    return {name: json.loads(value) if value.startswith('"') else value for name, value in found}


@dataclass(frozen=True)
class SystemLog:
    """What has arrived."""

    path: Path
    listening: socket.socket

    def received(self) -> list[dict[str, str]]:
        """All that has come since the last call."""
        lines: list[dict[str, str]] = []
        while True:
            try:
                datagram = self.listening.recv(DATAGRAM_BYTES_MAX).decode("ascii")
            except BlockingIOError:
                return lines
            head = _HEAD.fullmatch(datagram)
            assert head is not None, datagram
            assert head[1] == str(10 * 8 + 5)  # authpriv, notice
            lines.append(facts(head[2]))

    def fill(self) -> None:
        """Leave no room for a further line."""
        while True:  # each sender has room of its own for what nobody has read
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
                other.setblocking(False)
                other.connect(str(self.path))
                try:
                    other.send(b"x")
                except BlockingIOError:
                    return


@contextmanager
def system_log(path: Path) -> Iterator[SystemLog]:
    """One that listens until the block ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.setblocking(False)
        yield SystemLog(path, listening)
