"""The id of a run, which is the name of its folder: when it began, what it is called, and a suffix."""

import re
import secrets
from datetime import UTC, datetime
from typing import Final

NAME_LENGTH_MAX: Final = 40
_RUN_ID: Final = re.compile(r"\d{8}T\d{6}Z-[a-z0-9_.-]{1,40}-[0-9a-f]{4}")


def new_run_id(started: datetime, name: str, suffix: str = "") -> str:
    """`20261123T045837Z-NAME-SUFFIX`; without a suffix, four random hex digits."""
    return f"{started:%Y%m%dT%H%M%SZ}-{name_in_ids(name)}-{suffix or secrets.token_hex(2)}"


def name_in_ids(name: str) -> str:
    """The name of a scope as far as an id can hold it."""
    return re.sub(r"[^a-z0-9_.-]+", "-", name.lower())[:NAME_LENGTH_MAX].strip("-.") or "run"


def is_run_id(name: str) -> bool:
    """Whether a text is the id of a run, of one that exists or not."""
    return _RUN_ID.fullmatch(name) is not None


def started_of(run_id: str) -> datetime | None:
    """The time in an id; None for what is no id, or names a day that does not exist."""
    if not is_run_id(run_id):
        return None
    try:
        return datetime.strptime(run_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def name_of(run_id: str) -> str:
    """The name in an id: that of the scope, as far as an id can hold it."""
    return run_id.split("-", 1)[1].rpartition("-")[0]
