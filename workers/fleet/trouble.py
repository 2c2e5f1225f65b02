"""What keeps workers from their work, noted in Redis for those who watch, until it is over."""

import json
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from domain.moments import now
from workers.fleet.broker import KEY_PREFIX

if TYPE_CHECKING:
    import redis

PREFIX: Final = f"{KEY_PREFIX}trouble:"
WHAT_LENGTH_MAX: Final = 300
INDEX: Final = f"{KEY_PREFIX}troubled"  # the names of those who have a note, so that nobody scans all keys
NOTES_MAX: Final = 1000  # workers whose notes are read
FORGOTTEN_AFTER_RESTS: Final = 3  # a note stays so many rests of a worker, unless it is noted again


class Trouble(NamedTuple):
    """Why a worker takes no work, and since when."""

    worker: str
    what: str
    since: str  # ISO 8601, UTC


class Note:
    """The note of one worker, which all its processes write."""

    def __init__(self, client: "redis.Redis", worker: str, rest_s: int) -> None:
        self._redis = client
        self._worker = worker
        self._key = f"{PREFIX}{worker}"
        self._ttl_s = rest_s * FORGOTTEN_AFTER_RESTS
        self._what = self._since = ""

    def write(self, what: str) -> bool:
        """Note a trouble, and that it lasts; False if it is the one that this process noted last."""
        is_new = what != self._what
        if is_new:
            self._what, self._since = what, now()
        told = json.dumps({"what": what[:WHAT_LENGTH_MAX], "since": self._since})
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.set(self._key, told, ex=self._ttl_s)
        pipeline.sadd(INDEX, self._worker)
        pipeline.expire(INDEX, self._ttl_s)
        pipeline.execute()
        return is_new

    def remove(self) -> None:
        """The trouble is over."""
        self._what = ""
        self._redis.delete(self._key)
        self._redis.srem(INDEX, self._worker)


def troubles(client: "redis.Redis") -> tuple[Trouble, ...]:
    """What keeps workers from their work now, by their names."""
    workers = sorted(cast("set[str]", client.smembers(INDEX)))[:NOTES_MAX]
    texts = cast("list[str | None]", client.mget([f"{PREFIX}{each}" for each in workers])) if workers else []
    found = []
    for worker, text in zip(workers, texts, strict=True):
        try:
            note = json.loads(text or "")  # "": it lapsed
            what, since = str(note["what"]), str(note["since"])
        except (ValueError, TypeError, KeyError, RecursionError):  # whoever reaches Redis can write there
            continue
        found.append(Trouble(worker, what[:WHAT_LENGTH_MAX], since))
    return tuple(found)


def told(found: tuple[Trouble, ...]) -> str:
    """The troubles as one line for people, "" if there are none."""
    if not found:
        return ""
    first, more = found[0], f", and {len(found) - 1} more workers" if len(found) > 1 else ""
    return f"{first.worker}{more} cannot work: {first.what}"
