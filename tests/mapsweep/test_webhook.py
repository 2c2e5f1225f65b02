"""mapsweep webhook, and what the settings of a webhook may be."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from archive.run import Run
from archive.runs import Runs
from mapsweep.terminal.exits import Exit
from reports.webhook import webhook_schema
from tests.archive.examples import dump, manifest
from tests.hooks import hook_server
from tests.mapsweep.conftest import Here
from tests.news import write_news
from tests.ports import free_port
from workers.life.ending import close_run, render_report
from workers.life.host_steps import classify_host, keep

TOKEN = "T0KEN-of-the-hook"


def made(runs: Runs, run_id: str, *, news: bool = True) -> Run:
    run = runs.create(replace(manifest("a"), run_id=run_id))
    keep(run, dump("a"))
    classify_host(run, "a")
    close_run(run)
    write_news(run, [{}] if news else [])
    render_report(run)
    return run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return made(Runs(str(tmp_path / "kept")), "20261129T020000Z-nightly-0001")


def config(folder: Path, url: str, *lines: str) -> Path:
    (folder / "url").write_text(f"{url}\n")
    (folder / "secret").write_text("a secret that both know\n")
    path = folder / "mapsweep.yaml"
    for name in ("url", "secret"):
        (folder / name).chmod(0o600)
    section = (f"url_file: {folder / 'url'}", f"secret_file: {folder / 'secret'}", *lines)
    path.write_text(f"runs: {folder / 'kept'}\nwebhook:\n" + "".join(f"  {line}\n" for line in section))
    return path


def test_the_news_of_a_run_are_posted_once_and_what_was_posted_is_shown(
    run: Run, here: Here, tmp_path: Path
) -> None:
    with hook_server() as receiver:
        given = config(tmp_path, receiver.url)
        shown = here("webhook", "--dry-run", "--config", given)
        assert (shown.code, shown.err) == (Exit.OK, "")
        first = here("webhook", run.run_id, "--config", given)
        assert (first.code, first.err) == (Exit.OK, "")
        assert first.out == f"{receiver.keys[0]} accepted by the webhook\n"
        again = here("webhook", "--config", given)
        assert "they are posted" in again.out
        as_json = json.loads(here("webhook", "--json", "--config", given).out)["news"][0]
    assert [each.body for each in receiver.requests] == [shown.out.encode()]
    assert as_json == {
        "run_id": run.run_id,
        "key": None,
        "accepted": False,
        "refused": None,
        "unposted": None,
    }
    given.unlink()  # in the working directory: unless it is named, it is an error
    without_webhook = here("webhook", "--dry-run", "--runs", tmp_path / "kept")
    assert (without_webhook.out, without_webhook.err) == (shown.out, "")


def test_what_is_not_taken_is_told_and_posted_later(run: Run, here: Here, tmp_path: Path) -> None:
    away = config(tmp_path, f"http://127.0.0.1:{free_port()}/{TOKEN}")
    ended = here("webhook", "--debug", "--config", away)
    assert ended.code == Exit.UNDELIVERED
    assert "`mapsweep webhook --unsent` tries again" in ended.err
    listed = here("runs", "--config", away).out
    assert "its news are not posted yet: http://127.0.0.1:" in " ".join(listed.split())
    assert "mapsweep_news_unposted 1.0" in here("metrics", "--config", away).out
    with hook_server() as receiver:
        taken = here("webhook", "--unsent", "--config", config(tmp_path, receiver.url))
        assert taken.code == Exit.OK
    assert len(receiver.requests) == 1
    assert TOKEN not in ended.err + ended.out + listed
    assert "not posted" not in here("runs", "--config", away).out


def test_a_run_without_news_says_so(here: Here, tmp_path: Path) -> None:
    quiet = made(Runs(str(tmp_path / "kept")), "20261130T020000Z-nightly-0002", news=False)
    with hook_server() as receiver:
        given = config(tmp_path, receiver.url)
        assert here("webhook", "--dry-run", "--config", given).err == f"{quiet.run_id} has no news\n"
        assert here("webhook", "--config", given).out == f"{quiet.run_id} has no news\n"
    assert receiver.requests == []


def test_a_test_is_posted_and_its_answer_told(here: Here, tmp_path: Path) -> None:
    with hook_server() as receiver:
        given = config(tmp_path, receiver.url)
        assert here("webhook", "--test", "--config", given).code == Exit.OK
        receiver.answers = [404] * 3
        refused = here("webhook", "--test", "--config", given)
    assert refused.code == Exit.UNDELIVERED
    assert "did not take it: 404 ok" in refused.err
    assert json.loads(receiver.requests[0].body)["runs"][0]["results"] == []


def test_the_schema_is_printed(here: Here) -> None:
    assert here("webhook", "--schema").out == webhook_schema.page()


@pytest.mark.parametrize(
    "words",
    [("--test", "--unsent"), ("latest-one", "--test"), ("--schema", "--json"), ("--dry-run", "--json")],
)
def test_what_makes_no_sense_together(words: tuple[str, ...], here: Here) -> None:
    assert here("webhook", *words).code == Exit.USAGE


def test_without_a_webhook_the_remedy_is_named(run: Run, here: Here) -> None:
    ended = here("webhook", run.run_id, "--runs", run.url.rpartition("/")[0])
    assert ended.code == Exit.USAGE
    assert "set webhook.url or webhook.url_file" in ended.err


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://hooks.example.org/", "must be https://HOST/PATH"),
        ("https://user:pw@hooks.example.org/", "without a user"),
        ("https://hooks.example.org/#x", "behind #"),
        ("https://hooks.example.org:99999/", "invalid host or port"),
        ("https://h\u00f6oks.example.org/", "in ASCII"),
    ],
)
@pytest.mark.parametrize("where", ["url", "url_file"])
def test_an_address_that_cannot_be_one_is_named_and_not_shown(
    url: str, says: str, where: str, here: Here, tmp_path: Path
) -> None:
    given = config(tmp_path, url)
    if where == "url":
        given.write_text(f"webhook: {{url: '{url}'}}\n")
    ended = here("config", "check", "--config", given)
    assert ended.code == Exit.USAGE
    assert says in " ".join(ended.err.split())
    assert url not in ended.err


@pytest.mark.parametrize("section", ["{}", "{url: 'https://a.example', url_file: /tmp/x}", ""])
def test_one_address_is_needed(section: str, here: Here, tmp_path: Path) -> None:
    path = tmp_path / "mapsweep.yaml"
    path.write_text(f"webhook: {section}\n")
    ended = here("config", "check", "--config", path)
    assert "either url or url_file" in ended.err
    assert ended.code == Exit.USAGE


def test_the_checks_tell_the_server_and_no_secret(here: Here, tmp_path: Path) -> None:
    ended = here("config", "check", "--config", config(tmp_path, f"http://hooks.example.org/{TOKEN}"))
    assert "http://hooks.example.org:80, signed" in ended.out
    assert "without encryption" in ended.err
    shown = here("config", "show", "--config", tmp_path / "mapsweep.yaml").out
    assert "a secret that" not in ended.out + shown
    assert TOKEN not in ended.out + ended.err + shown
    (tmp_path / "secret").unlink()
    assert str(tmp_path / "secret") in here("config", "check", "--config", tmp_path / "mapsweep.yaml").err


def test_a_collect_ends_with_5_if_its_news_are_not_taken(fleet: Path, here: Here, tmp_path: Path) -> None:
    """The first run has none; then a host fails newly."""
    with hook_server(503, 503, 503, 503) as receiver:
        given = config(tmp_path, receiver.url)
        first = here("collect", "--json", "-i", fleet, "--name", "nightly", "--config", given)
        assert json.loads(first.out)["webhook"] is None
        (tmp_path / "web-02/proc").rename(tmp_path / "web-02/away")
        second = here("collect", "--json", "-i", fleet, "--name", "nightly", "--config", given)
        assert second.code == Exit.UNDELIVERED
        told = json.loads(second.out)["webhook"]
        assert "did not take it: 503" in told["unposted"]
        assert not told["accepted"]
        (tmp_path / "web-02/away").rename(tmp_path / "web-02/proc")
        receiver.answers = []
        here("collect", "-q", "-i", fleet, "--name", "nightly", "--config", given)  # posts what is left
    assert len(set(receiver.keys)) == 1
    body = json.loads(receiver.requests[-1].body)
    assert [each["properties"]["host"] for each in body["runs"][0]["results"]] == ["web-02"]
    assert Runs(str(tmp_path / "kept")).unposted() == ()
