"""SSH hosts on loopback addresses, served by paramiko's server side: the host's half of the conversation.

`mapsweep demo` and tests sweep such a fleet. Commands run as the serving account, for anybody who has the key
that the fleet makes, so only loopback addresses are served.
"""

import contextlib
import ipaddress
import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from collector.ssh.known_host_lines import HostKey
from collector.ssh.known_hosts import host_name, line
from domain.records import Host

READ_BYTES: Final = 2**16
WAKE_S: Final = 0.2  # how soon a server notices that the fleet stops
CONNECTION_S: Final = 30.0  # how long a client may take to log in and ask for something
COMMAND_BYTES: Final = 128 * 2**10  # the limit of execve for one argument
ENVIRONMENT: Final = {"PATH": os.environ.get("PATH") or os.defpath}


class Behaviour(Enum):
    """What a host does with a connection."""

    ANSWERS = auto()
    REFUSES_KEY = auto()
    NEVER_ANSWERS = auto()  # accepts the connection and sends nothing
    HANGS_UP = auto()  # closes before the greeting, as sshd does over MaxStartups
    STALLS = auto()  # accepts the command and sends nothing
    CUTS = auto()  # closes in the middle of the output
    FLOODS = auto()  # never stops sending, on both outputs


@dataclass(frozen=True, slots=True)
class LoopbackHost:
    """One address of the fleet."""

    name: str
    address: str  # in 127.0.0.0/8
    behaviour: Behaviour = Behaviour.ANSWERS
    noise: bytes = b""  # what a login shell's start files print before the command's output
    root: str = ""  # a recorded tree that replaces this machine's /proc
    cut_bytes: int = 1000  # bytes of output before the cut, for CUTS
    lingers: bool = False  # CUTS keeps the connection open and sends nothing
    refusals: int = 0  # how many connections are closed before the first that is served


class LoopbackFleet:
    """The servers while the context is entered. New keys are made and kept in `folder`."""

    def __init__(self, hosts: Iterable[LoopbackHost], folder: Path) -> None:
        self._hosts = tuple(hosts)
        for host in self._hosts:
            if not ipaddress.ip_address(host.address).is_loopback:
                raise ValueError(f"{host.name}: {host.address} is not a loopback address")
        self._host_key = paramiko.ECDSAKey.generate()
        self._client_key = paramiko.ECDSAKey.generate()
        self._stop = threading.Event()
        self._servers: dict[str, _Server] = {}
        self.key_file = folder / "key"
        self.known_hosts_file = folder / "known_hosts"

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            for host in self._hosts:
                self._servers[host.name] = _Server(host, self._host_key, self._client_key, self._stop)
            self.key_file.touch(mode=0o600)
            self._client_key.write_private_key_file(str(self.key_file))
            self.known_hosts_file.write_text("".join(map(self._known_line, self.hosts())), encoding="utf-8")
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def hosts(self) -> tuple[Host, ...]:
        """The fleet as an inventory would give it."""
        return tuple(
            Host(h.name, h.address, self._servers[h.name].port, key_file=str(self.key_file), root=h.root)
            for h in self._hosts
        )

    def stop(self) -> None:
        """Ends all connections, commands and threads."""
        self._stop.set()
        for server in self._servers.values():
            server.join()

    def _known_line(self, host: Host) -> str:
        key = HostKey(self._host_key.get_name(), self._host_key.asbytes())
        return line(host_name(host.address, host.port), key)


