"""Durations as an operator types them: 90s, 30m, 2h, 1h30m, 1d."""

import re

SECONDS_MAX = 366 * 86_400

_UNIT_S = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_TYPED = re.compile("".join(rf"(?:(\d{{1,8}}){unit})?" for unit in _UNIT_S), re.ASCII)


def parse(text: str) -> int:
    """Seconds of "90s", "2h", "1h30m"; ValueError for anything else, for nothing, and above a year."""
    match = _TYPED.fullmatch(text.strip().lower())
    amounts = match.groups() if match else ()
    if not any(amounts):
        raise ValueError(f"{text!r} is not a duration; write it as 90s, 30m, 2h, 1h30m or 1d")
    seconds = sum(int(amount or 0) * unit_s for amount, unit_s in zip(amounts, _UNIT_S.values(), strict=True))
    if not 1 <= seconds <= SECONDS_MAX:
        raise ValueError(f"{text!r} is not from 1s to {SECONDS_MAX // 86_400}d")
    return seconds
