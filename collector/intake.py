"""The output of one probe, read within its limits."""

import time
from typing import Final

from collector import probe, stream
from collector.turns import Received
from domain.records import Limits

READ_BYTES: Final = 2**16
SILENCE_S: Final = 0.5  # how long to wait for one output before the other is read
STDERR_BYTES: Final = 64 * 2**10  # how much of standard error is kept; the rest is read and dropped


class Intake:
    """Both outputs of a probe. `cut` says why reading has to stop, `begun` whether the stream has started."""

    def __init__(self, drawn: probe.Probe, limits: Limits) -> None:
        self._mark = stream.begin_mark(drawn.nonce)
        self._limits = limits
        self._received = bytearray()
        self._stderr = bytearray()
        self._last_s = time.monotonic()
        self.begun = False
        self.cut = ""

    def take(self, chunk: bytes) -> None:
        """Bytes of standard output."""
        self._received += chunk
        self._last_s = time.monotonic()
        if not self.begun:
            self.begun = self._mark in self._received
            if not self.begun and len(self._received) > stream.NOISE_BYTES:
                self.cut = f"more than {stream.NOISE_BYTES} bytes came that are not the stream"
        if len(self._received) > self._limits.received_bytes:
            del self._received[self._limits.received_bytes :]
            self.cut = f"more than {self._limits.received_bytes} bytes came"

    def take_stderr(self, chunk: bytes) -> None:
        """Bytes of standard error; they do not reset the idle timer."""
        self._stderr += chunk[: STDERR_BYTES - len(self._stderr)]

    def silence(self) -> None:
        """Nothing came for a while. Before the stream begins, another deadline applies."""
        if self.begun and time.monotonic() - self._last_s > self._limits.idle_s:
            self.cut = f"no byte came for {self._limits.idle_s:g} s"

    def capture(self, exit_status: int | None) -> Received:
        """Everything that was received."""
        return Received(bytes(self._received), bytes(self._stderr), exit_status, self.cut)
