"""`--redact` of `mapsweep report` and `mapsweep mail`, as somebody types it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.redaction_key import REDACTION_KEY
from tests.mapsweep.conftest import Here
from tests.reports.page.decoder import of_page
from tests.reports.redaction import secretive
from tests.smtp import Mailbox, MailServer, mail_server

VENDOR = "vendor@outside.test"
NAMES = (*secretive.OF_HOSTS, *secretive.ARGUMENTS)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(secretive.run_in(tmp_path_factory.mktemp("runs")).url)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path, "plain", mailbox=Mailbox()) as server:
        yield server


def settings(folder: Path, port: int, *, sender: str = "mapsweep@outside.test", prefix: str = "") -> Path:
    file = folder / "with-mail.yaml"
    server = f"server: 127.0.0.1\n  port: {port}\n  security: none\n  subject_prefix: '{prefix}'"
    file.write_text(f"runs: {folder / 'runs'}\nmail:\n  from: {sender}\n  {server}\n")
    return file


def left(content: str) -> list[str]:
    return [name for name in NAMES if name in content.lower() or name in content]


@pytest.mark.parametrize("asked", [("text",), ("json",), ("csv",), ("ndjson", "--table", "processes")])
def test_on_standard_output(asked: tuple[str, ...], run: Path, here: Here) -> None:
    assert left(here("report", run, "--format", *asked).out)
    ended = here("report", run, "--redact", "all", "--format", *asked)
    assert (ended.code, ended.err, left(ended.out)) == (0, "", [])
    assert "host-" in ended.out


def test_a_page_and_a_folder_of_pages(run: Path, tmp_path: Path, here: Here) -> None:
    assert here("report", run, "--redact", "all", "-o", tmp_path / "page.html").code == 0
    folder = tmp_path / "pages"
    assert here("report", run, "--redact", "all", "--layout", "dir", "-o", folder).code == 0
    files = [tmp_path / "page.html", *folder.rglob("*.html")]
    assert len(files) == 1 + 1 + len(secretive.HOSTS[:3])
    for file in files:
        content = file.read_bytes()
        assert left(f"{file.name} {content.decode()} {of_page(content)}") == []


def test_a_page_that_leaves_the_house_has_a_place_of_its_own(run: Path, here: Here) -> None:
    for more in ((), ("--layout", "dir")):
        ended = here("report", run, "--redact", "all", *more)
        assert (ended.code, "name its place with --output" in ended.err) == (2, True)


def test_of_an_open_run_hosts_keep_their_names_until_it_is_closed(tmp_path: Path, here: Here) -> None:
    run = Path(secretive.run_in(tmp_path).url)
    asked = ("report", run, "--redact", "hosts", "--format", "csv")
    closed = here(*asked).out
    (run / "closed.json").unlink()
    so_far = here(*asked, "--so-far").out
    names = [{line.split(",")[1] for line in text.splitlines()[1:]} for text in (closed, so_far)]
    assert names[0] == names[1]
    assert len(names[0]) == len(secretive.HOSTS)


def test_without_a_key_nothing_is_written(tmp_path: Path, here: Here) -> None:
    run = Path(secretive.run_in(tmp_path).url)
    (run / REDACTION_KEY).mkdir()
    ended = here("report", run, "--redact", "all", "--format", "csv")
    assert (ended.code, ended.out) == (2, "")
    assert REDACTION_KEY in ended.err


def test_a_mail(run: Path, post: MailServer, tmp_path: Path, here: Here) -> None:
    file = settings(tmp_path, post.port)
    ended = here("mail", run, "--redact", "all", "--to", VENDOR, "--config", file)
    assert (ended.code, ended.err) == (0, "")
    (sent,) = post.mailbox.received
    assert sent.recipients == (VENDOR,)
    assert left(sent.message.as_string()) == []
    for part in sent.message.walk():
        if part.get_content_maintype() == "text":
            assert left(part.get_content()) == []
            assert str(run) not in part.get_content()
            assert "It is redacted: command lines are left out" in " ".join(part.get_content().split())


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"sender": "mapsweep@quokka-01.zoo.example"}, "mail.from"),
        ({"prefix": "numbat-7"}, "mail.subject_prefix"),
    ],
)
def test_a_mail_whose_header_would_name_a_host(
    more: dict[str, str], named: str, run: Path, post: MailServer, tmp_path: Path, here: Here
) -> None:
    file = settings(tmp_path, post.port, **more)
    for what, code in (("all", 2), ("args", 0)):
        ended = here("mail", run, "--redact", what, "--to", VENDOR, "--config", file)
        assert (ended.code, named in ended.err) == (code, code == 2), ended.err
    assert len(post.mailbox.received) == 1


def test_the_domain_of_the_fleet_may_send(run: Path, post: MailServer, tmp_path: Path, here: Here) -> None:
    file = settings(tmp_path, post.port, sender="mapsweep@zoo.example")
    assert here("mail", run, "--redact", "all", "--to", VENDOR, "--config", file).code == 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((), "--redact needs --to"),
        (("--to", VENDOR, "--owner", "keeperteam"), "omit --owner"),
        (("--to", VENDOR, "--digest"), "omit --owner, --so-far and --redact"),
        (("--to", VENDOR, "--test"), "--redact and --digest"),
    ],
)
def test_what_does_not_go_together(asked: tuple[str, ...], said: str, here: Here) -> None:
    ended = here("mail", "--redact", "all", *asked)
    assert (ended.code, said in " ".join(ended.err.split())) == (2, True), ended.err
