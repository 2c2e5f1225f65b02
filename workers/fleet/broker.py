"""The broker: Redis by its URL, its password, TLS, and what a connection of our own is used for."""

import re
import ssl
from ipaddress import ip_address
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import redis

from domain.mistakes import Mistake, OperatorError
from workers.fleet.worker_settings import WorkerSettings

KEY_PREFIX = "mapsweep:"  # prefix of every key in Redis, so that a database can be shared
BROKER_SCHEMES = ("redis", "rediss")
REFUSED_KEY = f"{KEY_PREFIX}refused"  # counts the refused messages
SOCKET_TIMEOUT_S = 20  # longer than the broker's longest blocking read
BACK_OFF_S = 5  # between two attempts if Redis answers but refuses
BROKER_WAIT_S = 30  # how long a starting worker waits for Redis

_DOWN_REMEDY = "start Redis there, let this machine reach its port, or correct the setting broker"
_CERTIFICATE_REMEDY = "name the authority that made its certificate in broker_ca_file"
_URL_REMEDY = "set broker to redis://HOST:PORT/DB; its password comes from the environment or a file"
_OPEN_BROKER_REMEDY = (
    "give it a password, with broker_password_file or MAPSWEEP_BROKER_PASSWORD;"
    " or set broker_without_password: true"
)


def broker_url(settings: WorkerSettings) -> str:
    """The broker's URL including the password; never print it. OperatorError if it cannot be used."""
    if not settings.broker_url:
        raise OperatorError(Mistake("broker", "is not set", _URL_REMEDY))
    try:
        parts = urlsplit(settings.broker_url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        problem = "is not a URL with a valid host and port"  # the error's text may hold a password
        raise _broker_mistake(settings, problem) from error
    if parts.scheme not in BROKER_SCHEMES or not host:
        raise _broker_mistake(settings, "is not a Redis URL")
    # options could switch checks off or hold a secret; kombu reads another broker after a ;
    if any(mark in settings.broker_url for mark in "?#;"):
        raise _broker_mistake(settings, "must not have options (? # ;) in its URL")
    if "@" in settings.broker_url:  # what looks like a user may be a password
        raise _broker_mistake(settings, "must not have a user or a password in its URL")
    shown_host = f"[{host}]" if ":" in host else host
    netloc = f"{shown_host}:{port or 6379}"
    if settings.broker_password:
        user = quote(settings.broker_username, safe="")
        netloc = f"{user}:{quote(settings.broker_password, safe='')}@{netloc}"
    elif not (settings.broker_without_password or is_loopback(host)):
        raise _broker_mistake(settings, "has no password, but is on another machine", _OPEN_BROKER_REMEDY)
    return urlunsplit(parts._replace(netloc=netloc))


def is_loopback(host: str) -> bool:
    """Whether the host of a URL is a loopback address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def redis_client(settings: WorkerSettings) -> "redis.Redis":
    """A separate connection to the broker, for leases and locks."""
    return redis.Redis.from_url(
        broker_url(settings),
        decode_responses=True,
        encoding_errors="replace",  # whoever reaches Redis can write bytes that are no text
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=SOCKET_TIMEOUT_S,
        **tls_options(settings),
    )


def require_broker(settings: WorkerSettings, wait_s: float = 0) -> None:
    """Check that Redis answers, and wait for it to start; OperatorError if it does not."""
    client = redis_client(settings)
    until = monotonic() + wait_s
    while True:
        try:
            client.ping()
        except redis.AuthenticationError as error:
            raise _broker_mistake(settings, f"refuses the password: {error}") from error
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if monotonic() >= until:
                is_forged = "CERTIFICATE_VERIFY_FAILED" in str(error)
                remedy = _CERTIFICATE_REMEDY if is_forged else _DOWN_REMEDY
                raise _broker_mistake(settings, f"does not answer: {error}", remedy) from error
        except redis.ResponseError as error:
            raise _broker_mistake(settings, f"refuses us: {error}") from error
        else:
            return
        finally:
            client.close()
        sleep(0.5)


def tls_options(settings: WorkerSettings) -> dict[str, Any]:
    """The TLS options of rediss:// for redis-py, because by default kombu checks nothing."""
    ca_file = settings.broker_ca_file
    if urlsplit(broker_url(settings)).scheme != "rediss":
        if ca_file:
            problem = "is used without TLS, although broker_ca_file is set"
            raise _broker_mistake(settings, problem, "begin its URL with rediss://")
        return {}
    options = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    return options | ({"ssl_ca_certs": _checked_ca_file(ca_file)} if ca_file else {})


def _checked_ca_file(path: Path) -> str:
    """The file, if its certificates can be read; otherwise each connection would fail without a reason."""
    try:
        ssl.create_default_context(cafile=str(path))
    except OSError as error:  # also SSLError
        reason = "no certificates in it" if isinstance(error, ssl.SSLError) else error.strerror
        remedy = "broker_ca_file must be a file of certificates in PEM format"
        raise OperatorError(Mistake(str(path), f"cannot be used: {reason}", remedy)) from error
    return str(path)


def _broker_mistake(settings: WorkerSettings, problem: str, remedy: str = _URL_REMEDY) -> OperatorError:
    return OperatorError(Mistake(f"broker {_without_secrets(settings.broker_url)}", problem, remedy))


def _without_secrets(url: str) -> str:
    """A broker's URL without a password, wherever it was put."""
    place, _, options = re.sub("[?#;]", "?", url).partition("?")
    if "@" in options:  # then the apparent host may be the beginning of a password
        return place.partition("://")[0]
    return place.rpartition("@")[2]
