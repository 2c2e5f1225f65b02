"""The tasks of a worker. They call `workers.life`, and none waits for another."""

import logging
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING

from celery import Celery

from archive.codec import NewerError
from archive.mail_record import Sender
from archive.notices import Notice
from archive.run import Run
from archive.runs import runs_beside
from collector.session import Sessions
from collector.sweep import sweep
from domain.mistakes import Mistake, OperatorError
from domain.records import Dump, Failure
from workers.fleet.app import celery_app
from workers.fleet.broker import REFUSED_KEY, redis_client
from workers.fleet.clock import fleet_now
from workers.fleet.leases import RUN, Step
from workers.fleet.post import (
    CLASSIFY_TASK,
    COLLECT_TASK,
    FINISH_TASK,
    MAIL_TASK,
    TEND_TASK,
    WEBHOOK_TASK,
    Message,
    Post,
)
from workers.fleet.rounds import Rounds
from workers.fleet.stopping import StopFlag, Stopping
from workers.fleet.stuck import Stuck
from workers.fleet.trust import Trust
from workers.fleet.turns import GivenUpError, Turns
from workers.fleet.worker_settings import WorkerSettings
from workers.life import deadline, host_steps, outbox
from workers.life.classifiers import Classifier
from workers.life.ending import finish
from workers.life.webhook import post_run

if TYPE_CHECKING:
    import redis


log = logging.getLogger("workers")


def worker_app(settings: WorkerSettings, name: str = "", stop: StopFlag | None = None) -> Celery:
    """The application with its tasks, as workers and beat run it.

    `name` stands for the worker in notes to people; `stop` is set when it is told to stop.
    """
    app = celery_app(settings)
    worker = Worker(settings, app, name, stop)

    # whoever reaches Redis can send a message, so its arguments may be anything, or missing
    # functions and not methods, because Celery would pass no self to a method
    @app.task(name=COLLECT_TASK, shared=False)
    def collect(run_id: object = None, hosts: object = None, returned: object = 0, **_: object) -> None:
        worker.collect(run_id, hosts, returned)

    @app.task(name=CLASSIFY_TASK, shared=False)
    def classify(run_id: object = None, host: object = None, returned: object = 0, **_: object) -> None:
        worker.classify(run_id, host, returned)

    @app.task(name=FINISH_TASK, shared=False)
    def finish(run_id: object = None, returned: object = 0, **_: object) -> None:
        worker.finish(run_id, returned)

    @app.task(name=TEND_TASK, shared=False)
    def tend_all() -> None:
        worker.tend()

    @app.task(name=MAIL_TASK, shared=False)
    def mail(name: object = None, **_: object) -> None:
        worker.mail(name)

    @app.task(name=WEBHOOK_TASK, shared=False)
    def webhook(run_id: object = None, **_: object) -> None:
        worker.webhook(run_id)

    return app


