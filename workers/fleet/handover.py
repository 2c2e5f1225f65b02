"""A run on the fleet's workers: gives it to them and watches its folder."""

import logging
import os
import threading
from dataclasses import replace
from time import monotonic
from typing import NoReturn
from urllib.parse import urlsplit

import redis
from kombu.exceptions import OperationalError

from archive.mail_record import Sender
from archive.resuming import resume_command
from archive.run import Run
from archive.runs import runs_beside
from domain.mistakes import Mistake, OperatorError
from workers.fleet.broker import redis_client, require_broker
from workers.fleet.clock import fleet_now
from workers.fleet.leases import RUN, Leases, Step
from workers.fleet.post import Post, post_office
from workers.fleet.rounds import ROUND_KEY
from workers.fleet.tending import hand_over, look_after
from workers.fleet.trouble import told, troubles
from workers.fleet.worker_settings import WorkerSettings
from workers.life.ending import Ended, finish, left_by_workers
from workers.life.plan import Means, check
from workers.life.progress import OnProgress, progress_of

log = logging.getLogger("workers")

POLL_S = 1.0
NOBODY_S = 5.0  # a listening worker has begun by then
NO_REDIS = "Redis does not answer: the run goes on when it does"
NOBODY = (
    "no worker has begun yet: start one with `mapsweep worker`, or see its log for why it refuses the run"
)


def execute(run: Run, settings: WorkerSettings, progress: OnProgress, stop: threading.Event) -> Ended | None:
    """Have the workers do what is still to be done of a run; None if `stop` came first, and they go on.

    The workers must be able to reach the run under the same URL. OperatorError if the broker cannot be
    used.
    """
    _check(run, settings)
    require_broker(settings)
    post = post_office(settings)
    try:
        if _needs_no_worker(run, settings) and (ended := _finished_here(run, post, settings)):
            return ended
        hand_over(run, post)
        fleet_now(post.redis)  # tells if the clocks differ
        log.debug("%s: given to the workers by %s", run.run_id, urlsplit(settings.broker_url).hostname)
        return _watched(run, post, settings, progress, stop)
    except (redis.RedisError, OperationalError) as error:
        remedy = "the run is kept: resume it when Redis answers again"
        raise OperatorError(Mistake("broker", f"was lost: {error}", remedy)) from error
    finally:
        post.redis.close()


def is_looked_after(settings: WorkerSettings) -> bool:
    """Whether somebody looks after runs that nobody watches."""
    client = redis_client(settings)
    try:
        return bool(client.exists(ROUND_KEY))
    except redis.RedisError:
        return False
    finally:
        client.close()


def _watched(
    run: Run, post: Post, settings: WorkerSettings, progress: OnProgress, stop: threading.Event
) -> Ended | None:
    shown = None
    settled_at: float | None = None
    nobody_at = monotonic() + NOBODY_S
    while not stop.is_set():
        if not run.is_there():
            remedy = "put it back, or begin anew"
            raise OperatorError(Mistake(run.url, "was removed while it was watched", remedy))
        now, note = progress_of(run), ""
        is_queued = runs_beside(run).is_queued(run.run_id)
        if now.ended == now.asked:
            settled_at = settled_at or monotonic()
        try:
            if not is_queued:
                return left_by_workers(run) or _finished_here(run, post, settings) or _taken_away(run)
            note = _note(run, post, settings, is_late=not now.collected and monotonic() > nobody_at)
            is_left = settled_at is not None and monotonic() - settled_at > settings.pace.lease_s
            if not look_after(run, post, settings.pace) or is_left:
                ended = _finished_here(run, post, settings)
                if ended is not None:
                    return ended
        except (redis.RedisError, OperationalError) as error:  # without Redis, the folder says how far it is
            log.debug("%s: Redis does not answer: %s", run.run_id, error)
            note = NO_REDIS
        now = replace(now, note=note)
        if now != shown:
            progress(now)
            shown = now
        stop.wait(POLL_S)
    return None


def _note(run: Run, post: Post, settings: WorkerSettings, *, is_late: bool) -> str:
    """Why nothing moves, "" if it does."""
    if found := told(troubles(post.redis)):
        return found
    return NOBODY if is_late and not _is_begun(run, post, settings) else ""


def _needs_no_worker(run: Run, settings: WorkerSettings) -> bool:
    """Whether the run is closed, and there is no mail that only the workers can send."""
    return run.closed() is not None and (settings.mail is not None or run.mail.is_over())


def _is_begun(run: Run, post: Post, settings: WorkerSettings) -> bool:
    """Whether any worker has taken a host of the run."""
    leases = Leases(post.redis, run.run_id, settings.pace.lease_s)
    return bool(leases.attempts(Step.COLLECT) or leases.attempts(Step.CLASSIFY))


def _finished_here(run: Run, post: Post, settings: WorkerSettings) -> Ended | None:
    """No worker has ended the run: do so, and show why it failed there; None if one is at it after all."""
    leases = Leases(post.redis, run.run_id, settings.pace.lease_s)
    if (run.closed() is None and run.pending()) or not leases.take(Step.FINISH, RUN):
        return None
    try:
        # as one of them, with their lease
        ended = finish(run, settings.mail, Sender.WORKERS, settings.webhook, audit=settings.audit)
        runs_beside(run).unqueue(run.run_id)
    finally:
        leases.release(Step.FINISH, RUN)
    return ended


def _taken_away(run: Run) -> NoReturn:
    problem = "was taken from the workers before it was done"
    raise OperatorError(Mistake(run.run_id, problem, f"{resume_command(run)} goes on with it"))


def _lies_beside(run: Run, settings: WorkerSettings) -> bool:
    """Whether a run is in the folder of the settings, however that folder was given."""
    places = runs_beside(run).store.url, settings.runs.store.url
    local = [os.path.realpath(place) if "://" not in place else place for place in places]
    return local[0] == local[1] and run.url.rpartition("/")[2] == run.run_id


def _check(run: Run, settings: WorkerSettings) -> None:
    if not _lies_beside(run, settings):
        problem = f"is outside of {settings.runs_url}, where the workers look for runs"
        raise OperatorError(
            Mistake(run.url, problem, "name its folder with --runs, here and for the workers")
        )
    settings.runs.by_id(run.run_id)  # the workers open no other runs
    check(run.manifest, Means(run.store, settings.pace), is_new=False)
