"""Who works on what: leases in Redis that expire when a worker dies, and how often each host was begun.

The run's folder says what is done. If Redis loses everything, work is repeated, but no result becomes wrong.
"""

import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from workers.fleet.broker import KEY_PREFIX

if TYPE_CHECKING:
    import redis

FORGOTTEN_AFTER_S = 7 * 24 * 3600
KEYS_AT_ONCE = 1000

# Redis runs a script as one command. The count comes first: where Redis refuses it, no lease is left behind.
_TAKE = """
if redis.call('exists', KEYS[1]) == 1 then
    return 0
end
redis.call('hincrby', KEYS[2], ARGV[3], 1)
redis.call('expire', KEYS[2], ARGV[4])
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then
    redis.call('del', KEYS[1])
end
"""


class Step(StrEnum):
    """A step of work on a host, or on the run itself."""

    COLLECT = "collect"
    CLASSIFY = "classify"
    FINISH = "finish"


class Leases:
    """The leases of one run, as one worker takes them: each object is an owner of its own."""

    def __init__(self, client: "redis.Redis", run_id: str, lease_s: int) -> None:
        self._redis = client
        self._prefix = f"{KEY_PREFIX}run:{run_id}:"
        self._lease_s = lease_s
        self._owner = secrets.token_hex(16)
        self._take = client.register_script(_TAKE)
        self._release = client.register_script(_RELEASE)

    def take(self, step: Step, host: str) -> bool:
        """Begin a step on a host, which counts as an attempt; False if another worker is at it."""
        keys = [self._lease(step, host), self._begun(step)]
        return bool(self._take(keys=keys, args=[self._owner, self._lease_s, host, FORGOTTEN_AFTER_S]))

    def release(self, step: Step, host: str) -> None:
        """The step on that host is over; a lease that lapsed and is another's now stays his."""
        self._release(keys=[self._lease(step, host)], args=[self._owner])

    def attempts(self, step: Step) -> dict[str, int]:
        """How often the step was begun, by host."""
        begun = cast("dict[str, str]", self._redis.hgetall(self._begun(step)))
        return {host: int(count) for host, count in begun.items()}

    def held(self, step: Step, hosts: Iterable[str]) -> frozenset[str]:
        """The hosts on which a worker works."""
        names = list(hosts)
        found: set[str] = set()
        for start in range(0, len(names), KEYS_AT_ONCE):
            chunk = names[start : start + KEYS_AT_ONCE]
            values = cast("list[str | None]", self._redis.mget([self._lease(step, host) for host in chunk]))
            found.update(host for host, value in zip(chunk, values, strict=True) if value is not None)
        return frozenset(found)

    def may_post(self, step: Step, host: str) -> bool:
        """Whether a message about the host may be sent again: once per lease time."""
        key = f"{self._prefix}posted:{step}:{host}"
        return bool(self._redis.set(key, "", nx=True, ex=self._lease_s))

    def may_tend(self, every_s: int) -> bool:
        """Whether it is time to look after the run, and nobody else has just done so."""
        return bool(self._redis.set(f"{self._prefix}tended", "", nx=True, ex=max(every_s, 1)))

    def overdue_s(self) -> int:
        """Seconds since somebody first asked this, by the clock of Redis."""
        key, now_s = f"{self._prefix}overdue", int(self._redis.time()[0])
        self._redis.set(key, now_s, nx=True, ex=FORGOTTEN_AFTER_S)
        return now_s - int(cast("str | None", self._redis.get(key)) or now_s)

    def _lease(self, step: Step, host: str) -> str:
        return f"{self._prefix}lease:{step}:{host}"

    def _begun(self, step: Step) -> str:
        return f"{self._prefix}begun:{step}"


def claim(client: "redis.Redis", what: str, seconds: int) -> bool:
    """Claim something; False if somebody on this broker has claimed it."""
    return bool(client.set(f"{KEY_PREFIX}claim:{what}", "", nx=True, ex=seconds))


def disclaim(client: "redis.Redis", what: str) -> None:
    """Give up a claim."""
    client.delete(f"{KEY_PREFIX}claim:{what}")
