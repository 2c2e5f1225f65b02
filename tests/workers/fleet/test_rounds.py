"""What a round does beside starting, ending and mailing runs."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.notices import Notice, Notices
from archive.retention import Keep
from archive.runs import Runs
from archive.schedule_records import Due, ScheduleRecord, ScheduleRecords, State
from domain.moments import is_readable, written
from reports.mail.delivery import MailSettings, Security
from tests.archive.kept_runs import made
from tests.ports import free_port
from tests.smtp import mail_server
from workers.fleet import current_records, trouble
from workers.fleet.app import COLLECT
from workers.fleet.broker import KEY_PREFIX, REFUSED_KEY
from workers.fleet.broker_state import broker_state
from workers.fleet.claims import first_met, met, over
from workers.fleet.fitness import announce
from workers.fleet.post import Post
from workers.fleet.rounds import Rounds
from workers.fleet.stuck import ARCHIVE, STUCK_AFTER_S
from workers.fleet.tasks import Worker, worker_app
from workers.fleet.trust import Trust
from workers.fleet.worker_settings import WorkerSettings
from workers.life.outbox import keep_notice
from workers.life.schedules import Schedule

pytestmark = pytest.mark.journey
KEEP = Keep(days=90, dumps_days=7)


def half_a_day_away() -> str:
    """A crontab that is not due near the runs of these tests, at whatever hour they are executed."""
    return f"0 {(datetime.now(UTC) + timedelta(hours=12)).hour} * * *"


def met_long_ago(post: Post, trouble: str, now: datetime) -> None:
    """A trouble that a worker met at first so long ago that it is told."""
    over(post.redis, trouble)
    met(post.redis, trouble, now - timedelta(seconds=STUCK_AFTER_S))


def rounds(settings: WorkerSettings, post: Post, keep: Keep | None) -> Rounds:
    announce(Runs(settings.runs_url), post.redis)  # or else it might be a folder whose mount is missing
    kept = replace(settings, keep=keep)
    return Rounds(kept, post, Trust(kept))


def test_a_fleet_prunes_once_an_hour_if_it_is_set(settings: WorkerSettings, post: Post) -> None:
    runs, now = Runs(settings.runs_url), datetime.now(UTC)
    old = made(runs, now, 100, ok=0)
    rounds(settings, post, None).look_after_all()
    assert runs.ids() == [old.run_id]
    rounds(settings, post, KEEP).look_after_all()
    assert runs.ids() == []
    assert post.redis.ttl("mapsweep:claim:prune") > 3000
    made(runs, now, 100, ok=0)
    rounds(settings, post, KEEP).look_after_all()
    assert len(runs.ids()) == 1


def test_what_the_fleet_has_still_to_do_is_not_pruned(settings: WorkerSettings, post: Post) -> None:
    runs, now = Runs(settings.runs_url, settings.signing_key), datetime.now(UTC)
    queued, unmailed = made(runs, now, 100, ok=0), made(runs, now, 99, ok=0)
    runs.queue(queued.run_id)
    runs.mark_unmailed(unmailed.run_id)
    free = made(runs, now, 98, ok=0)
    rounds(settings, post, KEEP).look_after_all()
    assert runs.ids() == [queued.run_id, unmailed.run_id]
    assert not free.is_there()


def test_a_run_that_another_key_signed_is_told_to_the_list_of_its_schedule(
    settings: WorkerSettings, post: Post
) -> None:
    """The key was rotated while the run was queued, or before its report was mailed."""
    nightly = Schedule("nightly", "all", half_a_day_away(), mail_to=("ops@example.org",))
    mail = MailSettings("mapsweep@example.org", "127.0.0.1", free_port())
    rotated = replace(
        settings, schedules=(nightly,), mail=mail, signing_key=b"another key, of 32 bytes or more"
    )
    runs, now = Runs(settings.runs_url, settings.signing_key), datetime.now(UTC)
    queued, unmailed = made(runs, now, 0.1, is_open=True), made(runs, now, 0.2, mail_to=nightly.mail_to)
    runs.queue(queued.run_id)
    runs.mark_unmailed(unmailed.run_id)
    dues = tuple(
        Due(run.manifest.started_at, State.STARTED, run.manifest.started_at, run.run_id)
        for run in (unmailed, queued)
    )
    ScheduleRecords(runs.store).write(
        ScheduleRecord("nightly", nightly.crontab, "UTC", dues[-1].due_at, dues)
    )
    rounds(rotated, post, None).look_after_all()
    assert runs.unmailed() == (unmailed.run_id,)
    for run in (queued, unmailed):  # it was first met some minutes ago
        met_long_ago(post, f"stuck:{run.run_id}:", now)
    for _ in range(2):
        rounds(rotated, post, None).look_after_all()
    notices = [Notices(runs.store).read(name) for name in runs.unmailed() if name != unmailed.run_id]
    assert {notice.subject.partition(":")[0] for notice in notices} == {queued.run_id, unmailed.run_id}
    assert all("does not match manifest.json" in " ".join(notice.text.split()) for notice in notices)
    assert {notice.to for notice in notices} == {nightly.mail_to}
    for name in runs.unmailed():  # workers of the other key wrote them, so these ones would refuse them
        if name != unmailed.run_id:
            runs.unmark_unmailed(name)
    rounds(replace(rotated, signing_key=settings.signing_key), post, None).look_after_all()
    assert not list(post.redis.scan_iter("mapsweep:met:stuck:*"))


def test_a_scheduled_run_that_was_removed_is_told(settings: WorkerSettings, post: Post) -> None:
    nightly = Schedule("nightly", "all", half_a_day_away(), mail_to=("ops@example.org",))
    mail = MailSettings("mapsweep@example.org", "127.0.0.1", free_port())
    runs, now = Runs(settings.runs_url, settings.signing_key), datetime.now(UTC)
    queued, unmailed = made(runs, now, 0.1, is_open=True), made(runs, now, 0.2, mail_to=nightly.mail_to)
    runs.queue(queued.run_id)
    runs.mark_unmailed(unmailed.run_id)
    dues = tuple(
        Due(run.manifest.started_at, State.STARTED, run.manifest.started_at, run.run_id)
        for run in (unmailed, queued)
    )
    ScheduleRecords(runs.store).write(
        ScheduleRecord("nightly", nightly.crontab, "UTC", dues[-1].due_at, dues)
    )
    for run in (queued, unmailed):
        shutil.rmtree(Path(settings.runs_url, run.run_id))
    for _ in range(2):
        rounds(replace(settings, schedules=(nightly,), mail=mail), post, None).look_after_all()
    assert runs.queued() == ()
    subjects = {Notices(runs.store).read(name).subject for name in runs.unmailed()}
    assert subjects == {f"{queued.run_id} was removed", f"{unmailed.run_id} was removed"}


def test_an_archive_that_no_worker_sees_is_mailed(
    settings: WorkerSettings, post: Post, tmp_path: Path
) -> None:
    """Its mount is missing: nothing is written into the folder below, and the mail goes out at once."""
    daily = [Schedule(name, "all", "30 2 * * *", mail_to=("ops@example.org",)) for name in ("a", "b")]
    with mail_server(tmp_path, "plain") as server:
        mail = MailSettings("m@example.org", server.host, server.port, Security.NONE)
        scheduled = replace(settings, schedules=tuple(daily), mail=mail)
        rounds(scheduled, post, None).look_after_all()
        runs = Path(settings.runs_url)
        runs.rename(mounted := runs.with_name("mounted"))
        runs.mkdir()
        blind = Rounds(scheduled, post, Trust(scheduled))
        blind.look_after_all()
        assert server.mailbox.received == []
        over(post.redis, ARCHIVE)
        met(post.redis, ARCHIVE, datetime.now(UTC) - timedelta(seconds=STUCK_AFTER_S))
        for _ in range(2):
            blind.look_after_all()
        (mail_of_both,) = server.mailbox.received
        assert mail_of_both.recipients == ("ops@example.org",)
        assert "is not the archive of this fleet" in " ".join(mail_of_both.message.get_content().split())
        assert not list(runs.iterdir())
        runs.rmdir()
        mounted.rename(runs)
        blind.look_after_all()
    assert first_met(post.redis, ARCHIVE) is None
    assert not list(post.redis.scan_iter("mapsweep:told:*"))  # if it goes again, that is told again


def test_a_notice_that_nobody_may_get_is_dropped_in_the_end(
    settings: WorkerSettings, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    """Its addresses have left the settings: otherwise it would count as unmailed for ever."""
    runs, now = settings.runs, datetime.now(UTC)
    mail = MailSettings("mapsweep@example.org", "127.0.0.1", free_port(), keep_trying_s=3600)
    for about, hours in (("old", 1.1), ("young", 0.9)):
        at = (now - timedelta(hours=hours)).isoformat(timespec="seconds")
        keep_notice(runs, Notice(about, ("left@example.org",), about, "text\n", at))
    keep_notice(
        runs, removed := Notice("removed", ("left@example.org",), "removed", "text\n", now.isoformat())
    )
    runs.notices.forget(removed.notice_id)
    rounds(replace(settings, mail=mail), post, None).look_after_all()
    (left,) = runs.unmailed()
    assert Notices(runs.store).read(left).about == "young"
    assert (
        "old was not mailed: has no recipient that its run or a schedule of this worker names" in caplog.text
    )


def test_a_report_that_cannot_be_made_is_logged_once_and_told(
    settings: WorkerSettings, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    """Its tables are damaged, for example, after it was closed and before it was mailed."""
    nightly = Schedule("nightly", "all", half_a_day_away(), mail_to=("ops@example.org",))
    mail = MailSettings("mapsweep@example.org", "127.0.0.1", free_port())
    damaged = replace(settings, schedules=(nightly,), mail=mail)
    runs, now = Runs(settings.runs_url, settings.signing_key), datetime.now(UTC)
    announce(runs, post.redis)
    run = made(runs, now, 0.1, mail_to=nightly.mail_to)
    runs.mark_unmailed(run.run_id)
    due = Due(run.manifest.started_at, State.STARTED, run.manifest.started_at, run.run_id)
    ScheduleRecords(runs.store).write(ScheduleRecord("nightly", nightly.crontab, "UTC", due.due_at, (due,)))
    worker = Worker(damaged, worker_app(damaged))
    worker.mail(run.run_id)
    met_long_ago(post, f"stuck:{run.run_id}:mail", now)
    for _ in range(3):
        worker.mail(run.run_id)
        rounds(damaged, post, None).look_after_all()
    assert caplog.text.count("not a whole Parquet file") == 1
    (notice,) = (name for name in runs.unmailed() if name != run.run_id)
    assert "Parquet" in Notices(runs.store).read(notice).text


def test_a_key_of_one_run_that_redis_refuses_does_not_hold_up_the_others(
    settings: WorkerSettings, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    runs, now = settings.runs, datetime.now(UTC)
    planted, other = made(runs, now, 0.02, is_open=True), made(runs, now, 0.01, is_open=True)
    for run in (planted, other):
        for path in ("dumps/a.dump", "results/1/a.result"):
            run.store.remove(path)
        runs.queue(run.run_id)
    post.redis.set(f"{KEY_PREFIX}run:{planted.run_id}:begun:collect", "no hash")
    for _ in range(2):
        rounds(settings, post, None).look_after_all()
    assert post.waiting(COLLECT) == 1
    assert caplog.text.count(f"{planted.run_id} could not be looked after: ") == 1


def test_a_planted_time_of_a_schedule_does_not_reach_its_record(settings: WorkerSettings, post: Post) -> None:
    """A record stays: nobody could look after the schedule until it is removed by hand."""
    nightly = Schedule("nightly", "all", half_a_day_away())
    record = ScheduleRecord("nightly", "1 1 * * *", "UTC", written(datetime.now(UTC)))
    runs = settings.runs
    ScheduleRecords(runs.store).write(record)
    for key in ("x", "\xff", "2026-11-29"):
        runs.store.remove("schedules/nightly.json")
        ScheduleRecords(runs.store).write(record)
        post.redis.set(current_records._in_use(nightly), key)
        rounds(replace(settings, schedules=(nightly,)), post, None).look_after_all()
        kept = ScheduleRecords(runs.store).read("nightly")
        assert kept is not None
        assert kept.crontab == nightly.crontab
        assert is_readable(kept.since)


def test_troubles_that_others_wrote_are_left_out(settings: WorkerSettings, post: Post) -> None:
    for number, note in enumerate((b"\xff", b"[" * 100_000, b"{}", b"7")):
        post.redis.sadd(trouble.INDEX, f"w{number}")
        post.redis.set(f"{trouble.PREFIX}w{number}", note)
    post.redis.sadd(trouble.INDEX, b"\xff")
    post.redis.set(REFUSED_KEY, b"\xff")
    trouble.Note(post.redis, "real", 60).write("the disk is full")
    state = broker_state(settings)
    assert [each.worker for each in state.troubles] == ["real"]
    assert state.refused == 0
