"""One host over SSH: connect, check its key, log in, run the probe, read. Every stage has its deadline."""

import contextlib
import errno
import getpass
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Iterable
from typing import Final

import paramiko

from collector import probe, turns
from collector.intake import READ_BYTES, SILENCE_S, Intake
from collector.processes import NoProcessError
from collector.session import Session
from collector.ssh import addresses, faults, negotiation
from collector.ssh.known_hosts import HostKey, KeyCheck
from collector.trouble import HostTrouble, one_line
from collector.watchdog import INTERRUPTED, POLL_S, Guard
from domain.records import Dump, Failure, Host, Stage

FAREWELL_S: Final = 1.0  # time for paramiko's thread to end; after that it is abandoned
STDERR_READS_PER_TURN: Final = 64
BACKOFF_S: Final = 1.0
BACKOFF_MAX_S: Final = 30.0
RETRIED: Final = frozenset({"throttled"})

# The Failure has the message about a host; paramiko would log a traceback for each.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


def collect(host: Host, session: Session) -> Dump | Failure:
    """Reads one host. Only a connection that was throttled before the greeting is tried again."""
    attempt = 1
    while True:
        turn = turns.begin(host, attempt)
        try:
            return _attempt(turn, session)
        except HostTrouble as trouble:
            if session.watchdog.interrupted:
                return turn.failed(HostTrouble(trouble.stage, INTERRUPTED))
            if trouble.reason not in RETRIED or attempt >= session.limits.attempts:
                return turn.failed(trouble)
            turn.stages.ended(trouble.stage, "%s in attempt %d, tried again", trouble.reason, attempt)
        # full jitter, so that hosts that were throttled together do not retry together
        session.watchdog.pause(random.uniform(0, min(BACKOFF_MAX_S, BACKOFF_S * 2**attempt)))  # noqa: S311  # no secret
        attempt += 1


def _attempt(turn: turns.Turn, session: Session) -> Dump:
    limits, watchdog, stages = session.limits, session.watchdog, turn.stages
    keys = session.keyring.keys_for(turn.host, min(limits.auth_s, limits.total_s), watchdog.wait)
    stages.ended("keys", "%d to offer", len(keys))
    endpoints = addresses.resolve(turn.host, limits.dns_s, wait=watchdog.wait)
    stages.ended("dns", "addresses of %s: %d", turn.host.address, len(endpoints))
    line = _Line()
    with (
        watchdog.guard(line.cut) as guard,
        contextlib.closing(addresses.connect(endpoints, limits, line.hold)) as sock,
    ):
        stages.ended("tcp", "connected to %s", negotiation.PeerName(sock))
        try:
            connection = _Connection(turn, session, sock, guard)
        except Exception as error:
            raise faults.explained(error, Stage.BANNER) from error
        try:
            return connection.dump(keys)
        except (HostTrouble, NoProcessError):
            raise
        except Exception as error:
            raise connection.explained(error) from error
        finally:
            connection.close()


class _Line:
    """The socket of one attempt, if there is one yet, and a way to end all waiting on it."""

    def __init__(self) -> None:
        self._sock: socket.socket | None = None
        self._is_cut = False

    def hold(self, sock: socket.socket) -> None:
        self._sock = sock
        if self._is_cut:  # before there was a socket
            raise ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))

    def cut(self) -> None:
        self._is_cut = True
        if self._sock is not None:
            _cut(self._sock)


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the host may have closed it first
        sock.shutdown(socket.SHUT_RDWR)


