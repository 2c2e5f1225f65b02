"""Who executes a run, as the settings say: this process, or the workers of a fleet."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event

from archive.places import store_at
from archive.retention import Keep
from archive.run import Run
from archive.runs import Runs, runs_beside
from collector.session import Sessions
from collector.ssh.policy import Policy
from domain.mistakes import placed
from domain.records import Manifest
from mapsweep import host_key_words, mailing, posting
from mapsweep.conduct import Executor, Stopped
from mapsweep.deliveries import tries_told
from mapsweep.manner import FOR_PEOPLE, Manner
from mapsweep.request import are_for_workers, treatment
from mapsweep.settings.composition import (
    access,
    audit,
    check_dump_keys,
    mail_settings,
    signing_key,
    webhook_settings,
)
from mapsweep.settings.settings import Settings
from mapsweep.terminal.exits import complain
from reports.text.sizes import size
from workers.here import embedded
from workers.here.pruning import Kept, Pruned, prune
from workers.life import plan
from workers.life.audit import Audit
from workers.life.ending import Ended
from workers.life.progress import OnProgress

ACCEPT_NEW = "--accept-new-host-keys"
WORKERS_GO_ON = "no longer watched; the workers continue the run. To watch it again:"

NO_BEAT = "nobody looks after runs that nobody watches, so this one will not end: start `mapsweep beat`"


def check(manifest: Manifest, settings: Settings, *, is_new: bool = True) -> None:
    """OperatorError if the settings do not allow a plan; asked before anything is written."""
    if not _is_for_workers(manifest, settings):
        check_dump_keys(settings)
        means = plan.Means(
            store_at(settings.runs),
            no_mail_server=None if settings.mail else mailing.no_server(settings.where),
            audit=audit(settings),
        )
        plan.check(manifest, means, is_new=is_new)
        return
    from mapsweep.settings.for_workers import worker_settings  # noqa: PLC0415 - Celery costs half a second
    from workers.fleet.broker import require_broker  # noqa: PLC0415 - likewise

    given = worker_settings(settings, os.environ)
    # the workers send the mail, by their settings
    means = plan.Means(store_at(settings.runs), given.pace, audit=given.audit)
    plan.check(manifest, means, is_new=is_new)
    require_broker(given)


def tell_audit(run: Run, settings: Settings, *, is_new: bool) -> None:
    """Tell the audit of a run that is about to be executed; OperatorError if it does not take it."""
    if is_new:
        audit(settings).planned(run.manifest)
    elif run.closed() is None:
        by_workers = _is_for_workers(run.manifest, settings)
        audit(settings).resumed(run.manifest, **treatment(settings, by_workers=by_workers))


def executor(manifest: Manifest, settings: Settings, manner: Manner = FOR_PEOPLE) -> Executor:
    """Who executes the run of a plan. OperatorError if a secret that it needs cannot be read."""
    return _workers(settings) if _is_for_workers(manifest, settings) else _here(settings, manner)


def _is_for_workers(manifest: Manifest, settings: Settings) -> bool:
    return are_for_workers(manifest.hosts, settings)


def _here(settings: Settings, manner: Manner) -> Executor:
    sessions = Sessions(access(settings, os.environ))
    for line in host_key_words.before(sessions, settings):
        complain(line)
    mail, hook = mail_settings(settings, os.environ), webhook_settings(settings, os.environ)

    def execute(run: Run, tell: OnProgress, stop: Event) -> Ended | None:
        try:
            ended = embedded.execute(
                run,
                sessions.of(run.manifest, run.store.local_path("")),
                tell,
                stop,
                mail=mail,
                hook=hook,
                tell=tries_told(manner),
                audit=audit(settings),
            )
        finally:
            for line in host_key_words.after(sessions):
                complain(line)
        if ended is None:
            return None
        others = Runs(settings.runs, signing_key(settings, os.environ))
        if mail is not None:  # also what the mail server did not take on other days
            for sent in mailing.send_unsent(others, replace(mail, attempts=1), but=run.run_id, manner=manner):
                mailing.told(sent, manner)
        if hook is not None:  # likewise
            for news in posting.post_unsent(others, replace(hook, attempts=1), but=run.run_id, manner=manner):
                posting.told(news, manner)
        if settings.keep is not None and runs_beside(run).store.url == others.store.url:
            _prune(others, settings.keep.keep(), manner, audit(settings))
        return ended

    return Executor(execute, Stopped(flags=_typed_policy(settings)))


def _typed_policy(settings: Settings) -> tuple[str, ...]:
    """The option for host keys, if it was typed: no run says how keys are checked, so --resume needs it."""
    typed = settings.origins.get("ssh.host_key_policy", "").startswith("--")
    return (ACCEPT_NEW,) if typed and settings.ssh.host_key_policy is Policy.ACCEPT_NEW else ()


def _prune(runs: Runs, keep: Keep, manner: Manner, audited: Audit) -> None:
    """Remove what need not be kept. The run is done: whatever goes wrong here is only told."""
    try:
        done = prune(runs, keep, datetime.now(UTC), audited)
    except OSError as error:
        complain(f"nothing is pruned: {placed(error, runs.store.url)}")
        return
    gone_bytes = [one.size_bytes for one in done if isinstance(one, Pruned)]
    if gone_bytes and not manner.quiet:
        complain(f"pruned, as keep says: {len(gone_bytes)} removed, {size(sum(gone_bytes), plain=True)}")
    for one in done:
        if isinstance(one, Kept) and one.is_trouble:
            complain(f"not pruned: {one.path}: {one.reason}")


def _workers(settings: Settings) -> Executor:
    from mapsweep.settings.for_workers import worker_settings  # noqa: PLC0415 - Celery costs half a second
    from workers.fleet import handover  # noqa: PLC0415 - likewise

    given = worker_settings(settings, os.environ)

    def execute(run: Run, tell: OnProgress, stop: Event) -> Ended | None:
        ended = handover.execute(run, given, tell, stop)
        if ended is None and not handover.is_looked_after(given):
            complain(NO_BEAT)
        return ended

    return Executor(execute, Stopped(WORKERS_GO_ON, ("--broker", settings.broker)))
