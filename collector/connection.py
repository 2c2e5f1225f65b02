"""One SSH connection: the stage that it is in, the deadline of that, and what an end of it means."""

import contextlib
import socket
import threading
import time
from typing import Final

import paramiko

from collector import turns
from collector.session import Session
from collector.ssh import faults, negotiation
from collector.ssh.transport import Transport
from collector.trouble import HostTrouble
from collector.watchdog import INTERRUPTED, POLL_S, Guard
from domain.records import Stage

FAREWELL_S: Final = 1.0  # time for paramiko's thread to end; after that it is abandoned


class Connection:
    """What the stages of one host share. They wait for the host through it, never longer than they may."""

    def __init__(self, turn: turns.Turn, session: Session, sock: socket.socket, guard: Guard) -> None:
        self.host = turn.host
        self.stages = turn.stages
        self.share = turn.share
        self.session = session
        self.limits = session.limits
        self.stage = Stage.BANNER
        self._sock = sock
        self._guard = guard
        self._total_at_s = turn.read_by_s(session.limits)
        self.transport = Transport(sock)
        negotiation.let_speak(self.transport, turn.host.name)

    def enter(self, stage: Stage, seconds: float, name: str = "") -> None:
        """Begin a stage, which has `seconds`, but never more than the rest of the total."""
        self.stage = stage
        at_s = time.monotonic() + seconds
        if at_s < self._total_at_s:
            self._guard.expect(name or stage, at_s)
        else:
            self._guard.expect("total", self._total_at_s)

    def wait(self, event: threading.Event) -> None:
        """Wait until paramiko's thread is done or fails; the watchdog ends it if necessary."""
        while not event.wait(POLL_S):
            # paramiko's thread may wait for an agent, and then cutting the connection does not end it
            if not self.transport.is_alive() or self.is_cut:
                break
        if self.stage is Stage.BANNER and self.transport.remote_version:
            self.stage = Stage.KEX
        error = self.transport.get_exception()
        if (overdue := self.overdue()) is not None:
            raise overdue
        if error is not None:
            raise self._of_transport(error)

    @property
    def is_cut(self) -> bool:
        """Whether this side ended the connection, at a deadline or on an interrupt."""
        return bool(self._guard.fired)

    def overdue(self) -> HostTrouble | None:
        """The deadline or the interrupt that cut the connection."""
        fired = self._guard.fired
        if not fired:
            return None
        if fired == INTERRUPTED:
            return HostTrouble(self.stage, INTERRUPTED)
        return HostTrouble(self.stage, f"{fired}_timeout", f"the deadline of the stage {fired} passed")

    def explained(self, error: Exception) -> HostTrouble:
        """An exception as the deadline that caused it, or as paramiko means it, otherwise as a bug."""
        if (overdue := self.overdue()) is not None:
            return overdue
        found = faults.explained(self.transport.cause_of(error), self.stage)
        if found.reason == "connection_lost" and self.transport.farewell:
            words = f"the server ended the connection: {self.transport.farewell}"
            return HostTrouble(found.stage, found.reason, words)
        return found

    def close(self) -> None:
        """Ends the connection without waiting on the host."""
        cut(self._sock)
        if self.transport.is_alive():
            self.transport.join(POLL_S if self.is_cut else FAREWELL_S)
        self._sock.close()

    def _of_transport(self, error: Exception) -> HostTrouble:
        if isinstance(error, paramiko.ssh_exception.IncompatiblePeer) and self.transport.has_offers:
            return HostTrouble(Stage.KEX, *self.transport.disagreement())
        return faults.of_transport(error, self.stage, self.transport.heard)


def cut(sock: socket.socket) -> None:
    """Ends all waiting on a socket, in any thread."""
    with contextlib.suppress(OSError):  # the host may have closed it first
        sock.shutdown(socket.SHUT_RDWR)
