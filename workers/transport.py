"""Celery's way to Redis, with a look at each message before kombu unpacks it; `workers.app` names it."""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import redis
from kombu.transport import redis as kombu_redis

from workers.app import REFUSED_KEY
from workers.envelopes import RefusedError, vet_taken, vetted

log = logging.getLogger("mapsweep")

_PRIORITY_MARK = "\x06\x16"  # kombu puts it, and a priority, behind a queue's name


class _Client(kombu_redis.PrefixedStrictRedis):
    """The connections of a channel; one of them reads messages."""

    def __init__(self, *, on_refused: Callable[[str], None], **options: Any) -> None:
        super().__init__(**options)
        self._on_refused = on_refused

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """The answer to a command; that of a read is a vetted message, or none as when nothing came."""
        answer = super().parse_response(connection, command_name, **options)
        if command_name != "BRPOP" or not answer:
            return answer
        key, item = answer
        queue = key.decode(errors="replace").partition(_PRIORITY_MARK)[0]
        try:
            return key, vetted(item, queue)
        except RefusedError as refusal:
            self._on_refused(f"a message in the queue {queue} {refusal}")
            return None


class _QoS(kombu_redis.QoS):
    """The messages that were taken and not acknowledged; they lie in Redis too."""

    channel: "_Channel"
    _remove_from_indices: Callable[..., Any]  # of kombu, without types

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Give a message back to its queue; drop it where it is none of ours."""
        with self.channel.conn_or_acquire(client) as reader:
            entry = reader.hget(self.unacked_key, tag)
        try:
            if entry:
                vet_taken(entry)
        except RefusedError as refusal:
            self._remove_from_indices(tag).execute()
            self.channel.refused(f"a message that was taken and not acknowledged {refusal}")
        else:
            super().restore_by_tag(tag, client, leftmost)


class _Channel(kombu_redis.Channel):
    QoS = _QoS
    conn_or_acquire: Callable[..., Any]  # of kombu, without types

    def _get_client(self) -> Any:
        return partial(_Client, global_keyprefix=self.global_keyprefix, on_refused=self.refused)

    def refused(self, reason: str) -> None:
        """Count a message that nobody acts on, and say why."""
        log.warning("refused: %s", reason)
        with suppress(redis.RedisError):  # the next command meets the same trouble, where it is dealt with
            redis.Redis(connection_pool=self.pool).incr(REFUSED_KEY)


class Transport(kombu_redis.Transport):
    """What Celery is told to use for redis:// and rediss://."""

    Channel = _Channel