class _Connection:
    """One SSH connection, from the greeting to the last byte."""

    def __init__(self, turn: turns.Turn, session: Session, sock: socket.socket, guard: Guard) -> None:
        self._turn = turn
        self._stages = turn.stages
        self._host = turn.host
        self._session = session
        self._limits = session.limits
        self._sock = sock
        self._guard = guard
        self._stage = Stage.BANNER
        self._total_at_s = turn.read_by_s(session.limits)
        self._transport = negotiation.Transport(sock)
        negotiation.let_speak(self._transport, turn.host.name)

    def dump(self, keys: Iterable[paramiko.PKey]) -> Dump:
        """All stages after the connect."""
        drawn = probe.draw(self._host, self._limits, self._session.evidence)
        self._greet()
        self._admit()
        self._log_in(keys)
        capture = self._run(drawn)
        self.close()
        return turns.conclude(self._turn, drawn, capture, self._session)

    def close(self) -> None:
        """Ends the connection without waiting on the host."""
        _cut(self._sock)
        if self._transport.is_alive():
            self._transport.join(POLL_S if self._guard.fired else FAREWELL_S)
        self._sock.close()

    def explained(self, error: Exception) -> HostTrouble:
        """An exception as the deadline that caused it, or as paramiko means it, otherwise as a bug."""
        return self._overdue() or faults.explained(error, self._stage)

    def _overdue(self) -> HostTrouble | None:
        fired = self._guard.fired
        if not fired:
            return None
        if fired == INTERRUPTED:
            return HostTrouble(self._stage, INTERRUPTED)
        return HostTrouble(self._stage, f"{fired}_timeout", f"the deadline of the stage {fired} passed")

    def _enter(self, stage: Stage, seconds: float, name: str = "") -> None:
        """Begin a stage, which has `seconds`, but never more than the rest of the total."""
        self._stage = stage
        at_s = time.monotonic() + seconds
        if at_s < self._total_at_s:
            self._guard.expect(name or stage, at_s)
        else:
            self._guard.expect("total", self._total_at_s)

    def _wait(self, event: threading.Event) -> None:
        """Wait until paramiko's thread is done or fails; the watchdog ends it if necessary."""
        while not event.wait(POLL_S):
            # paramiko's thread may wait for an agent, and then cutting the connection does not end it
            if not self._transport.is_alive() or self._guard.fired:
                break
        if self._stage is Stage.BANNER and self._transport.remote_version:
            self._stage = Stage.KEX
        error = self._transport.get_exception()
        if (overdue := self._overdue()) is not None:
            raise overdue
        if error is not None:
            raise faults.of_transport(error, self._stage)

    def _greet(self) -> None:
        known = self._session.known_hosts.keys(self._host.address, self._host.port)
        options = self._transport.get_security_options()
        options.key_types = negotiation.ordered(options.key_types, {key.type for key in known})
        # mapsweep has its own deadlines, so those of paramiko only have to be later
        self._transport.banner_timeout = self._limits.banner_s + self._limits.total_s
        self._transport.handshake_timeout = self._limits.total_s
        self._enter(Stage.BANNER, self._limits.banner_s + self._limits.kex_s, "kex")
        done = threading.Event()
        self._transport.start_client(event=done)
        if not self._is_greeted(done):
            raise HostTrouble(Stage.BANNER, "banner_timeout", f"no greeting in {self._limits.banner_s:g} s")
        self._wait(done)
        self._stage = Stage.KEX
        if not self._transport.is_active():
            raise EOFError("closed during the key exchange")
        self._stages.ended("kex", "%s", negotiation.Algorithms(self._transport))

    def _is_greeted(self, done: threading.Event) -> bool:
        """Whether the greeting came in time; the library goes on to the key exchange by itself."""
        if not self._stages.are_told:
            return done.wait(self._limits.banner_s) or bool(self._transport.remote_version)
        greeting = negotiation.greeting(self._transport, done, self._limits.banner_s)
        self._stages.ended("banner", "%s", one_line(greeting, 80) or "none")
        return bool(greeting) or done.is_set()

    def _admit(self) -> None:
        self._stage = Stage.HOSTKEY
        offered = self._transport.get_remote_server_key()
        key = HostKey(offered.get_name(), offered.asbytes())
        try:
            verdict = self._session.known_hosts.admit(self._host.address, self._host.port, key)
        except OSError as error:  # accept-new could not write the file
            detail = f"{error.filename} ({error.strerror})"
            raise HostTrouble(Stage.HOSTKEY, "hostkey_not_kept", detail) from None
        if verdict is not KeyCheck.KNOWN:
            raise HostTrouble(Stage.HOSTKEY, verdict, f"it offers {key.type} {offered.fingerprint}")
        self._stages.ended("hostkey", "%s is known", negotiation.KeyName(offered))

    def _log_in(self, keys: Iterable[paramiko.PKey]) -> None:
        self._enter(Stage.AUTH, self._limits.auth_s)
        user = self._host.user or _own_account()
        for key in keys:
            done = threading.Event()
            self._transport.auth_publickey(user, key, done)
            self._wait(done)
            let_in = self._transport.is_authenticated()
            answer = "accepted" if let_in else "refused"
            self._stages.ended("auth", "publickey of %s, %s, %s", user, negotiation.KeyName(key), answer)
            if let_in:
                return
            if not self._transport.is_active():
                raise EOFError("closed during the log-in")
        raise HostTrouble(Stage.AUTH, "auth_rejected", f"{user} may not log in with the offered keys")

    def _run(self, drawn: probe.Probe) -> turns.Received:
        self._enter(Stage.SUDO if self._host.become else Stage.EXEC, self._limits.exec_s)
        channel = self._transport.open_session(timeout=self._limits.exec_s)
        channel.settimeout(SILENCE_S)
        self._execute(channel, drawn.command)
        unsent = _send(channel, drawn.standard_input)
        self._stages.ended("exec", "the probe was started%s", " by sudo" if self._host.become else "")
        intake = Intake(drawn, self._limits)
        while not intake.cut and not self._guard.fired and _read(channel, intake):
            if intake.begun and self._stage is not Stage.READ:
                self._enter(Stage.READ, self._limits.total_s)
                self._stages.ended("first byte", "the stream has begun")
        if (overdue := self._overdue()) is not None:
            if not intake.begun or self._guard.fired == INTERRUPTED:
                raise overdue
            intake.cut = overdue.detail
        capture = intake.capture(_exit_status(channel, intake))
        self._stages.ended("read", "%s", capture)
        if unsent is not None and not capture.received and not capture.stderr and capture.exit_status is None:
            raise unsent  # the host gives no further reason
        return capture

    def _execute(self, channel: paramiko.Channel, command: str) -> None:
        try:
            channel.exec_command(command)
        except paramiko.SSHException as error:
            if not self._transport.is_active() or self._guard.fired:
                raise
            raise HostTrouble(Stage.EXEC, "exec_refused", str(error)) from None


