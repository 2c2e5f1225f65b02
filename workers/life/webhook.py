"""Posts the news of closed runs to the webhook: each run's once, by a record like that of a mail.

A document is kept in the run before it is posted for the first time, so that each try has the same bytes and
the same key, whatever becomes of settings and rules meanwhile. It is empty if there are no news.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from archive.mail_record import MailRecord, Posted, Sender
from archive.run import PAGE, WEBHOOK_BODY, Run
from archive.runs import runs_beside
from workers.life.outbox import Mailed
from workers.life.tries import Parcel, Tell, to_nobody, tried

if TYPE_CHECKING:
    from reports.webhook.hook_settings import HookSettings

ANOTHER: Final = "another process is posting it"
NO_NEWS: Final = "there are no news"
BODY_BYTES_MAX: Final = 4 * 2**20

log = logging.getLogger("workers")


def post_run(
    run: Run,
    hook: "HookSettings | None",
    sender: Sender,
    attempts: int | None = None,
    tell: Tell = to_nobody,
) -> Mailed | None:
    """Post the news of a closed run, unless the webhook has them; None if there is nothing to post.

    What cannot be posted now is marked, to be tried again. A run that is classified again has no news.
    """
    runs, record = runs_beside(run), run.webhook_record
    if hook is None or run.is_remade:
        return None
    if record.is_over():
        runs.unmark_unposted(run.run_id)
        return None
    runs.mark_unposted(run.run_id)
    body = _kept(run, hook)
    if not body:
        record.close(Posted(message_id=NO_NEWS))
        runs.unmark_unposted(run.run_id)
        return None
    server = hook if attempts is None else replace(hook, attempts=attempts)
    told = _posted(record, _parcel(run, body, server, tell), sender)
    if record.is_over():
        runs.unmark_unposted(run.run_id)
    _tell(run.run_id, told, server)
    return told


def body_of(run: Run, hook: "HookSettings | None") -> bytes | None:
    """The document of a closed run: the one that was posted, or that would be; None if it has no news."""
    kept = _read(run)
    return (_made(run, hook.base_url if hook else "") if kept is None else kept) or None


def is_due(record: MailRecord) -> bool:
    """Whether it is time to try again."""
    return record.is_over() or record.posted().is_due(datetime.now(UTC))


def page_of(run: Run, base_url: str) -> str:
    """Where the page of a run is found: its address, or its path if nobody says where the folder is shown."""
    base = base_url.rstrip("/")
    return f"{base}/{run.run_id}/report/{PAGE}" if base else run.report_path(PAGE)


def _parcel(run: Run, body: bytes, hook: "HookSettings", tell: Tell) -> Parcel:
    from reports.webhook.hook_delivery import key_of, post  # noqa: PLC0415 # only who posts waits for it

    key = key_of(run.run_id, body)
    return Parcel(key, lambda _: post(body, key, hook, tell=tell), hook.keep_trying_s)


def _posted(record: MailRecord, parcel: Parcel, sender: Sender) -> Mailed:
    posted = tried(record, parcel, sender)
    if posted is None:
        return Mailed(unmailed=ANOTHER)
    if record.is_over():
        return Mailed(posted.message_id, posted.accepted, posted.refused)
    following = posted.next_at()
    again = f"the next try is due at {following:%H:%M} UTC" if following else "it is tried again"
    if sender is Sender.HERE:
        again = "`mapsweep webhook --unsent` tries again, and so does the next run"
    return Mailed(posted.message_id, unmailed=f"not posted yet ({posted.why()}); {again}")


def _kept(run: Run, hook: "HookSettings") -> bytes:
    """The document as each try posts it; empty if there is none to be posted."""
    kept = _read(run)
    if kept is None:
        body = b"" if _is_old(run, hook.keep_trying_s) else _made(run, hook.base_url)
        run.store.write_once(WEBHOOK_BODY, body)
        kept = _read(run) or b""  # the one of whoever was quicker
    return kept


def _read(run: Run) -> bytes | None:
    try:
        return run.store.read(WEBHOOK_BODY, BODY_BYTES_MAX)
    except FileNotFoundError:
        return None


def _made(run: Run, base_url: str) -> bytes:
    from reports.report import report  # noqa: PLC0415 # likewise
    from reports.webhook import render_webhook  # noqa: PLC0415 # starts Polars

    return render_webhook.render(report(run), page_of(run, base_url)) or b""


def _is_old(run: Run, keep_trying_s: int) -> bool:
    """Whether a run was closed so long ago that it is no news: nobody looked for it by then."""
    closed = run.closed()
    if closed is None:
        return False
    return datetime.now(UTC) - datetime.fromisoformat(closed.closed_at) > timedelta(seconds=keep_trying_s)


def _tell(run_id: str, told: Mailed, hook: "HookSettings") -> None:
    """Log what the webhook did not get."""
    if told.unmailed and told.unmailed != ANOTHER:
        log.error("%s: %s", run_id, told.unmailed)
    for refusal in told.refused:
        log.error("%s was not posted to %s", run_id, refusal)
    if told.accepted and not told.unmailed:
        log.info("%s: its news were posted to %s", run_id, hook.place)
