"""Beat: has schedules, runs and mail looked after every few seconds. It keeps no state.

What should have started follows from the archive (`workers.fleet.starts`), so a message of beat that is lost,
late or doubled changes nothing. Celery's own beat is not used: it orders its messages by the time of day, so
it is silent for an hour if a clock is put back by an hour.
"""

import logging
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Final

from kombu.exceptions import OperationalError
from redis import RedisError

from workers.fleet.app import REPORT
from workers.fleet.broker import BROKER_WAIT_S, require_broker
from workers.fleet.current_records import unwatched
from workers.fleet.post import Post, post_office
from workers.fleet.worker_settings import WorkerSettings

WAITING_MAX: Final = 20  # messages that wait for a worker of the queue; beat adds none to more than these

FIRST_CHECK_S: Final = 300  # workers may start later than beat
CHECKED_AGAIN_S: Final = 3600

log = logging.getLogger("workers")


def run_beat(settings: WorkerSettings, stop: threading.Event, alive: Path | None = None) -> None:
    """Run beat until `stop` is set; OperatorError if the broker does not answer at the beginning.

    The file `alive` is touched whenever Redis has answered.
    """
    require_broker(settings, BROKER_WAIT_S)
    for schedule in settings.schedules:
        due = schedule.due.next_after(datetime.now(UTC))
        log.info("beat: %s is due by %r, next at %s", schedule.name, schedule.crontab, due.isoformat())
    post, trouble, checked_s = post_office(settings), "", monotonic() + FIRST_CHECK_S - CHECKED_AGAIN_S
    while not stop.is_set():
        problem = _sent(post)
        if not problem and monotonic() - checked_s >= CHECKED_AGAIN_S:
            _tell_unwatched(settings, post)
            checked_s = monotonic()
        if problem != trouble:
            log.warning("Redis takes no message: %s", problem) if problem else log.info(
                "Redis takes messages again"
            )
            trouble = problem
        if alive is not None and not problem:
            alive.touch()
        stop.wait(max(settings.pace.tend_s, 1))
    post.redis.close()


def _tell_unwatched(settings: WorkerSettings, post: Post) -> None:
    """Beat has the settings, but workers start what is due by theirs."""
    with suppress(RedisError):
        if names := unwatched(settings.schedules, post.redis):
            log.warning(
                "no worker looks after these schedules as they are set here: %s. Start a worker of the queue"
                " `report`, give all the same settings, and restart those that have older ones",
                ", ".join(names),
            )


def _sent(post: Post) -> str:
    """Send one message, unless no worker takes those that wait; why that failed, or ""."""
    try:
        if post.waiting(REPORT) < WAITING_MAX:
            post.look_after()
    except (RedisError, OperationalError) as error:
        return str(error)
    return ""
