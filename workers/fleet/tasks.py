"""The tasks of a worker. They call `workers.life`, and none waits for another."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from celery import Celery

from archive.mail_record import Sender
from archive.notices import Notice
from archive.run import Run
from archive.runs import Runs, runs_beside
from collector.session import Sessions
from collector.sweep import sweep
from domain.mistakes import Mistake, OperatorError
from domain.records import Dump, Failure
from workers.fleet.app import celery_app
from workers.fleet.broker import REFUSED_KEY, redis_client
from workers.fleet.clock import fleet_now
from workers.fleet.leases import Leases, Step
from workers.fleet.post import CLASSIFY_TASK, COLLECT_TASK, FINISH_TASK, MAIL_TASK, TEND_TASK, Post
from workers.fleet.rounds import Rounds
from workers.fleet.tending import RUN
from workers.fleet.trust import Trust
from workers.fleet.worker_settings import WorkerSettings
from workers.life import deadline, host_steps, outbox
from workers.life.classifiers import Classifier
from workers.life.ending import finish

if TYPE_CHECKING:
    import redis

log = logging.getLogger("workers")


def worker_app(settings: WorkerSettings) -> Celery:
    """The application with its tasks, as workers and beat run it."""
    app = celery_app(settings)
    worker = Worker(settings, app)

    # whoever reaches Redis can send a message, so its arguments may be anything, or missing
    # functions and not methods, because Celery would pass no self to a method
    @app.task(name=COLLECT_TASK, shared=False)
    def collect(run_id: object = None, hosts: object = None, **_: object) -> None:
        worker.collect(run_id, hosts)

    @app.task(name=CLASSIFY_TASK, shared=False)
    def classify(run_id: object = None, host: object = None, **_: object) -> None:
        worker.classify(run_id, host)

    @app.task(name=FINISH_TASK, shared=False)
    def finish(run_id: object = None, **_: object) -> None:
        worker.finish(run_id)

    @app.task(name=TEND_TASK, shared=False)
    def tend_all() -> None:
        worker.look_after_runs()

    @app.task(name=MAIL_TASK, shared=False)
    def mail(name: object = None, **_: object) -> None:
        worker.mail(name)

    return app


class Worker:
    """One process of a worker. It opens its connections itself, after the fork."""

    def __init__(self, settings: WorkerSettings, app: Celery) -> None:
        self._settings = settings
        self._app = app
        self._trust = Trust(settings)

    def collect(self, run_id: object, hosts: object) -> None:
        """Sweep hosts on which nobody else works, and have each one classified."""
        run, asked = self._asked(COLLECT_TASK, run_id, hosts)
        if (
            run is None or deadline.is_past(run, fleet_now(self._redis)) or run.closed() is not None
        ):  # then the missing hosts fail
            return
        leases = self._leases(run)
        # asked host by host: a message names few, and a listing of a large run is long
        unasked = (name for name in asked if not (run.has_dump(name) or run.has_ended(name)))
        mine = [name for name in unasked if leases.take(Step.COLLECT, name)]
        log.debug("%s: collect: a message for %d hosts, %d are taken", run.run_id, len(asked), len(mine))

        def on_outcome(outcome: Dump | Failure) -> None:
            host_steps.keep(run, outcome)
            leases.release(Step.COLLECT, outcome.host)
            if isinstance(outcome, Dump):
                self._post.classify(run.run_id, outcome.host)

        try:
            if mine:
                hosts, session = [run.host(name) for name in mine], self._sessions.of(run.manifest)
                with deadline.stopped_at(run, threading.Event(), fleet_now(self._redis)) as over:
                    sweep(hosts, session, on_outcome, over)
        finally:
            for name in mine:
                leases.release(Step.COLLECT, name)

    def classify(self, run_id: object, host: object) -> None:
        """Classify a host's dump, unless it is done or another worker does it."""
        run, asked = self._asked(CLASSIFY_TASK, run_id, [host])
        for name in asked if run is not None and run.closed() is None else ():
            if run is None or run.has_ended(name):
                return
            with _taken(self._leases(run), Step.CLASSIFY, name) as mine:
                log.debug("%s: classify: %s is %s", run.run_id, name, "taken" if mine else "another's")
                if mine:
                    self._classify(run, name)

    def finish(self, run_id: object) -> None:
        """Close a run whose hosts are all done, render its report, and mail it once."""
        run, _ = self._asked(FINISH_TASK, run_id, [])
        if run is None:
            return
        if run.closed() is None and run.pending():  # a message that came too early, or twice
            log.info("%s has hosts left and is not finished", run.run_id)
            return
        runs = runs_beside(run)
        with _taken(self._leases(run), Step.FINISH, RUN) as mine:
            log.debug("%s: finish: %s", run.run_id, "taken" if mine else "another's")
            if mine and runs.is_queued(run.run_id):
                finish(run, self._settings.mail, Sender.WORKERS)
                runs.unqueue(run.run_id)

    def look_after_runs(self) -> None:
        """Start what is due, and look after every run that was given to the fleet, and after mail."""
        self._rounds.look_after_all()

    def mail(self, name: object) -> None:
        """Mail the report of a closed run, or a notice, to those who have not got it."""
        mail, runs = self._settings.mail, Runs(self._settings.runs_url)
        if mail is None or not isinstance(name, str) or name not in runs.unmailed():
            return
        if outbox.is_notice(name):
            with _taken(Leases(self._redis, name, self._settings.pace.lease_s), Step.FINISH, RUN) as mine:
                if mine and (notice := self._notice(name)):
                    outbox.mail_notice(runs, notice, mail, Sender.WORKERS)
            return
        run, _ = self._asked(MAIL_TASK, name, [])
        if run is None or run.closed() is None:
            return
        with _taken(self._leases(run), Step.FINISH, RUN) as mine:
            if mine:
                outbox.mail_run(run, mail, Sender.WORKERS, attempts=1)

    def _notice(self, name: str) -> Notice | None:
        """A notice that this worker may mail; None, and told, for any other."""
        try:
            return self._trust.notice(name)
        except OperatorError as error:
            self._refuse(f"a message for {MAIL_TASK}", error)
            return None

    def _asked(
        self, task: str, run_id: object, hosts: object
    ) -> tuple[Run, list[str]] | tuple[None, list[str]]:
        """The run and the hosts of a message; no run if the message is refused."""
        try:
            run, names = self._run(task, run_id), _names(hosts)
        except OperatorError as error:
            self._refuse(f"a message for {task}", error)
            return None, []
        asked = [name for name in names if run.asks(name)]
        if len(asked) < len(names):
            dropped = next(name for name in names if not run.asks(name))
            count = len(names) - len(asked)
            log.warning(
                "%s: %d hosts were dropped because the run does not have them; the first is %.80a",
                run.run_id,
                count,
                dropped,
            )
        return run, asked

    def _run(self, task: str, run_id: object) -> Run:
        """A run that this worker may act on; OperatorError for anything else in a message."""
        if not isinstance(run_id, str):
            raise OperatorError(Mistake("run_id", f"must be text, not {type(run_id).__name__}"))
        if task == CLASSIFY_TASK:
            return self._trust.opened_to_classify(run_id)
        return self._trust.opened(run_id)

    def _refuse(self, what: str, error: OperatorError) -> None:
        log.warning("%s is refused: %s", what, error.mistakes[0])
        self._redis.incr(REFUSED_KEY)

    def _leases(self, run: Run) -> Leases:
        return Leases(self._redis, run.run_id, self._settings.pace.lease_s)

    @cached_property
    def _redis(self) -> "redis.Redis":
        return redis_client(self._settings)

    @cached_property
    def _post(self) -> Post:
        return Post(self._app, self._redis, self._settings)

    @cached_property
    def _rounds(self) -> Rounds:
        return Rounds(self._settings, self._post, self._trust)

    def _classify(self, run: Run, host: str) -> None:
        if self._classifier.classify(run, host) is None:
            self._classifier.classify_again(run, host)

    @cached_property
    def _classifier(self) -> Classifier:
        return Classifier(
            1
        )  # in a separate process, so that a dump that kills its classifier leaves the worker alive

    @cached_property
    def _sessions(self) -> Sessions:
        sessions = Sessions(self._settings.access)
        if sessions.warning:
            log.warning("%s", sessions.warning)
        return sessions


def _names(hosts: object) -> list[str]:
    """The hosts of a message; OperatorError if they are not a list of names."""
    if not isinstance(hosts, list) or not all(isinstance(name, str) for name in hosts):
        raise OperatorError(Mistake("hosts", "are not host names"))
    return hosts


@contextmanager
def _taken(leases: Leases, step: Step, host: str) -> Iterator[bool]:
    """Take a step; False if another worker has it."""
    if not leases.take(step, host):
        yield False
        return
    try:
        yield True
    finally:
        leases.release(step, host)
