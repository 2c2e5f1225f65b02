"""`--debug`: what a run does, line by line on standard error. What is not debugged pays nothing for it."""

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mapsweep.terminal.log_lines import LogLines
    from procmaps.masking_options import Masking

ROOMS: Final = ("archive", "collector", "reports", "workers", "mapsweep")  # names of loggers
LIBRARY: Final = "paramiko.client"  # its lines about our connections, not about the hosts of a demo

_lines: "list[LogLines]" = []  # what writes them; nothing where nobody debugs


def is_on() -> bool:
    """Whether this command is debugged."""
    return bool(_lines)


def start() -> None:
    """From now on every room tells what it does."""
    import logging  # noqa: PLC0415 - nobody else pays for it

    from mapsweep.terminal.log_lines import LogLines  # noqa: PLC0415 - likewise

    stop()
    lines = LogLines(sys.stderr)
    _lines.append(lines)
    for name in (*ROOMS, LIBRARY):
        logger = logging.getLogger(name)
        logger.addHandler(lines)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False  # a worker's own handler would print it again


def stop() -> None:
    """No room tells anything any more."""
    if not _lines:
        return
    import logging  # noqa: PLC0415 - as above

    lines = _lines.pop()
    for name in (*ROOMS, LIBRARY):
        logger = logging.getLogger(name)
        logger.removeHandler(lines)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def tell(fact: str, *values: object) -> None:
    """A fact of the command line, in the manner of %. Not for secrets, nor for settings that may hold one."""
    if is_on():
        import logging  # noqa: PLC0415 - as above

        logging.getLogger("mapsweep").debug(fact, *values)


def mask_as(masking: "Masking") -> None:
    """What counts as a secret in text that is not ours, by the settings."""
    for lines in _lines:
        lines.masking = masking