class _Server:
    """One listening socket, and a thread for each connection."""

    def __init__(
        self,
        host: LoopbackHost,
        host_key: paramiko.PKey,
        client_key: paramiko.PKey,
        stop: threading.Event,
    ) -> None:
        self._host = host
        self._host_key = host_key
        self._client_key = client_key
        self._stop = stop
        self._refusals = host.refusals
        self._listener = socket.create_server((host.address, 0), backlog=16)
        self._listener.settimeout(WAKE_S)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, name=f"loopback-{host.name}", daemon=True)]
        self._threads[0].start()

    def join(self) -> None:
        """After the stop event: wait until nothing runs any more."""
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        with self._listener:
            while not self._stop.is_set():
                try:
                    connection, _ = self._listener.accept()
                except TimeoutError:
                    continue
                self._threads = [thread for thread in self._threads if thread.is_alive()]
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            if self._host.behaviour is Behaviour.HANGS_UP or self._refusals > 0:
                self._refusals -= 1
            elif self._host.behaviour is Behaviour.NEVER_ANSWERS:
                self._stop.wait()
            else:
                # a client may disconnect at any time
                with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
                    self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(self._host_key)
        session = _Session(self._host, self._client_key)
        try:
            transport.start_server(threading.Event(), session)
            asked = self._await(session, transport)
            if not asked or session.channel is None:
                return
            if self._host.behaviour is Behaviour.STALLS:
                self._stop.wait()
            elif self._host.behaviour is Behaviour.FLOODS:
                self._flood(session.channel)
            elif _Command(self._host, session.command, session.channel, self._stop).run():
                self._see_off(transport)
        finally:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            transport.join(CONNECTION_S)

    def _flood(self, channel: paramiko.Channel) -> None:
        channel.settimeout(CONNECTION_S)
        while not self._stop.is_set():
            channel.sendall(bytes(READ_BYTES))
            channel.sendall_stderr(bytes(READ_BYTES))

    def _await(self, session: "_Session", transport: paramiko.Transport) -> bool:
        """Wait until the client asks for a command; False if it leaves or takes too long."""
        give_up_s = time.monotonic() + CONNECTION_S
        while not session.asked.wait(WAKE_S):
            if self._stop.is_set() or not transport.is_active() or time.monotonic() > give_up_s:
                return False
        return True

    def _see_off(self, transport: paramiko.Transport) -> None:
        """Wait until the client closes the connection, because it may not have read everything yet."""
        give_up_s = time.monotonic() + CONNECTION_S
        while transport.is_active() and time.monotonic() < give_up_s:
            if self._stop.wait(WAKE_S):
                return


class _Session(paramiko.ServerInterface):
    """Accepts the one key, and one command."""

    def __init__(self, host: LoopbackHost, client_key: paramiko.PKey) -> None:
        self._host = host
        self._client_key = client_key
        self.asked = threading.Event()
        self.channel: paramiko.Channel | None = None
        self.command = b""

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002  # paramiko gives it
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002  # any account
        if self._host.behaviour is Behaviour.REFUSES_KEY or key != self._client_key:
            return AUTH_FAILED
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002  # one channel
        if kind == "session" and self.channel is None:
            return OPEN_SUCCEEDED
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if self.asked.is_set() or len(command) > COMMAND_BYTES:
            return False
        self.channel, self.command = channel, command
        self.asked.set()
        return True


class _Command:
    """One command through a login shell, between a channel and the pipes of a child."""

    def __init__(
        self, host: LoopbackHost, command: bytes, channel: paramiko.Channel, stop: threading.Event
    ) -> None:
        self._host = host
        self._channel = channel
        self._stop = stop
        self._child = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )

    def run(self) -> bool:
        """Wait until the command has ended and its output is sent; False if it was cut off."""
        feeder = threading.Thread(target=self._feed, daemon=True)
        with self._child:
            feeder.start()
            try:
                self._channel.settimeout(CONNECTION_S)
                self._channel.sendall(self._host.noise)
                ended = self._pump()
                if ended:
                    self._channel.send_exit_status(self._child.wait())
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._child.pid, signal.SIGKILL)
                self._channel.close()
                feeder.join()
        return ended

    def _feed(self) -> None:
        """Standard input, until the client ends it."""
        stdin = self._child.stdin
        if stdin is None:
            return
        with contextlib.suppress(OSError, EOFError):
            while chunk := self._channel.recv(READ_BYTES):
                stdin.write(chunk)
                stdin.flush()
        with contextlib.suppress(OSError):
            stdin.close()

    def _pump(self) -> bool:
        """Both outputs to the channel; False if the output was cut."""
        left_bytes = self._host.cut_bytes if self._host.behaviour is Behaviour.CUTS else None
        with selectors.DefaultSelector() as selector:
            for pipe, send in (
                (self._child.stdout, self._channel.sendall),
                (self._child.stderr, self._channel.sendall_stderr),
            ):
                if pipe is not None:
                    selector.register(pipe, selectors.EVENT_READ, send)
            while selector.get_map() and not self._stop.is_set():
                for key, _ in selector.select(WAKE_S):
                    chunk = os.read(key.fd, READ_BYTES)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif left_bytes is None:
                        key.data(chunk)
                    else:
                        key.data(chunk[:left_bytes])
                        left_bytes -= min(left_bytes, len(chunk))
                if left_bytes == 0:
                    return self._end_early()
        return not self._stop.is_set()

    def _end_early(self) -> bool:
        while self._host.lingers and not self._stop.is_set() and not self._channel.closed:
            self._stop.wait(WAKE_S)
        return False
