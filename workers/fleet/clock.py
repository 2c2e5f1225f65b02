"""The time of a fleet, by two clocks: this machine's and that of Redis.

What cannot be taken back is done only when both say that it is time. So no run is closed, and none is
started, because one clock went ahead.
"""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from workers.fleet.claims import claim

if TYPE_CHECKING:
    import redis

DIFFERS_S_MIN: Final = 60
TOLD_AGAIN_S: Final = 3600

log = logging.getLogger("workers")


def fleet_now(client: "redis.Redis") -> datetime:
    """The earlier of both clocks; a difference of a minute is logged once an hour."""
    own, other = datetime.now(UTC), redis_now(client)
    ahead_s = (own - other).total_seconds()
    if abs(ahead_s) >= DIFFERS_S_MIN and claim(client, "clocks", TOLD_AGAIN_S):
        way = "ahead of" if ahead_s > 0 else "behind"
        log.warning("the clock of this machine is %d s %s that of Redis: set both right", abs(ahead_s), way)
    return min(own, other)


def redis_now(client: "redis.Redis") -> datetime:
    """The time by the clock of Redis."""
    seconds, microseconds = client.time()
    return datetime.fromtimestamp(int(seconds) + int(microseconds) / 1e6, UTC)
