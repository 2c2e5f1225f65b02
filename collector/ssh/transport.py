"""The library's connection, which also keeps what a server said: greeting, algorithms, last words."""

import socket
from typing import Any, Final

from paramiko import SSHException

from collector.ssh import bounds, negotiation
from collector.ssh.host_certificates import SUFFIX

HEARD_BYTES: Final = 512  # of what came first, to tell a web server from an sshd that is busy
FAREWELL_CHARS: Final = 200  # of a server's last words
_WEAK_MACS: Final = ("hmac-md5", "hmac-md5-96", "hmac-sha1-96")  # as in ssh; a full HMAC-SHA1 is still safe
_COOKIE_BYTES: Final = 16  # before the lists of algorithms, RFC 4253 section 7.1
# the algorithms that servers offered when those of today were unknown, by a part of their names
_NO_LONGER_SAFE: Final = ("sha1", "md5", "cbc", "arcfour", "ssh-dss", "ssh-rsa", "3des", "blowfish", "none")


class Transport(negotiation.Transport):
    """One connection. What is kept of a server's words is limited, and raw: it must go through one_line."""

    _channel_handler_table = bounds.channels_of(negotiation.Transport._channel_handler_table)  # type: ignore[attr-defined]  # noqa: SLF001  # not in the library's type stubs

    def __init__(self, sock: socket.socket) -> None:
        self._ear = _Ear(sock)
        self.farewell = ""  # the text with which the server ended the connection
        self.has_offers = False  # the server's list of algorithms came
        self._is_dismissed = False  # the server said that it ends the connection
        self._first_error: Exception | None = None  # that nobody has asked for yet
        self._cause: Exception | None = None  # the error that was asked for
        self._lists: tuple[tuple[str, ...], ...] = ()
        self.wants_certificate = False  # whether the server's certificate is preferred to its bare key
        self.certificate = b""  # the one that the server showed, in wire form
        super().__init__(self._ear)  # type: ignore[arg-type]  # it is used like a socket
        options = self.get_security_options()
        options.ciphers = tuple(each for each in options.ciphers if not each.endswith("-cbc"))
        options.digests = tuple(each for each in options.digests if each not in _WEAK_MACS)
        # its deadline of the key exchange is a thread that outlives a connection that failed
        self.packetizer.start_handshake = _no_timer  # type: ignore[method-assign]
        self.packetizer.read_all = bounds.packets_of(self.packetizer.read_all)  # type: ignore[method-assign]

    @property
    def heard(self) -> bytes:
        """The first bytes that came."""
        return self._ear.heard

    @property
    def arrived_bytes(self) -> int:
        """How much has come in all, parts of packets included."""
        return self._ear.arrived_bytes

    @property
    def saved_exception(self) -> Exception | None:
        """The first error since somebody asked; those after it are of its making."""
        return self._first_error

    @saved_exception.setter
    def saved_exception(self, error: Exception | None) -> None:
        if error is None or self._first_error is None:
            self._first_error = error

    def get_exception(self) -> Exception | None:
        """That error; the library forgets it then."""
        error = super().get_exception()
        self._cause = error or self._cause
        return error

    @property
    def ended_by(self) -> Exception | None:
        """The first error of the connection; None if there was none."""
        return self._first_error or self._cause

    @property
    def has_ended(self) -> bool:
        """Whether the connection is over; known before the library tells those who wait on a channel."""
        return self._is_dismissed or self.ended_by is not None or not self.is_active()

    def cause_of(self, error: Exception) -> Exception:
        """What ended the connection, where `error` says only that there is none any more; else the error."""
        cause = self.ended_by
        if type(error) is not SSHException or error is cause or not self.has_ended:
            return error
        return cause or EOFError("the connection ended")

    @property
    def is_refused(self) -> bool:
        """Whether the server's answer to the key that was offered last is no."""
        return self.auth_handler is not None and self.auth_handler.username is None

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms in the order of the offer; the library puts certificates last."""
        names = tuple(super().preferred_keys)
        return tuple(sorted(names, key=_is_certificate, reverse=True)) if self.wants_certificate else names

    def disagreement(self) -> tuple[str, str]:
        """The reason and the detail of a key exchange that ended because nothing was agreed on."""
        if len(self._lists) < len(_WHAT):
            return "protocol_error", "its list of algorithms is damaged"
        ours = self.get_security_options()
        mine = (ours.kex, ours.key_types, ours.ciphers, ours.ciphers, ours.digests, ours.digests)
        for what, known, theirs in zip(_WHAT, mine, self._lists, strict=True):
            if not set(known) & set(theirs):
                offered = [name for name in theirs if name and not _is_a_mark(name)]
                if not offered:
                    return "protocol_error", f"it offers no {what}"
                old = all(any(part in name for part in _NO_LONGER_SAFE) for name in offered)
                detail = f"no {what} in common: it offers {', '.join(offered)}"
                if old:
                    return "peer_too_old", detail
                return "peer_too_strict", f"{detail[:180]}; mapsweep has {', '.join(known)}"
        return "peer_too_strict", "no compression in common"

    def _check_banner(self) -> None:
        self._ear.left_bytes = bounds.GREETING_BYTES
        super()._check_banner()  # type: ignore[misc]  # not in the library's type stubs
        self._ear.left_bytes = None

    def _parse_kex_init(self, m: Any) -> None:
        self._lists, self.has_offers = _lists(m.asbytes()), True
        super()._parse_kex_init(m)  # type: ignore[misc]  # not in the library's type stubs

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        super()._verify_key(host_key, sig)  # type: ignore[misc]  # not in the library's type stubs
        self.certificate = bytes(host_key) if _is_certificate(self.host_key_type or "") else b""

    def _parse_disconnect(self, m: Any) -> None:
        self._is_dismissed = True
        here = m.packet.tell()
        m.get_int()
        self.farewell = m.get_binary()[: FAREWELL_CHARS * 4].decode("utf-8", "replace")[:FAREWELL_CHARS]
        m.packet.seek(here)
        super()._parse_disconnect(m)  # type: ignore[misc]  # not in the library's type stubs


def _no_timer(timeout: float) -> None:
    """In place of the library's; whoever waits has a deadline."""


