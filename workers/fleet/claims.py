"""What the workers of a fleet remember together in Redis: claims, when a trouble was first met, what is told.

A claim is for what only one worker does at a time, and for what is done or logged once in a while.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from workers.fleet.broker import KEY_PREFIX
from workers.fleet.kept_values import moment_of

if TYPE_CHECKING:
    import redis

REMEMBERED_S: Final = 2 * 24 * 3600  # what is told, and troubles after they were last met


def claim(client: "redis.Redis", what: str, seconds: int) -> bool:
    """Claim something for this time; False if it is claimed already."""
    return bool(client.set(f"{KEY_PREFIX}claim:{what}", "", nx=True, ex=seconds))


def disclaim(client: "redis.Redis", what: str) -> None:
    """Give up a claim before its time."""
    client.delete(f"{KEY_PREFIX}claim:{what}")


def met(client: "redis.Redis", what: str, now: datetime) -> datetime:
    """Note that a trouble is met; when it was met first."""
    key, present = f"{KEY_PREFIX}met:{what}", now.astimezone(UTC).isoformat()
    client.set(key, present, nx=True)
    since = moment_of(client.get(key))
    if since is None:  # it lapsed, or others wrote it
        client.set(key, present)
    client.expire(key, REMEMBERED_S)
    return since or now


def first_met(client: "redis.Redis", what: str) -> datetime | None:
    """When a trouble was first met; None if it is over."""
    return moment_of(client.get(f"{KEY_PREFIX}met:{what}"))


def over(client: "redis.Redis", what: str) -> None:
    """A trouble is over."""
    client.delete(f"{KEY_PREFIX}met:{what}")


def is_told(client: "redis.Redis", notice_id: str) -> bool:
    """Whether a notice is on its way."""
    return bool(client.exists(f"{KEY_PREFIX}told:{notice_id}"))


def note_told(client: "redis.Redis", notice_id: str) -> None:
    """A notice is on its way, and is not written again."""
    client.set(f"{KEY_PREFIX}told:{notice_id}", "", ex=REMEMBERED_S)


def forget_told(client: "redis.Redis", notice_id: str) -> None:
    """If it happens again, the notice is written again."""
    client.delete(f"{KEY_PREFIX}told:{notice_id}")