class Worker:
    """One process of a worker. It opens its connections itself, after the fork."""

    def __init__(
        self, settings: WorkerSettings, app: Celery, name: str = "", stop: StopFlag | None = None
    ) -> None:
        self._settings = settings
        self._app = app
        self._name = name or "worker"
        self._trust = Trust(settings)
        self._stopping = Stopping(stop or StopFlag(), self._cut)

    def collect(self, run_id: object, hosts: object, returned: object = 0) -> None:
        """Sweep hosts on which nobody else works, and have each one classified."""
        self._do(COLLECT_TASK, {"run_id": run_id, "hosts": hosts}, hosts, returned, self._collect)

    def classify(self, run_id: object, host: object, returned: object = 0) -> None:
        """Classify a host's dump, unless it is done or another worker does it."""
        self._do(CLASSIFY_TASK, {"run_id": run_id, "host": host}, [host], returned, self._classify)

    def finish(self, run_id: object, returned: object = 0) -> None:
        """Close a run whose hosts are all done, render its report, and mail it once."""
        self._do(FINISH_TASK, {"run_id": run_id}, [], returned, self._finish)

    def tend(self) -> None:
        """Look after all runs, schedules and mail; even if the disk is full, because that has to be told."""
        with self._stopping.during_task():
            self._rounds.look_after_all()

    def mail(self, name: object) -> None:
        """Mail the report of a closed run, or a notice, to those who have not got it."""
        with self._stopping.during_task():
            if self._turns.may_begin():
                self._mail(name)

    def webhook(self, run_id: object) -> None:
        """Post the news of a closed run to the webhook, unless it has them."""
        with self._stopping.during_task():
            if self._turns.may_begin():
                self._webhook(run_id)

    def _do(
        self,
        task: str,
        arguments: dict[str, object],
        hosts: object,
        returned: object,
        work: Callable[[Run, list[str]], None],
    ) -> None:
        message = Message(task, arguments, returned if isinstance(returned, int) else 0)
        run_id = arguments["run_id"]
        with self._stopping.during_task():
            try:
                self._turns.do(message, lambda: self._asked(task, run_id, hosts), work)
            except GivenUpError as error:
                self._refuse(f"a message for {task}", error)

    def _collect(self, run: Run, asked: list[str]) -> None:
        now = fleet_now(self._redis)
        if deadline.is_past(run, now) or run.closed() is not None:  # then the missing hosts fail
            return
        leases = self._turns.leases(run.run_id)
        # asked host by host: a message names few, and a listing of a large run is long
        unasked = (name for name in asked if not (run.has_dump(name) or run.has_ended(name)))
        mine = [name for name in unasked if leases.take(Step.COLLECT, name)]
        log.debug("%s: collect: a message for %d hosts, %d are taken", run.run_id, len(asked), len(mine))

        def on_outcome(outcome: Dump | Failure) -> None:
            try:
                host_steps.keep(run, outcome)
            except OSError as error:
                self._turns.host_error(run, leases, Step.COLLECT, outcome.host, error)
                return
            leases.release(Step.COLLECT, outcome.host)
            if isinstance(outcome, Dump):
                self._post.classify(run.run_id, outcome.host)

        if mine:
            hosts, session = (
                [run.host(name) for name in mine],
                self._sessions.of(run.manifest, run.store.local_path("")),
            )
            with deadline.stopped_at(run, self._stopping.event, now) as over:
                sweep(hosts, session, on_outcome, over)

    def _classify(self, run: Run, asked: list[str]) -> None:
        leases = self._turns.leases(run.run_id)
        for name in asked if run.closed() is None else ():
            if run.has_ended(name):
                return
            is_mine = leases.take(Step.CLASSIFY, name)
            log.debug("%s: classify: %s is %s", run.run_id, name, "taken" if is_mine else "another's")
            if not is_mine:
                return
            try:
                if self._classifier.classify(run, name) is None:
                    self._classifier.classify_again(run, name)
            except OSError as error:
                self._turns.host_error(run, leases, Step.CLASSIFY, name, error)
            else:
                leases.release(Step.CLASSIFY, name)

    def _finish(self, run: Run, _asked: list[str]) -> None:
        if run.closed() is None and run.pending():  # a message that came too early, or twice
            log.info("%s has hosts left and is not finished", run.run_id)
            return
        runs, leases = runs_beside(run), self._turns.leases(run.run_id)
        is_mine = leases.take(Step.FINISH, RUN)
        log.debug("%s: finish: %s", run.run_id, "taken" if is_mine else "another's")
        if is_mine and runs.is_queued(run.run_id):
            given = self._settings
            finish(run, given.mail, Sender.WORKERS, given.webhook, audit=given.audit)
            runs.unqueue(run.run_id)

    def _cut(self) -> None:
        self._turns.return_held()

    def _mail(self, name: object) -> None:
        mail, runs = self._settings.mail, self._settings.runs
        if mail is None or not isinstance(name, str) or name not in runs.unmailed():
            return
        with self._turns.finishing(name) as is_mine:
            if not is_mine:
                return
            if outbox.is_notice(name):
                notice = self._notice(name)
                if notice is None:
                    return
                sent = partial(outbox.mail_notice, runs, notice, mail, Sender.WORKERS)
            else:
                found = self._asked(MAIL_TASK, name, [])
                if found is None or found[0].closed() is None:
                    return
                sent = partial(outbox.mail_what_is_due, found[0], mail, Sender.WORKERS)
            self._rounds.apart(f"the mail of {name}", partial(self._stuck.watched, name, sent, "mail"))

    def _webhook(self, run_id: object) -> None:
        hook, runs = self._settings.webhook, self._settings.runs
        if hook is None or not isinstance(run_id, str) or run_id not in runs.unposted():
            return
        with self._turns.finishing(run_id) as is_mine:
            found = self._asked(WEBHOOK_TASK, run_id, []) if is_mine else None
            if found is None or found[0].closed() is None:
                return
            sent = partial(post_run, found[0], hook, Sender.WORKERS, attempts=1)
            watched = partial(self._stuck.watched, run_id, sent, "webhook")
            self._rounds.apart(f"the news of {run_id}", watched)

    def _notice(self, name: str) -> Notice | None:
        """A notice that this worker may mail; None, and told, for any other."""
        try:
            return self._trust.notice(name)
        except OperatorError as error:
            self._refuse(f"a message for {MAIL_TASK}", error)
            return None

    def _asked(self, task: str, run_id: object, hosts: object) -> tuple[Run, list[str]] | None:
        """The run and the hosts of a message; None if the message is refused."""
        try:
            run, names = self._run(task, run_id), _names(hosts)
        except NewerError:
            raise
        except OperatorError as error:
            self._refuse(f"a message for {task}", error)
            return None
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

    @cached_property
    def _redis(self) -> "redis.Redis":
        return redis_client(self._settings)

    @cached_property
    def _post(self) -> Post:
        return Post(self._app, self._redis, self._settings)

    @cached_property
    def _rounds(self) -> Rounds:
        return Rounds(self._settings, self._post, self._trust)

    @cached_property
    def _stuck(self) -> Stuck:
        return Stuck(self._settings, self._redis)

    @cached_property
    def _turns(self) -> Turns:
        return Turns(self._settings, self._name, self._post, self._stopping)

    @cached_property
    def _classifier(self) -> Classifier:
        # in a separate process, so that a dump that kills its classifier leaves the worker alive
        return Classifier(1, stop=self._stopping.event)

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