class _Ear:
    """A socket that keeps the first bytes that come, and counts all."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.heard = b""
        self.arrived_bytes = 0
        self.left_bytes: int | None = None  # how much more may come; None: any

    def recv(self, most: int) -> bytes:
        chunk = self._sock.recv(most)
        self.arrived_bytes += len(chunk)
        if self.left_bytes is not None:
            self.left_bytes -= len(chunk)
            if self.left_bytes < 0:
                raise SSHException(bounds.TOO_LONG)
        if len(self.heard) < HEARD_BYTES:
            self.heard += chunk[: HEARD_BYTES - len(self.heard)]
        return chunk

    def send(self, content: bytes) -> int:
        """What a server that has gone does not take counts as sent.

        What it said before is still to be read, and whoever reads finds the end.
        """
        try:
            return self._sock.send(content)
        except ConnectionError:
            return len(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


_WHAT: Final = ("key exchange", "host key type", "cipher", "cipher", "MAC", "MAC")


def _lists(payload: bytes) -> tuple[tuple[str, ...], ...]:
    """The first six lists of names of a KEXINIT; fewer if it is damaged."""
    position, found = _COOKIE_BYTES, []
    for _ in _WHAT:
        length = int.from_bytes(payload[position : position + 4], "big")
        end = position + 4 + length
        if len(payload) < end:
            break
        found.append(tuple(payload[position + 4 : end].decode("ascii", "replace").split(",")))
        position = end
    return tuple(found)


def _is_certificate(name: str) -> bool:
    return name.endswith(SUFFIX)


def _is_a_mark(name: str) -> bool:
    """Whether a name in the list of key exchanges says only what else the server knows."""
    return name.startswith(("ext-info-", "kex-strict-"))
