"""report, mail, runs, hosts and reclassify, on one run that is made once."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from archive.run import Run
from archive.runs import Runs
from domain.records import Failure, Stage
from tests.archive.examples import dump, is_rendered, manifest
from tests.mapsweep.conftest import Here
from workers.life.ending import KEPT_TABLES
from workers.life.host_steps import classify_host, keep

COMMAND = str(Path(sys.executable).with_name("mapsweep"))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with one closed run of this process alone."""
    folder = tmp_path_factory.mktemp("swept")
    process = folder / "host/proc/4711"
    process.mkdir(parents=True)
    for name in ("maps", "status", "stat"):
        (process / name).write_bytes(Path(f"/proc/self/{name}").read_bytes().replace(b"\n\n", b"\n"))
    inventory = folder / "fleet.yaml"
    inventory.write_text(
        f"all: {{hosts: {{web-01: {{ansible_connection: local, mapsweep_root: {folder / 'host'}}}}}}}\n"
    )
    ended = subprocess.run(
        [COMMAND, "collect", "-i", str(inventory), "--runs", str(folder / "runs")],
        capture_output=True,
        check=False,
        env=os.environ | {"XDG_CONFIG_HOME": str(folder)},
    )
    assert ended.returncode == 0, ended.stderr
    return folder / "runs"


def run_id(runs: Path) -> str:
    return Runs(str(runs)).latest()


def test_report_renders_again_and_prints_the_page(swept: Path, here: Here) -> None:
    page = swept / run_id(swept) / "report/index.html"
    page.unlink()
    ended = here("report", "--runs", swept)
    assert (ended.code, ended.out) == (0, f"{page}\n")
    assert page.is_file()


@pytest.mark.parametrize("form", ["id", "path"])
def test_a_run_is_named_by_id_or_path(form: str, swept: Path, here: Here) -> None:
    run = run_id(swept) if form == "id" else swept / run_id(swept)
    ended = here("report", run, "--runs", swept, "--format", "json")
    assert json.loads(ended.out)["run"]["run_id"] == run_id(swept)


@pytest.mark.parametrize("table", KEPT_TABLES)
def test_report_prints_a_table_that_is_kept(table: str, swept: Path, here: Here) -> None:
    ended = here("report", "--runs", swept, "--format", "csv", "--table", table)
    kept = swept / run_id(swept) / "report" / f"{table}.csv"
    assert ended.out == kept.read_text()


def test_report_writes_a_file_for_its_owner_alone(swept: Path, tmp_path: Path, here: Here) -> None:
    ended = here("report", "--runs", swept, "--format", "text", "-o", tmp_path / "report.txt")
    assert ended.out == ""
    assert (tmp_path / "report.txt").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "report.txt").read_text() == here(
        "report", "--runs", swept, "--format", "text", "-o", "-"
    ).out


