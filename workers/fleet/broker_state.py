"""What the broker knows of the fleet at this moment: read by keys, nothing is changed."""

from contextlib import closing
from dataclasses import dataclass
from typing import Final

import redis

from domain.mistakes import Mistake, OperatorError
from workers.fleet.app import QUEUES
from workers.fleet.broker import KEY_PREFIX, REFUSED_KEY, redis_client
from workers.fleet.kept_values import count_of
from workers.fleet.trouble import Trouble, troubles
from workers.fleet.worker_settings import WorkerSettings

_UNACKNOWLEDGED: Final = f"{KEY_PREFIX}unacked"  # kombu's name


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
                refused=count_of(client.get(REFUSED_KEY)),
                troubles=troubles(client),
            )
    except redis.RedisError as error:
        remedy = "see whether Redis runs, and which keys this account may read"
        raise OperatorError(Mistake("broker", f"cannot be read: {error}", remedy)) from error
