"""The news of a run are posted once; what the server may have taken comes at most twice, with one key."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.mail_record import CUT_OFF_MAX, SENDING_S_MAX, TRIES_MIN, WAIT_S_MAX, Posted, Sender
from archive.run import WEBHOOK_BODY, Run
from archive.runs import Runs, runs_beside
from domain.records import Closed
from reports.webhook.hook_settings import HookSettings
from tests.archive.examples import dump, manifest
from tests.hooks import Receiver, hook_server
from tests.news import write_news
from tests.ports import free_port
from workers.life.ending import close_run, finish
from workers.life.host_steps import classify_host, keep
from workers.life.outbox import Mailed
from workers.life.plan import remade
from workers.life.webhook import ANOTHER, post_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A closed run with one new finding."""
    made = Runs(str(tmp_path / "runs")).create(manifest("a"))
    keep(made, dump("a"))
    classify_host(made, "a")
    close_run(made)
    write_news(made, [{}])
    return made


def settings(url: str) -> HookSettings:
    return HookSettings(url, timeout_s=60.0, attempts=1)


def posted(run: Run, receiver: Receiver, sender: Sender = Sender.WORKERS) -> Mailed | None:
    return post_run(run, settings(receiver.url), sender)


def test_the_news_of_a_run_are_posted_once(run: Run) -> None:
    with hook_server() as receiver:
        first = posted(run, receiver)
        assert first is not None
        assert first.accepted
        assert posted(run, receiver) is None
    assert receiver.keys == [first.message_id]
    assert first.message_id.startswith(f"{run.run_id}-")
    assert runs_beside(run).unposted() == ()


def test_a_run_without_news_posts_nothing_and_is_over(run: Run) -> None:
    write_news(run, [])
    with hook_server() as receiver:
        assert posted(run, receiver) is None
        assert run.webhook_record.is_over()
        write_news(run, [{}])  # whatever is found of it later is no news
        assert posted(run, receiver) is None
    assert receiver.requests == []
    assert runs_beside(run).unposted() == ()


def test_a_server_that_is_down_gets_the_same_document_when_it_is_back(run: Run) -> None:
    away = settings(f"http://127.0.0.1:{free_port()}/")
    first = post_run(run, away, Sender.WORKERS)
    assert first is not None
    assert first.unmailed.startswith("not posted yet (http://127.0.0.1:")
    assert "; the next try is due at " in first.unmailed
    assert runs_beside(run).unposted() == (run.run_id,)
    kept = run.store.read(WEBHOOK_BODY)
    write_news(run, [{"title": "in other words", "fingerprint": "f" * 16}])
    with hook_server() as receiver:
        second = post_run(run, replace(settings(receiver.url), base_url="https://elsewhere"), Sender.WORKERS)
    assert second is not None
    assert [each.body for each in receiver.requests] == [kept]
    assert second.message_id == first.message_id
    assert runs_beside(run).unposted() == ()


def test_a_server_that_takes_it_and_does_not_say_so_gets_it_twice_at_most(run: Run) -> None:
    with hook_server("dropped", "dropped") as receiver:
        first = posted(run, receiver)
        assert first is not None
        assert "did not say whether it took the request" in first.unmailed
        record = run.webhook_record.posted()
        next_at = record.next_at()
        assert next_at == datetime.fromisoformat(record.last) + timedelta(seconds=WAIT_S_MAX)
        second = posted(run, receiver)
        assert second is not None
        assert "nobody knows whether it arrived" in second.refused[0].reason
        assert posted(run, receiver) is None
    assert receiver.keys == [first.message_id] * CUT_OFF_MAX
    assert runs_beside(run).unposted() == ()


def test_what_is_refused_for_good_is_told_and_over(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with hook_server(422) as receiver:
        receiver.said = b"no such field"
        first = posted(run, receiver)
    assert first is not None
    assert "422 no such field" in first.refused[0].reason
    assert run.webhook_record.is_over()
    assert "was not posted to webhook:" in caplog.text


def test_it_is_given_up_after_a_time_and_that_is_told(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run.store.write_once(WEBHOOK_BODY, b"{}")
    before = run.webhook_record.begin(Sender.WORKERS, datetime.now(UTC))
    assert before is not None
    since = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    told = Posted(tries=TRIES_MIN, since=since, last=since, problem="503")
    run.webhook_record.end(before[0], told)
    with hook_server(503) as receiver:
        last = posted(run, receiver)
    assert last is not None
    assert f"given up after {TRIES_MIN + 1} tries" in last.refused[0].reason
    assert "given up after" in caplog.text
    assert runs_beside(run).unposted() == ()


def test_the_command_line_and_a_worker_do_not_post_at_once(run: Run) -> None:
    run.store.write_once(WEBHOOK_BODY, b"{}")
    run.webhook_record.begin(Sender.HERE, datetime.now(UTC))
    with hook_server() as receiver:
        assert posted(run, receiver) == Mailed(unmailed=ANOTHER)
    assert receiver.requests == []
    assert 2 * settings("").timeout_s < SENDING_S_MAX


_SENDER = """
import sys
from archive.mail_record import Sender
from archive.runs import open_run
from reports.webhook.hook_settings import HookSettings
from workers.life.webhook import post_run
post_run(open_run(sys.argv[1]), HookSettings(sys.argv[2], timeout_s=120.0, attempts=1), Sender.WORKERS)
"""


def test_a_sender_that_is_killed_costs_at_most_one_copy(run: Run) -> None:
    taken = threading.Event()
    with hook_server("silent") as receiver:
        receiver.on_taken = taken.set
        sender = subprocess.Popen([sys.executable, "-c", _SENDER, run.url, receiver.url])
        try:
            assert taken.wait(300)
        finally:
            os.kill(sender.pid, signal.SIGKILL)
            sender.wait()
        assert runs_beside(run).unposted() == (run.run_id,)
        again = posted(run, receiver)
        assert again is not None
        assert again.accepted
        assert posted(run, receiver) is None
    assert receiver.keys == [again.message_id] * 2
    assert len({each.body for each in receiver.requests}) == 1


def test_a_run_that_is_finished_posts_its_news_and_one_that_is_made_again_does_not(run: Run) -> None:
    with hook_server() as receiver:
        ended = finish(run, None, Sender.HERE, settings(receiver.url))
        assert ended.posted is not None
        assert ended.posted.accepted
        again = remade(run)
        classify_host(again, "a")
        assert finish(again, None, Sender.HERE, settings(receiver.url)).posted is None
    assert len(receiver.requests) == 1


def test_a_run_that_nobody_looked_for_in_time_is_no_news(tmp_path: Path) -> None:
    old = Runs(str(tmp_path / "old")).create(manifest("a"))
    old.close(
        Closed(old.run_id, "2026-01-01T00:00:00Z", 1, 1, 0, 0, complete=True, rules_version="1", results="1")
    )
    with hook_server() as receiver:
        assert posted(old, receiver) is None
    assert (receiver.requests, old.webhook_record.is_over()) == ([], True)


def test_without_a_webhook_nothing_is_kept(run: Run) -> None:
    assert post_run(run, None, Sender.HERE) is None
    assert not run.store.exists(WEBHOOK_BODY)
    assert runs_beside(run).unposted() == ()


def test_the_document_is_that_of_the_run(run: Run) -> None:
    with hook_server() as receiver:
        posted(run, receiver)
    body = json.loads(receiver.requests[0].body)
    assert body["runs"][0]["properties"]["run_id"] == run.run_id
    assert body["runs"][0]["properties"]["link"] == run.report_path("index.html")
