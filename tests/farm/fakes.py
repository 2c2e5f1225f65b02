"""Listeners on loopback that answer like something else than a sound SSH server."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Final, Self

Script = Callable[[socket.socket], None]
GREETING: Final = b"SSH-2.0-fake\r\n"
THREAD: Final = "fake server"
WAIT_S: Final = 60.0  # longest that a silent one keeps a connection


def packet(payload: bytes) -> bytes:
    """A packet before keys are exchanged, as RFC 4253 section 6 lays it out."""
    padding = 8 + -(len(payload) + 5) % 8
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


def offers(*lists: bytes) -> bytes:
    """A server's list of algorithms, as RFC 4253 section 7.1 lays it out."""
    names = b"".join(len(text).to_bytes(4, "big") + text for text in lists)
    return packet(b"\x14" + bytes(16) + names + bytes(4 * (10 - len(lists))) + bytes(5))


def says(*parts: bytes, closes: bool = True, hears_first: bool = False, resets: bool = False) -> Script:
    """A script that sends some bytes, and then ends the connection or keeps it until the client leaves."""

    def run(sock: socket.socket) -> None:
        if hears_first:
            sock.recv(4096)
        sock.sendall(b"".join(parts))
        if resets:
            sock.recv(4096)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif closes:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
        else:
            while sock.recv(4096):
                pass

    return run


class Fake:
    """One listener on all addresses of loopback; each connection has a thread until the client leaves."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._server = socket.create_server(("0.0.0.0", 0), backlog=256)
        self.port: int = self._server.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, name=THREAD)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:  # closed
                return
            sock.settimeout(WAIT_S)
            thread = threading.Thread(target=self._serve, args=(sock,), name=THREAD)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            self._script(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in (self._acceptor, *self._threads):
            thread.join()
