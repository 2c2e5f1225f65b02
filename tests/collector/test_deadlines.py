"""Hosts and agents that hold on to a connection by any means: no deadline is outlived."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import paramiko
import pytest
from paramiko.common import AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from collector.remote import collect
from collector.session import Session
from collector.ssh.key_files import private_key
from collector.ssh.keys import Credentials, Keyring
from collector.ssh.known_hosts import KnownHosts, Policy
from collector.watchdog import INTERRUPTED
from domain.records import Failure, Host, Limits, Stage
from tests.sshd import Sshd, keygen

LIMITS = Limits(banner_s=20.0, kex_s=20.0, auth_s=20.0, exec_s=20.0, idle_s=20.0, total_s=60.0, attempts=1)
LATE_S = 25.0  # what a busy machine may add

Script = Callable[[paramiko.Channel], None]


class ScriptedHost(paramiko.ServerInterface):
    """An SSH server that lets everybody in and does with a command what a test says."""

    def __init__(self, script: Script, window_bytes: int | None = None) -> None:
        self._script = script
        self._window_bytes = window_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._transport: paramiko.Transport | None = None
        self.port: int = self._listener.getsockname()[1]
        self._threads[0].start()

    def _serve(self) -> None:
        sock, _ = self._listener.accept()
        self._transport = paramiko.Transport(sock)
        if self._window_bytes is not None:
            self._transport.default_window_size = self._window_bytes
        self._transport.add_server_key(paramiko.ECDSAKey.generate())
        with contextlib.suppress(paramiko.SSHException, EOFError):
            self._transport.start_server(server=self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def check_auth_publickey(self, _username: str, _key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL

    def get_allowed_auths(self, _username: str) -> str:
        return "publickey"

    def check_channel_request(self, _kind: str, _chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, _command: bytes) -> bool:
        thread = threading.Thread(target=self._follow, args=(channel,), daemon=True)
        self._threads.append(thread)
        thread.start()
        return True

    def _follow(self, channel: paramiko.Channel) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._script(channel)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    keygen(tmp_path / "key")
    return tmp_path / "key"


def failure(port: int, key_file: Path, limits: Limits) -> tuple[Failure, float]:
    """How the host fails, and after how many seconds."""
    keyring = Keyring(Credentials(use_agent=False, default_key_files=()))
    session = Session(limits, keyring=keyring, known_hosts=KnownHosts(policy=Policy.OFF))
    began_s = time.monotonic()
    outcome = collect(Host("a", "127.0.0.1", port, user="a", key_file=str(key_file)), session)
    assert isinstance(outcome, Failure), outcome
    return outcome, time.monotonic() - began_s


@pytest.mark.parametrize("total_s", [1.5, 60.0])
def test_standard_error_without_end_and_beyond_the_window(key_file: Path, total_s: float) -> None:
    """The host sends faster than it is read: there is always more."""

    def flood(channel: paramiko.Channel) -> None:
        channel.out_window_size = 2**40  # the library's client holds nobody to its window
        while not channel.closed:
            channel.sendall_stderr(b"x" * 2**15)

    with ScriptedHost(flood) as host:
        limits = replace(LIMITS, exec_s=1.5, total_s=total_s)
        outcome, took_s = failure(host.port, key_file, limits)
    assert outcome.reason in {"exec_timeout", "total_timeout"}
    assert took_s < 1.5 + LATE_S


def test_a_command_that_ends_before_it_is_written_to(key_file: Path) -> None:
    """It says why, and with which status: a write that fails must not hide either."""

    def refuse(channel: paramiko.Channel) -> None:
        time.sleep(0.2)  # the window is shut: the client waits to write
        channel.sendall(b"This account is currently not available.\n")
        channel.send_exit_status(1)
        channel.close()

    with ScriptedHost(refuse, window_bytes=0) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "no_stream")
    assert outcome.detail == "exit status 1; printed: This account is currently not available."


def test_a_connection_that_is_lost_before_it_is_written_to(key_file: Path) -> None:
    def vanish(channel: paramiko.Channel) -> None:
        time.sleep(0.2)
        channel.get_transport().close()

    with ScriptedHost(vanish, window_bytes=0) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "connection_lost")


def test_a_channel_that_is_kept_open_and_silent(key_file: Path) -> None:
    def wait(channel: paramiko.Channel) -> None:
        while not channel.closed:
            time.sleep(0.05)

    with ScriptedHost(wait) as host:
        outcome, took_s = failure(host.port, key_file, replace(LIMITS, exec_s=50.0, total_s=2.0))
    assert outcome.reason == "total_timeout"
    assert took_s < 2.0 + LATE_S


def test_a_command_that_the_server_refuses(key_file: Path) -> None:
    class Refusing(ScriptedHost):
        def check_channel_exec_request(self, _channel: paramiko.Channel, _command: bytes) -> bool:
            return False

    with Refusing(lambda _: None) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "exec_refused")


def _packed(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


@pytest.fixture
def silent_signer(server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An agent that lists the right key, and never answers what it is asked to sign."""
    key = Keyring(Credentials(use_agent=False)).keys_for(Host("a", "a", key_file=str(server.key_file)))[0]
    assert private_key(server.key_file.read_bytes(), "")
    answer = b"\x0c" + struct.pack(">I", 1) + _packed(key.asbytes()) + _packed(b"comment")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "agent"))
    listener.listen()
    held = []

    def serve() -> None:
        connection, _ = listener.accept()
        held.append(connection)
        connection.recv(5)
        connection.sendall(_packed(answer))

    thread = threading.Thread(target=serve)
    thread.start()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    yield
    thread.join()
    for sock in (listener, *held):
        sock.close()


@pytest.mark.journey
@pytest.mark.usefixtures("silent_signer")
@pytest.mark.parametrize("stop", ["deadline", "interrupt"])
def test_an_agent_that_never_signs(server: Sshd, stop: str) -> None:
    """The library's thread waits for the agent; a deadline and an interrupt do not wait for the thread."""
    keyring = Keyring(Credentials(default_key_files=()))
    limits = replace(LIMITS, auth_s=1.0 if stop == "deadline" else 60.0, total_s=300.0)
    session = Session(limits, keyring=keyring, known_hosts=KnownHosts([server.known_hosts]))
    if stop == "interrupt":
        threading.Timer(1.0, session.watchdog.interrupt).start()
    began_s = time.monotonic()
    outcome = collect(replace(server.host(0), key_file=""), session)
    assert time.monotonic() - began_s < 1.0 + LATE_S
    keyring.close()
    assert isinstance(outcome, Failure)
    assert (outcome.stage, outcome.reason) == (
        Stage.AUTH,
        INTERRUPTED if stop == "interrupt" else "auth_timeout",
    )


@pytest.mark.parametrize("connected", [True, False])
def test_an_interrupt_before_the_socket_is_there(key_file: Path, *, connected: bool) -> None:
    """A guard that fires between the look-up and the connect leaves nothing to wait for."""
    keyring = Keyring(Credentials(use_agent=False, default_key_files=()))
    session = Session(replace(LIMITS, banner_s=60.0, total_s=300.0), keyring=keyring)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if connected:
            threading.Timer(0.5, session.watchdog.interrupt).start()
        else:
            session.watchdog.interrupt()
        began_s = time.monotonic()
        port = listener.getsockname()[1]
        outcome = collect(Host("a", "127.0.0.1", port, key_file=str(key_file)), session)
    assert isinstance(outcome, Failure)
    assert outcome.reason == INTERRUPTED
    assert time.monotonic() - began_s < 1.0 + LATE_S
