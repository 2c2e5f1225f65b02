"""Hosts and agents that hold on to a connection by any means: no deadline is outlived."""

import os
import random
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from paramiko.common import cMSG_CHANNEL_WINDOW_ADJUST

from collector.remote import collect
from collector.session import Session
from collector.ssh.key_files import private_key
from collector.ssh.keys import Credentials, Keyring
from collector.ssh.known_hosts import KnownHosts
from collector.ssh.policy import Policy
from collector.watchdog import INTERRUPTED
from domain.records import Dump, Failure, Host, Limits, Stage
from tests.collector.proc_tree import add_facts, add_process
from tests.collector.scripted_host import ScriptedHost, failure
from tests.sshd import Sshd, serve

pytestmark = pytest.mark.slow

LIMITS = Limits(banner_s=60.0, kex_s=60.0, auth_s=60.0, exec_s=60.0, idle_s=60.0, total_s=600.0, attempts=1)
LATE_S = 250.0  # what a busy machine may add


@pytest.mark.parametrize("total_s", [1.5, 600.0])
def test_standard_error_without_end(key_file: Path, total_s: float) -> None:
    """The host sends faster than it is read: there is always more."""

    def flood(channel: paramiko.Channel) -> None:
        with suppress(OSError):
            while not channel.closed:
                channel.sendall_stderr(b"x" * 2**15)

    with ScriptedHost(flood) as host:
        limits = replace(LIMITS, exec_s=1.5, total_s=total_s)
        outcome, took_s = failure(host.port, key_file, limits)
    assert outcome.reason in {"exec_timeout", "total_timeout"}
    assert took_s < 1.5 + LATE_S


def test_standard_error_beyond_the_window(key_file: Path) -> None:
    """What a server sends without leave would be kept in memory."""

    def flood(channel: paramiko.Channel) -> None:
        channel.out_window_size = 2**40
        with suppress(OSError):
            while not channel.closed:
                channel.sendall_stderr(b"x" * 2**15)

    with ScriptedHost(flood) as host:
        outcome, took_s = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "protocol_error")
    assert "window" in outcome.detail
    assert took_s < LATE_S


def test_a_window_that_opens_late(key_file: Path) -> None:
    """A busy sshd lets the probe's input in after a while; until then nothing is given up."""
    heard = []

    def open_late(channel: paramiko.Channel) -> None:
        time.sleep(1.5)
        grant = paramiko.Message()
        grant.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        grant.add_int(channel.remote_chanid)
        grant.add_int(2**16)
        channel.get_transport()._send_user_message(grant)  # type: ignore[attr-defined]
        channel.in_window_size = channel.in_window_threshold = 2**16
        channel.settimeout(LATE_S)
        while chunk := channel.recv(2**16):
            heard.append(chunk)
        channel.send_exit_status(3)
        channel.close()

    with ScriptedHost(open_late, window_bytes=0) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert outcome.reason == "no_stream"
    assert b"smaps_kb=" in b"".join(heard)


def test_a_channel_that_is_kept_open_and_silent(key_file: Path) -> None:
    def wait(channel: paramiko.Channel) -> None:
        while not channel.closed:
            time.sleep(0.05)

    with ScriptedHost(wait) as host:
        outcome, took_s = failure(host.port, key_file, replace(LIMITS, exec_s=500.0, total_s=2.0))
    assert outcome.reason == "total_timeout"
    assert took_s < 2.0 + LATE_S


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
    limits = replace(LIMITS, auth_s=3.0 if stop == "deadline" else 500.0, total_s=600.0)
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
    session = Session(replace(LIMITS, banner_s=500.0, total_s=600.0), keyring=keyring)
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


PIECE_BYTES = 2048
PIECE_S = 0.25  # so a packet of 32 KiB takes 4 s


@contextmanager
def slow_link(port: int) -> Iterator[int]:
    """A port that leads to `port`, and lets what comes back through in small pieces."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def there(client: socket.socket, server: socket.socket) -> None:
            with suppress(OSError):
                while chunk := client.recv(PIECE_BYTES):
                    server.sendall(chunk)
                server.shutdown(socket.SHUT_RDWR)

        def back() -> None:
            with suppress(OSError):
                client, _ = listener.accept()
                with client, socket.create_connection(("127.0.0.1", port)) as server:
                    threading.Thread(target=there, args=(client, server), daemon=True).start()
                    while chunk := server.recv(PIECE_BYTES):
                        client.sendall(chunk)
                        time.sleep(PIECE_S)

        thread = threading.Thread(target=back)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.journey
def test_a_slow_link_is_not_silent(server: Sshd, tmp_path: Path) -> None:
    """A packet that takes longer than `idle_s` is on its way all the time."""
    add_facts(tmp_path)
    draw = random.Random(1)
    numbers = [draw.randrange(10**15) for _ in range(12_000)]
    maps = b"".join(b"7f0000000000-7f0000001000 r--p 0 0:0 0 /%d\n" % each for each in numbers)
    add_process(tmp_path, 7, maps=maps)
    keyring = Keyring(Credentials(use_agent=False, default_key_files=()))
    session = Session(
        replace(LIMITS, idle_s=2.0, total_s=300.0), keyring=keyring, known_hosts=KnownHosts(policy=Policy.OFF)
    )
    with slow_link(server.port) as port:
        dump = collect(
            Host("a", "127.0.0.1", port, key_file=str(server.key_file), root=str(tmp_path)), session
        )
    assert isinstance(dump, Dump), dump
    assert dump.complete
    assert len(dump.memory_gz) > 2 * 2**15


@pytest.mark.journey
def test_a_daemon_that_holds_the_output_costs_the_limit_of_silence_and_nothing_else(
    tree: str, tmp_path: Path
) -> None:
    """As one that a start file leaves behind: ssh itself would wait for its end."""
    daemon = tmp_path / "daemon"
    daemon.write_text('sleep 300 & echo $! > "$0.pid"; eval "$SSH_ORIGINAL_COMMAND"\n')
    keyring = Keyring(Credentials(use_agent=False, default_key_files=()))
    (tmp_path / "sshd").mkdir()
    with serve(tmp_path / "sshd", f"ForceCommand /bin/sh {daemon}") as held:
        session = Session(
            replace(LIMITS, idle_s=3.0, total_s=200.0),
            keyring=keyring,
            known_hosts=KnownHosts([held.known_hosts]),
        )
        try:
            dump = collect(held.host(0, root=tree), session)
        finally:
            os.kill(int(Path(f"{daemon}.pid").read_text()), signal.SIGTERM)
    assert isinstance(dump, Dump), dump
    assert (dump.complete, dump.problem) == (True, "")