def _send(channel: paramiko.Channel, content: bytes) -> OSError | None:
    """Writes the probe's input; gives the error if the command ended and closed the channel before.

    The reason and the exit status must still be read.
    """
    try:
        channel.sendall(content)
        channel.shutdown_write()
    except OSError as error:
        return error
    return None


def _own_account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        detail = "the account that runs mapsweep has no name"
        raise HostTrouble(Stage.AUTH, "no_account", detail) from None


def _read(channel: paramiko.Channel, intake: Intake) -> bool:
    """Reads some of both outputs, because one that nobody reads blocks the other. False at the end."""
    try:
        chunk = channel.recv(READ_BYTES)
    except TimeoutError:
        chunk = None
    _drain_stderr(channel, intake)
    if chunk is None:
        intake.silence()
        return True
    intake.take(chunk)
    return bool(chunk)


def _drain_stderr(channel: paramiko.Channel, intake: Intake) -> None:
    """Reads standard error, a limited number of times, because a host may send faster than this reads."""
    for _ in range(STDERR_READS_PER_TURN):
        if not channel.recv_stderr_ready():
            return
        intake.take_stderr(channel.recv_stderr(READ_BYTES))


def _exit_status(channel: paramiko.Channel, intake: Intake) -> int | None:
    """The exit status; None if the host sends none in time. Reads the rest of stderr too."""
    ended = not intake.cut and channel.status_event.wait(FAREWELL_S)
    _drain_stderr(channel, intake)
    return channel.exit_status if ended and channel.exit_status >= 0 else None
