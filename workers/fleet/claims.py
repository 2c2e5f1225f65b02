"""Claims in Redis: what only one worker does at a time, and what is done or logged once in a while."""

from typing import TYPE_CHECKING

from workers.fleet.broker import KEY_PREFIX

if TYPE_CHECKING:
    import redis


def claim(client: "redis.Redis", what: str, seconds: int) -> bool:
    """Claim something for this time; False if it is claimed already."""
    return bool(client.set(f"{KEY_PREFIX}claim:{what}", "", nx=True, ex=seconds))


def disclaim(client: "redis.Redis", what: str) -> None:
    """Give up a claim before its time."""
    client.delete(f"{KEY_PREFIX}claim:{what}")
