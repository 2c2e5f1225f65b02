"""One thing that was looked at: how it is, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How one thing is."""

    OK = "OK"
    WARN = "WARN"  # a sweep works, with less in its report or at a higher cost
    FAIL = "FAIL"  # a sweep does not work, or not for these hosts
    UNKNOWN = "-"  # it could not be looked at, because something before it failed


@dataclass(frozen=True, slots=True)
class Check:
    """The finding of one check. `remedy` is a sentence, `commands` can be copied to a shell here."""

    level: Level
    name: str
    text: str
    details: tuple[str, ...] = ()  # one line each, with text that hosts sent
    remedy: str = ""
    commands: tuple[str, ...] = ()
