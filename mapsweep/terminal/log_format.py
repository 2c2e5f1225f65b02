"""The forms of log lines, and who writes them."""

from enum import StrEnum
from typing import Final

ROOMS: Final = ("archive", "collector", "reports", "workers", "mapsweep")  # names of our loggers


class LogFormat(StrEnum):
    """How log lines are written."""

    AUTO = "auto"  # JSON for a service off a terminal, else text
    TEXT = "text"
    JSON = "json"
