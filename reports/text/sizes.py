"""Bytes, counts and times for people: GiB and MiB, a dash for the unknown, a mark for a bound.

Also read here: sizes as people type them.
"""

import re
from datetime import UTC, datetime

from procmaps.amounts import scaled

DASH = "–"  # noqa: RUF001 -- the sign for "unknown" in HTML
PLAIN_DASH = "-"
AT_MOST = "≤ "
PLAIN_AT_MOST = "<= "

MIB = 2**20
_LETTERS = "BKMGTPE"
_TYPED = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGTPE]?)(?:i?B)?\s*", re.IGNORECASE | re.ASCII)


def size(amount_bytes: int | None, *, bound: bool = False, plain: bool = False) -> str:
    """Bytes with about three digits and a binary unit; `bound` marks a bound, `plain` uses only ASCII."""
    if amount_bytes is None:
        return PLAIN_DASH if plain else DASH
    mark = (PLAIN_AT_MOST if plain else AT_MOST) if bound and amount_bytes else ""
    return mark + scaled(amount_bytes)


def parse(text: str) -> int:
    """Bytes of "500M", "1.5 GiB", "4096"; ValueError for anything else."""
    if not (match := _TYPED.fullmatch(text)):
        raise ValueError(f"{text!r} is not a size; write it as 500M, 1.5G or 4096")
    unit_bytes = 1024 ** _LETTERS.index(match[2].upper() or "B")
    # a whole number stays exact: a float has 53 bits
    return int(float(match[1]) * unit_bytes) if "." in match[1] else int(match[1]) * unit_bytes


def growth(amount_bytes: int | None, *, plain: bool = False) -> str:
    """A change with its sign."""
    if amount_bytes is None:
        return PLAIN_DASH if plain else DASH
    if amount_bytes == 0:
        return "0"
    return ("+" if amount_bytes > 0 else "-") + scaled(abs(amount_bytes))


def number(count: int | None, *, plain: bool = False) -> str:
    """A count with commas at the thousands."""
    if count is None:
        return PLAIN_DASH if plain else DASH
    return f"{count:,}"


def duration(seconds: float) -> str:
    """Seconds for people: 48 s, 3 min 10 s, 2 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def when(time_utc: str) -> str:
    """An RFC 3339 time as `22 Nov 2026 05:00 UTC`; other text is shown unchanged."""
    moment = instant(time_utc)
    if moment is None:
        return time_utc or DASH
    return f"{moment.day} {moment:%b %Y %H:%M} UTC"


def day_time(time_utc: str) -> str:
    """An RFC 3339 time as `Sun 29 Nov 02:00 UTC`, for what was a few days ago; other text is unchanged."""
    moment = instant(time_utc)
    return time_utc if moment is None else f"{moment:%a} {moment.day} {moment:%b %H:%M} UTC"


def from_to(before_bytes: int, now_bytes: int, *, bound: bool = False, plain: bool = False) -> str:
    """Two sizes, the unit once if it is the same: `76.0 to 796 MiB`; of bounds `<= 76.0 to <= 796 MiB`."""
    before, now = (size(each, bound=bound, plain=plain) for each in (before_bytes, now_bytes))
    amount, _, unit = before.rpartition(" ")
    return f"{amount} to {now}" if amount and now.endswith(f" {unit}") else f"{before} to {now}"


def instant(time_utc: str) -> datetime | None:
    """An RFC 3339 time in UTC; None for other text."""
    try:
        moment = datetime.fromisoformat(time_utc)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
