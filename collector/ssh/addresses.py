"""From a name to a connected socket: look-up and connect, each with a deadline."""

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from collector.trouble import HostTrouble
from domain.records import Host, Limits, Stage

LOOKUPS_AT_ONCE: Final = 128  # look-ups that may run at once, including those that were abandoned
Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
Endpoint: TypeAlias = tuple[socket.AddressFamily, Address]
Resolver: TypeAlias = Callable[[Host, int], tuple[Endpoint, ...]]
Wait: TypeAlias = Callable[[threading.Event, float], bool]  # has the signature of threading.Event.wait

_lookups = threading.BoundedSemaphore(LOOKUPS_AT_ONCE)

_REASONS: Final = {
    errno.ECONNREFUSED: "tcp_refused",
    errno.EHOSTUNREACH: "tcp_unreachable",
    errno.ENETUNREACH: "tcp_unreachable",
    errno.EADDRNOTAVAIL: "tcp_unreachable",
    errno.ETIMEDOUT: "tcp_timeout",
    errno.EMFILE: "too_many_open_files",
    errno.ENFILE: "too_many_open_files",
}


def system_resolver(host: Host, flags: int) -> tuple[Endpoint, ...]:
    """getaddrinfo; with AI_NUMERICHOST it asks no name server."""
    found = socket.getaddrinfo(host.address, host.port, type=socket.SOCK_STREAM, flags=flags)
    return tuple((family, address) for family, _, _, _, address in found)


def resolve(
    host: Host,
    dns_s: float,
    resolver: Resolver = system_resolver,
    wait: Wait = threading.Event.wait,
) -> tuple[Endpoint, ...]:
    """All addresses of a host, in the resolver's order.

    getaddrinfo cannot be interrupted, so it runs in a thread that is abandoned when its time is up, or
    when `wait` gives up before that.
    """
    with contextlib.suppress(OSError, UnicodeError):  # a name, then
        return resolver(host, socket.AI_NUMERICHOST)
    if not _lookups.acquire(timeout=dns_s):
        raise HostTrouble(Stage.DNS, "dns_timeout", "too many earlier look-ups have not ended")
    answers: list[tuple[Endpoint, ...] | OSError | UnicodeError] = []
    answered = threading.Event()

    def look_up() -> None:
        try:
            answers.append(resolver(host, 0))
        except (OSError, UnicodeError) as error:
            answers.append(error)
        finally:
            _lookups.release()
            answered.set()

    threading.Thread(target=look_up, name="dns", daemon=True).start()
    if not wait(answered, dns_s) or not answers:
        raise HostTrouble(Stage.DNS, "dns_timeout", f"{host.address}: no answer within {dns_s:g} s")
    if isinstance(answers[0], Exception):
        raise HostTrouble(Stage.DNS, _dns_reason(answers[0]), f"{host.address}: {answers[0]}")
    return answers[0]


def _dns_reason(error: OSError | UnicodeError) -> str:
    """A resolver that cannot be asked says nothing about the name."""
    is_busy = isinstance(error, socket.gaierror) and error.errno in {socket.EAI_AGAIN, socket.EAI_SYSTEM}
    return "dns_unavailable" if is_busy else "dns_not_found"


def connect(
    endpoints: tuple[Endpoint, ...], limits: Limits, opened: Callable[[socket.socket], None]
) -> socket.socket:
    """A socket to the first address that answers; each address gets a share of the remaining time.

    Each socket is passed to `opened` before it connects; shutting it down ends the attempt. An OSError of
    `opened` counts as one of the connect.
    """
    deadline_s = time.monotonic() + limits.tcp_s
    trouble = HostTrouble(Stage.TCP, "tcp_unreachable", "no address")
    for index, (family, address) in enumerate(endpoints):
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            break
        try:
            return _connected(family, address, left_s / (len(endpoints) - index), opened)
        except OSError as error:
            trouble = tcp_trouble(error, f"{address[0]!s} port {address[1]!s}")
    raise trouble


def _connected(
    family: socket.AddressFamily, address: Address, timeout_s: float, opened: Callable[[socket.socket], None]
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened(sock)
        sock.settimeout(timeout_s)
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def tcp_trouble(error: OSError, place: str) -> HostTrouble:
    """The one place where connect errors get their reason."""
    if isinstance(error, TimeoutError):
        return HostTrouble(Stage.TCP, "tcp_timeout", place)
    reason = _REASONS.get(error.errno or 0, "tcp_failed")
    return HostTrouble(Stage.TCP, reason, f"{place}: {error.strerror or error}")
