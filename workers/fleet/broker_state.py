"""What the broker knows of the fleet at this moment: read by keys, nothing is changed."""

import json
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

import redis

from domain.mistakes import Mistake, OperatorError
from workers.fleet.app import QUEUES
from workers.fleet.broker import KEY_PREFIX, REFUSED_KEY, redis_client
from workers.fleet.worker_settings import WorkerSettings

TROUBLE: Final = f"{KEY_PREFIX}trouble:"  # of a worker: JSON with what and since
TROUBLES_MAX: Final = 200  # more workers than that in trouble is one trouble
TROUBLE_CHARS_MAX: Final = 200
_UNACKNOWLEDGED: Final = f"{KEY_PREFIX}unacked"  # kombu's name


@dataclass(frozen=True, slots=True)
class Trouble:
    """A worker that takes no more work until something is mended."""

    worker: str
    what: str
    since: str  # as it was written; "" if it was not


@dataclass(frozen=True, slots=True)
class BrokerState:
    """Counts of messages, and the workers in trouble."""

    waiting: dict[str, int]  # messages that no worker has taken, by queue
    in_work: int  # messages that a worker has taken and not ended
    refused: int  # messages, since Redis was emptied
    troubles: tuple[Trouble, ...]


def broker_state(settings: WorkerSettings) -> BrokerState:
    """Ask Redis once; OperatorError if it does not answer, refuses, or has an unusable URL."""
    try:
        with closing(redis_client(settings)) as client:
            return BrokerState(
                waiting={queue: int(client.llen(f"{KEY_PREFIX}{queue}")) for queue in QUEUES},
                in_work=int(client.hlen(_UNACKNOWLEDGED)),
                refused=_count(client.get(REFUSED_KEY)),
                troubles=_troubles(client),
            )
    except redis.RedisError as error:
        remedy = "see whether Redis runs, and which keys this account may read"
        raise OperatorError(Mistake("broker", f"cannot be read: {error}", remedy)) from error


def _troubles(client: redis.Redis) -> tuple[Trouble, ...]:
    keys = client.scan_iter(match=f"{TROUBLE}*", count=1000)
    names = sorted(islice(cast("islice[str]", keys), TROUBLES_MAX))
    values = cast("list[str | None]", client.mget(names)) if names else []
    found = zip(names, values, strict=True)
    return tuple(_trouble(name.removeprefix(TROUBLE), text) for name, text in found if text is not None)


def _trouble(worker: str, text: str) -> Trouble:
    """A trouble; one that is written in another way still counts as one."""
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {"what": text}
    what, since = (str(told.get(name, ""))[:TROUBLE_CHARS_MAX] for name in ("what", "since"))
    return Trouble(worker[:TROUBLE_CHARS_MAX], what, since)


def _count(value: object) -> int:
    """A counter of Redis, which anybody who reaches it can have set to something else."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else 0
