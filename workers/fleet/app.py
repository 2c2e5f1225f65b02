"""The Celery application that the workers, beat and the command line share.

Celery does not hold the state of a run: its messages are references that may be lost, repeated or late. The
run's folder says what is done, and leases (`workers.fleet.leases`) say who works on what.
"""

import re
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import redis
from celery import Celery

from collector.session import Access
from domain.mistakes import Mistake, OperatorError
from domain.records import Limits
from reports.delivery import MailSettings
from workers.life.pace import Pace
from workers.life.schedules import Schedule

COLLECT, CLASSIFY, REPORT = QUEUES = ("collect", "classify", "report")
KEY_PREFIX = "mapsweep:"  # prefix of every key in Redis, so that a database can be shared
BROKER_SCHEMES = ("redis", "rediss")
REFUSED_KEY = f"{KEY_PREFIX}refused"  # counts the refused messages
TRANSPORT = "workers.fleet.transport:Transport"  # checks messages before kombu unpacks them
SOCKET_TIMEOUT_S = 20  # longer than the broker's longest blocking read
BACK_OFF_S = 5  # between two attempts if Redis answers but refuses
BROKER_WAIT_S = 30  # how long a starting worker waits for Redis
TASKS_PER_CHILD_MAX = 500


_URL_REMEDY = "set broker to redis://HOST:PORT/DB; its password comes from the environment or a file"
_OPEN_BROKER_REMEDY = (
    "give it a password, with broker_password_file or MAPSWEEP_BROKER_PASSWORD;"
    " or set broker_without_password: true"
)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything that a worker, beat, or a command line that gives runs to workers needs to know.

    The command line makes it from the settings file: `broker_url` without a password, `broker_password` from
    the environment or a secret's file, `runs_url` as every machine can reach it, `credentials` with the
    passphrase already read. Each run has its own limits, evidence and mail list in its manifest; `limits`,
    `deadline_s` and `keep_dumps` here are for runs that a schedule starts.
    """

    broker_url: str  # redis://HOST:PORT/DB, or rediss://
    runs_url: str
    broker_password: str = field(default="", repr=False)
    broker_username: str = ""
    broker_ca_file: Path | None = None  # CA certificates for rediss://, in addition to the system's
    broker_without_password: bool = False  # True: Redis on another machine may have no password
    signing_key: bytes = field(default=b"", repr=False)  # b"": runs are checked against the settings below
    inventory: Path | None = None  # for schedules, and to check runs if there is no signing key
    schedules: tuple[Schedule, ...] = ()
    access: Access = field(default_factory=Access, repr=False)
    mail: MailSettings | None = None  # None: runs with a mail list are rendered but not mailed
    limits: Limits = field(default_factory=Limits)
    deadline_s: int = 4 * 3600
    keep_dumps: bool = True
    pace: Pace = field(default_factory=Pace)


def celery_app(settings: WorkerSettings) -> Celery:
    """The application without tasks, for publishing; OperatorError if the broker's URL is invalid."""
    app = Celery("mapsweep", broker=broker_url(settings), set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        broker_transport=TRANSPORT,
        task_ignore_result=True,
        task_acks_late=True,
        # leases return a killed worker's hosts, and count the attempts; a requeued message would loop
        task_reject_on_worker_lost=False,
        task_time_limit=settings.pace.task_s,
        task_create_missing_queues=True,
        task_default_queue=REPORT,
        worker_prefetch_multiplier=1,
        worker_max_tasks_per_child=TASKS_PER_CHILD_MAX,
        worker_enable_remote_control=False,  # its reply queues are never emptied after a client has gone
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # a worker survives a restart of Redis
        broker_transport_options={
            "visibility_timeout": settings.pace.visibility_s,
            "global_keyprefix": KEY_PREFIX,
            "socket_timeout": SOCKET_TIMEOUT_S,
            "socket_connect_timeout": SOCKET_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": SOCKET_TIMEOUT_S,
            "retry_on_timeout": True,
        },
        broker_use_ssl=_tls_options(settings) or False,
        timezone="UTC",
    )
    return app


def broker_url(settings: WorkerSettings) -> str:
    """The broker's URL including the password; never print it. OperatorError if it cannot be used."""
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
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=SOCKET_TIMEOUT_S,
        **_tls_options(settings),
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
                raise _broker_mistake(settings, f"does not answer: {error}") from error
        except redis.ResponseError as error:
            raise _broker_mistake(settings, f"refuses us: {error}") from error
        else:
            return
        finally:
            client.close()
        sleep(0.5)


def _tls_options(settings: WorkerSettings) -> dict[str, Any]:
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
