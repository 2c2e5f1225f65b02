"""A run ends in one way, whoever executed it: closed, rendered, and mailed once to those whom it names."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from archive.dump_keys import DumpKeys
from archive.mail_record import Sender
from archive.run import Run
from archive.runs import Runs, runs_beside
from domain.mistakes import OperatorError
from domain.records import Refusal
from mapsweep.mailing import Sent, told
from mapsweep.manner import FOR_PEOPLE
from mapsweep.terminal.exits import Exit
from reports.mail.delivery import MailSettings, Security
from tests.archive.examples import dump, is_rendered, manifest
from tests.smtp import Mailbox, mail_server
from workers.life import ending
from workers.life.ending import Ended, finish, left_by_workers
from workers.life.host_steps import classify_host, keep
from workers.life.outbox import NO_SERVER
from workers.life.plan import remade

TO = ("a@example.org", "b@example.org")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with a mail list whose only host is classified."""
    made = Runs(str(tmp_path / "runs")).create(replace(manifest("a"), mail_to=TO))
    keep(made, dump("a"))
    classify_host(made, "a")
    return made


def ended(run: Run, mail: MailSettings | None) -> Ended:
    return finish(run, mail, Sender.HERE)


def settings(host: str, port: int) -> MailSettings:
    return MailSettings("mapsweep@example.org", host, port, Security.NONE, attempts=1)


def test_an_open_run_has_not_ended(run: Run) -> None:
    assert left_by_workers(run) is None


def test_the_end_again_mails_nobody_again(run: Run, tmp_path: Path) -> None:
    mailbox = Mailbox()
    with mail_server(tmp_path, "plain", mailbox=mailbox) as server:
        mail = settings(server.host, server.port)
        first, again = ended(run, mail), ended(run, mail)
    assert first.closed == again.closed == run.closed()
    assert first.mailed.accepted == TO
    assert again.mailed.accepted == ()
    assert again.mailed.unmailed == first.mailed.unmailed == ""
    assert [each.recipients for each in mailbox.received] == [TO]
    assert runs_beside(run).unmailed() == ()
    left = left_by_workers(run)
    assert left is not None
    assert left.mailed.unmailed == ""


def test_what_cannot_be_mailed_is_there_anyway_and_says_why(run: Run) -> None:
    assert ended(run, None).mailed.unmailed == NO_SERVER
    assert is_rendered(run)
    assert runs_beside(run).unmailed() == (run.run_id,)
    left = left_by_workers(run)
    assert left is not None
    assert left.mailed.unmailed == "not mailed yet"
    assert told(Sent(run.run_id, left.mailed), FOR_PEOPLE) is Exit.UNDELIVERED


def test_whom_a_workers_mail_was_refused_is_known_to_those_who_watch(run: Run, tmp_path: Path) -> None:
    mailbox = Mailbox(refuse={TO[1]: "550 nobody here"})
    with mail_server(tmp_path, "plain", mailbox=mailbox) as server:
        ended(run, settings(server.host, server.port))
    left = left_by_workers(run)
    assert left is not None
    assert left.mailed.refused == (Refusal(TO[1], 550, "nobody here"),)
    assert told(Sent(run.run_id, left.mailed), FOR_PEOPLE) is Exit.UNDELIVERED
    assert runs_beside(run).unmailed() == ()  # nothing more can be done


def test_a_run_made_anew_is_mailed_to_nobody(run: Run) -> None:
    ended(run, None)
    assert remade(run).manifest.mail_to == ()


def test_a_rendering_that_is_killed_names_the_way_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "_lines", _killed)
    with pytest.raises(OperatorError, match="the process that rendered it was killed") as raised:
        ended(run, None)
    assert f"mapsweep report {run.run_id}" in str(raised.value)
    assert not is_rendered(run)
    monkeypatch.undo()
    ended(run, None)
    assert is_rendered(run)


def _killed(run_url: str, generation: str, _keys: DumpKeys, files: tuple[str, ...]) -> list[str]:
    os.kill(os.getpid(), signal.SIGKILL)
    return [run_url, generation, *files]
