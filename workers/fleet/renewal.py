"""Keeps the leases of one process alive while it works, and gives them up all at once where it stops."""

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, cast

from redis import RedisError

if TYPE_CHECKING:
    import redis

KEYS_AT_ONCE = 1000
PARTS_OF_A_LEASE = 3  # a renewal may be missed twice before a lease lapses
RETRY_S = 1.0  # after an error of Redis, so that a lease that lapsed meanwhile is soon there again

log = logging.getLogger("workers")

# A lease that lapsed, or that Redis forgot, is set again: its host may still be in work. Another's is left.
# `pcall`: a value of another kind that somebody planted must not keep the other leases from being renewed.
_RENEW = """
local lost = {}
for place, key in ipairs(KEYS) do
    local owner = redis.pcall('get', key)
    if not owner or owner == ARGV[place + 1] then
        redis.call('set', key, ARGV[place + 1], 'EX', ARGV[1])
    else
        lost[#lost + 1] = place
    end
end
return lost
"""
_RELEASE = """
if redis.pcall('get', KEYS[1]) == ARGV[1] then
    redis.call('del', KEYS[1])
end
"""
# The attempt was this owner's, even where its lease lapsed and another has the host now.
_GIVE_BACK = """
if redis.pcall('get', KEYS[1]) == ARGV[1] then
    redis.call('del', KEYS[1])
end
local text = redis.call('hget', KEYS[2], ARGV[2]) or ''
local count = string.match(text, '^%d%d?%d?%d?%d?%d?$') and tonumber(text) or 0
if count > 1 then
    redis.call('hincrby', KEYS[2], ARGV[2], -1)
elseif count == 1 then
    redis.call('hdel', KEYS[2], ARGV[2])
end
"""


class Lease(NamedTuple):
    """A lease that this process holds."""

    key: str
    owner: str
    begun: str  # the key of the counts of attempts
    run_id: str
    step: str
    host: str


class Renewal:
    """Renews what a process holds, in a thread of its own, until it is released.

    One lock is held in each command, so that no renewal sets again what has just been released.
    """

    def __init__(self, client: "redis.Redis", lease_s: int) -> None:
        self._lease_s = lease_s
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)
        self._give_back = client.register_script(_GIVE_BACK)
        self._held: dict[tuple[str, str], Lease] = {}
        self._owed: list[Lease] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def hold(self, lease: Lease) -> None:
        """From now on a lease is renewed."""
        with self._lock:
            self._held[lease.key, lease.owner] = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_all, name="leases", daemon=True)
                self._thread.start()

    def release(self, key: str, owner: str) -> None:
        """A step is over; a lease that is another's now stays his."""
        with self._lock:
            self._held.pop((key, owner), None)
            self._release(keys=[key], args=[owner])

    def give_back(self, key: str, owner: str) -> bool:
        """A step was not done, and not because of its host: it is no attempt. False if it was not held."""
        with self._lock:
            lease = self._held.pop((key, owner), None)
            if lease is not None:
                self._given_back(lease)
            return lease is not None

    def _given_back(self, lease: Lease) -> None:
        self._give_back(keys=[lease.key, lease.begun], args=[lease.owner, lease.host])

    def give_back_all(self) -> tuple[Lease, ...]:
        """Give back all that this process holds."""
        held = self.held()
        return tuple(lease for lease in held if self.give_back(lease.key, lease.owner))

    def release_all(self) -> None:
        """At the end of a task nothing is held, even if Redis is away: then the leases lapse."""
        with self._lock:
            held = tuple(self._held.values())
            self._held.clear()
            with suppress(RedisError):  # the first error is enough: each may take as long as a timeout
                for lease in held:
                    self._release(keys=[lease.key], args=[lease.owner])

    def owe_all(self) -> None:
        """Redis is away: all that is held is given back, by the thread, as soon as Redis answers."""
        with self._lock:
            self._owed += self._held.values()
            self._held.clear()

    def held(self) -> tuple[Lease, ...]:
        """What this process holds, as far as it knows."""
        with self._lock:
            return tuple(self._held.values())

    def renew(self) -> frozenset[Lease]:
        """Renew all that is held, and give back what is owed; the leases that are another's by now."""
        with self._lock:
            lost = self._renewed(list(self._held.values()))
            while self._owed:
                self._given_back(self._owed[-1])
                self._owed.pop()
            return lost

    def _renewed(self, leases: list[Lease]) -> frozenset[Lease]:
        lost: set[Lease] = set()
        for start in range(0, len(leases), KEYS_AT_ONCE):
            chunk = leases[start : start + KEYS_AT_ONCE]
            owners = [lease.owner for lease in chunk]
            places = self._renew(keys=[lease.key for lease in chunk], args=[self._lease_s, *owners])
            lost.update(chunk[place - 1] for place in cast("list[int]", places))
        return frozenset(lost)

    def _renew_all(self) -> None:
        """The thread: it ends where there is nothing to renew."""
        wait_s, told = self._lease_s / PARTS_OF_A_LEASE, frozenset[Lease]()
        while True:
            time.sleep(wait_s)
            with self._lock:
                if not self._held and not self._owed:
                    self._thread = None
                    return
            try:
                lost = self.renew()
            except RedisError as error:
                wait_s = min(RETRY_S, self._lease_s / PARTS_OF_A_LEASE)
                log.debug("leases could not be renewed: %s", error)
                continue
            wait_s = self._lease_s / PARTS_OF_A_LEASE
            for lease in lost - told:
                log.warning("%s: %s: %s was taken by another worker", lease.run_id, lease.step, lease.host)
            told = lost
