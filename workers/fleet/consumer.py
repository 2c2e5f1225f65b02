"""Celery's consumer of messages, with a pause if Redis refuses a command."""

import logging
from time import sleep

import redis
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.state import maybe_shutdown

from workers.fleet.broker import BACK_OFF_S

log = logging.getLogger("workers")


class Consumer(CeleryConsumer):
    """Reconnects after each error of the broker, as Celery's consumer does."""

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Log an error while connecting, and wait."""
        super().on_connection_error_before_connected(exc)
        _wait_after(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Log an error, close the connection, and wait."""
        super().on_connection_error_after_connected(exc)
        _wait_after(exc)


def _wait_after(error: Exception) -> None:
    """Wait if Redis answers but refuses; if it cannot be reached, Celery waits itself.

    Without the wait, the worker would connect and be refused again at once.
    """
    if isinstance(error, redis.RedisError) and not isinstance(error, redis.ConnectionError):
        log.warning("Redis refuses (%s); the next try is in %d s", error, BACK_OFF_S)
        for _ in range(BACK_OFF_S):
            maybe_shutdown()  # a worker that was told to stop does not wait
            sleep(1)
