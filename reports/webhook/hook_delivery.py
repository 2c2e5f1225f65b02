"""Posts a document to the webhook: one request, signed, to the address of the settings and to no other."""

import hashlib
import hmac
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPException
from importlib.metadata import version
from typing import Final
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NameResolutionError

from domain.records import Refusal
from reports.mail.delivery import Delivery, DeliveryError
from reports.text.plain import ascii_only
from reports.webhook.hook_settings import HookSettings, port_of

WEBHOOK: Final = "webhook"  # the one recipient, in the record of the delivery
SIGNATURE_HEADER: Final = "X-Mapsweep-Signature-256"
KEY_HEADER: Final = "Idempotency-Key"
CONNECT_S_MAX: Final = 10.0  # for each address of the server
ANSWER_BYTES_MAX: Final = 4096  # read of an answer; the rest is left
ANSWER_CHARS_MAX: Final = 200  # told of an answer
KEY_DIGITS: Final = 16
_TAKEN_OR_NOT: Final = {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}  # from something in between
# what the operator, or time, can mend; any other 4xx says that this document is never taken
_MENDED: Final = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,  # another request with this key is being processed
    HTTPStatus.LOCKED,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}

log = logging.getLogger("reports")


class _LaterError(Exception):
    """A temporary failure: another attempt may succeed."""


def key_of(run_id: str, body: bytes) -> str:
    """The idempotency key of a delivery: the same for the same document of the same run."""
    return f"{run_id}-{hashlib.sha256(body).hexdigest()[:KEY_DIGITS]}"


