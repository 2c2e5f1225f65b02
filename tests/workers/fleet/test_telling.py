"""A list is told once, by the outbox or at once; what cannot be mailed now is no error of the task."""

from dataclasses import replace
from pathlib import Path

import pytest

from archive.notices import Notice
from archive.runs import Runs
from reports.mail.delivery import MailSettings, Security
from tests.ports import free_port
from tests.smtp import mail_server
from workers.fleet.app import celery_app
from workers.fleet.post import Post
from workers.fleet.tasks import Worker
from workers.fleet.telling import tell
from workers.fleet.worker_settings import WorkerSettings
from workers.life.outbox import keep_notice
from workers.life.schedules import Schedule

TO = ("ops@example.org",)
NOTICE = Notice(
    "a start", TO, "nightly did not start", "Why: the disk is full\n", "2026-11-29T02:31:00+00:00"
)
NIGHTLY = Schedule("nightly", "all", "30 2 * * *", mail_to=TO)


@pytest.fixture
def runs(settings: WorkerSettings) -> Runs:
    made = settings.runs
    made.store.make_root()
    return made


def mail_at(port: int) -> MailSettings:
    return MailSettings("mapsweep@example.org", "127.0.0.1", port, Security.NONE)


def test_what_the_archive_cannot_keep_is_mailed_at_once_and_once(
    post: Post, runs: Runs, tmp_path: Path
) -> None:
    runs.store.replace("notices", b"a file where a folder has to be")
    assert not tell(post.redis, runs, NOTICE, None)
    assert not tell(post.redis, runs, NOTICE, mail_at(free_port()))  # so it is tried again
    with mail_server(tmp_path, "plain") as server:
        for _ in range(2):
            assert tell(post.redis, runs, NOTICE, mail_at(server.port))
        assert [each.recipients for each in server.mailbox.received] == [TO]


def test_what_is_kept_is_told_once_and_nobody_is_told_nothing(post: Post, runs: Runs) -> None:
    for _ in range(2):
        assert tell(post.redis, runs, NOTICE, None)
    assert runs.unmailed() == (NOTICE.notice_id,)
    runs.unmark_unmailed(NOTICE.notice_id)
    assert tell(post.redis, runs, NOTICE, None)
    assert tell(post.redis, runs, replace(NOTICE, about="another", to=()), None)
    assert runs.unmailed() == ()


def test_a_notice_whose_tries_cannot_be_kept_is_logged_once(
    settings: WorkerSettings, post: Post, runs: Runs, caplog: pytest.LogCaptureFixture
) -> None:
    keep_notice(runs, NOTICE)
    runs.store.replace(f"notices/{NOTICE.notice_id}/mail", b"a file where a folder has to be")
    given = replace(settings, schedules=(NIGHTLY,), mail=mail_at(free_port()))
    worker = Worker(given, celery_app(given))
    for _ in range(2):
        worker.mail(NOTICE.notice_id)
    assert caplog.text.count(f"the mail of {NOTICE.notice_id} could not be looked after") == 1
    assert runs.unmailed() == (NOTICE.notice_id,)
    assert post.waiting("report") == 0
