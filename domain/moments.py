"""Times as the records hold them: UTC, RFC 3339, whole seconds."""

from datetime import UTC, datetime


def now() -> str:
    """The present time."""
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    """A time; it has to have a time zone."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")
