"""Times: as the records hold them (UTC, RFC 3339, whole seconds), and as people read them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> str:
    """The present time."""
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    """A time; it has to have a time zone."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def is_readable(moment: str) -> bool:
    """Whether a text of a record is a time with its zone."""
    try:
        read = datetime.fromisoformat(moment)
        read.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return False
    return read.tzinfo is not None


def is_day(text: str) -> bool:
    """Whether a text is a day such as 2026-11-30."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def epoch_s(moment: str) -> float:
    """The same in seconds since 1970; 0 for a text that is no time with its zone."""
    return datetime.fromisoformat(moment).timestamp() if is_readable(moment) else 0.0


def in_zone(moment: datetime, zone: str) -> str:
    """A time in an IANA zone, and in UTC where that differs: `Sun 2026-11-29 02:30 CET (01:30 UTC)`."""
    local, utc = moment.astimezone(ZoneInfo(zone)), moment.astimezone(UTC)
    shown = f"{local:%a %Y-%m-%d %H:%M} {local.tzname()}"
    if local.utcoffset() == utc.utcoffset():
        return shown
    return f"{shown} ({utc:%H:%M} UTC)" if utc.date() == local.date() else f"{shown} ({utc:%a %H:%M} UTC)"
