"""What a server may send before and after its key is checked: greeting, packets, data of a channel."""

import contextlib
import socket
from pathlib import Path

import paramiko
import pytest
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA

from collector.remote import collect
from collector.session import Session
from collector.ssh import bounds
from collector.ssh.keys import Keyring
from collector.ssh.transport import Transport
from domain.records import Failure, Host, Limits
from tests.farm.fakes import GREETING, Fake
from tests.sshd import keygen

CHUNK = 2**16
PLENTY = 64 * 2**20  # what a server would get rid of if nothing stopped it
UNREAD = 16 * 2**20  # what the buffers of both sockets may take
WINDOW = 2**18
STDERR = 1


class Sender:
    """A server that sends something, and then as much as it gets rid of."""

    def __init__(self, first: bytes) -> None:
        self._first = first
        self.sent_bytes = 0

    def __call__(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.sendall(self._first)
            while self.sent_bytes < PLENTY:
                self.sent_bytes += sock.send(b"x" * CHUNK)


# a length that is no whole number of blocks, with its field, is refused for that
@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"SSH-2.0-", "not_ssh"),
        (GREETING + (2**31 - 4).to_bytes(4, "big"), "protocol_error"),
        (GREETING + (bounds.PACKET_BYTES + 1028).to_bytes(4, "big"), "protocol_error"),
    ],
)
def test_a_server_that_nobody_knows_yet_cannot_fill_the_memory(
    keyring: Keyring, tmp_path: Path, first: bytes, reason: str
) -> None:
    keygen(tmp_path / "key")
    sender = Sender(first)
    with Fake(sender) as server:
        host = Host("web1", "127.0.0.1", server.port, key_file=str(tmp_path / "key"))
        outcome = collect(host, Session(Limits(attempts=1), keyring=keyring))
    assert isinstance(outcome, Failure)
    assert outcome.reason == reason
    assert sender.sent_bytes < UNREAD


def _data(kind: int) -> paramiko.Message:
    message = paramiko.Message()
    if kind == MSG_CHANNEL_EXTENDED_DATA:
        message.add_int(STDERR)
    message.add_string(b"x" * CHUNK)
    message.rewind()
    return message


@pytest.mark.parametrize("kind", [MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA])
def test_a_window_is_enforced_on_both_outputs(kind: int) -> None:
    channel = paramiko.Channel(1)
    channel._set_window(WINDOW, CHUNK)  # type: ignore[attr-defined]
    feed = Transport._channel_handler_table[kind]
    for _ in range(WINDOW // CHUNK + 1):
        feed(channel, _data(kind))
    with pytest.raises(paramiko.SSHException, match="window"):
        feed(channel, _data(kind))
    kept = len(channel.in_buffer) + len(channel.in_stderr_buffer)
    assert WINDOW <= kept <= WINDOW + CHUNK
