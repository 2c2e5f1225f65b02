"""What `mapsweep mail` sends beside a run's report: a test, a digest, an owner's part; and who gets a run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.runs import Runs
from tests.mapsweep.conftest import Here
from tests.ports import free_port
from tests.smtp import Mailbox, MailServer, mail_server

YOU = "you@example.org"


@pytest.fixture
def post(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(
        tmp_path, "plain", mailbox=Mailbox(refuse={"gone@example.org": "550 no such user"})
    ) as server:
        yield server


def settings(tmp_path: Path, port: int) -> Path:
    file = tmp_path / "with-mail.yaml"
    file.write_text(
        f"runs: {tmp_path / 'runs'}\n"
        f"mail:\n  from: Speicher <mapsweep@example.org>\n  server: 127.0.0.1\n  port: {port}\n"
        "  security: none\n"
        "  subject_prefix: Größe\n  owners: {web: [web@example.org], other: [other@example.org]}\n"
    )
    return file


def test_a_test_mail_says_what_the_server_answered(post: MailServer, tmp_path: Path, here: Here) -> None:
    file = settings(tmp_path, post.port)
    ended = here("mail", "--test", "--to", YOU, "--config", file)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.strip().endswith(f"accepted for {YOU}: 250 taken")
    (sent,) = post.mailbox.received
    assert (sent.sender, sent.recipients) == ("mapsweep@example.org", (YOU,))
    assert sent.message["Subject"] == "[Größe] a test: mail arrives"
    assert str(sent.message["From"]) == "Speicher <mapsweep@example.org>"
    assert "security none" in sent.message.get_content()
    assert not (tmp_path / "runs").exists()  # it needs no run
    told = json.loads(here("mail", "--test", "--to", YOU, "--config", file, "--json").out)
    assert told["mails"][0]["answer"] == "250 taken"


def test_a_test_mail_that_is_not_taken_says_why(post: MailServer, tmp_path: Path, here: Here) -> None:
    ended = here("mail", "--test", "--to", "gone@example.org", "--config", settings(tmp_path, post.port))
    assert ended.code == 5
    assert "gone@example.org: 550 no such user" in ended.err
    without = here("mail", "--test", "--to", YOU, "--runs", tmp_path / "runs")
    assert without.code == 2
    said = " ".join(without.err.split())
    assert "no mail server is set" in said
    for folder in (tmp_path / "nothing/mapsweep", "/etc/mapsweep"):  # where mapsweep.yaml may be
        assert str(folder) in said
    (tmp_path / "mine.yaml").write_text("mask_words: []\n")
    named = here("mail", "--test", "--to", YOU, "--config", tmp_path / "mine.yaml")
    assert f"in {tmp_path / 'mine.yaml'}" in " ".join(named.err.split())


@pytest.mark.slow
def test_mail_is_offered_after_a_sweep_only_where_a_server_is_set(
    fleet: Path, post: MailServer, tmp_path: Path, here: Here
) -> None:
    sweep = ("collect", "-i", fleet, "--hosts", "web-*", "--runs", tmp_path / "runs")
    assert "mapsweep mail" not in here(*sweep, "--name", "a").out
    assert "mapsweep mail" in here(*sweep, "--name", "b", "--config", settings(tmp_path, post.port)).out


@pytest.mark.slow
def test_a_sweep_tells_why_its_mail_is_tried_again_unless_it_is_quiet(
    fleet: Path, post: MailServer, tmp_path: Path, here: Here
) -> None:
    file = settings(tmp_path, post.port)
    sweep = ("collect", "-i", fleet, "--hosts", "web-*", "--config", file, "--mail-to", YOU)
    post.mailbox.busy = 1
    told = here(*sweep)
    assert (told.code, len(post.mailbox.received)) == (0, 1)
    assert "451 too busy, come again; it is tried again in 2 s" in " ".join(told.err.split())
    post.mailbox.busy = 1
    quiet = here(*sweep, "-q")
    assert (quiet.code, quiet.err, len(post.mailbox.received)) == (0, "", 2)


@pytest.mark.slow
def test_a_run_goes_to_the_list_and_to_the_owners_of_its_hosts(
    fleet: Path, post: MailServer, tmp_path: Path, here: Here
) -> None:
    file = settings(tmp_path, post.port)
    sweep = (
        "collect",
        "-i",
        fleet,
        "--hosts",
        "all",
        "--config",
        file,
        "--mail-to",
        YOU,
        "--mail-owners",
        "-q",
    )
    assert here(*sweep, "--mail-when", "regressed").code == 3  # a host failed, so it is mailed
    whole, part = post.mailbox.received
    assert (whole.recipients, part.recipients) == ((YOU,), ("web@example.org",))
    assert part.message["Subject"].startswith("[Größe adhoc web] PARTIAL: ")
    ok = (
        "collect",
        "-i",
        fleet,
        "--hosts",
        "web-*",
        "--config",
        file,
        "--mail-to",
        YOU,
        "--mail-when",
        "changed",
    )
    assert here(*ok).code == 0  # the first of these hosts: nothing is known to be unchanged
    assert len(post.mailbox.received) == 3
    quiet = here(*ok)
    assert (quiet.code, len(post.mailbox.received)) == (0, 3)
    assert "not mailed: nothing changed since " in quiet.out
    assert "no mail: nothing changed since " in " ".join(here("runs", "--config", file).out.split())
    again = here("mail", "--config", file)
    assert (again.code, len(post.mailbox.received)) == (0, 3)
    assert "nothing changed since" in again.out
    shown = here("mail", "--config", file, "--owner", "web", "--to", YOU, "--dry-run").out
    assert "mail.owners names you for the hosts of web" in " ".join(shown.split())
    wrong = here("mail", "--config", file, "--owner", "nobody", "--to", YOU, "--dry-run")
    assert (wrong.code, "owners are: web" in wrong.err) == (2, True)
    digest = here("mail", "--config", file, "--digest", "--days", "2", "--to", YOU)
    assert digest.code == 0, digest.err
    told = post.mailbox.received[-1].message
    assert told["Subject"].startswith("[Größe] adhoc, 2 days: 0 findings stand for 2 days or more")
    text = told.get_body(("plain",))
    assert text is not None
    assert "adhoc: 3 runs in 2 days" in " ".join(text.get_content().split())
    assert "2 of 3 hosts answered" in text.get_content()
    assert Runs(str(tmp_path / "runs")).unmailed() == ()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--test", "--digest"),
        ("--test", "--owner", "web"),
        ("--digest", "--so-far"),
        ("--days", "3"),
        ("--owner", "web"),
        ("--unsent", "--test"),
        ("--digest", "--days", "91"),
        ("--test",),
    ],
)
def test_what_means_nothing_together_is_refused(wrong: tuple[str, ...], tmp_path: Path, here: Here) -> None:
    ended = here("mail", *wrong, "--config", settings(tmp_path, free_port()))
    assert (ended.code, ended.out) == (2, "")


def test_owners_that_nobody_set_are_a_mistake(fleet: Path, tmp_path: Path, here: Here) -> None:
    ended = here("collect", "-i", fleet, "--hosts", "web-*", "--runs", tmp_path / "runs", "--mail-owners")
    assert ended.code == 2
    assert "set mail.owners in mapsweep.yaml" in ended.err
    assert not (tmp_path / "runs").exists()
