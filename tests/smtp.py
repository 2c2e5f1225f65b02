"""A real mail server on a free loopback port, with a certificate of its own, that refuses when told."""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from threading import Lock
from typing import Literal

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.certificates import self_signed

STARTS_WITHIN_S = 120.0
USERNAME, PASSWORD = "reporter", "correct horse"
Offer = Literal["plain", "starttls", "tls"]


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it arrived."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    login: str

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.content, policy=SMTP_POLICY)
        assert isinstance(message, EmailMessage)
        return message


@dataclass(slots=True)
class Mailbox:
    """What a server received, and what it is told to refuse."""

    refuse: Mapping[str, str] = field(default_factory=dict)  # recipient -> answer
    over_tls: bool = False  # every connection is, from its first byte
    busy: int = 0  # so many messages are refused for now
    silent: int = 0  # so many messages are taken, and the connection is dropped without an answer
    slow_s: float = 0.0  # time from the end of a message to its answer
    farewell: str = ""  # the answer to QUIT
    senders: list[str] = field(default_factory=list)  # the answers to the next senders
    on_taken: Callable[[], None] = lambda: None  # called with a message in hand, before the answer is sent
    received: list[Received] = field(default_factory=list)
    attempts: int = 0
    _lock: Lock = field(default_factory=Lock)

    async def handle_RCPT(  # noqa: N802 -- the name is aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(  # noqa: N802 -- likewise
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.senders.pop(0) if self.senders else "250 OK"
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 -- likewise
        return self.farewell or "221 bye"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- likewise
        with self._lock:
            self.attempts += 1
            if self.busy > 0:
                self.busy -= 1
                return "451 too busy, come again"
            assert isinstance(envelope.content, bytes)
            login = session.auth_data.decode() if isinstance(session.auth_data, bytes) else ""
            self.received.append(
                Received(
                    envelope.mail_from or "",
                    tuple(envelope.rcpt_tos),
                    envelope.content,
                    self.over_tls or session.ssl is not None,
                    login,
                )
            )
            self.on_taken()
            if self.silent > 0:
                self.silent -= 1
                assert server.transport is not None
                server.transport.close()
        await asyncio.sleep(self.slow_s)
        return "250 taken"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where the server listens, and what it has got."""

    host: str
    port: int
    ca_file: str
    mailbox: Mailbox


@contextmanager
def mail_server(
    folder: Path, offer: Offer = "starttls", mailbox: Mailbox | None = None, port: int = 0
) -> Iterator[MailServer]:
    """A server on a port of 127.0.0.1, or on a free one; its certificate in `folder` is its own authority."""
    box = mailbox or Mailbox()
    box.over_tls = offer == "tls"
    certificate = self_signed(folder)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    controller = _Server(
        box,
        hostname="127.0.0.1",
        port=port,
        ssl_context=tls if offer == "tls" else None,
        tls_context=tls if offer == "starttls" else None,
        authenticator=_authenticate,
        auth_require_tls=False,
        ready_timeout=STARTS_WITHIN_S,
    )
    controller.start()
    try:
        yield MailServer("127.0.0.1", controller.listening_port, str(certificate), box)
    finally:
        controller.stop()


class _Server(Controller):
    """aiosmtpd's controller on a port that the kernel picks."""

    @property
    def listening_port(self) -> int:
        assert isinstance(self.server, asyncio.Server)
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    def _trigger_server(self) -> None:
        """The controller knocks at its own door to see that it is open: it has to know which one it got."""
        self.port = self.listening_port
        super()._trigger_server()  # type: ignore[no-untyped-call]


def _authenticate(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
) -> AuthResult:
    expected = LoginPassword(USERNAME.encode(), PASSWORD.encode())
    return AuthResult(success=given == expected, handled=False, auth_data=USERNAME.encode())
