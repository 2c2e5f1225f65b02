"""mapsweep top, of nights of which everything is known."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive.runs import Runs
from domain.records import Failure, Stage
from mapsweep.commands.top import ORDERS, TABLES
from mapsweep.terminal.terminal import Terminal, cells
from mapsweep.top_lines import Asked, shown
from procmaps.own_probe import RUNTIME
from reports.views import top
from tests.archive.examples import manifest
from tests.mapsweep.conftest import Ended, Here
from tests.mapsweep.nights import CALM, GROWN, LAST, SCOPE, app, checkout, night, nights
from tests.reports.fleet import MIB, Answered, Process, heap, run_of, runs_in
from workers.life.ending import close_run

TTY = Terminal(columns=80, is_tty=True, colour=False, unicode=True, redraws=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return nights(tmp_path_factory.mktemp("top"))


def told(here: Here, runs: Runs, *arguments: str | Path) -> Ended:
    return here("top", *arguments, "--run", night(LAST), "--runs", runs.store.url)


def document(here: Here, runs: Runs, *arguments: str) -> dict[str, Any]:
    ended = told(here, runs, *arguments, "--json")
    assert (ended.code, ended.err) == (0, "")
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_the_largest_processes_come_first_with_their_host_and_pid(here: Here, runs: Runs) -> None:
    lines = told(here, runs).out.splitlines()
    assert lines[0] == "nightly, Mon 23 Nov 02:00 UTC: 9 of 9 processes by native heap"
    first = lines[2].split()
    assert first[:3] == ["app-3/4711", "java", "checkout.service"]
    assert "<= 800 MiB" in lines[2]
    assert "+700 MiB" in lines[2]
    assert next(line for line in lines if line.startswith("app-2/4711")).count("restarted") == 1
    assert next(line for line in lines if line.startswith("app-6/4711"))


def test_a_process_of_the_sweep_itself_is_marked(here: Here, tmp_path: Path) -> None:
    shell = Process(9, "sh", "dash -c", (heap(MIB),), runtime=RUNTIME)
    like = replace(shell, pid=8, runtime="")
    run = run_of(runs_in(tmp_path), Answered("a", (shell, like)))
    for command in (("top", "--run", run.run_id), ("show", "a", "--run", run.run_id)):
        lines = here(*command, "--runs", tmp_path).out.splitlines()
        assert [line.count("sh (probe)") for line in lines if "dash -c" in line] == [0, 1]


def test_each_measure_ranks_as_it_says(here: Here, runs: Runs) -> None:
    for table in TABLES:
        for order in top.orders(table):
            found = document(here, runs, table, "--by", order)
            column = top.ORDERS[order]
            sizes = [row[column] for row in found["rows"]]
            assert sizes == sorted(sizes, reverse=True), (table, order)
            assert (found["table"], found["by"]) == (table, order)
            assert found["ranked"] == len(sizes)


def test_the_choices_are_those_of_the_reports() -> None:
    assert tuple(top.ORDERS) == ORDERS
    assert "rss" not in top.orders("services")


def test_the_anonymous_memory_is_with_the_swap(here: Here, runs: Runs) -> None:
    (row,) = document(here, runs, "--by", "anon", "-n", "1")["rows"]
    assert (row["host"], row["anon_bytes"]) == ("app-3", GROWN + 64 * MIB)


def test_a_service_shows_its_members_alone(here: Here, runs: Runs) -> None:
    found = document(here, runs, "--service", "checkout.service", "--by", "growth")
    assert found["count"] == 5
    assert [(row["host"], row["growth_bytes"]) for row in found["rows"]] == [("app-3", GROWN - CALM)]


def test_an_open_run_is_ranked_as_far_as_it_is(here: Here, tmp_path: Path) -> None:
    runs = Runs(str(tmp_path))
    run_of(runs, app(3, checkout(GROWN)), run_id=night(LAST), scope=SCOPE, close=False)
    ended = here("top", "--runs", tmp_path)
    assert ended.code == 2
    assert "is not closed yet" in ended.err
    assert "app-3/4711" in here("top", "--runs", tmp_path, "--so-far").out


@pytest.mark.parametrize("table", TABLES)
def test_a_run_in_which_no_host_answered_is_not_calm(table: str, here: Here, tmp_path: Path) -> None:
    runs = Runs(str(tmp_path))
    run = runs.create(replace(manifest("a", "b"), run_id=night(LAST)))
    for name in ("a", "b"):
        run.write_failure(Failure(name, Stage.TCP, "tcp_refused"))
    close_run(run)
    ended = here("top", table, "--runs", tmp_path)
    assert "no host answered" in ended.out
    assert "none has any" not in ended.out
    assert "has no news: no host answered" in here("webhook", "--dry-run", "--runs", tmp_path).err


def test_a_host_whose_process_was_restarted_has_no_growth_of_0(here: Here, runs: Runs) -> None:
    row = next(line for line in told(here, runs, "hosts").out.splitlines() if line.startswith("app-2 "))
    assert "restarted" in row


def test_what_is_left_out_is_counted(here: Here, runs: Runs) -> None:
    lines = told(here, runs, "hosts", "-n", "2").out.splitlines()
    assert len(lines) == 5
    assert lines[-1] == "and 4 more: add -n 6 to see them"


def test_what_is_in_no_ranking_is_counted_too(here: Here, runs: Runs) -> None:
    heading, *_, last = told(here, runs, "hosts", "--by", "java-heap", "-n", "100").out.splitlines()
    shown, of = re.search(r"(\d+) of (\d+) hosts", heading).groups()  # type: ignore[union-attr]
    assert int(of) > int(shown)
    assert last == f"{int(of) - int(shown)} without a known figure"


def test_programs_get_the_declared_columns(here: Here, runs: Runs) -> None:
    rows = list(csv.DictReader(io.StringIO(told(here, runs, "services", "--format", "csv").out)))
    assert rows[0]["service"] == "checkout.service"
    assert int(rows[0]["native_heap_resident_max_bytes"]) == 4 * CALM + GROWN
    processes = told(here, runs, "--service", "odd.service", "--format", "csv").out
    (row,) = csv.DictReader(io.StringIO(processes))
    assert row["comm"] == "\\x1b[31mred\u202e\u2028=1"  # in one row
    (line,) = told(here, runs, "-n", "1", "--format", "ndjson").out.splitlines()
    assert json.loads(line)["pid"] == 4711


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("services", "--by", "rss"), "--by: rss is not known of services (choose native-heap, stacks,"),
        (("--service", "nothing"), f"--service: no process of {night(LAST)} has it"),
        (("--service", "chekout.service"), "has it (did you mean checkout.service or"),
        (("hosts", "--service", "x"), "--service is for processes; hosts have none."),
        (("--json", "--format", "csv"), "--json and --format csv exclude each other."),
        (("-n", "0"), "0 is not in the range 1<=x<=100000"),
        (("machines",), "'machines' is not one of 'processes', 'services', 'hosts'"),
    ],
)
def test_what_cannot_be_ranked_is_told(arguments: tuple[str, ...], said: str, here: Here, runs: Runs) -> None:
    ended = told(here, runs, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_nothing_wraps_at_80_columns_and_names_of_hosts_stay(runs: Runs) -> None:
    run = runs.open(night(LAST))
    for table in TABLES:
        for order in top.orders(table):
            lines = list(shown(run, Asked(table, order, 20, "", "plain"), TTY))
            assert max(map(cells, lines)) <= 80, (table, order)
    pipe = replace(TTY, is_tty=False)
    assert "\x1b" not in "".join(shown(run, Asked("processes", "rss", 20, "", "plain"), pipe))
