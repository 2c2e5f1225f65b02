"""One round of looking after everything: schedules, runs that were given to the fleet, and mail.

Beat asks for it every few seconds. Whatever fails in it fails for itself, and is told once a day.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from kombu.exceptions import OperationalError
from redis import ConnectionError, RedisError, TimeoutError  # noqa: A004 # not the builtin ones

from archive.identity import archive_id
from archive.mail_record import MailRecord
from archive.runs import NoRunError
from domain.about import about
from domain.mistakes import OperatorError, reason_of, trace_of
from workers.fleet.broker import KEY_PREFIX, REFUSED_KEY
from workers.fleet.claims import claim
from workers.fleet.clock import fleet_now
from workers.fleet.digests import Digests
from workers.fleet.fitness import announce, is_known
from workers.fleet.post import Post
from workers.fleet.starts import Starts
from workers.fleet.stuck import Stuck
from workers.fleet.tending import hand_over, look_after
from workers.fleet.trust import Trust
from workers.fleet.worker_settings import WorkerSettings
from workers.here.pruning import prune
from workers.life import outbox, webhook
from workers.life.notices import unfinished

if TYPE_CHECKING:
    import redis

    from archive.run_mail import RunMail

TOLD_AGAIN_S: Final = 24 * 3600  # what is refused, or cannot be looked after, is told once in this time
ROUND_KEY: Final = f"{KEY_PREFIX}round"  # is there while rounds are made
ROUNDS_MISSED_MAX: Final = 6
NEW_ARCHIVE_ROUNDS: Final = 3  # from then on a folder without an id is a new archive
PRUNED_AGAIN_S: Final = 3600  # to look through a year of nights takes seconds

log = logging.getLogger("workers")


class Rounds:
    """Looks after everything that lies in one archive."""

    def __init__(self, settings: WorkerSettings, post: Post, trust: Trust) -> None:
        self._settings = settings
        self._post = post
        self._trust = trust
        self._stuck = Stuck(settings, post.redis)
        self._runs = settings.runs
        self._sees_archive = False
        self._rounds_without_id = 0

    def look_after_all(self) -> None:
        """One round."""
        self._redis.set(ROUND_KEY, "", ex=ROUNDS_MISSED_MAX * max(self._settings.pace.tend_s, 5))
        self.apart("the archive", self._watch_archive)
        if not self._sees_archive:
            return
        self.apart("schedules", self._start_what_is_due)
        for run_id in self._runs.queued():
            with about(run=run_id):
                self.apart(run_id, partial(self._stuck.watched, run_id, partial(self._look_after, run_id)))
        for name in self._runs.unmailed():
            self.apart(name, partial(self._stuck.watched, name, partial(self._have_mailed, name)))
        digests = Digests(self._settings, self._redis)
        for schedule in self._settings.schedules:
            what = f"the digest of {schedule.name}"
            self.apart(what, partial(digests.look_after, schedule, fleet_now(self._redis)))
        for run_id in self._runs.unposted() if self._settings.webhook is not None else ():
            told = partial(self._stuck.watched, run_id, partial(self._have_posted, run_id), "webhook")
            self.apart(f"the news of {run_id}", told)
        self.apart("old runs", self._prune)

    def _watch_archive(self) -> None:
        try:
            self._look_at_archive()
        except (RedisError, OperationalError):
            raise
        except Exception as error:
            self._stuck.archive_met(reason_of(error), fleet_now(self._redis))
            raise
        if self._sees_archive:
            self._stuck.archive_seen(fleet_now(self._redis))

    def _look_at_archive(self) -> None:
        """See that this is the fleet's archive; a folder without an id may be one whose mount is missing.

        Where Redis knows of no archive, one that has an id is announced first, by whoever sees it.
        """
        self._sees_archive = False
        if not (is_known(self._redis) or archive_id(self._runs.store)):
            self._rounds_without_id += 1
            if self._rounds_without_id < NEW_ARCHIVE_ROUNDS:
                return
        announce(self._runs, self._redis)
        self._sees_archive, self._rounds_without_id = True, 0

    def apart(self, what: str, act: Callable[[], None]) -> None:
        """Look after one thing. An error in it is told once a day, and must not hold up the others.

        Nor must a key of it that Redis refuses; if Redis refuses all, the claim to tell it is refused too.
        """
        try:
            act()
        except (ConnectionError, TimeoutError, OperationalError):
            raise
        except OperatorError as error:
            if claim(self._redis, f"refused:{what}", TOLD_AGAIN_S):
                log.warning("%s is at the workers, and is refused: %s", what, error.mistakes[0])
                self._redis.incr(REFUSED_KEY)
        except Exception as error:
            if claim(self._redis, f"untended:{what}", TOLD_AGAIN_S):
                words = "%s could not be looked after: %s"
                log.error(words, what, reason_of(error), exc_info=trace_of(error))  # noqa: TRY400

    def _start_what_is_due(self) -> None:
        starts = Starts(self._settings, self._redis, lambda run: hand_over(run, self._post))
        if self._settings.schedules:
            starts.look_after(fleet_now(self._redis))

    def _look_after(self, run_id: str) -> None:
        try:
            run = self._trust.opened(run_id)
        except NoRunError:
            self._stuck.gone(run_id, fleet_now(self._redis))
            self._runs.unqueue(run_id)
            log.warning("%s was given to the workers and is gone: nobody looks after it any more", run_id)
            return
        if not look_after(run, self._post, self._settings.pace):
            log.error("%s could not be ended; `mapsweep collect --resume` shows why", run_id)
            if run.manifest.mail_to:
                outbox.keep_notice(self._runs, unfinished(run, fleet_now(self._redis)))
            self._runs.unqueue(run_id)

    def _have_mailed(self, name: str) -> None:
        """Have a worker mail what is due. A run that still has to end is mailed by the one that ends it."""
        if self._settings.mail is None or self._runs.is_queued(name):
            return
        if outbox.is_notice(name):
            record: MailRecord | RunMail = self._notice_record(name, self._settings.mail.keep_trying_s)
        else:
            try:
                record = self._trust.opened(name).mail
            except NoRunError:
                self._stuck.gone(name, fleet_now(self._redis))
                self._runs.unmark_unmailed(name)
                log.warning("%s is gone before its report was mailed to all", name)
                return
        again_s = self._settings.pace.again_s
        if (record.is_over() or outbox.is_due(record)) and claim(self._redis, f"mail:{name}", again_s):
            self._post.mail(name)

    def _have_posted(self, run_id: str) -> None:
        """Have a worker post news that are due; of a run that still has to end, the one that ends it does."""
        if self._runs.is_queued(run_id):
            return
        try:
            record = self._trust.opened(run_id).webhook_record
        except NoRunError:
            self._runs.unmark_unposted(run_id)
            log.warning("%s is gone before its news were posted", run_id)
            return
        if webhook.is_due(record) and claim(self._redis, f"webhook:{run_id}", self._settings.pace.again_s):
            self._post.webhook(run_id)

    def _notice_record(self, name: str, keep_trying_s: int) -> MailRecord:
        try:
            notice = self._trust.notice(name)
        except OperatorError as error:
            outbox.drop_notice(self._runs, name, keep_trying_s, error.mistakes[0].problem)
            raise
        return self._runs.notices.mail_record(notice)

    def _prune(self) -> None:
        """Once in a while, remove what need not be kept, by the earlier of two clocks."""
        if self._settings.keep is not None and claim(self._redis, "prune", PRUNED_AGAIN_S):
            prune(self._runs, self._settings.keep, fleet_now(self._redis), self._settings.audit)

    @property
    def _redis(self) -> "redis.Redis":
        return self._post.redis
