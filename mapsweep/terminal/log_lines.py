"""Log records as lines for people or as JSON: each with its time, none that a host could forge."""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TextIO

from domain.about import current
from mapsweep.terminal.log_format import ROOMS, LogFormat
from mapsweep.terminal.terminal import visible
from procmaps.masking import mask_line
from procmaps.masking_options import AS_BY_DEFAULT, Masking

LINE_CHARS_MAX: Final = 4_000
LINES_MAX: Final = 500  # of one record: a traceback has some dozens
NAME_CHARS_MAX: Final = 300  # of a room, a run, a host
CONTINUED: Final = "    "  # how a line begins that belongs to the one before
_LIBRARY: Final = "paramiko"
_ALGORITHMS: Final = ("server key: ", "HostKey: ")  # names of algorithms follow, which masking takes for keys


@dataclass(frozen=True, slots=True)
class _Entry:
    """A record, taken apart and made harmless."""

    at: str
    level: str
    room: str
    about: dict[str, str]  # what it is about, by domain.about.NAMES
    said: tuple[str, ...]  # at least one line
    trace: tuple[str, ...]


class LogLines(logging.StreamHandler[TextIO]):
    """Writes `TIME ROOM: FACT`, or a JSON object, to a stream, each record in one write.

    What is not our own text, libraries' lines and tracebacks, goes through `masking` first.
    """

    def __init__(self, stream: TextIO, form: LogFormat = LogFormat.TEXT) -> None:
        super().__init__(stream)
        self.masking: Masking = AS_BY_DEFAULT
        self.form: Final = form

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines, those after the first indented; as JSON it is one line of ASCII."""
        entry = self._taken_apart(record)
        return _as_json(entry) if self.form is LogFormat.JSON else _as_text(entry)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """A reader that has gone ends no run; the default would print the record's values as they are."""

    def _taken_apart(self, record: logging.LogRecord) -> _Entry:
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - what a library logs may not fit its own values
            text = "a record that cannot be printed"
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        said = tuple(self._lines(record.name, text))
        about = {name: visible(value[:NAME_CHARS_MAX]) for name, value in current().items()}
        return _Entry(
            at=_instant(record.created),
            level=record.levelname.lower(),
            room=visible(record.name[:NAME_CHARS_MAX]),
            about=about,
            said=said,
            trace=tuple(self._not_ours(line) for line in trace.splitlines()[: LINES_MAX - len(said)]),
        )

    def _lines(self, name: str, text: str) -> Iterator[str]:
        # what Celery prints after a task's failure begins with an empty line
        first, *more = text.strip("\n").splitlines()[:LINES_MAX] or [""]
        is_ours = name.partition(".")[0] in ROOMS
        yield (
            visible(first[:LINE_CHARS_MAX])
            if is_ours or _names_algorithms(name, first)
            else self._not_ours(first)
        )
        for line in more:
            yield self._not_ours(line)

    def _not_ours(self, line: str) -> str:
        """Text of others: without secrets, the blanks at its beginning kept."""
        line = line[:LINE_CHARS_MAX]
        begins = len(line) - len(line.lstrip())
        return visible(line[:begins] + mask_line(line[begins:], self.masking))


def _names_algorithms(name: str, line: str) -> bool:
    return name.startswith(_LIBRARY) and line.startswith(_ALGORITHMS)


def _as_text(entry: _Entry) -> str:
    """For people. Our own sentences name the host; those of libraries have it appended."""
    room, _, rest = entry.room.partition(".")
    loud = f"{entry.level}: " if entry.level not in ("debug", "info") else ""
    before, after = "", ""
    if room == _LIBRARY:  # paramiko.client.HOST
        before = f"{rest.partition('.')[2]}: "
    elif room not in ROOMS and entry.about:
        after = f" ({', '.join(f'{name} {value}' for name, value in entry.about.items())})"
    first, *more = entry.said
    return f"\n{CONTINUED}".join((f"{entry.at} {room}: {loud}{before}{first}{after}", *more, *entry.trace))


def _as_json(entry: _Entry) -> str:
    """For machines: `time level room message`, then what is known of `run host stage reason trace`."""
    room, about = entry.room, entry.about
    if room.startswith(f"{_LIBRARY}.client."):  # its threads know the host by the name of their logger only
        host = room.removeprefix(f"{_LIBRARY}.client.")
        room, about = f"{_LIBRARY}.client", {**about, "host": about.get("host", host)}
    fields = {"time": entry.at, "level": entry.level, "room": room, "message": "\n".join(entry.said), **about}
    if entry.trace:
        fields["trace"] = "\n".join(entry.trace)
    return json.dumps(fields, ensure_ascii=True)


def _instant(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03}Z"
