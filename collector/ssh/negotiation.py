"""What client and server negotiate: what we ask for first, and what was agreed on, in words.

No key is in the words, only the fingerprints of public halves.
"""

import logging
import socket
import threading
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import paramiko

CHANNEL: Final = "paramiko.client"  # the library's own log of a host is the logger CHANNEL.HOST
GREETING_POLL_S: Final = 0.005  # how finely the greeting is told from the key exchange


class Transport(paramiko.Transport):
    """The library's, which forgets by what algorithm keys were exchanged once they are."""

    last_kex_engine: object = None

    @property
    def kex_engine(self) -> Any:
        """What exchanges the keys, while that lasts."""
        return self.__dict__.get("kex_engine")

    @kex_engine.setter
    def kex_engine(self, engine: Any) -> None:
        self.__dict__["kex_engine"] = engine
        if engine is not None:
            self.last_kex_engine = engine


def ordered(offered: Sequence[str], known: AbstractSet[str]) -> tuple[str, ...]:
    """The host key algorithms, those of a key that we know first: else a host of two looks a stranger."""
    signatures = known | ({"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in known else set())
    return tuple(sorted(offered, key=lambda name: name not in signatures))


def greeting(transport: paramiko.Transport, done: threading.Event, seconds: float) -> str:
    """The server's greeting, waited for no longer than `seconds` and until `done`; "" where none came."""
    until_s = time.monotonic() + seconds
    while not transport.remote_version and time.monotonic() < until_s and not done.wait(GREETING_POLL_S):
        pass
    return transport.remote_version


@dataclass(frozen=True, slots=True)
class Algorithms:
    """The algorithms of a connection after its key exchange, in words where they are printed."""

    transport: "Transport"

    def __str__(self) -> str:
        engine = self.transport.last_kex_engine
        known = getattr(self.transport, "_kex_info", {})
        kex = next((name for name, kind in known.items() if type(engine) is kind), type(engine).__name__)
        names = ("host_key_type", "remote_cipher", "remote_mac")
        host_key, cipher, mac = (getattr(self.transport, name, None) for name in names)
        return f"{kex}, host key {host_key}, cipher {cipher}, mac {mac}"


def let_speak(transport: paramiko.Transport, host: str) -> None:
    """Have the library's lines about a connection bear the host's name, where they are listened to."""
    if logging.getLogger(CHANNEL).isEnabledFor(logging.DEBUG):
        transport.set_log_channel(f"{CHANNEL}.{host}")


@dataclass(frozen=True, slots=True)
class PeerName:
    """Where a socket is connected to, in words where they are printed."""

    sock: socket.socket

    def __str__(self) -> str:
        try:
            address, port, *_ = self.sock.getpeername()
        except OSError:
            return "a peer that has gone"
        return f"{address} port {port}"


@dataclass(frozen=True, slots=True)
class KeyName:
    """A key by its type and the fingerprint of its public half, in words where they are printed."""

    key: paramiko.PKey

    def __str__(self) -> str:
        return f"{self.key.get_name()} {self.key.fingerprint}"
