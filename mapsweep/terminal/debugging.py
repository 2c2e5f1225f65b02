"""`--debug`: what a run does, line by line on standard error. What is not debugged pays nothing for it."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mapsweep.terminal.log_format import ROOMS, LogFormat

if TYPE_CHECKING:
    from mapsweep.terminal.log_lines import LogLines
    from procmaps.masking_options import Masking

LIBRARY: Final = "paramiko.client"  # its lines about our connections, not about the hosts of a demo


@dataclass(slots=True)
class _Telling:
    """What of this process is told, and how."""

    form: LogFormat = LogFormat.AUTO
    is_service: bool = False
    is_debugged: bool = False
    lines: "LogLines | None" = None  # what writes the lines; nothing where nobody debugs or serves
    logs_complaints: bool = False  # what would be printed for people is a record


_now: Final = _Telling()


def is_on() -> bool:
    """Whether this command is debugged."""
    return _now.is_debugged


def write_as(form: LogFormat) -> None:
    """How lines are written from now on."""
    _now.form = form
    _begin_again()


def start() -> None:
    """From now on every room tells what it does."""
    _now.is_debugged = True
    _begin_again()


def stop() -> None:
    """No room tells anything any more."""
    _forget_lines()
    _now.is_service = _now.is_debugged = _now.logs_complaints = False


def serve() -> "LogLines":
    """This process is a service, whose standard error is a log; the writer of its lines."""
    _now.is_service = True
    _begin_again()
    return _now.lines or _begin()


def tell(fact: str, *values: object) -> None:
    """A fact of the command line, in the manner of %. Not for secrets, nor for settings that may hold one."""
    if is_on():
        import logging  # noqa: PLC0415 - nobody else pays for it

        logging.getLogger("mapsweep").debug(fact, *values)


def mask_as(masking: "Masking") -> None:
    """What counts as a secret in text that is not ours, by the settings."""
    if _now.lines is not None:
        _now.lines.masking = masking


def log_complaints() -> None:
    """Have what would be printed for people logged instead."""
    _now.logs_complaints = True


def takes_complaint(line: str, *, is_warning: bool) -> bool:
    """Whether a line for people was logged, and is not to be printed."""
    if _now.logs_complaints:
        import logging  # noqa: PLC0415 - as above

        level = logging.WARNING if is_warning else logging.ERROR
        logging.getLogger("mapsweep").log(level, "%s", line)
    return _now.logs_complaints


def _begin_again() -> None:
    _forget_lines()
    if _now.is_debugged:
        _begin()


def _begin() -> "LogLines":
    import logging  # noqa: PLC0415 - as above

    from mapsweep.terminal.log_lines import LogLines  # noqa: PLC0415 - likewise

    form = _now.form
    if form is LogFormat.AUTO:  # what a command writes beside its lines is for people
        is_log = _now.is_service and not sys.stderr.isatty()
        form = LogFormat.JSON if is_log else LogFormat.TEXT
    lines = _now.lines = LogLines(sys.stderr, form)
    if _now.is_debugged:
        for name in (*ROOMS, LIBRARY):
            logger = logging.getLogger(name)
            logger.addHandler(lines)
            logger.setLevel(logging.DEBUG)
            logger.propagate = False  # a service's root would print it again
    return lines


def _forget_lines() -> None:
    if _now.lines is None:
        return
    import logging  # noqa: PLC0415 - as above

    lines, _now.lines = _now.lines, None
    for name in (*ROOMS, LIBRARY):
        logger = logging.getLogger(name)
        if lines in logger.handlers:
            logger.removeHandler(lines)
            logger.setLevel(logging.NOTSET)
            logger.propagate = True
