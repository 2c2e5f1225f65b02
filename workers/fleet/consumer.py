"""What takes messages in a worker: Celery's consumer, with a pause where Redis refuses a command."""

import logging
from time import sleep

import redis
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.state import maybe_shutdown

from workers.fleet.app import BACK_OFF_S

log = logging.getLogger("mapsweep")


class Consumer(CeleryConsumer):
    """Connects anew after each trouble of the broker, as Celery's does."""

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Log the trouble that came while connecting, and wait."""
        super().on_connection_error_before_connected(exc)
        _wait_after(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Log the trouble and let go of the connection, and wait."""
        super().on_connection_error_after_connected(exc)
        _wait_after(exc)


def _wait_after(error: Exception) -> None:
    """Wait where Redis answers, but refuses; for one that cannot be reached Celery waits.

    One that refuses lets us connect at once, and refuses again.
    """
    if isinstance(error, redis.RedisError) and not isinstance(error, redis.ConnectionError):
        log.warning("Redis refuses (%s); the next try is in %d s", error, BACK_OFF_S)
        for _ in range(BACK_OFF_S):
            maybe_shutdown()  # a worker that is told to stop does not wait
            sleep(1)
