"""A run ends in one way, whoever executed it: closed, rendered, and mailed once to those whom it names."""

from dataclasses import replace
from pathlib import Path

import pytest

from archive.run import Run
from archive.runs import Runs
from mapsweep.mailing import told
from mapsweep.terminal.exits import Exit
from reports.delivery import MailSettings, Security
from tests.archive.examples import dump, is_rendered, manifest
from tests.smtp import Mailbox, mail_server
from workers.life.ending import NO_SERVER, NOT_MAILED, finish, left_by_workers
from workers.life.host_steps import classify_host, keep
from workers.life.plan import remade

TO = ("a@example.org", "b@example.org")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with a mail list whose only host is classified."""
    made = Runs(str(tmp_path / "runs")).create(replace(manifest("a"), mail_to=TO))
    keep(made, dump("a"))
    classify_host(made, "a")
    return made


def test_an_open_run_has_not_ended(run: Run) -> None:
    assert left_by_workers(run) is None


def test_the_end_again_mails_nobody_again(run: Run, tmp_path: Path) -> None:
    mailbox = Mailbox()
    with mail_server(tmp_path, "plain", mailbox=mailbox) as server:
        mail = MailSettings("mapsweep@example.org", server.host, server.port, Security.NONE)
        first, again = finish(run, mail), finish(run, mail)
    assert first.closed == again.closed == run.closed()
    assert first.delivery is not None
    assert first.delivery.accepted == TO
    assert again.delivery is None
    assert again.unmailed == ""
    assert [each.recipients for each in mailbox.received] == [TO]
    ended = left_by_workers(run)
    assert ended is not None
    assert ended.unmailed == ""


def test_what_cannot_be_mailed_is_there_anyway_and_says_why(run: Run, tmp_path: Path) -> None:
    assert finish(run, None).unmailed == NO_SERVER
    assert is_rendered(run)
    ended = left_by_workers(run)
    assert ended is not None
    assert ended.unmailed == NOT_MAILED
    mailbox = Mailbox(refuse=dict.fromkeys(TO, "550 nobody here"))
    with mail_server(tmp_path, "plain", mailbox=mailbox) as server:
        refused = finish(run, MailSettings("mapsweep@example.org", server.host, server.port, Security.NONE))
    assert "nobody here" in refused.unmailed
    assert not run.is_mailed()


def test_whom_a_workers_mail_was_refused_is_known_to_those_who_watch(run: Run, tmp_path: Path) -> None:
    mailbox = Mailbox(refuse={TO[1]: "550 nobody here"})
    with mail_server(tmp_path, "plain", mailbox=mailbox) as server:
        finish(run, MailSettings("mapsweep@example.org", server.host, server.port, Security.NONE))
    ended = left_by_workers(run)
    assert ended is not None
    assert ended.refused == (f"{TO[1]}: 550 nobody here",)
    assert told(ended) is Exit.UNDELIVERED


def test_a_run_made_anew_is_mailed_to_nobody(run: Run) -> None:
    finish(run, None)
    assert remade(run).manifest.mail_to == ()
