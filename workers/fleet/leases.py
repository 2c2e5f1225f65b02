"""Who works on what: leases in Redis that expire when a worker dies, and how often each host was begun.

The run's folder says what is done. If Redis loses everything, work is repeated, but no result becomes wrong.
"""

import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from workers.fleet.broker import KEY_PREFIX
from workers.fleet.kept_values import count_of
from workers.fleet.renewal import KEYS_AT_ONCE, Lease, Renewal

if TYPE_CHECKING:
    import redis

FORGOTTEN_AFTER_S = 7 * 24 * 3600

# Redis runs a script as one command. The count comes first: where Redis refuses it, no lease is left behind.
# What is no count is dropped, because Redis would refuse to add to it for as long as it is there.
_TAKE = """
if redis.call('exists', KEYS[1]) == 1 then
    return 0
end
local count = redis.call('hget', KEYS[2], ARGV[3])
if count and not string.match(count, '^%d%d?%d?%d?%d?%d?$') then
    redis.call('hdel', KEYS[2], ARGV[3])
end
redis.call('hincrby', KEYS[2], ARGV[3], 1)
redis.call('expire', KEYS[2], ARGV[4])
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


RUN = ""  # in place of a host in a lease of the run itself


class Step(StrEnum):
    """A step of work on a host, or on the run itself."""

    COLLECT = "collect"
    CLASSIFY = "classify"
    FINISH = "finish"


class Leases:
    """The leases of one run, as one worker takes them: each object is an owner of its own.

    What is taken is renewed as long as this process lives, until it is released or given back.
    """

    def __init__(
        self, client: "redis.Redis", run_id: str, lease_s: int, renewal: Renewal | None = None
    ) -> None:
        self._redis = client
        self._run_id = run_id
        self._prefix = f"{KEY_PREFIX}run:{run_id}:"
        self._lease_s = lease_s
        self._owner = secrets.token_hex(16)
        self._take = client.register_script(_TAKE)
        self._renewal = renewal or Renewal(client, lease_s)

    def take(self, step: Step, host: str) -> bool:
        """Begin a step on a host, which counts as an attempt; False if another worker is at it."""
        lease = self._of(step, host)
        is_mine = self._take(
            keys=[lease.key, lease.begun], args=[self._owner, self._lease_s, host, FORGOTTEN_AFTER_S]
        )
        if is_mine:
            self._renewal.hold(lease)
        return bool(is_mine)

    def release(self, step: Step, host: str) -> None:
        """The step on that host is over; a lease that lapsed and is another's now stays his."""
        self._renewal.release(self._lease(step, host), self._owner)

    def give_back(self, step: Step, host: str) -> None:
        """The step was not done, and not because of the host: it is free, and this was no attempt."""
        self._renewal.give_back(self._lease(step, host), self._owner)

    def attempts(self, step: Step) -> dict[str, int]:
        """How often the step was begun, by host."""
        begun = cast("dict[str, str]", self._redis.hgetall(self._begun(step)))
        return {host: count_of(count) for host, count in begun.items()}

    def held(self, step: Step, hosts: Iterable[str]) -> frozenset[str]:
        """The hosts on which a worker works."""
        names = list(hosts)
        found: set[str] = set()
        for start in range(0, len(names), KEYS_AT_ONCE):
            chunk = names[start : start + KEYS_AT_ONCE]
            values = cast("list[str | None]", self._redis.mget([self._lease(step, host) for host in chunk]))
            found.update(host for host, value in zip(chunk, values, strict=True) if value is not None)
        return frozenset(found)

    def may_post(self, step: Step, host: str, again_s: int) -> bool:
        """Whether a message about the host may be sent again: once in `again_s` seconds."""
        key = f"{self._prefix}posted:{step}:{host}"
        return bool(self._redis.set(key, "", nx=True, ex=again_s))

    def errors(self, step: Step, host: str, again_s: int) -> int:
        """Count an error at a host that is no attempt, once in `again_s` seconds; how many there were."""
        name = f"{self._prefix}errors:{step}"
        if self._redis.set(f"{name}:{host}", "", nx=True, ex=again_s):
            self._redis.hset(name, host, str(count_of(self._redis.hget(name, host)) + 1))
            self._redis.expire(name, FORGOTTEN_AFTER_S)
        return count_of(self._redis.hget(name, host))

    def may_tend(self, every_s: int) -> bool:
        """Whether it is time to look after the run, and nobody else has just done so."""
        return bool(self._redis.set(f"{self._prefix}tended", "", nx=True, ex=max(every_s, 1)))

    def overdue_s(self) -> int:
        """Seconds since somebody first asked this, by the clock of Redis."""
        key, now_s = f"{self._prefix}overdue", int(self._redis.time()[0])
        self._redis.set(key, now_s, nx=True, ex=FORGOTTEN_AFTER_S)
        return now_s - (count_of(self._redis.get(key)) or now_s)

    def _of(self, step: Step, host: str) -> Lease:
        key, begun = self._lease(step, host), self._begun(step)
        return Lease(key, self._owner, begun, self._run_id, step, host)

    def _lease(self, step: Step, host: str) -> str:
        return f"{self._prefix}lease:{step}:{host}"

    def _begun(self, step: Step) -> str:
        return f"{self._prefix}begun:{step}"