def test_a_report_that_fails_half_way_leaves_the_file_that_was_there(
    swept: Path, tmp_path: Path, here: Here
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(swept, runs)
    (part,) = runs.rglob("processes-0000.parquet")
    part.write_bytes(part.read_bytes()[:-200])
    kept = tmp_path / "processes.csv"
    kept.write_text("of yesterday\n")
    ended = here("report", "--runs", runs, "--format", "csv", "--table", "processes", "-o", kept)
    assert ended.code == 2
    assert kept.read_text() == "of yesterday\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["processes.csv", "runs"]


def test_report_says_where_it_may_not_write(swept: Path, tmp_path: Path, here: Here) -> None:
    ended = here("report", "--runs", swept, "--format", "text", "-o", tmp_path / "missing/report.txt")
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "report.txt" in ended.err


@pytest.fixture
def half(tmp_path: Path) -> Run:
    """An open run: one host of three is done, one has failed, one has sent nothing as yet."""
    run = Runs(str(tmp_path / "half")).create(replace(manifest("a", "b", "c"), mail_to=("you@example.org",)))
    keep(run, dump("a"))
    classify_host(run, "a")
    keep(run, Failure("b", Stage.TCP, "tcp_refused"))
    return run


@pytest.mark.parametrize("verb", ["report", "mail"])
def test_an_open_run_says_so_and_what_has_come_in_when_asked(verb: str, half: Run, here: Here) -> None:
    runs = half.url.rpartition("/")[0]
    ended = here(verb, half.run_id, "--runs", runs, *(["--dry-run"] if verb == "mail" else []))
    assert ended.code == 2
    assert "is not closed yet" in ended.err
    assert f"mapsweep collect --resume {half.url}" in ended.err
    assert "--so-far" in ended.err
    how = ["--dry-run"] if verb == "mail" else ["--format", "text"]
    ended = here(verb, half.run_id, "--runs", runs, "--so-far", *how)
    assert ended.code == 0, ended.err
    assert "OPEN: So far, with 2 of 3 hosts: " in ended.out
    assert "1 failed, 1 waiting of 3 hosts" in ended.out
    if verb == "mail":
        assert "Message-ID: <" + half.run_id + ".so-far-2." in ended.out
    assert half.closed() is None
    assert not half.mail_record.is_over()
    assert {host.name for host in half.pending()} == {"c"}


def test_the_page_of_an_open_run_lies_beside_the_report_that_it_will_have(half: Run, here: Here) -> None:
    runs = half.url.rpartition("/")[0]
    ended = here("report", half.run_id, "--runs", runs, "--so-far")
    page = Path(ended.out.strip())
    assert page == Path(half.report_path("so-far.html")), ended.err
    assert "1 waiting" in page.read_text()
    assert not is_rendered(half)
    rows = json.loads(here("report", half.run_id, "--runs", runs, "--so-far", "--format", "json").out)
    assert rows["run"]["closed_at"] is None
    hosts = here("report", half.run_id, "--runs", runs, "--so-far", "--format", "json", "--table", "hosts")
    assert {row["name"]: row["status"] for row in json.loads(hosts.out)}["c"] == "waiting"


def test_so_far_of_a_closed_run_is_its_report(swept: Path, here: Here) -> None:
    whole = here("report", "--runs", swept, "--format", "json").out
    assert here("report", "--runs", swept, "--format", "json", "--so-far").out == whole


@pytest.mark.parametrize("verb", ["report", "mail", "reclassify"])
def test_a_run_that_is_not_there(verb: str, tmp_path: Path, here: Here) -> None:
    ended = here(verb, "--runs", tmp_path / "none")
    assert ended.code == 2
    assert "holds no run" in ended.err
    ended = here(verb, "no-such-run", "--runs", tmp_path / "none")
    assert ended.code == 2
    assert "is not a run" in ended.err


def test_runs_lists_them(swept: Path, here: Here) -> None:
    ended = here("runs", "--runs", swept)
    heading, row = ended.out.splitlines()
    assert heading.startswith("run ")  # also for `mapsweep runs | less`
    assert row.split()[0] == run_id(swept)
    assert ended.out.endswith("  adhoc all\n")
    (line,) = json.loads(here("runs", "--runs", swept, "--json").out)["runs"]
    assert (line["run"], line["asked"], line["ok"], line["state"]) == (run_id(swept), 1, 1, "closed")
    files = [path for path in (swept / run_id(swept)).rglob("*") if path.is_file()]
    assert line["size_bytes"] == sum(path.stat().st_size for path in files)
    report = json.loads(here("report", "--runs", swept, "--format", "json").out)
    assert line["native_heap_resident_max_bytes"] == sum(
        row["native_heap_resident_max_bytes"] for row in report["top"]["hosts"]["native_heap"]["rows"]
    )


def test_runs_of_an_empty_place(tmp_path: Path, here: Here) -> None:
    ended = here("runs", "--runs", tmp_path / "none")
    assert (ended.code, ended.out) == (0, "")
    assert "no runs in" in ended.err


def test_a_damaged_run_does_not_hide_the_others(swept: Path, tmp_path: Path, here: Here) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(swept, runs)
    damaged = runs / "20200101T000000Z-bad-0000"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("{")
    ended = here("runs", "--runs", runs)
    assert ended.code == 0
    assert run_id(swept) in ended.out
    assert "manifest.json" in ended.err


def test_a_folder_without_a_manifest_is_named_beside_the_runs(tmp_path: Path, here: Here) -> None:
    lost = tmp_path / "20261122T050000Z-nightly-0001"
    (lost / "results").mkdir(parents=True)
    ended = here("runs", "--runs", tmp_path)
    assert ended.code == 0
    said = " ".join(ended.err.split())
    assert f"{lost}: is no run, as it has no manifest.json" in said
    assert "mapsweep runs prune" in said


def test_hosts(fleet: Path, here: Here) -> None:
    assert here("hosts", "-i", fleet).out == "web-01\nweb-02\ngone-01\n"
    assert here("hosts", "-i", fleet, "--hosts", "web-*:!web-01").out == "web-02\n"
    document = json.loads(here("hosts", "-i", fleet, "--hosts", "web-01", "--json").out)
    assert [host["name"] for host in document["hosts"]] == ["web-01"]
    assert document["hosts"][0]["labels"] == {"owner": "web", "zone": "<b>eu-1"}
    ended = here("hosts", "-i", fleet, "--hosts", "nope")
    assert (ended.code, ended.out) == (2, "")


def test_no_inventory_says_where_it_was_looked_for(tmp_path: Path, here: Here) -> None:
    ended = here("hosts")
    assert ended.code == 2
    assert str(tmp_path / "inventory.yaml") in ended.err


def test_mail_dry_run_writes_the_message(swept: Path, here: Here) -> None:
    ended = here("mail", "--runs", swept, "--to", "you@example.org", "--dry-run")
    message = message_from_bytes(ended.out.encode(), policy=policy.default)
    assert message["To"] == "you@example.org"
    assert str(message["Subject"]).startswith("[mapsweep adhoc] OK: first run, native heap ")
    assert [part.get_content_type() for part in message.walk()][2:] == [
        "text/plain",
        "text/html",
        "application/gzip",
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no recipient is given"),
        (["--to", "you@example.org"], "no mail server is set"),
        (["--to", "you@example.org\nBcc: x@example.org"], "must be a bare address"),
    ],
)
def test_mail_that_cannot_be_sent_is_the_operators_mistake(
    arguments: list[str], told: str, swept: Path, here: Here
) -> None:
    ended = here("mail", "--runs", swept, *arguments)
    assert ended.code == 2
    assert told in ended.err


