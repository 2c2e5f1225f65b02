"""The list gets the report, each owner what concerns its hosts, each once; without news there is no mail."""

from dataclasses import replace
from pathlib import Path

import pytest

from archive.mail_record import Sender
from archive.run import Run
from archive.run_mail import refusals_of_run
from archive.runs import Runs, runs_beside
from domain.records import Failure, Host, MailWhen, OwnerList, Refusal, Stage
from reports.mail.delivery import MailSettings, Security
from tests.archive.examples import dump, manifest
from tests.ports import free_port
from tests.smtp import Mailbox, mail_server
from workers.life import outbox
from workers.life.ending import close_run
from workers.life.host_steps import classify_host, keep
from workers.life.outbox import Mailed
from workers.life.plan import Request, planned

LIST, PAY, DATA = ("ops@example.org",), ("pay@example.org", "pay2@example.org"), ("data@example.org",)
OWNERS = (OwnerList("data", DATA), OwnerList("nobody", ("n@example.org",)), OwnerList("payments/../x", PAY))


def hosts() -> tuple[Host, ...]:
    owners = {"a": "payments/../x", "b": "data", "c": ""}
    return tuple(Host(name, name, labels=(("owner", owner),)) for name, owner in owners.items())


def closed(runs: Runs, when: MailWhen = MailWhen.ALWAYS, *, night: int = 1, failing: str = "b") -> Run:
    """A run of three hosts with different owners, of which one may fail."""
    base = manifest("a", "b", "c")
    request = Request(
        base.scope, hosts(), base.limits, 3600, mail_to=LIST, mail_when=when, mail_owners=OWNERS
    )
    at = f"2026-11-2{night}T05:00:00+00:00"
    made = runs.create(
        replace(planned(request), run_id=f"2026112{night}T050000Z-nightly-0001", started_at=at)
    )
    for name in ("a", "b", "c"):
        if name != failing:
            keep(made, dump(name))
            classify_host(made, name)
    if failing:
        made.write_failure(Failure(failing, Stage.AUTH, "auth_rejected"))
    close_run(made)
    return made


def settings(host: str, port: int) -> MailSettings:
    return MailSettings("mapsweep@example.org", host, port, Security.NONE, attempts=1)


def tried(run: Run, tmp_path: Path, mailbox: Mailbox) -> Mailed:
    with mail_server(tmp_path, "plain", mailbox=mailbox) as server:
        return outbox.mail_run(run, settings(server.host, server.port), Sender.WORKERS)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(str(tmp_path / "runs"))


def test_only_owners_of_its_hosts_are_planned(runs: Runs) -> None:
    run = closed(runs)
    assert run.manifest.mail_owners == (OWNERS[0], OWNERS[2])
    assert runs.by_id(run.run_id).manifest == run.manifest


def test_each_gets_its_own_part_once(runs: Runs, tmp_path: Path) -> None:
    run, mailbox = closed(runs), Mailbox()
    first = tried(run, tmp_path, mailbox)
    assert first.accepted == (*LIST, *DATA)
    whole, part = mailbox.received
    assert (whole.recipients, part.recipients) == (
        LIST,
        DATA,
    )  # of the hosts of payments nothing is to be said
    assert part.message["Subject"].startswith("[mapsweep adhoc data] FAILED: no host answered")
    assert whole.message["Message-ID"] != part.message["Message-ID"]
    assert not list(part.message.iter_attachments())
    assert run.mail.is_over()
    assert tried(run, tmp_path, mailbox) == Mailed()
    assert len(mailbox.received) == 2
    assert runs.unmailed() == ()


def test_a_part_that_is_not_taken_is_tried_again_alone(runs: Runs, tmp_path: Path) -> None:
    run = closed(runs, failing="")
    busy = Mailbox(refuse={PAY[1]: "451 come again", DATA[0]: "550 nobody here"})
    findings = tried(run, tmp_path, busy)
    assert findings.accepted == LIST
    again = closed(runs, night=2, failing="b")
    first = tried(again, tmp_path, busy)
    assert first.refused == (Refusal(DATA[0], 550, "nobody here"),)
    assert refusals_of_run(again.store) == first.refused
    assert again.mail.is_over()


def test_a_server_that_is_down_gets_all_parts_later(runs: Runs, tmp_path: Path) -> None:
    run = closed(runs)
    nobody = settings("127.0.0.1", free_port())
    assert "not mailed yet" in outbox.mail_run(run, nobody, Sender.WORKERS).unmailed
    assert runs_beside(run).unmailed() == (run.run_id,)
    assert not outbox.is_due(run.mail)
    assert outbox.mail_what_is_due(run, nobody, Sender.WORKERS) == Mailed()  # it is not time yet
    assert run.mail_record.posted().tries == 1
    mailbox = Mailbox()
    assert tried(run, tmp_path, mailbox).accepted == (*LIST, *DATA)
    assert [each.recipients for each in mailbox.received] == [LIST, DATA]


def test_a_quiet_night_is_on_record_and_not_mailed(runs: Runs, tmp_path: Path) -> None:
    tried(closed(runs, MailWhen.CHANGED, failing=""), tmp_path, first := Mailbox())
    assert [each.recipients for each in first.received][:1] == [LIST]  # nothing to compare with: it is mailed
    run, mailbox = closed(runs, MailWhen.CHANGED, night=2, failing=""), Mailbox()
    mailed = tried(run, tmp_path, mailbox)
    assert mailbox.received == []
    assert mailed.withheld.startswith("nothing changed since ")
    assert (run.mail.is_over(), runs.unmailed()) == (True, ())
    assert outbox.so_far(run.mail) == Mailed(withheld=mailed.withheld)
    assert refusals_of_run(run.store) == ()
    assert tried(run, tmp_path, mailbox) == Mailed()


def test_a_night_with_a_failure_is_always_mailed(runs: Runs, tmp_path: Path) -> None:
    closed(runs, failing="")
    for night in (2, 3):  # also where it failed before
        mailbox = Mailbox()
        tried(closed(runs, MailWhen.REGRESSED, night=night), tmp_path, mailbox)
        assert [each.recipients for each in mailbox.received] == [LIST, DATA]
