"""Posts the news of runs to the webhook, and reports the result."""

from collections.abc import Iterator
from dataclasses import dataclass

import click

from archive.mail_record import Sender
from archive.run import Run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError
from mapsweep.deliveries import tries_told
from mapsweep.documents import Json
from mapsweep.manner import FOR_PEOPLE, Manner
from mapsweep.terminal.exits import Exit, complain
from reports.mail.delivery import DeliveryError
from reports.webhook.hook_settings import HookSettings
from workers.here.locks import held
from workers.life.outbox import Mailed
from workers.life.webhook import body_of, post_run

TEST_ID = "test"  # stands for the run id in the key of a test


@dataclass(frozen=True, slots=True)
class News:
    """What became of the news of one run."""

    run_id: str
    posted: Mailed
    note: str = ""  # why nothing was posted, where nothing had to be


def code_of(posted: Mailed | None) -> Exit:
    """Exit code 5 if the webhook has not got them."""
    return Exit.UNDELIVERED if posted and (posted.unmailed or posted.refused) else Exit.OK


def required(hook: HookSettings | None, where: str) -> HookSettings:
    """The settings; OperatorError if there are none, which says where they belong."""
    if hook is None:
        remedy = f"set webhook.url or webhook.url_file {where}"
        raise OperatorError(Mistake("webhook", "no webhook is set", remedy))
    return hook


def post(run: Run, hook: HookSettings, manner: Manner = FOR_PEOPLE) -> News:
    """Post the news of a closed run, unless the webhook has them; tell before each pause, unless quiet."""
    if run.webhook_record.is_over():
        missing = run.webhook_record.refusals()
        why = f"nothing more is done about the news of {run.run_id}"
        return News(run.run_id, Mailed(), f"{why}: {missing[0]}" if missing else f"{why}: they are posted")
    with held(run):
        posted = post_run(run, hook, Sender.HERE, tell=tries_told(manner))
    return News(run.run_id, posted or Mailed(), "" if posted else no_news(run))


def post_unsent(runs: Runs, hook: HookSettings, but: str = "", manner: Manner = FOR_PEOPLE) -> Iterator[News]:
    """Post what the webhook has not got, of all runs `but` one; what workers post is left to them."""
    for run_id in runs.unposted():
        if run_id == but or runs.is_queued(run_id):
            continue
        try:
            yield post(runs.by_id(run_id), hook, manner)
        except OperatorError as error:  # another is at it, or its folder is gone: the others are posted
            yield News(run_id, Mailed(unmailed=str(error)))


def post_test(hook: HookSettings, manner: Manner = FOR_PEOPLE) -> News:
    """Post a document without news, once."""
    from reports.webhook.hook_delivery import key_of  # noqa: PLC0415 # only who posts waits for it
    from reports.webhook.hook_delivery import post as post_document  # noqa: PLC0415 # likewise
    from reports.webhook.render_webhook import trial_document  # noqa: PLC0415 # starts Polars

    body = trial_document(hook.base_url)
    key = key_of(TEST_ID, body)
    try:
        done = post_document(body, key, hook, tell=tries_told(manner))
    except DeliveryError as error:
        return News(TEST_ID, Mailed(key, (), error.refused, "" if error.refused else error.reason))
    return News(TEST_ID, Mailed(done.message_id, done.accepted))


def written(run: Run, hook: HookSettings | None) -> bytes | None:
    """The document of a run, as it is posted; None if it has no news."""
    return body_of(run, hook)


def no_news(run: Run) -> str:
    """That a closed run has no news, and that this is no good sign if no host answered."""
    closed = run.closed()
    is_dead = closed is not None and closed.is_dead
    return f"{run.run_id} has no news{': no host answered' if is_dead else ''}"


def told(news: News, manner: Manner) -> Exit:
    """Report the result: what went well as the manner says, trouble on standard error."""
    posted = news.posted
    if manner.says and news.note:
        click.echo(news.note)
    if manner.says and posted.accepted:
        click.echo(f"{posted.message_id} accepted by the webhook")
    for refusal in posted.refused:
        complain(f"not posted to {refusal}")
    if posted.unmailed:
        complain(f"{news.run_id}: {posted.unmailed}")
    return code_of(posted)


def as_json(news: News) -> dict[str, Json]:
    """The result for --json; `unposted` says why the webhook has not got it yet, or is null."""
    posted = news.posted
    return {
        "run_id": news.run_id,
        "key": posted.message_id or None,
        "accepted": bool(posted.accepted),
        "refused": posted.refused[0].reason if posted.refused else None,
        "unposted": posted.unmailed or None,
    }
