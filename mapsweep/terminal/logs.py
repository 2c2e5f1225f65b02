"""The log of a service, `mapsweep worker` or `mapsweep beat`: all that it writes on standard error."""

import logging
import sys
import threading
from typing import Final

from mapsweep.terminal import debugging
from mapsweep.terminal.log_format import LogFormat
from mapsweep.terminal.log_lines import LogLines

# Lines of libraries that come with each message, and say nothing about a host.
_CHATTER: Final = ("celery.worker.strategy", "celery.app.trace", "multiprocessing")

_log: Final = logging.getLogger("mapsweep")


def serve() -> None:
    """From now on whatever is logged in this process, and in its children, is written in one way.

    Off a terminal as JSON, unless --log-format says otherwise. From the level INFO on, with --debug
    everything of our own.
    """
    lines = debugging.serve()
    root = logging.getLogger()
    for before in [each for each in root.handlers if isinstance(each, LogLines)]:
        root.removeHandler(before)
    root.addHandler(lines)
    root.setLevel(logging.INFO)
    for name in _CHATTER:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    threading.excepthook = _tell_of_thread
    if lines.form is LogFormat.JSON:
        debugging.log_complaints()
        sys.__stdout__ = None  # type: ignore[misc] # Celery prints there, past any log, how it is stopped


def _tell_of_thread(args: threading.ExceptHookArgs) -> None:
    """A thread that ends by an exception: a record, and not lines without a time."""
    name = args.thread.name if args.thread else "?"
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        told = (args.exc_type, args.exc_value, args.exc_traceback)
        _log.error("the thread %s ended by an error", name, exc_info=told)
