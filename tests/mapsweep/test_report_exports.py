"""`mapsweep report`: all rows of a table in the format that is asked for."""

import json
import os
import pty
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import jsonschema
import polars as pl
import pytest

from mapsweep.commands.report import OF_TABLES, TABLES
from reports.columns import columns
from reports.formats import exports
from tests.mapsweep.conftest import Here
from tests.reports.fleet import MIB, Answered, failure, finding, peers, run_of, runs_in
from tests.reports.fleet import Process as Made
from tests.tables import rows_of

COMMAND = str(Path(sys.executable).with_name("mapsweep"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a closed run."""
    odd = Answered("odd", (Made(1, comm="=1+1"),), findings=(finding(1),))
    made = run_of(
        runs_in(tmp_path_factory.mktemp("runs")), *peers((MIB, 2 * MIB)), odd, failures=(failure("db1"),)
    )
    return Path(made.url)


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """The folder of a run that is open."""
    return Path(run_of(runs_in(tmp_path), *peers((MIB, 2 * MIB)), close=False).url)


def test_the_command_offers_what_there_is() -> None:
    assert set(TABLES) == set(columns.TABLES)
    assert set(OF_TABLES) == set(exports.FORMATS)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_in_each_format(table: str, run: Path, tmp_path: Path, here: Here) -> None:
    expected = rows_of(run, table)
    file = tmp_path / "table.parquet"
    asked = ("report", run, "--table", table, "--format")
    assert [json.loads(line) for line in here(*asked, "ndjson").out.splitlines()] == expected
    assert json.loads(here(*asked, "json").out) == json.loads(
        here("report", run, "--json", "--table", table).out
    )
    assert json.loads(here(*asked, "json").out) == expected
    assert here(*asked, "csv").out.count("\n") == len(expected) + 1
    assert (here(*asked, "parquet", "-o", file).code, here(*asked, "parquet", "-o", file).out) == (0, "")
    frame = pl.read_parquet(file)
    assert set(frame["run"]) == ({run.name} if expected else set())
    assert frame.drop("run", "scope").to_dicts() == expected
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_page_that_is_asked_for_by_its_format_is_written_where_the_output_goes(
    run: Path, here: Here
) -> None:
    assert here("report", run).out == f"{run / 'report' / 'index.html'}\n"  # as documented, for scripts
    ended = here("report", run, "--format", "html")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("<!DOCTYPE html>")
    assert ended.out.rstrip().endswith("</html>")


@pytest.mark.parametrize("form", OF_TABLES)
def test_an_open_run_so_far_in_each_format(form: str, half: Path, tmp_path: Path, here: Here) -> None:
    file = tmp_path / "hosts"
    ended = here("report", half, "--so-far", "--format", form, "--table", "processes", "-o", file)
    assert ended.code == 0, ended.err
    if form == "parquet":
        assert pl.read_parquet(file)["host"].to_list() == ["web1", "web2"]
    else:
        assert "web1" in file.read_text()
    ended = here("report", half, "--format", form, "--table", "processes", "-o", "-")
    assert (ended.code, ended.out) == (2, "")
    assert "--so-far" in ended.err


def test_the_schema_is_printed_and_the_summary_is_as_it_says(run: Path, here: Here) -> None:
    ended = here("report", "--schema")
    assert ended.code == 0
    schema = json.loads(ended.out)
    document = json.loads(here("report", run, "--json").out)
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document == json.loads(here("report", run, "--format", "json").out)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--format", "text", "--table", "hosts"), "--table is for --format csv, ndjson, json, parquet"),
        (("--table", "hosts"), "--table is for --format csv, ndjson, json, parquet"),
        (("--format", "csv", "--json"), "--format csv is asked for as well"),
        (("--format", "csv", "--table", "mappings"), "'mappings' is not one of"),
        (("--layout", "dir", "--json"), "--layout dir is for --format html, in a folder"),
        (("--layout", "dir", "-o", "-"), "--layout dir is for --format html, in a folder"),
    ],
)
def test_what_does_not_go_together_is_said(words: tuple[str, ...], told: str, run: Path, here: Here) -> None:
    ended = here("report", run, *words)
    assert (ended.code, ended.out) == (2, "")
    assert told in " ".join(ended.err.split())


@pytest.mark.parametrize(("words", "is_refused"), [(("parquet",), True), (("ndjson",), False)])
def test_parquet_is_not_written_to_a_terminal(words: tuple[str, ...], is_refused: bool, run: Path) -> None:
    leader, follower = pty.openpty()
    try:
        ended = subprocess.run(
            [COMMAND, "report", str(run), "--table", "services", "--format", *words],
            stdout=follower,
            stderr=subprocess.PIPE,
            check=False,
            timeout=300,
        )
        os.close(follower)
        assert ended.returncode == (2 if is_refused else 0), ended.stderr
        assert (b"name a file with -o" in ended.stderr) == is_refused
    finally:
        os.close(leader)


def test_parquet_into_a_pipe_is_whole(run: Path) -> None:
    ended = subprocess.run(
        [COMMAND, "report", str(run), "--table", "hosts", "--format", "parquet"],
        capture_output=True,
        check=True,
        timeout=300,
    )
    assert pl.read_parquet(BytesIO(ended.stdout))["name"].to_list() == ["web2", "web1", "odd", "db1"]


def test_rendered_again_a_run_of_an_older_version_loses_the_tables_that_nobody_renews(
    run: Path, here: Here
) -> None:
    (run / "report").mkdir(exist_ok=True)
    (run / "report/processes.csv").write_text("of an older version\n")
    assert here("report", run, "--quiet").out == ""
    assert sorted(path.name for path in (run / "report").iterdir()) == [
        "hosts.csv",
        "index.html",
        "report.json",
        "services.csv",
    ]


def test_a_page_per_host_in_a_folder_of_ones_own_or_in_the_run(run: Path, tmp_path: Path, here: Here) -> None:
    pages = tmp_path / "new" / "pages"
    ended = here("report", run, "--layout", "dir", "-o", pages)
    assert (ended.code, ended.out) == (0, f"{pages / 'index.html'}\n")
    names = {"hosts/odd.html", "hosts/web1.html", "hosts/web2.html", "index.html"}
    assert {str(file.relative_to(pages)) for file in pages.rglob("*.html")} == names
    assert {file.stat().st_mode & 0o777 for file in pages.rglob("*.html")} == {0o600}
    assert {folder.stat().st_mode & 0o777 for folder in (pages, pages / "hosts")} == {0o700}
    ended = here("report", run, "--layout", "dir")
    assert (ended.code, ended.out) == (0, f"{run}/report/pages/index.html\n")
    in_run = {file.name: file.read_bytes() for file in (run / "report" / "pages").rglob("*.html")}
    assert in_run == {file.name: file.read_bytes() for file in pages.rglob("*.html")}


def test_a_page_per_host_of_an_open_run(half: Path, tmp_path: Path, here: Here) -> None:
    assert here("report", half, "--layout", "dir", "-o", tmp_path / "pages").code != 0
    ended = here("report", half, "--layout", "dir", "--so-far", "-o", tmp_path / "pages")
    assert ended.code == 0
    assert b"OPEN" in (tmp_path / "pages" / "index.html").read_bytes()


def test_a_folder_that_cannot_be_made_is_named(run: Path, tmp_path: Path, here: Here) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = here("report", run, "--layout", "dir", "-o", tmp_path / "file")
    assert ended.code == 2
    assert f"--output {tmp_path / 'file'}" in " ".join(ended.err.split())
