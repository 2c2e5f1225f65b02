"""One way for each thing in every command: --json, --quiet, -h, names of runs."""

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest

from archive.runs import Runs
from mapsweep.cli import mapsweep
from mapsweep.manual import contexts
from tests.mapsweep.conftest import Here
from tests.smtp import Mailbox, mail_server

# Commands that print no facts, or facts in a form that another program has fixed.
WITHOUT_JSON = {"worker", "beat", "metrics", "sudoers", "completion", "man"}
TALKS = {
    *("collect", "wait", "demo", "report", "mail", "webhook", "reclassify", "capture", "doctor"),
    *("runs rm", "runs prune", "config check"),
}


def commands() -> dict[str, click.Context]:
    """Each command that does something, by its words."""
    found = {ctx.command_path.removeprefix("mapsweep").strip(): ctx for ctx in contexts(mapsweep)}
    return {
        words: ctx
        for words, ctx in found.items()
        if not isinstance(ctx.command, click.Group) or ctx.command.invoke_without_command
    }


def option(ctx: click.Context, name: str) -> click.Option | None:
    found = (each for each in ctx.command.params if isinstance(each, click.Option) and name in each.opts)
    return next(found, None)


def test_every_command_that_prints_facts_has_json() -> None:
    without = {words for words, ctx in commands().items() if option(ctx, "--json") is None}
    assert without == WITHOUT_JSON


def test_every_command_that_talks_can_be_quiet() -> None:
    quiet = {words for words, ctx in commands().items() if option(ctx, "--quiet")}
    assert quiet == TALKS
    for words in quiet:
        assert option(commands()[words], "-q") is not None


def test_h_is_help_in_every_command(here: Here) -> None:
    for words in commands():
        shown = here(*words.split(), "-h")
        assert (shown.code, shown.out[:15]) == (0, "Usage: mapsweep"), words


def test_every_run_is_completed_and_every_format_json_is_json() -> None:
    for words, ctx in commands().items():
        for each in ctx.command.params:
            if each.name in {"run", "resume", "names"}:
                assert each._custom_shell_complete, words
            if isinstance(each, click.Option) and "--format" in each.opts:
                assert option(ctx, "--json"), words


@pytest.fixture
def swept(fleet: Path, tmp_path: Path, here: Here) -> dict[str, Any]:
    """A run of two hosts that answer and one that does not, as the document that collect prints."""
    ended = here("collect", "-i", fleet, "--runs", tmp_path / "runs", "--json")
    assert ended.code == 3
    assert ended.err.splitlines()[0].endswith(": 3 hosts")
    document: dict[str, Any] = json.loads(ended.out)
    return document


def test_the_document_of_a_run(swept: dict[str, Any], tmp_path: Path, here: Here) -> None:
    run_id = swept["run"]["run_id"]
    report = json.loads(here("report", run_id[:12], "--runs", tmp_path / "runs", "--json").out)
    assert swept["schema_version"] == 1
    assert (swept["verdict"], swept["exit_code"]) == ("PARTIAL", 3)
    assert {name: swept["run"][name] for name in report["run"] if name in swept["run"]} == {
        name: value for name, value in report["run"].items() if name in swept["run"]
    }
    shared = set(swept["totals"]) & set(report["totals"])
    assert shared == set(swept["totals"])
    assert all(swept["totals"][name] == report["totals"][name] for name in shared)
    assert [host["name"] for host in swept["hosts"]] == ["web-01", "web-02"]
    assert [each["hosts"] for each in swept["failures"]] == [["gone-01"]]
    assert all(Path(path).is_file() for path in swept["report"].values())
    assert swept["mail"] == {
        "run_id": run_id, "message_id": None, "accepted": [], "refused": [], "unmailed": None,
        "withheld": None, "answer": None,
    }  # fmt: skip


@pytest.mark.parametrize("verb", ["wait", "reclassify", "collect --resume"])
def test_other_commands_print_the_same_document(
    verb: str, swept: dict[str, Any], tmp_path: Path, here: Here
) -> None:
    day = f"{swept['run']['run_id'][:4]}-{swept['run']['run_id'][4:6]}"
    ended = here(*verb.split(), day, "--runs", tmp_path / "runs", "--json", "--quiet")
    assert (ended.code, ended.err) == (3, "")
    again = json.loads(ended.out)
    assert set(again) == set(swept)
    assert {**again["run"], "closed_at": ""} == {**swept["run"], "closed_at": ""}


