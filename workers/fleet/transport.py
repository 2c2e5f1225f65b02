"""Celery's transport to Redis, which checks each message before kombu unpacks it."""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import sleep
from typing import Any

import redis
from celery.worker import state
from kombu.transport import redis as kombu_redis

from workers.fleet.broker import BACK_OFF_S, REFUSED_KEY
from workers.fleet.envelopes import RefusedError, vet_taken, vetted

log = logging.getLogger("workers")

_PRIORITY_MARK = "\x06\x16"  # kombu appends it and a priority to a queue's name


class _Client(kombu_redis.PrefixedStrictRedis):
    """The connections of a channel; one of them reads messages."""

    def __init__(self, *, on_refused: Callable[[str], None], **options: Any) -> None:
        super().__init__(**options)
        self._on_refused = on_refused

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """The answer to a command; that of a read is a checked message, or None if nothing came."""
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
    """The messages that were taken and not acknowledged; Redis has them too."""

    channel: "_Channel"
    _remove_from_indices: Callable[..., Any]  # kombu has no types
    _quick_ack: Callable[[Any], None]

    def append(self, message: Any, delivery_tag: Any) -> None:
        """Record that a message was taken; if Redis refuses that, return the message to its queue."""
        try:
            super().append(message, delivery_tag)
        except redis.RedisError as error:
            queue = message.delivery_info["routing_key"]
            log.warning("Redis refuses to mark a message of the queue %s as taken: %s", queue, error)
            self._give_back(queue, json.dumps(message._raw))  # noqa: SLF001  # kombu reads it as well
            self._forget(delivery_tag)
            raise

    def ack(self, delivery_tag: Any) -> None:
        """The message is done; a worker whose connection is lost then may take another one in its place.

        Otherwise a worker that is at as many messages as it may take when Redis goes away would never ask for
        one again, and so never notice that Redis is back.
        """
        try:
            super().ack(delivery_tag)
        except redis.RedisError:  # Redis delivers it again later, and finds it done
            self._quick_ack(delivery_tag)
            raise

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        """The message is not to be done; likewise."""
        try:
            super().reject(delivery_tag, requeue)
        except redis.RedisError:
            self._quick_ack(delivery_tag)
            raise

    def _give_back(self, queue: str, item: str) -> None:
        """Put a message at the head of its queue; the worker retries until Redis accepts it."""
        while True:
            try:
                with self.channel.conn_or_acquire() as client:
                    client.rpush(queue, item)
            except redis.RedisError as error:
                if _is_stopping():
                    log.warning(
                        "a message for the queue %s was lost because Redis refused it: %s", queue, error
                    )
                    return
                sleep(BACK_OFF_S)
            else:
                return

    def _forget(self, tag: Any) -> None:
        """Remove both halves of an incomplete record, independently of each other."""
        with self.channel.conn_or_acquire() as client:
            with suppress(redis.RedisError):
                client.zrem(self.unacked_index_key, tag)
            with suppress(redis.RedisError):
                client.hdel(self.unacked_key, tag)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Return a message to its queue; drop it if it is not mapsweep's."""
        with self.channel.conn_or_acquire(client) as reader:
            entry = reader.hget(self.unacked_key, tag)
        try:
            queue = vet_taken(entry) if entry else ""
        except RefusedError as refusal:
            self._remove_from_indices(tag).execute()
            self.channel.refused(f"a message that was taken and not acknowledged {refusal}")
        else:
            if not queue or self._is_queue(queue):
                super().restore_by_tag(tag, client, leftmost)

    def _is_queue(self, queue: str) -> bool:
        """Whether messages can be put there; if the key has another type, Redis would lose them."""
        with self.channel.conn_or_acquire() as client:
            try:
                client.llen(queue)
            except redis.ResponseError as error:
                log.warning("a message cannot be returned to the queue %s: %s", queue, error)
                return False
        return True


class _Channel(kombu_redis.Channel):
    QoS = _QoS
    conn_or_acquire: Callable[..., Any]  # kombu has no types

    def _get_client(self) -> Any:
        return partial(_Client, global_keyprefix=self.global_keyprefix, on_refused=self.refused)

    def refused(self, reason: str) -> None:
        """Count a refused message, and log why."""
        log.warning("refused: %s", reason)
        with suppress(redis.RedisError):  # the next command fails in the same way, and is handled
            redis.Redis(connection_pool=self.pool).incr(REFUSED_KEY)


class Transport(kombu_redis.Transport):
    """The transport for redis:// and rediss://.

    If Redis refuses a command (it is full, a replica, a key has another type), the worker must survive it
    like a lost connection; kombu would treat it as an error of the program, and end the worker.
    """

    Channel = _Channel
    connection_errors = (*kombu_redis.Transport.connection_errors, redis.RedisError)


def _is_stopping() -> bool:
    """Whether this process is a worker that was told to stop."""
    told: tuple[object, ...] = (state.should_stop, state.should_terminate)
    return any(code is not None and code is not False for code in told)  # the exit code may be 0
