"""A run on this machine: SSH in threads of this process, classifying in separate processes. No Redis."""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from archive.dump_keys import LockedError, OtherKeysError
from archive.mail_record import Sender
from archive.run import Run, Standing
from archive.runs import runs_beside
from collector.session import Session
from collector.sweep import sweep
from domain.about import about
from domain.mistakes import Mistake, OperatorError
from domain.records import Dump, Failure
from workers.here.locks import held
from workers.life import deadline, host_steps
from workers.life.audit import SILENT, Audit
from workers.life.classifiers import Classifiers
from workers.life.ending import Ended, finish
from workers.life.progress import OnProgress, Progress, progress_of
from workers.life.tries import Tell, to_nobody

if TYPE_CHECKING:
    from reports.mail.delivery import MailSettings
    from reports.webhook.hook_settings import HookSettings

log = logging.getLogger("workers")


def execute(
    run: Run,
    session: Session,
    progress: OnProgress,
    stop: threading.Event,
    *,
    mail: "MailSettings | None" = None,
    hook: "HookSettings | None" = None,
    tell: Tell = to_nobody,
    audit: Audit = SILENT,
    processes: int = 0,
) -> Ended | None:
    """Do the rest of a run, to its end; None if `stop` was set first.

    `processes` classify in parallel; 0 means one per core. `progress` is called from several threads, one at
    a time; `tell` gets why a delivery is tried again, before each pause. A run that was stopped or killed
    continues where it was. After the run's deadline no host is contacted any more, and hosts without a dump
    fail. OperatorError if another process executes the run, if the workers of a fleet have it, or if dumps
    wait that cannot be decrypted.
    """
    runs = runs_beside(run)
    if runs.is_queued(run.run_id):
        remedy = f"watch it with --broker; if they are gone for good, remove {runs.queue_place(run.run_id)}"
        raise OperatorError(Mistake(run.run_id, "was given to the workers of a fleet", remedy))
    with about(run=run.run_id), held(run):
        standing = run.standing() if log.isEnabledFor(logging.DEBUG) else None
        if standing is not None:
            counts = len(standing.done), len(standing.failed), len(standing.dumped)
            log.debug("%s: executed here: before %d done, %d failed, %d to classify", run.run_id, *counts)
        if run.closed() is None and not _brought_in(run, session, progress, stop, processes):
            return None
        return finish(run, mail, Sender.HERE, hook, tell=tell, audit=audit)


def _brought_in(
    run: Run, session: Session, progress: OnProgress, stop: threading.Event, processes: int
) -> bool:
    """Sweep and classify hosts without an outcome; False if some are left."""
    standing = run.standing()
    run = _readable(run, standing)
    tally = _Tally(progress_of(run), progress)
    began_s = time.monotonic()

    def on_outcome(outcome: Dump | Failure) -> Callable[[], None] | None:
        host_steps.keep(run, outcome)
        if isinstance(outcome, Dump):
            tally.collected(outcome.host)
            return partial(classifiers.submit, outcome.host)
        tally.failed_to_answer(outcome.host)
        return None

    with Classifiers(run, processes or os.cpu_count() or 1, tally.classified, stop) as classifiers:
        for host in sorted(standing.dumped):
            if not stop.is_set():
                classifiers.submit(host)
        unanswered = tuple(host for host in run.pending() if host.name not in standing.dumped)
        with deadline.stopped_at(run, stop) as over:
            if unanswered and not over.is_set():
                sweep(unanswered, session, on_outcome, over)
        log.debug("%s: collect: %d hosts asked, %.3f s", run.run_id, len(unanswered), _since(began_s))
        classifiers.drain()
        log.debug("%s: classify: all that came, %.3f s after the start", run.run_id, _since(began_s))
    if not stop.is_set() and deadline.is_past(run):
        deadline.fail_missing(run, dumped=False)
    return not run.pending()


def _readable(run: Run, standing: Standing) -> Run:
    """The run with keys that read the dumps that it writes. OperatorError if one waits that cannot be read.

    If there are only public keys, a key in memory is added: what is written now can be classified until this
    process ends, and then only those who have a private key can read it.
    """
    if run.keys.recipients and not run.keys.has_identity:
        run = run.with_keys(run.keys.with_run_key())
    for host in sorted(standing.dumped)[:1]:
        try:
            run.read_dump(host)
        except OtherKeysError:  # may be of this host alone
            pass
        except LockedError as error:
            remedy = (
                ""
                if run.is_remade
                else f"or remove the dumps from {run.url}, and their hosts are swept again"
            )
            raise OperatorError(Mistake(str(error.filename), str(error.strerror), remedy)) from error
        except OperatorError:  # its failure, when its turn comes
            pass
    return run


def _since(began_s: float) -> float:
    return time.monotonic() - began_s


class _Tally:
    """Counts hosts from several threads, and reports each change."""

    def __init__(self, begun: Progress, progress: OnProgress) -> None:
        self._lock = threading.Lock()
        self._now = begun
        self._progress = progress
        progress(begun)

    def collected(self, host: str) -> None:
        self._changed(host, collected=1)

    def failed_to_answer(self, host: str) -> None:
        self._changed(host, collected=1, failed=1)

    def classified(self, host: str, has_result: bool) -> None:
        self._changed(host, classified=has_result, failed=not has_result)

    def _changed(self, host: str, collected: int = 0, classified: int = 0, failed: int = 0) -> None:
        with self._lock:
            self._now = replace(
                self._now,
                collected=self._now.collected + collected,
                classified=self._now.classified + classified,
                failed=self._now.failed + failed,
                last=host,
            )
            self._progress(self._now)
