"""Durations as an operator types them: 90m, 26h, 1h30m, 2d."""

import re
from datetime import timedelta
from typing import Final

DAYS_MAX: Final = 3650
_UNIT_S: Final = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_TYPED: Final = re.compile("".join(rf"(?:(\d{{1,9}}){unit})?" for unit in _UNIT_S), re.ASCII)


def parse(text: str) -> timedelta:
    """The time of "90s", "26h" or "1h30m"; ValueError for anything else, for 0, and over DAYS_MAX days."""
    match = _TYPED.fullmatch(text.strip().lower())
    amounts = match.groups() if match else ()
    if not any(amounts):
        raise ValueError(f"{text!r} is not a duration; write it as 90s, 30m, 26h, 1h30m or 2d")
    seconds = sum(int(amount or 0) * unit_s for amount, unit_s in zip(amounts, _UNIT_S.values(), strict=True))
    if not 0 < seconds <= DAYS_MAX * _UNIT_S["d"]:
        raise ValueError(f"{text!r} must be more than 0 and at most {DAYS_MAX} days")
    return timedelta(seconds=seconds)


def short(span: timedelta) -> str:
    """A time in at most four characters: 45s, 59m, 23h, 364d, 9y; "?" if it is below zero."""
    seconds = int(span.total_seconds())
    if seconds < 0:
        return "?"
    for unit, below in (("s", 60), ("m", 3600), ("h", 2 * 86_400), ("d", 1000 * 86_400)):
        if seconds < below:
            return f"{seconds // _UNIT_S[unit]}{unit}"
    return f"{seconds // (365 * 86_400)}y"
