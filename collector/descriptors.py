"""Open files that go to a process beside this one and come back, with the messages that name them."""

import array
import copyreg
import io
import os
import pickle
import socket
import threading
import weakref
from collections.abc import Sequence
from typing import Any, Final

MOST: Final = 8  # of one message; a part of a dump has one
_INT_BYTES: Final = array.array("i").itemsize


class Descriptor:
    """An open file without a name, closed when nobody has this object any more."""

    def __init__(self, number: int) -> None:
        self.number = number
        weakref.finalize(self, os.close, number)


class _Received(threading.local):
    """The files of the message that a thread is reading."""

    descriptors: Sequence[Descriptor] = ()


_received: Final = _Received()


def packed(message: object) -> tuple[bytes, list[Descriptor]]:
    """A message as bytes, and the files that it names, which have to be sent with it."""
    found: list[Descriptor] = []

    def reduced(one: Descriptor) -> tuple[Any, ...]:
        found.append(one)
        return _numbered, (len(found) - 1,)

    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table | {Descriptor: reduced}
    pickler.dump(message)
    return buffer.getvalue(), found


def unpacked(content: bytes | bytearray, descriptors: Sequence[Descriptor]) -> Any:
    """The message, from a process of our own."""
    _received.descriptors = descriptors
    try:
        return pickle.loads(content)  # noqa: S301  # from a process of our own
    finally:
        _received.descriptors = ()


def _numbered(number: int) -> Descriptor:
    return _received.descriptors[number]


def send(sock: socket.socket, content: memoryview, descriptors: Sequence[Descriptor]) -> int:
    """Sends some of the content, and all files with its first byte."""
    numbers = array.array("i", [each.number for each in descriptors])
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if descriptors else []
    return sock.sendmsg([content], ancillary, socket.MSG_NOSIGNAL)


def receive_into(sock: socket.socket, content: memoryview, descriptors: list[Descriptor]) -> int:
    """How many bytes came into the content; puts the files that came with them to the others."""
    count, ancillary, _, _ = sock.recvmsg_into(
        [content], socket.CMSG_SPACE(MOST * _INT_BYTES), socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers = array.array("i")
            numbers.frombytes(data[: len(data) - len(data) % _INT_BYTES])
            descriptors += map(Descriptor, numbers)
    return count
