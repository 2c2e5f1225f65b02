"""Values as Redis gives them back: whoever reaches it can have put anything in their place."""

from datetime import datetime
from typing import Final

from domain.moments import is_readable

_DIGITS_MAX: Final = 18


def count_of(value: object) -> int:
    """A counter; 0 for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX:
        return int(value)
    return 0


def moment_of(value: object) -> datetime | None:
    """A time with its zone; None for what is none."""
    return datetime.fromisoformat(value) if isinstance(value, str) and is_readable(value) else None
