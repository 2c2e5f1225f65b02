"""One task after another in a process of a worker: begun if it can work, given back where it was not done.

An error of the operating system is no attempt at a host, and no fault of it: the host is free again at once,
its message returns to the queue, and this process rests, so that others take the messages.
"""

import errno
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Final

from kombu.exceptions import OperationalError
from redis import RedisError

from archive.codec import NewerError
from archive.dump_keys import LockedError
from archive.places import store_at
from archive.run import Run
from archive.runs import runs_beside
from domain.mistakes import Mistake, OperatorError, is_the_machines, named, reason_of
from domain.records import Stage
from workers.fleet.fitness import Fitness
from workers.fleet.leases import RUN, Leases, Step
from workers.fleet.post import RETURNS_MAX, Message, Post
from workers.fleet.renewal import Lease, Renewal
from workers.fleet.stopping import Stopping
from workers.fleet.trouble import Note
from workers.fleet.worker_settings import WorkerSettings
from workers.life import host_steps
from workers.life.outbox import is_notice

SHORT_REST_S: Final = 5.0  # after a message that others may be able to serve
POLL_S: Final = 0.5  # how often a process that rests looks whether it may work again
ERRORS_MAX: Final = 10  # errors of the operating system at one host, counted once in again_s, until it fails
_STAGE_OF = {Step.COLLECT: Stage.RECORD, Step.CLASSIFY: Stage.CLASSIFY}
_OF_ONE_HOST: Final = {errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO}  # may concern its files alone

log = logging.getLogger("workers")

Opened = tuple[Run, list[str]]


class GivenUpError(OperatorError):
    """A message that was returned too often."""


class Turns:
    """The tasks of one process; it holds their leases."""

    def __init__(self, settings: WorkerSettings, name: str, post: Post, stopping: Stopping) -> None:
        self._pace = settings.pace
        self._post = post
        self._stopping = stopping
        self._renewal = Renewal(post.redis, settings.pace.lease_s)
        note = Note(post.redis, name, settings.pace.rest_s)
        self._fitness = Fitness(store_at(settings.runs_url), post.redis, note, settings.pace)

    def leases(self, run_id: str) -> Leases:
        """The leases of a run, renewed with all others of this process."""
        return Leases(self._post.redis, run_id, self._pace.lease_s, self._renewal)

    @contextmanager
    def finishing(self, name: str) -> Iterator[bool]:
        """Hold the lease on the end of a run, or on a notice; False if another worker has it."""
        try:
            yield self.leases(name).take(Step.FINISH, RUN)
        finally:
            self._renewal.release_all()

    def may_begin(self, message: Message | None = None) -> bool:
        """Whether this process takes a task now; if not, its message is returned and the process rests."""
        is_stopping = self._stopping.event.is_set()
        if not is_stopping and self._fitness.is_fit():
            return True
        if message is not None:
            self._post.back(message)
        if not is_stopping:
            self._rest()
        return False

    def do(
        self,
        message: Message,
        opened: Callable[[], Opened | None],
        work: Callable[[Run, list[str]], None],
    ) -> None:
        """Do a task. GivenUpError if too many workers could not read its run."""
        if not self.may_begin(message):
            return
        try:
            found = opened()
            if found is None or not _is_given(found[0]):
                return
        except (OSError, NewerError) as error:
            self._unreadable(message, error)
            return
        try:
            work(*found)
        except CancelledError:
            log.debug("%s: %s was stopped", found[0].run_id, message.task)
        except (RedisError, OperationalError):
            self._renewal.owe_all()
            raise
        except OSError as error:
            if not is_the_machines(error):
                raise
            self._after_error(message, error)
        finally:
            if self._stopping.event.is_set():
                self.return_held()
            self._renewal.release_all()

    def host_error(self, run: Run, leases: Leases, step: Step, host: str, error: OSError) -> None:
        """An error at the files of one host: the host is tried again later, and fails in the end.

        Raised again unless it is of that host's place alone.
        """
        if error.errno not in _OF_ONE_HOST or not self._fitness.is_fit(anew=True):
            raise error
        self._fitness.tell_error(error, run.run_id)
        count = leases.errors(step, host, self._pace.again_s)
        if count > ERRORS_MAX and isinstance(error, LockedError):
            host_steps.fail_locked(run, host, error)
        elif count > ERRORS_MAX:
            host_steps.fail_host(run, host, _STAGE_OF[step], "archive_error", detail=named(error))
        leases.give_back(step, host)

    def return_held(self) -> None:
        """Give back all that this process holds, and have others do it at once."""
        with suppress(RedisError, OperationalError):
            held = self._renewal.give_back_all()
            for lease in held:
                log.info("%s: %s: %s is given back", lease.run_id, lease.step, lease.host or "the run")
            self._post_again(held)

    def _post_again(self, held: tuple[Lease, ...]) -> None:
        for run_id in {lease.run_id for lease in held}:
            names = [each.host for each in held if (each.run_id, each.step) == (run_id, Step.COLLECT)]
            self._post.collect(run_id, names, max(len(names), 1))  # as many as one message had
        for lease in held:
            if lease.step == Step.CLASSIFY:
                self._post.classify(lease.run_id, lease.host)
            elif lease.step == Step.FINISH and not is_notice(lease.run_id):
                self._post.finish(lease.run_id)

    def _after_error(self, message: Message, error: OSError) -> None:
        self._renewal.give_back_all()
        if self._fitness.is_fit(anew=True):  # it says itself why it is not
            self._fitness.tell_error(error, str(message.arguments.get("run_id")))
        self._post.back(message)
        self._rest(at_least_s=SHORT_REST_S)

    def _unreadable(self, message: Message, error: OSError | NewerError) -> None:
        """The run cannot be read here: perhaps another worker can."""
        if not self._fitness.is_fit(anew=True):
            self._post.back(message)
            self._rest()
            return
        if isinstance(error, OSError) and not is_the_machines(error):
            raise error
        if not self._post.back(message, counts=True):
            problem = f"could not be read by {RETURNS_MAX} workers: {reason_of(error)}"
            raise GivenUpError(Mistake(str(message.arguments.get("run_id")), problem)) from error
        self._fitness.tell_error(error, str(message.arguments.get("run_id")))
        self._rest(at_least_s=SHORT_REST_S, at_most_s=SHORT_REST_S)

    def _rest(self, at_least_s: float = 0.0, at_most_s: float | None = None) -> None:
        """Take no work until it can be done, for `rest_s` at most; this task's message is back already."""
        rest_s = self._pace.rest_s if at_most_s is None else min(at_most_s, self._pace.rest_s)
        began_s = monotonic()
        while not self._stopping.event.wait(min(POLL_S, rest_s)):
            rested_s = monotonic() - began_s
            if rested_s >= rest_s or (rested_s >= at_least_s and self._fitness.is_fit()):
                return


def _is_given(run: Run) -> bool:
    """Whether the fleet still has the run: it was not finished, and nobody took it away."""
    if runs_beside(run).is_queued(run.run_id):
        return True
    log.info("%s: a message was dropped: the run is not given to the workers", run.run_id)
    return False
