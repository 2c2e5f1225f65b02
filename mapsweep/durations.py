"""Times as an operator types them: 90m, 26h, 2d."""

import re
from datetime import timedelta
from typing import Final

DAYS_MAX: Final = 3650
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TYPED: Final = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([smhdw])\s*", re.ASCII)


def parse(text: str) -> timedelta:
    """The time of "90m", "26h" or "1.5d"; ValueError for anything else, for 0, or over DAYS_MAX days."""
    match = _TYPED.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a time; write it as 90m, 26h or 2d")
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if not 0 < seconds <= DAYS_MAX * _UNITS_S["d"]:
        raise ValueError(f"{text!r} must be more than 0 and at most {DAYS_MAX} days")
    return timedelta(seconds=seconds)


def short(span: timedelta) -> str:
    """A time in at most four characters: 45s, 59m, 23h, 364d, 9y; "?" if it is below zero."""
    seconds = int(span.total_seconds())
    if seconds < 0:
        return "?"
    for unit, below in (("s", 60), ("m", 3600), ("h", 2 * 86_400), ("d", 1000 * 86_400)):
        if seconds < below:
            return f"{seconds // _UNITS_S[unit]}{unit}"
    return f"{seconds // (365 * 86_400)}y"