def test_a_report_that_is_not_delivered_is_exit_5_with_the_reason(
    swept: Path, tmp_path: Path, here: Here
) -> None:
    config = tmp_path / "mapsweep.yaml"
    config.write_text(
        "mail: {from: sweep@example.org, server: mail.example.org, security: none, username: x}\n"
    )
    ended = here("mail", "--runs", swept, "--to", "you@example.org", "--config", config)
    assert ended.code == 5
    assert ended.out == ""
    assert "not delivered: a password is never sent in clear text" in ended.err


@pytest.mark.slow
def test_reclassify_gives_the_same_result_of_the_same_rules(swept: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(swept, runs)
    results = runs / run_id(runs) / "results"
    (kept,) = results.glob("*/web-01.result")
    before = kept.read_bytes()
    kept.write_bytes(b"damaged")
    ended = subprocess.run(
        [COMMAND, "reclassify", "--runs", str(runs)], capture_output=True, check=False, text=True
    )
    assert ended.returncode == 0, ended.stderr
    (anew,) = results.glob("*/web-01.result")
    assert anew != kept
    assert anew.read_bytes() == before
    assert "1 ok of 1 host" in ended.stdout


def test_a_queue_that_there_is_not(tmp_path: Path, here: Here) -> None:
    words = ("--broker", "redis://127.0.0.1:1/0", "--runs", tmp_path / "runs", "--queues", "sweep")
    ended = here("worker", *words)
    assert ended.code == 2
    assert "is not a queue" in ended.err
