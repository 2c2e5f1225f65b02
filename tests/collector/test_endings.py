"""Commands and connections that end in each order that the protocol allows: the reason is always the same."""

import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, cMSG_DISCONNECT

from collector import probe
from collector.ssh.transport import Transport
from domain.records import Limits, Stage
from tests.collector.scripted_host import ScriptedHost, failure
from tests.sshd import keygen

pytestmark = pytest.mark.slow

LIMITS = Limits(banner_s=60.0, kex_s=60.0, auth_s=60.0, exec_s=60.0, idle_s=20.0, total_s=240.0, attempts=1)
LATE_S = 4.0  # what a busy host needs for what an idle one does at once
NOLOGIN = b"This account is currently not available.\n"


def test_a_command_that_ends_before_it_is_written_to(key_file: Path) -> None:
    """It says why, and with which status: a write that fails must not hide either."""

    def refuse(channel: paramiko.Channel) -> None:
        time.sleep(0.2)  # the window is shut: the client waits to write
        channel.sendall(b"This account is currently not available.\n")
        channel.send_exit_status(1)
        channel.close()

    with ScriptedHost(refuse, window_bytes=0) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "nologin")
    assert outcome.detail == "exit status 1; printed: This account is currently not available."


def test_a_command_that_has_ended_and_whose_output_stays_open(key_file: Path) -> None:
    """What it started holds the output: its status tells what it was, long before the deadline."""

    def hold(channel: paramiko.Channel) -> None:
        channel.sendall_stderr(b"sh: no such shell\n")
        channel.send_exit_status(127)
        while not channel.closed:
            time.sleep(0.05)

    with ScriptedHost(hold) as host:
        outcome, _ = failure(host.port, key_file, replace(LIMITS, exec_s=60.0, total_s=300.0))
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "no_shell")
    assert outcome.elapsed_s < 60.0


def test_a_connection_that_is_lost_before_it_is_written_to(key_file: Path) -> None:
    def vanish(channel: paramiko.Channel) -> None:
        time.sleep(0.2)
        channel.get_transport().close()

    with ScriptedHost(vanish, window_bytes=0) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "connection_lost")


def test_a_command_that_the_server_refuses(key_file: Path) -> None:
    class Refusing(ScriptedHost):
        def check_channel_exec_request(self, _channel: paramiko.Channel, _command: bytes) -> bool:
            return False

    with Refusing(lambda _: None) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "exec_refused")


def test_a_status_that_comes_long_before_the_output(key_file: Path) -> None:
    """OpenSSH sends the status when the command ends, and what that wrote when it has read it."""

    def refuse(channel: paramiko.Channel) -> None:
        channel.send_exit_status(1)
        time.sleep(LATE_S)
        channel.sendall(NOLOGIN)
        channel.close()

    with ScriptedHost(refuse) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "nologin")


def test_a_status_that_comes_long_after_the_output(key_file: Path) -> None:
    """Other servers send the end of the output first."""

    def refuse(channel: paramiko.Channel) -> None:
        nonce = channel.recv(2**16).split()[0]
        channel.sendall(nonce + b" begin 1\n")
        channel.shutdown_write()
        time.sleep(LATE_S)
        channel.send_exit_status(probe.EXIT_NO_TOOL)
        channel.close()

    with ScriptedHost(refuse) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "no_tool")


def test_a_status_whose_output_is_held_open_until_the_deadline(key_file: Path) -> None:
    def hold(channel: paramiko.Channel) -> None:
        channel.send_exit_status(127)
        while not channel.closed:
            time.sleep(0.05)

    with ScriptedHost(hold) as host:
        outcome, _ = failure(host.port, key_file, replace(LIMITS, exec_s=10.0, idle_s=200.0))
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "no_shell")


def test_an_end_of_the_output_of_a_command_that_goes_on(key_file: Path) -> None:
    def hold(channel: paramiko.Channel) -> None:
        channel.shutdown_write()
        while not channel.closed:
            time.sleep(0.05)

    with ScriptedHost(hold) as host:
        outcome, _ = failure(host.port, key_file, replace(LIMITS, exec_s=LATE_S))
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "exec_timeout")


@pytest.mark.parametrize("says_so", [True, False])
def test_a_command_of_which_only_the_end_is_told(key_file: Path, *, says_so: bool) -> None:
    """It was killed, so there is no status; that the server leaves then makes it no lost connection."""

    def die(channel: paramiko.Channel) -> None:
        channel.recv(2**16)
        if says_so:
            channel.shutdown_write()
            channel.close()
        channel.get_transport().close()

    with ScriptedHost(die) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "no_stream" if says_so else "connection_lost")


def farewell(text: bytes) -> paramiko.Message:
    message = paramiko.Message()
    message.add_byte(cMSG_DISCONNECT)
    message.add_int(2)
    message.add_string(text)
    message.add_string(b"en")
    return message


class Leaving(ScriptedHost):
    """It says goodbye when it is asked for a channel."""

    def check_channel_request(self, _kind: str, _chanid: int) -> int:
        assert self._transport is not None
        self._transport._send_message(farewell(b"going down"))  # type: ignore[attr-defined]
        self._transport.close()
        return 0


def test_a_server_that_leaves_between_the_log_in_and_the_command(key_file: Path) -> None:
    with Leaving(lambda _: None) as host:
        outcome, _ = failure(host.port, key_file, LIMITS)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "connection_lost")
    assert outcome.detail == "the server ended the connection: going down"


class Strict(ScriptedHost):
    """It answers some keys, and leaves without a word before the client has read the last answer."""

    answers = 1

    def check_auth_publickey(self, _username: str, _key: paramiko.PKey) -> int:
        assert self._transport is not None
        self.answers -= 1
        if self.answers == 0:
            refused = paramiko.Message()
            refused.add_byte(bytes([51]))  # SSH_MSG_USERAUTH_FAILURE
            refused.add_string("publickey")
            refused.add_boolean(False)
            self._transport._send_message(refused)  # type: ignore[attr-defined]
            self._transport.close()
        return AUTH_FAILED


@pytest.mark.parametrize(
    ("keys", "reason"), [(1, "auth_rejected"), (2, "auth_rejected"), (4, "too_many_keys")]
)
def test_a_server_that_leaves_after_its_answer(tmp_path: Path, keys: int, reason: str) -> None:
    names = [tmp_path / f"key{number}" for number in range(keys)]
    for name in names:
        keygen(name)
    with Strict(lambda _: None) as host:
        host.answers = min(keys, 2)
        outcome, _ = failure(host.port, None, LIMITS, names)
    assert (outcome.stage, outcome.reason) == (Stage.AUTH, reason)


def test_what_a_server_said_outlives_a_write_that_fails() -> None:
    """It left while the client wrote: its last words have come, and tell more than the write."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        payload = farewell(b"too many of you").asbytes()
        padding = 8 + -(len(payload) + 5) % 8
        packet = (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)
        theirs.sendall(b"SSH-2.0-busy\r\n" + packet)
        theirs.shutdown(socket.SHUT_RD)  # each write of the client fails from now on
        transport = Transport(ours)
        done = threading.Event()
        transport.start_client(event=done)
        assert done.wait(60.0)
        transport.join()
    assert transport.farewell == "too many of you"
    assert transport.has_ended
    assert not [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
