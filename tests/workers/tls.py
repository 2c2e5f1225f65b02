"""A certificate that nobody vouches for, and a server that shows it."""

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.certificates import self_signed


class ForgedServer:
    """A TLS server with a certificate that nobody vouches for; it keeps what it is sent."""

    def __init__(self, folder: Path) -> None:
        self.attempts = 0
        self.received = b""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self_signed(folder))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._socket.accept()
            except OSError:
                return
            self.attempts += 1
            raw.settimeout(120)
            with raw, suppress(OSError), self._context.wrap_socket(raw, server_side=True) as talk:
                while sent := talk.recv(4096):
                    self.received += sent
                    talk.sendall(b"+OK\r\n")
