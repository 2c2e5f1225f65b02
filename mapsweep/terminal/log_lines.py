"""Log records as lines that a terminal can show: each with its time, none that a host could forge."""

import logging
import time
from collections.abc import Iterator
from typing import Final, TextIO

from mapsweep.terminal.terminal import visible
from procmaps.masking import mask_line
from procmaps.masking_options import AS_BY_DEFAULT, Masking

LINE_CHARS_MAX: Final = 4_000
LINES_MAX: Final = 500  # of one record: a traceback has some dozens
CONTINUED: Final = "    "  # how a line begins that belongs to the one before
_LIBRARY: Final = "paramiko"
_ALGORITHMS: Final = ("server key: ", "HostKey: ")  # names of algorithms follow, which masking takes for keys


class LogLines(logging.StreamHandler[TextIO]):
    """Writes `TIME ROOM: FACT` to a stream, each record in one write.

    What is not our own text, a library's lines and tracebacks, goes through `masking` first.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.masking: Masking = AS_BY_DEFAULT

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines; those after the first are indented."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - what a library logs may not fit its own values
            text = "a record that cannot be printed"
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        return f"\n{CONTINUED}".join(self._lines(record, text))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """A reader that has gone ends no run; the default would print the record's values as they are."""

    def _lines(self, record: logging.LogRecord, text: str) -> Iterator[str]:
        first, *more = text.splitlines()[:LINES_MAX] or [""]
        room, _, rest = record.name.partition(".")
        about = ""
        if room == _LIBRARY:  # paramiko.client.HOST
            about = f"{rest.partition('.')[2]}: "
            first = first if first.startswith(_ALGORITHMS) else self._masked(first)
        yield visible(f"{_instant(record.created)} {room}: {about}{first[:LINE_CHARS_MAX]}")
        for line in more:
            yield visible(self._masked(line[:LINE_CHARS_MAX]))

    def _masked(self, line: str) -> str:
        """Without secrets, the blanks at its beginning kept."""
        begins = len(line) - len(line.lstrip())
        return line[:begins] + mask_line(line[begins:], self.masking)


def _instant(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03}Z"
