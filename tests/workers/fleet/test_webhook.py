"""Workers of a fleet post the news of a run once, and again when that is due."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.mail_record import Sender
from archive.run import Run
from archive.runs import Runs
from reports.webhook.hook_settings import HookSettings
from tests.archive.examples import dump, manifest
from tests.hooks import hook_server
from tests.news import write_news
from tests.waiting import eventually
from tests.workers.worker_process import running
from workers.fleet.app import REPORT
from workers.fleet.broker import REFUSED_KEY
from workers.fleet.fitness import announce
from workers.fleet.post import Post
from workers.fleet.tasks import Worker, worker_app
from workers.fleet.worker_settings import WorkerSettings
from workers.life.ending import close_run
from workers.life.host_steps import classify_host

pytestmark = pytest.mark.slow


def worker(settings: WorkerSettings) -> Worker:
    return Worker(settings, worker_app(settings))


def with_news(settings: WorkerSettings) -> Run:
    """A run with news that is closed, rendered, and still to be posted."""
    runs = Runs(settings.runs_url, settings.signing_key)
    run = runs.create(manifest("a"))
    run.write_dump(dump("a"))
    runs.queue(run.run_id)
    classify_host(run, "a")
    close_run(run)
    write_news(run, [{}])
    return run


def make_due(run: Run) -> None:
    """The last try was an hour ago."""
    posted = run.webhook_record.posted()
    again = run.webhook_record.begin(Sender.WORKERS, datetime.now(UTC))
    assert again is not None
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    run.webhook_record.end(again[0], replace(posted, last=long_ago))


def test_news_are_posted_once_by_workers_that_finish_at_once(settings: WorkerSettings) -> None:
    run = with_news(settings)
    with hook_server() as receiver:
        hook = HookSettings(receiver.url, attempts=1)
        both = [worker(replace(settings, webhook=hook)) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda one: one.finish(run.run_id), both))
        Runs(settings.runs_url).queue(run.run_id)  # as if killed before it was taken out
        both[0].finish(run.run_id)
        both[1].webhook(run.run_id)
    assert len(receiver.requests) == 1
    assert run.webhook_record.is_over()
    assert Runs(settings.runs_url).unposted() == ()


def test_news_that_the_server_did_not_take_are_posted_when_they_are_due(
    settings: WorkerSettings, post: Post
) -> None:
    run, runs = with_news(settings), Runs(settings.runs_url)
    announce(runs, post.redis)
    with hook_server(503) as receiver:
        one = worker(replace(settings, webhook=HookSettings(receiver.url, attempts=1)))
        one.finish(run.run_id)
        assert runs.unposted() == (run.run_id,)
        waiting = post.waiting(REPORT)
        one.tend()
        assert post.waiting(REPORT) == waiting  # it is not due yet
        make_due(run)
        one.tend()
        one.tend()  # asked for once
        assert post.waiting(REPORT) == waiting + 1
        one.webhook(run.run_id)
    assert len(set(receiver.keys)) == 1
    assert len(receiver.requests) == 2
    assert runs.unposted() == ()


@pytest.mark.parametrize("argument", [None, 7, "", "../x", "20261130T020000Z-nightly-0001"])
def test_a_message_about_news_that_nobody_owes_is_dropped(
    argument: object, settings: WorkerSettings, post: Post
) -> None:
    with_news(settings)
    announce(Runs(settings.runs_url), post.redis)  # or else the worker rests
    with hook_server() as receiver:
        worker(replace(settings, webhook=HookSettings(receiver.url))).webhook(argument)
    assert receiver.requests == []


@pytest.mark.journey
def test_a_fleet_posts_again_what_the_server_did_not_take(
    settings: WorkerSettings, post: Post, tmp_path: Path
) -> None:
    run, runs = with_news(settings), Runs(settings.runs_url)
    announce(runs, post.redis)
    with hook_server(503) as receiver:
        settings = replace(settings, webhook=HookSettings(receiver.url, attempts=1))
        with running("worker", settings, tmp_path):
            post.finish(run.run_id)
            eventually(lambda: receiver.requests and not runs.queued())
            make_due(run)
            post.look_after()
            eventually(lambda: runs.unposted() == ())
    assert len(receiver.requests) == 2
    assert len(set(receiver.keys)) == 1
    assert post.redis.get(REFUSED_KEY) is None