def signature(secret: bytes, body: bytes) -> str:
    """The value of the signature header: HMAC-SHA256 of the body, in hex."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def post(
    body: bytes,
    key: str,
    settings: HookSettings,
    *,
    wait: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = lambda _: None,
) -> Delivery:
    """Post a document; DeliveryError if the server does not say that it took it (2xx).

    What is temporary is tried again a few times; what the server may have taken is not, and neither is what
    it never takes. Nothing is sent to where a redirect leads. `tell` gets a sentence before each pause.
    """
    trouble = ""
    for attempt in range(max(1, settings.attempts)):
        if attempt:
            pause_s = settings.backoff_s * 2 ** (attempt - 1)
            tell(f"webhook: {trouble}; it is tried again in {pause_s:.0f} s")
            wait(pause_s)
        try:
            _once(body, key, settings)
        except _LaterError as error:
            trouble = str(error)
            log.debug("webhook: attempt %d: %s", attempt + 1, trouble)
            continue
        return Delivery(key, (WEBHOOK,))
    raise DeliveryError(trouble)


def _once(body: bytes, key: str, settings: HookSettings) -> None:
    """One attempt; a temporary failure is a _LaterError, any other a DeliveryError."""
    parts, began_s = urlsplit(settings.url), time.monotonic()
    with _connected(parts, settings) as connection, _deadline(connection, settings.timeout_s) as is_over:
        is_given = _given(connection, _target(parts), body, _headers(body, key, settings))
        try:
            answer = connection.getresponse()
            said = answer.read(ANSWER_BYTES_MAX, decode_content=False)
        except (OSError, HTTPException, HTTPError, ValueError) as error:
            why = f"no answer within {settings.timeout_s:g} s" if is_over.is_set() else _why(error)
            if not is_given:
                raise _LaterError(f"{settings.place}: {why}") from None
            problem = f"{settings.place} did not say whether it took the request: {why}"
            raise DeliveryError(problem, is_cut_off=True) from None
        status, where = answer.status, answer.headers.get("Location", "")
    spent_s = time.monotonic() - began_s
    log.debug("webhook: %s: %d bytes, answer %d, %.3f s", settings.place, len(body), status, spent_s)
    _judge(status, _words(said, settings), where, settings)


def _judge(status: int, said: str, where: str, settings: HookSettings) -> None:
    """What an answer means; nothing happens for 2xx."""
    told = f"{status} {said}".strip()
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        server = urlsplit(where).netloc.rpartition("@")[2]
        problem = f"{settings.place} redirects" + (f" to {ascii_only(server)[:100]}" if server else "")
        raise DeliveryError(
            f"{problem} ({status}), which is not followed: set webhook.url to the final address"
        )
    if status in _TAKEN_OR_NOT:
        problem = f"{settings.place} did not say whether it took the request: {told}"
        raise DeliveryError(problem, is_cut_off=True)
    if 400 <= status < 500 and status not in _MENDED:
        refused = Refusal(WEBHOOK, 0, f"{settings.place} refused it: {told}")
        raise DeliveryError(refused.reason, (refused,))
    raise _LaterError(f"{settings.place} did not take it: {told}")


def _headers(body: bytes, key: str, settings: HookSettings) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"mapsweep/{version('mapsweep')}",
        KEY_HEADER: key,
        "Connection": "close",
    }
    return headers | ({SIGNATURE_HEADER: signature(settings.secret, body)} if settings.secret else {})


def _given(connection: HTTPConnection, target: str, body: bytes, headers: dict[str, str]) -> bool:
    """Send the request; False if the server stopped listening before its end, as it does when it refuses."""
    try:
        connection.request("POST", target, body, headers, preload_content=False, decode_content=False)
    except (OSError, HTTPException, HTTPError):
        return False
    return True


@contextmanager
def _connected(parts: SplitResult, settings: HookSettings) -> Iterator[HTTPConnection]:
    """A connection to the server, with TLS checked if the address asks for it."""
    within_s = min(settings.timeout_s, CONNECT_S_MAX)
    connection = HTTPConnection(parts.hostname or "", port_of(parts), timeout=within_s)
    if parts.scheme == "https":
        trusted = _trusted(settings)
        connection = HTTPSConnection(connection.host, connection.port, timeout=within_s, ssl_context=trusted)
    try:
        _connect(connection, settings)
        yield connection
    finally:
        with suppress(OSError):
            connection.close()


def _connect(connection: HTTPConnection, settings: HookSettings) -> None:
    try:
        connection.connect()
    except NameResolutionError:
        raise _LaterError(f"{settings.place}: the name of the server cannot be resolved") from None
    except ssl.SSLCertVerificationError as error:
        problem = f"{settings.place}: its certificate is not trusted: {error.verify_message}"
        raise DeliveryError(problem) from None
    except (OSError, HTTPError) as error:
        raise _LaterError(f"{settings.place}: {_why(error)}") from None
    if connection.sock is not None:
        connection.sock.settimeout(settings.timeout_s)


@contextmanager
def _deadline(connection: HTTPConnection, timeout_s: float) -> Iterator[threading.Event]:
    """Ends the connection in time, also where the server sends a byte now and then; the event says so."""
    is_over, over = threading.Event(), connection.sock

    def end() -> None:
        is_over.set()
        if over is not None:
            with suppress(OSError):
                socket.socket.shutdown(over, socket.SHUT_RDWR)  # that of TLS is not made for two threads

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()
        timer.join()


def _trusted(settings: HookSettings) -> ssl.SSLContext:
    """The TLS context with the trusted certificates."""
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:  # also ssl.SSLError: the file has no certificate
        problem = f"ca_file {settings.ca_file} cannot be used: {error.strerror or error}"
        raise DeliveryError(problem) from error


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _why(error: Exception) -> str:
    """An error in few words: what the operating system said, where it said something."""
    cause = error.__cause__ or error.__context__
    if not isinstance(error, OSError) and isinstance(cause, OSError):
        error = cause
    said = error.strerror if isinstance(error, OSError) else ""
    return " ".join((said or str(error) or type(error).__name__).split())


def _words(said: bytes, settings: HookSettings) -> str:
    """The beginning of an answer, without the secrets that it may repeat."""
    text = said.decode("utf-8", "replace")
    parts = urlsplit(settings.url)
    for secret in (
        settings.url,
        _target(parts),
        parts.path,
        parts.query,
        settings.secret.decode("utf-8", "replace"),
    ):
        if len(secret) > 1:
            text = text.replace(secret, "***")
    return ascii_only(" ".join(text.split()))[:ANSWER_CHARS_MAX]
