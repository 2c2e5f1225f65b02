"""Ports for servers of the tests, and for places where nobody is to listen.

A port that the kernel picks is free only until it is closed: then another server, or any connection, may be
given it before its owner listens. These lie below those that Linux gives by itself as it comes, and processes
that run tests, of any checkout on this machine, share them out among each other.
"""

import contextlib
import errno
import socket
import threading
from collections.abc import Iterator
from typing import Final

FIRST, BEHIND = 10_240, 32_768
BLOCK: Final = 128  # ports that one process takes at a time
_held: list[socket.socket] = []  # the marks of this process's blocks, which end with it


def free_port() -> int:
    """A port on which nobody listens, and which no other caller gets while this process lives."""
    with _one_at_a_time:
        return next(_ports)


def _mine() -> Iterator[int]:
    for first in range(FIRST, BEHIND, BLOCK):
        if _is_taken_by_us(first):
            yield from filter(_is_free, range(first, first + BLOCK))
    raise RuntimeError(f"processes that run tests hold all ports from {FIRST} to {BEHIND}")


def _is_taken_by_us(first: int) -> bool:
    """Whether nobody else has this block: the name of a socket without a file is held by one process."""
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0mapsweep-tests-ports-{first}")
    except OSError as error:
        mark.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    _held.append(mark)
    return True


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server(("0.0.0.0", port)):
        return True
    return False


_ports = _mine()
_one_at_a_time = threading.Lock()