def test_quiet_says_nothing_of_what_goes_well(fleet: Path, tmp_path: Path, here: Here) -> None:
    runs = ("--runs", str(tmp_path / "runs"))
    for arguments in (
        ("collect", "-i", fleet, "--hosts", "web-01", "-q"),
        ("wait", "latest", "-q"),
        ("report", "-q"),
        ("reclassify", "-q"),
        ("runs", "prune", "-q"),
        ("runs", "rm", "latest", "--yes", "-q"),
    ):
        ended = here(*arguments, *runs)
        assert (ended.code, ended.out, ended.err) == (0, "", ""), arguments
    ended = here("capture", str(os.getpid()), "-o", tmp_path / "captured", "-q")
    assert (ended.code, ended.out) == (0, "")
    assert "read it before you pass it on" not in ended.err


def test_quiet_tells_a_warning_of_every_night_only_beside_trouble(
    fleet: Path, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\nhost_key_checking = False\n")
    with fleet.open("a") as inventory:
        inventory.write("    db-01: {ansible_connection: ssh}\n")  # local ones have no host keys
    (tmp_path / "known_hosts").write_text("db-01 ssh-ed25519 AAAA\n")
    monkeypatch.setenv("MAPSWEEP_SSH_KNOWN_HOSTS", str(tmp_path / "known_hosts"))
    monkeypatch.setenv("MAPSWEEP_TYPO", "1")
    told = ["host_key_policy decides how host keys are checked", "MAPSWEEP_TYPO"]
    sources = ("-i", fleet, "--runs", tmp_path / "runs")

    def warned(*arguments: str | Path, code: int) -> list[bool]:
        ended = here(*arguments, *sources)
        assert ended.code == code, ended.err
        said = " ".join((ended.out + ended.err).split())
        assert all(said.count(each) <= 1 for each in told), said
        return [each in said for each in told]

    sweep = ("collect", "--hosts", "web-01")
    assert warned(*sweep, code=0) == [True, True]
    assert warned(*sweep, "-q", code=0) == [False, False]
    assert warned(*sweep, "-q", "--debug", code=0) == [True, True]
    assert warned(*sweep, "-q", "--fail-on", "native-heap=1K", code=1) == [True, True]
    assert warned(*sweep, "--hosts", "gone-01", "-q", code=3) == [True, True]
    assert warned("config", "check", "-q", code=0) == [True, True]
    assert warned("doctor", "--hosts", "web-01", "-q", code=0) == [True, True]


def test_quiet_tells_trouble_on_standard_error(fleet: Path, tmp_path: Path, here: Here) -> None:
    ended = here("collect", "-i", fleet, "--runs", tmp_path / "runs", "-q", "--fail-on", "native-heap=1K")
    assert (ended.code, ended.out) == (1, "")
    assert "1 failed: " in ended.err
    assert "(gone-01)" in ended.err
    assert "PARTIAL: " in ended.err
    assert "index.html" in ended.err
    assert "native-heap of 1.0 KiB is met by 2 of 3 hosts" in ended.err
    assert "next:" not in ended.err
    assert here("report", "nonsense", "--runs", tmp_path / "runs", "-q").err


def test_mail_is_told_as_json_and_not_at_all(swept: dict[str, Any], tmp_path: Path, here: Here) -> None:
    mailbox = Mailbox(refuse={"gone@example.org": "550 nobody here"})
    with mail_server(tmp_path, "plain", mailbox=mailbox) as server:
        settings = tmp_path / "mail.yaml"
        settings.write_text(
            f"runs: {tmp_path}/runs\nmail: {{server: {server.host}, port: {server.port}, security: none,"
            " from: sweeper@example.org}\n"
        )
        both = ("--to", "you@example.org", "--to", "gone@example.org")
        told = here("mail", "--config", settings, *both, "--json")
        quiet = here("mail", "--config", settings, "--to", "you@example.org", "--quiet")
        unsent = here("mail", "--config", settings, "--unsent", "--json")
    (mail,) = json.loads(told.out)["mails"]
    assert told.code == 5
    assert mail["accepted"] == ["you@example.org"]
    assert mail["refused"] == [{"recipient": "gone@example.org", "code": 550, "reason": "nobody here"}]
    assert mail["run_id"] == swept["run"]["run_id"]
    assert "not delivered to gone@example.org" in told.err
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    assert json.loads(unsent.out) == {"schema_version": 1, "mails": []}
    assert here("mail", "--dry-run", "--json", "--to", "a@b.org").code == 2


def test_what_else_is_told_as_json(fleet: Path, swept: dict[str, Any], tmp_path: Path, here: Here) -> None:
    runs = ("--runs", str(tmp_path / "runs"))

    def document(*arguments: str | Path) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(here(*arguments, "--json").out)
        assert read["schema_version"] == 1
        return read

    listed = document("collect", "-i", fleet, "--list-hosts")
    assert listed == document("hosts", "-i", fleet)
    assert [host["name"] for host in listed["hosts"]] == ["web-01", "web-02", "gone-01"]
    assert document("rules", "glibc.arena")["kind"] == "heap_arena"
    assert document("classify", tmp_path / "web-01/proc/4711")["pid"] == 4711
    checked = document("config", "check", "-i", fleet, *runs)
    assert {"settings", "runs", "inventory"} <= {fact["what"] for fact in checked["facts"]}
    assert checked["mistakes"] == []
    captured = document("capture", str(os.getpid()), "-o", tmp_path / "captured")
    assert captured["files_bytes"]["maps"] == (tmp_path / "captured/maps").stat().st_size
    pruned = document("runs", "prune", *runs, "--dry-run")
    assert (pruned["dry_run"], pruned["removed"], pruned["size_bytes"]) == (True, [], 0)
    fresh = document("runs", "--max-age", "1d", *runs)
    assert fresh["max_age_s"] == 86_400
    assert [(each["is_fresh"], each["run"]) for each in fresh["scopes"]] == [(True, swept["run"]["run_id"])]
    before = sum(each.stat().st_size for each in (tmp_path / "runs").rglob("*") if each.is_file())
    (gone,) = document("runs", "rm", "latest", "--yes", *runs)["removed"]
    assert gone["run"] == swept["run"]["run_id"]
    assert 0 < gone["size_bytes"] <= before


def test_mistakes_of_the_settings_are_in_the_document_too(tmp_path: Path, here: Here) -> None:
    ended = here("config", "check", "-i", tmp_path / "none.yaml", "--runs", tmp_path, "--json")
    assert ended.code == 2
    (mistake,) = json.loads(ended.out)["mistakes"]
    assert mistake["place"].endswith("none.yaml")
    assert mistake["place"] in ended.err


@pytest.mark.parametrize(
    "verb", ["report", "mail", "wait", "reclassify", "collect --resume", "runs rm --yes"]
)
def test_a_name_that_no_run_has_is_looked_for_in_a_named_folder(
    verb: str, swept: dict[str, Any], tmp_path: Path, here: Here
) -> None:
    runs, run_id = str(tmp_path / "runs"), swept["run"]["run_id"]
    near = run_id[:-1] + ("0" if run_id[-1] != "0" else "1")
    for name, said in (("nonsense", "`mapsweep runs` lists the runs"), (near, f"did you mean {run_id}?")):
        ended = here(*verb.split(), name, "--runs", runs)
        assert ended.code == 2
        assert f"{name}: is not a run in {runs} ({said})" in ended.err


def test_a_day_names_its_only_run(swept: dict[str, Any], tmp_path: Path) -> None:
    runs, run_id = Runs(str(tmp_path / "runs")), swept["run"]["run_id"]
    for day in (f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}", run_id[:8]):
        assert runs.open(day).run_id == run_id
    assert runs.named("1999-01-01") is None


def test_list_hosts_reads_the_thresholds_too(fleet: Path, here: Here) -> None:
    ended = here("collect", "-i", fleet, "--dry-run", "--fail-on", "nonsense=1G")
    assert (ended.code, ended.out) == (2, "")
    assert "--fail-on nonsense=1G" in ended.err
