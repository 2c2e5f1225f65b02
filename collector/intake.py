"""The output of one probe, read within its limits."""

import time
from collections.abc import Callable
from typing import Final

from collector import probe, stream
from collector.budget import Share
from collector.spool import Spool
from collector.trouble import HostTrouble
from collector.turns import Received
from domain.records import Limits, Stage

READ_BYTES: Final = 2**16
SILENCE_S: Final = 0.5  # how long to wait for one output before the other is read
LIFE_BYTES: Final = 1024  # of an unfinished packet: so many show that the host sends; keepalives are fewer
STDERR_BYTES: Final = 64 * 2**10  # how much of standard error is kept; the rest is read and dropped


class Intake:
    """Both outputs of a probe. `cut` says why reading has to stop, `begun` whether the stream has started."""

    def __init__(
        self, drawn: probe.Probe, limits: Limits, share: Share, spool: Spool, is_over: Callable[[], bool]
    ) -> None:
        self._mark = stream.begin_mark(drawn.nonce)
        self._limits = limits
        self._share = share
        self._is_over = is_over  # whether the host has no time left
        self._received = spool
        self._stderr = bytearray()
        self._last_s = time.monotonic()
        self._arrived_bytes = 0  # on the connection, when the host last showed that it sends
        self.begun = False
        self.cut = ""

    def take(self, chunk: bytes) -> None:
        """Bytes of standard output; waits for room for them among all hosts, HostTrouble if there is none."""
        size = len(self._received) + len(chunk)
        if not self._share.grow(size, self._is_over):
            raise HostTrouble(Stage.READ, "sweep_limit", f"{size} bytes came, and there was no room for more")
        if size > self._limits.received_bytes:
            chunk = chunk[: self._limits.received_bytes - size]
            self.cut = f"more than {self._limits.received_bytes} bytes came"
        self._received.append(chunk)
        self._last_s = time.monotonic()
        if not self.begun:
            searched = max(0, len(self._received) - len(chunk) - len(self._mark))
            self.begun = self._received.find(self._mark, searched) >= 0
            if not self.begun and len(self._received) > stream.NOISE_BYTES:
                self.cut = f"more than {stream.NOISE_BYTES} bytes came that are not the stream"

    def take_stderr(self, chunk: bytes) -> None:
        """Bytes of standard error; they do not reset the idle timer."""
        self._arrived_bytes += len(chunk)
        self._stderr += chunk[: STDERR_BYTES - len(self._stderr)]

    def is_awaited(self, *, has_ended: bool, arrived_bytes: int = 0) -> bool:
        """Nothing came for a while: whether more is waited for.

        Before the stream begins, the deadline of its stage ends the wait, and the limit of silence only once
        the command `has_ended`: what it started may hold its output open for ever.

        A packet of up to 32 KiB comes out when it is whole. On a slow link, the `arrived_bytes` of the
        connection show before that one is on its way.
        """
        now_s = time.monotonic()
        if not (self.begun or has_ended) or arrived_bytes - self._arrived_bytes >= LIFE_BYTES:
            self._arrived_bytes = arrived_bytes
            self._last_s = now_s
        if now_s - self._last_s <= self._limits.idle_s:
            return True
        if self.begun:
            self.cut = f"no byte came for {self._limits.idle_s:g} s"
        return False

    def capture(self, exit_status: int | None) -> Received:
        """Everything that was received."""
        return Received(self._received, bytes(self._stderr), exit_status, self.cut)
