"""What the library takes from a server without a limit of its own: greeting, packets, data of a channel."""

from collections.abc import Callable
from typing import Any, Final

import paramiko
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA

GREETING_BYTES: Final = 128 * 2**10  # all lines up to the greeting of sshd
PACKET_BYTES: Final = 256 * 2**10  # as in OpenSSH; we ask for data in packets of 32 KiB
TOO_LONG: Final = f"more than {GREETING_BYTES} bytes came before a greeting"
_MAC_BYTES: Final = 64  # at most, after a packet

Read = Callable[..., bytes]
Feed = Callable[[paramiko.Channel, Any], None]


def packets_of(read_all: Read) -> Read:
    """The library's reading of so many bytes, which come from a length that the server names.

    Before the keys are exchanged anybody can name one, up to 4 GiB.
    """

    def bounded(count: int, *args: Any, **options: Any) -> bytes:
        if count > PACKET_BYTES + _MAC_BYTES:
            raise paramiko.SSHException(f"a packet of more than {PACKET_BYTES} bytes")
        return read_all(count, *args, **options)

    return bounded


def channels_of(handlers: dict[int, Feed]) -> dict[int, Feed]:
    """The library's handlers of messages, with those of data in a window that is enforced."""
    return {
        **handlers,
        MSG_CHANNEL_DATA: _within_window(handlers[MSG_CHANNEL_DATA]),
        MSG_CHANNEL_EXTENDED_DATA: _within_window(handlers[MSG_CHANNEL_EXTENDED_DATA]),
    }


def _within_window(feed: Feed) -> Feed:
    """What nobody has read yet, of both outputs, is never more than the window: the library keeps any."""

    def bounded(channel: Any, message: Any) -> None:
        unread = len(channel.in_buffer) + len(channel.in_stderr_buffer)
        if unread > channel.in_window_size:
            raise paramiko.SSHException("the server sent more than it may (window of the channel)")
        feed(channel, message)

    return bounded
