import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from archive.runs import Runs
from mapsweep.request import typed_command
from tests.mapsweep.conftest import Here


def test_the_command_is_recorded_without_the_secrets_in_its_urls() -> None:
    seen: list[str] = []

    @click.command("collect")
    @click.option("--broker")
    @click.option("--runs")
    @click.pass_context
    def collect(ctx: click.Context, /, **_: str) -> None:
        seen.append(typed_command(ctx))

    places = ["--broker", "redis://h:6379/0?password=hunter2", "--runs", "az://c@a/r?sv=1&sig=hunter2"]
    assert CliRunner().invoke(collect, places).exit_code == 0
    assert seen == [
        "mapsweep collect --broker 'redis://h:6379/0?password=***' --runs 'az://c@a/r?sv=1&sig=***'"
    ]


def test_a_run_has_the_name_that_was_typed(fleet: Path, tmp_path: Path, here: Here) -> None:
    runs = tmp_path / "runs"
    sweep = ("collect", "-i", fleet, "--hosts", "web-*", "--runs", runs, "--name", "Nightly.2", "-q")
    assert here(*sweep).code == 0
    (run_id,) = Runs(str(runs)).ids()
    assert "-nightly.2-" in run_id
    manifest = Runs(str(runs)).open(run_id).manifest
    assert manifest.scope.name == "Nightly.2"
    assert "--name Nightly.2" in manifest.command  # so that it repeats what was asked
    page = Path(runs, run_id, "report/index.html").read_text()
    assert "Nightly.2" in page[page.index("<title>") : page.index("</title>")]
    mail = here("mail", "--runs", runs, "--to", "you@example.org", "--dry-run").out
    assert "Subject: [mapsweep Nightly.2] " in mail
    assert "List-Id: <nightly-2" in mail
    listed = json.loads(here("runs", "--runs", runs, "--scope", "Nightly.2", "--json").out)
    assert [each["scope"] for each in listed["runs"]] == ["Nightly.2"]


@pytest.mark.parametrize("name", ["", "-x", "a b", "n" * 61, "../x", "caf\u00e9"])
def test_a_name_that_no_run_can_have_is_refused(name: str, fleet: Path, tmp_path: Path, here: Here) -> None:
    for further in ((), ("--dry-run",)):
        ended = here("collect", "-i", fleet, f"--name={name}", "--runs", tmp_path / "runs", *further)
        assert (ended.code, ended.out) == (2, "")
        assert "--name: must be 1 to 60 of" in ended.err
    assert not (tmp_path / "runs").exists()


def test_a_run_that_goes_on_keeps_its_name(tmp_path: Path, here: Here) -> None:
    ended = here("collect", "--resume", "latest", "--name", "other", "--runs", tmp_path)
    assert ended.code == 2
    assert "omit --name" in ended.err
