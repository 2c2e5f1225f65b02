"""A bug as it is kept: what to send to those who maintain mapsweep."""

import platform
import traceback
from importlib.metadata import version
from typing import Final

TRACE_CHARS: Final = 32 * 2**10  # the innermost calls are at the end, so the end is kept


def trace(bug: BaseException) -> str:
    """The versions at work and the traceback, at most TRACE_CHARS of it; no value of a variable is in it."""
    head = f"mapsweep {version('mapsweep')}, Python {platform.python_version()}, {platform.platform()}\n"
    return head + "".join(traceback.format_exception(bug))[-TRACE_CHARS:]
