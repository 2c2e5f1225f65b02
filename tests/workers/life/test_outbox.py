"""Mail is tried until everybody has it, comes to each once, and a sender that was killed costs a copy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.mail_record import CUT_OFF_MAX, SENDING_S_MAX, TRIES_MIN, WAIT_S_MAX, Posted, Sender
from archive.notices import Notice, Notices
from archive.run import Run
from archive.runs import Runs, runs_beside
from domain.records import Refusal
from reports.mail.delivery import MailSettings, Security
from tests.archive.examples import dump, manifest
from tests.ports import free_port
from tests.smtp import Mailbox, mail_server
from workers.life import outbox
from workers.life.ending import close_run, render_report
from workers.life.host_steps import classify_host, keep
from workers.life.outbox import ANOTHER, Mailed

A, B = TO = ("a@example.org", "b@example.org")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A closed run with a mail list."""
    made = Runs(str(tmp_path / "runs")).create(replace(manifest("a"), mail_to=TO))
    keep(made, dump("a"))
    classify_host(made, "a")
    close_run(made)
    render_report(made)
    return made


def settings(host: str, port: int) -> MailSettings:
    return MailSettings("mapsweep@example.org", host, port, Security.NONE, attempts=1)


def tried(run: Run, tmp_path: Path, mailbox: Mailbox, sender: Sender = Sender.WORKERS) -> Mailed:
    with mail_server(tmp_path, "plain", mailbox=mailbox) as server:
        return outbox.mail_run(run, settings(server.host, server.port), sender)


def recipients(mailbox: Mailbox) -> list[tuple[str, ...]]:
    return [mail.recipients for mail in mailbox.received]


def test_a_server_that_is_down_gets_it_when_it_is_back(run: Run, tmp_path: Path) -> None:
    nobody = settings("127.0.0.1", free_port())
    first = outbox.mail_run(run, nobody, Sender.WORKERS)
    assert first.unmailed.startswith("not mailed yet (127.0.0.1:")
    assert "; the next try is due at " in first.unmailed
    assert runs_beside(run).unmailed() == (run.run_id,)
    assert outbox.so_far(run.mail).unmailed == first.unmailed
    mailbox = Mailbox()
    assert tried(run, tmp_path, mailbox).accepted == TO
    assert recipients(mailbox) == [TO]
    assert runs_beside(run).unmailed() == ()
    assert tried(run, tmp_path, mailbox) == Mailed()
    assert recipients(mailbox) == [TO]


def test_each_recipient_gets_it_once_with_one_message_id(run: Run, tmp_path: Path) -> None:
    greylisting = Mailbox(refuse={B: "451 come again"})
    first = tried(run, tmp_path, greylisting)
    assert first.accepted == (A,)
    assert "come again" in first.unmailed
    mailbox = Mailbox()
    second = tried(run, tmp_path, mailbox)
    assert (second.accepted, second.refused, second.unmailed) == (TO, (), "")
    assert recipients(greylisting) + recipients(mailbox) == [(A,), (B,)]
    both = (greylisting.received[0].message, mailbox.received[0].message)
    assert both[0]["Message-ID"] == both[1]["Message-ID"]
    assert both[0]["To"] == both[1]["To"]


def test_who_is_refused_for_good_is_not_tried_again(run: Run, tmp_path: Path) -> None:
    mailbox = Mailbox(refuse={B: "550 nobody here"})
    assert tried(run, tmp_path, mailbox).refused == (Refusal(B, 550, "nobody here"),)
    assert runs_beside(run).unmailed() == ()
    assert tried(run, tmp_path, Mailbox()) == Mailed()
    assert outbox.so_far(run.mail).refused == (Refusal(B, 550, "nobody here"),)


