"""A real web server on a free loopback port that gets what is posted, and misbehaves when told."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR
from typing import cast

from tests.certificates import self_signed


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """What a server got, and how it answers: the next answers in turn, then 200."""

    answers: list[int | str] = field(default_factory=list)  # a status, or a name of `_Handler`'s manners
    location: str = ""
    said: bytes = b"ok"
    on_taken: Callable[[], None] = lambda: None  # called with a request in hand, before the answer
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    ca_file: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def keys(self) -> list[str]:
        """The idempotency keys that came, in their order."""
        return [each.headers["idempotency-key"] for each in self.requests]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver = cast("_Server", self.server).receiver
        answer = receiver.answers.pop(0) if receiver.answers else 200
        self.close_connection = True
        if answer == "unread":  # refuses before it has read the body
            self._answer(413, b"too large")
            self.connection.shutdown(SHUT_RDWR)
            return
        if answer == "deaf":  # hangs up before it has read the body
            self.connection.shutdown(SHUT_RDWR)
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.requests.append(Request(self.path, headers, body))
        receiver.on_taken()
        if isinstance(answer, int):
            self._answer(answer, receiver.said)
        else:
            getattr(self, answer)(receiver)

    def dropped(self, _: Receiver) -> None:
        """Takes the request, and closes the connection without a word."""
        self.connection.shutdown(SHUT_RDWR)

    def silent(self, receiver: Receiver) -> None:
        """Never answers."""
        receiver.stop.wait(600)

    def dripping(self, receiver: Receiver) -> None:
        """Begins to answer, a byte at a time, and never comes to the status."""
        self.wfile.write(b"HTTP/1.1")
        while not receiver.stop.is_set():
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.05)

    def endless(self, receiver: Receiver) -> None:
        """Takes the request, and answers without end."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while not receiver.stop.is_set():
            self.wfile.write(b"y" * 65_536)

    def nonsense(self, _: Receiver) -> None:
        """Speaks another protocol."""
        self.wfile.write(b"SSH-2.0-server\r\n")

    def _answer(self, status: int, said: bytes) -> None:
        receiver = cast("_Server", self.server).receiver
        self.send_response(status)
        if receiver.location:
            self.send_header("Location", receiver.location)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's
        """Says nothing."""


@contextmanager
def hook_server(*answers: int | str, tls_in: Path | None = None) -> Iterator[Receiver]:
    """A server on 127.0.0.1; with a folder for its certificate, of https."""
    server = _Server(("127.0.0.1", 0), _Handler)
    receiver = server.receiver = Receiver(list(answers))
    scheme = "http"
    if tls_in is not None:
        certificate = self_signed(tls_in)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme, receiver.ca_file = "https", str(certificate)
    receiver.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/hooks/T0KEN?key=s3cret"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
