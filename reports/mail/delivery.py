"""Sends a message to a mail server. Encrypted by default; refused recipients are named."""

import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING

from domain.records import Refusal

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = logging.getLogger("reports")

_Answers = dict[str, tuple[int, bytes]]


class Security(StrEnum):
    """How the connection to the mail server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The mail server and account. The password never shows in a repr."""

    sender: str
    server: str
    port: int = 587
    security: Security = Security.STARTTLS
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""  # "": the system's certificates
    timeout_s: float = 30.0
    taken_s: float = 300.0  # time to wait for the answer to the whole message; servers look through it first
    subject_prefix: str = "mapsweep"
    attach_max_bytes: int = 2 * 2**20
    attempts: int = 4
    backoff_s: float = 2.0  # doubled after each attempt
    keep_trying_s: int = 24 * 3600  # how long a report that nobody took is tried again
    base_url: str = ""  # where people find the folder of the runs; "": mails name the path


@dataclass(frozen=True, slots=True)
class Delivery:
    """The recipients that get the message, and those that were refused."""

    message_id: str
    accepted: tuple[str, ...]
    refused: tuple[Refusal, ...] = ()
    is_cut_off: bool = False  # the server may have taken it for the others, too
    answer: str = ""  # what the server said of the message: code and words


class DeliveryError(Exception):
    """No recipient gets the message, or nobody knows. The command line prints the reason and ends with 5."""

    def __init__(self, reason: str, refused: tuple[Refusal, ...] = (), *, is_cut_off: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused = refused
        self.is_cut_off = is_cut_off  # the server has the whole message and may have taken it


class _LaterError(Exception):
    """A temporary failure: another attempt may succeed."""


def send(
    message: EmailMessage,
    settings: MailSettings,
    *,
    only: tuple[str, ...] | None = None,
    wait: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = lambda _: None,
) -> Delivery:
    """Hand the message to the server, for all its recipients or `only` some; DeliveryError if nobody gets it.

    A temporary refusal (4xx, a broken connection) is tried again a few times, for the remaining recipients; a
    permanent one (5xx) is not, and neither is what the server may have taken. The Message-ID stays the same,
    so that duplicates can be detected. `tell` gets a sentence before each pause.
    """
    open_for = _recipients(message) if only is None else list(only)
    if not open_for:
        raise DeliveryError("the message has no recipient")
    _check_login(settings)
    accepted: list[str] = []
    refused: dict[str, Refusal] = {}
    trouble, is_cut_off, answer = "", False, ""
    for attempt in range(max(1, settings.attempts)):
        if attempt:
            pause_s = settings.backoff_s * 2 ** (attempt - 1)
            tell(f"{trouble or _reason(refused)}; it is tried again in {pause_s:.0f} s")
            wait(pause_s)
        try:
            now, answer = _once(message, settings, open_for)
        except _LaterError as error:
            trouble = str(error)
            log.debug("mail: attempt %d: %s", attempt + 1, trouble)
            continue
        except DeliveryError as error:  # who has it keeps it
            trouble, is_cut_off = error.reason, error.is_cut_off
            log.debug("mail: attempt %d, not tried again: %s", attempt + 1, error.reason)
            break
        for refusal in now.values():
            words = refusal.code, refusal.reason
            log.debug("mail: attempt %d: %s is refused: %d %s", attempt + 1, refusal.recipient, *words)
        accepted += [name for name in open_for if name not in now]
        refused |= now
        open_for = [name for name, refusal in now.items() if 400 <= refusal.code < 500]
        if not open_for:
            break
    if not accepted:
        reason = trouble or _reason(refused)
        raise DeliveryError(reason, tuple(refused.values()), is_cut_off=is_cut_off)
    left = tuple(refusal for name, refusal in refused.items() if name not in accepted)
    return Delivery(str(message["Message-ID"] or ""), tuple(accepted), left, is_cut_off, answer)


def try_login(settings: MailSettings) -> None:
    """Connect, and log in if there is an account; nothing is sent. DeliveryError if a mail could not be."""
    _check_login(settings)
    try:
        with _sorted(f"{settings.server}:{settings.port}", settings.sender), _connected(settings) as server:
            if settings.username:
                server.login(settings.username, settings.password)
            else:
                server.ehlo_or_helo_if_needed()
    except _LaterError as error:
        raise DeliveryError(str(error)) from error


def _recipients(message: EmailMessage) -> list[str]:
    """Every address in To, Cc and Bcc, once."""
    given = [str(value) for name in ("To", "Cc", "Bcc") for value in message.get_all(name, [])]
    return list(dict.fromkeys(address for _, address in getaddresses(given) if address))


def _check_login(settings: MailSettings) -> None:
    if settings.username and settings.security is Security.NONE and not _is_loopback(settings.server):
        raise DeliveryError("a password is never sent in clear text: set security to starttls or tls")


def _is_loopback(server: str) -> bool:
    if server == "localhost":
        return True
    try:
        return ip_address(server).is_loopback
    except ValueError:
        return False


def _once(
    message: EmailMessage, settings: MailSettings, recipients: list[str]
) -> tuple[dict[str, Refusal], str]:
    """One attempt: the refused recipients, and what the server said. A temporary failure is a _LaterError."""
    place = f"{settings.server}:{settings.port}"
    began_s = time.monotonic()
    with _sorted(place, settings.sender), _connected(settings) as server:
        if settings.username:
            server.login(settings.username, settings.password)
        try:
            sender = parseaddr(settings.sender)[1]
            answers = server.send_message(message, from_addr=sender, to_addrs=recipients)
        except smtplib.SMTPRecipientsRefused as error:
            answers = _of_all(recipients, error.recipients)
        except (OSError, smtplib.SMTPException) as error:
            if server.is_given:
                raise _cut_off(place, error) from error
            raise
        log.debug(
            "mail: %s, %s, %s: %d of %d recipients, answer %s, %.3f s",
            *(place, settings.security, "logged in" if settings.username else "without a login"),
            *(len(recipients) - len(answers), len(recipients), server.answer),
            time.monotonic() - began_s,
        )
    refused = {name: Refusal(name, code, _words(words)) for name, (code, words) in answers.items()}
    return refused, server.answer


def _of_all(recipients: list[str], answers: _Answers) -> _Answers:
    """The answer to each recipient of a message that was not sent.

    After a 421 the server is asked about no more recipients, so its last answer is that to the rest.
    """
    last = list(answers.values())[-1]
    return {name: answers.get(name, last) for name in recipients}


def _cut_off(place: str, error: Exception) -> DeliveryError:
    """The server was given the whole message, and nothing came after that."""
    why = error if str(error) else type(error).__name__
    problem = f"{place} did not say whether it took the message: {why}"
    return DeliveryError(problem, is_cut_off=True)


@contextmanager
def _sorted(place: str, sender: str) -> Iterator[None]:
    """What goes wrong is a DeliveryError, or a _LaterError if another attempt may succeed."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise _sorted_out(error, f"{place} refused the login") from error
    except smtplib.SMTPSenderRefused as error:
        raise _sorted_out(error, f"{place} refused the sender {sender}") from error
    except smtplib.SMTPResponseException as error:
        raise _sorted_out(error, f"{place} refused the message") from error
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryError(f"{place}: {error} Set mail.security to tls or none") from error
    except ssl.SSLCertVerificationError as error:
        raise DeliveryError(f"{place}: its certificate is not trusted: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise DeliveryError(f"{place}: TLS failed: {error.reason or error}") from error
    except (OSError, smtplib.SMTPException) as error:
        said = error.strerror if isinstance(error, OSError) else None
        raise _LaterError(f"{place}: {said or str(error) or type(error).__name__}") from error


class _Server(smtplib.SMTP):
    """A connection that keeps what the server said of the message."""

    answer = ""
    is_given = False  # the whole message, of which the server has said nothing yet
    taken_s = 0.0

    def send(self, s: "ReadableBuffer | str") -> None:
        """Commands are text, and the message is bytes: its answer takes longer than others."""
        super().send(s)
        if not isinstance(s, str) and self.sock is not None:
            self.is_given = True
            self.sock.settimeout(max(self.taken_s, self.timeout))

    def data(self, msg: "ReadableBuffer | str") -> tuple[int, bytes]:
        """The message itself; the server's code and words."""
        code, words = super().data(msg)
        self.is_given = False
        self.answer = f"{code} {_words(words)}"
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        return code, words

    def __exit__(self, *_: object) -> None:
        """Leave; whatever the server says to that, it has said before whether it took the message."""
        with suppress(OSError, smtplib.SMTPException):
            self.quit()
        self.close()


class _TlsServer(_Server, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""


def _connected(settings: MailSettings) -> _Server:
    """A connection with the protection of the settings, never with less."""
    trusted = _trusted(settings)
    server: _Server
    if settings.security is Security.TLS:
        server = _TlsServer(settings.server, settings.port, timeout=settings.timeout_s, context=trusted)
    else:
        server = _Server(settings.server, settings.port, timeout=settings.timeout_s)
    server.taken_s = settings.taken_s
    if settings.security is Security.STARTTLS:
        try:
            server.starttls(context=trusted)  # SMTPNotSupportedError if the server does not offer it
        except BaseException:
            server.close()
            raise
    return server


def _trusted(settings: MailSettings) -> ssl.SSLContext:
    """The TLS context with the trusted certificates."""
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:  # also ssl.SSLError: the file has no certificate
        raise DeliveryError(
            f"ca_file {settings.ca_file} cannot be used: {error.strerror or error}"
        ) from error


def _sorted_out(error: smtplib.SMTPResponseException, what: str) -> Exception:
    """Whether a code is temporary: 4xx is, the others are permanent."""
    reason = f"{what}: {error.smtp_code} {_words(error.smtp_error)}"
    return _LaterError(reason) if 400 <= error.smtp_code < 500 else DeliveryError(reason)


def _reason(refused: dict[str, Refusal]) -> str:
    return "; ".join(f"{each.recipient}: {each.code} {each.reason}" for each in refused.values())


def _words(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())