def test_a_sender_that_was_killed_costs_at_most_one_copy(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox = Mailbox()
    for _ in range(CUT_OFF_MAX):  # begun, and never ended; the server may have taken it
        assert run.mail_record.begin(Sender.WORKERS, datetime.now(UTC)) is not None
    last = tried(run, tmp_path, mailbox)
    assert recipients(mailbox) == []
    assert [each.recipient for each in last.refused] == list(TO)
    assert "2 tries were cut off" in last.refused[0].reason
    assert runs_beside(run).unmailed() == ()
    assert "was not mailed to a@example.org" in caplog.text


def test_it_is_sent_again_after_one_sender_was_killed_and_that_is_told(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run.mail_record.begin(Sender.WORKERS, datetime.now(UTC))
    mailbox = Mailbox()
    assert tried(run, tmp_path, mailbox).accepted == TO
    assert recipients(mailbox) == [TO]
    assert "may come twice" in caplog.text


def test_a_server_that_takes_it_and_does_not_say_so_gets_two_copies_at_most(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox = Mailbox(silent=9)
    first = tried(run, tmp_path, mailbox)
    assert "did not say whether it took the message" in first.unmailed
    posted = run.mail_record.posted()
    next_at = posted.next_at()
    assert next_at is not None
    assert next_at - datetime.fromisoformat(posted.last) == timedelta(seconds=WAIT_S_MAX)
    last = tried(run, tmp_path, mailbox)
    assert recipients(mailbox) == [TO, TO]
    assert [each.recipient for each in last.refused] == list(TO)
    assert "nobody knows whether it arrived: 2 tries were cut off" in last.refused[0].reason
    assert runs_beside(run).unmailed() == ()
    assert tried(run, tmp_path, mailbox) == Mailed()
    assert "may come twice" in caplog.text


def test_two_kinds_of_senders_do_not_send_at_once(run: Run, tmp_path: Path) -> None:
    run.mail_record.begin(Sender.HERE, datetime.now(UTC))
    mailbox = Mailbox()
    assert tried(run, tmp_path, mailbox).unmailed == ANOTHER
    assert recipients(mailbox) == []
    long_ago = datetime.now(UTC) + timedelta(seconds=SENDING_S_MAX + 1)
    assert run.mail_record.begin(Sender.WORKERS, long_ago) is not None


def test_it_is_given_up_in_the_end_and_says_why(run: Run) -> None:
    nobody = replace(settings("127.0.0.1", free_port()), keep_trying_s=0)
    tries = [outbox.mail_run(run, nobody, Sender.WORKERS) for _ in range(TRIES_MIN)]
    assert all(each.unmailed for each in tries[:-1])
    assert tries[-1].unmailed == ""
    assert [each.recipient for each in tries[-1].refused] == list(TO)
    assert f"given up after {TRIES_MIN} tries" in tries[-1].refused[0].reason
    assert runs_beside(run).unmailed() == ()


def test_the_waits_grow_and_a_clock_that_was_put_back_does_not_stop_it() -> None:
    at = datetime(2026, 11, 29, 2, 30, tzinfo=UTC)
    posted = Posted(tries=1, since=at.isoformat(), last=at.isoformat())
    assert not posted.is_due(at + timedelta(seconds=59))
    assert posted.is_due(at + timedelta(seconds=60))
    assert posted.is_due(at - timedelta(hours=1))
    often = replace(posted, tries=1000)
    assert often.next_at() == at + timedelta(seconds=WAIT_S_MAX)


def test_only_the_last_tries_are_kept(run: Run) -> None:
    nobody = settings("127.0.0.1", free_port())
    for _ in range(4):
        outbox.mail_run(run, nobody, Sender.WORKERS)
    assert len(run.store.list("mail")) == 2
    assert run.mail_record.posted().tries == 4


def test_every_mail_names_the_report(run: Run, tmp_path: Path) -> None:
    plain = outbox.report_message(run, TO, settings("h", 25))
    linked = outbox.report_message(run, TO, replace(settings("h", 25), base_url="https://x.example/runs/"))
    for message, place in (
        (plain, run.report_path("index.html")),
        (linked, f"https://x.example/runs/{run.run_id}/report/index.html"),
    ):
        text, html = message.get_body(("plain",)), message.get_body(("html",))
        assert text is not None
        assert html is not None
        assert place in text.get_content()
        assert place in html.get_content()
    assert tmp_path.name not in linked.as_string()


def test_a_notice_is_mailed_once_and_forgotten(run: Run, tmp_path: Path) -> None:
    runs = runs_beside(run)
    notice = Notice(
        "a start", TO, "nightly did not start", "Why: \u00e4 folder is gone\n", "2026-11-29T02:31:00+00:00"
    )
    outbox.keep_notice(runs, notice)
    outbox.keep_notice(runs, replace(notice, text="later"))
    assert runs.unmailed() == (notice.notice_id,)
    mailbox = Mailbox()
    with mail_server(tmp_path, "plain", mailbox=mailbox) as server:
        outbox.mail_notice(
            runs,
            Notices(runs.store).read(notice.notice_id),
            settings(server.host, server.port),
            Sender.WORKERS,
        )
    (mail,) = mailbox.received
    assert mail.recipients == TO
    assert mail.message["Subject"] == "[mapsweep] nightly did not start"
    assert mail.message.get_content().replace("\r\n", "\n") == notice.text
    assert runs.unmailed() == ()
    assert runs.store.list("notices") == []
