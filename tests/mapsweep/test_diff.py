"""mapsweep diff, of nights of which everything is known."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive.runs import Runs
from mapsweep.diff_view.asked import OneRun, TwoRuns, asked
from mapsweep.diff_view.showing import Wanted, shown
from mapsweep.terminal.terminal import Terminal, cells
from reports.columns.change_columns import CHANGES
from reports.columns.column import names_of
from reports.views import peers
from tests.mapsweep.conftest import Ended, Here
from tests.mapsweep.nights import CALM, GROWN, LAST, SCOPE, app, checkout, night, nights
from tests.reports.fleet import MIB, run_of

TTY = Terminal(columns=80, is_tty=True, colour=False, unicode=True, redraws=False)
OTHER = night(LAST + 1)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return nights(tmp_path_factory.mktemp("diff"))


@pytest.fixture
def runs(kept: Runs, tmp_path: Path) -> Runs:
    """The same runs, to be changed."""
    shutil.copytree(kept.store.url, tmp_path / "runs")
    return Runs(str(tmp_path / "runs"))


def told(here: Here, runs: Runs, *arguments: str | Path) -> Ended:
    return here("diff", *arguments, "--runs", runs.store.url)


def document(here: Here, runs: Runs, *arguments: str) -> dict[str, Any]:
    ended = told(here, runs, *arguments, "--json")
    assert (ended.code, ended.err) == (0, "")
    found: dict[str, Any] = json.loads(ended.out)
    return found


def sizes(found: dict[str, Any], part: str) -> dict[str, tuple[Any, Any, Any]]:
    """Both sizes and what is told to differ: the sizes, or of bounds what is committed."""
    return {
        row["name"]: (
            *(row["left_bytes"], row["right_bytes"]),
            row["difference_bytes" if row["exact"] == "yes" else "committed_difference_bytes"],
        )
        for row in found["rows"]
        if row["part"] == part
    }


def story(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(row["change"], row["subject"], row["host"] or row["service"]) for row in found["changes"]}


NEWS = {
    ("grew", "process", "app-3"),
    ("went", "host", "app-5"),
    ("appeared", "host", "app-6"),
}


def test_two_runs_that_were_compared_tell_what_the_report_tells(here: Here, kept: Runs) -> None:
    found = document(here, kept, night(LAST - 1), night(LAST))
    assert story(found) >= NEWS | {("recovered", "host", "db-1")}
    assert (found["before"]["run_id"], found["now"]["run_id"]) == (night(LAST - 1), night(LAST))
    report = json.loads(here("report", night(LAST), "--json", "--runs", kept.store.url).out)
    assert found["sentence"] == report["summary"]["sentence"]
    assert "the last 14 runs" in found["not_told"]


def test_it_ends_with_what_to_do_and_where_to_look(kept: Runs) -> None:
    for before in (LAST - 1, LAST - 3):  # compared when the run was closed, and now
        meant = asked(kept, (night(before), night(LAST)), run=None, host="", with_peers=False)
        lines = list(shown(meant, Wanted("plain"), TTY))
        said = " ".join(" ".join(lines).replace("\\", "").split())
        assert "to do: See what the process did since then." in said
        assert f"next: mapsweep show app-3/4711 --run {night(LAST)}" in said
        assert said.index("to do:") > said.index("Not told:")
    meant = asked(kept, ("app-3/4711",), run=night(LAST), host="", with_peers=True)
    lines = list(shown(meant, Wanted("plain"), TTY))
    assert any(line.startswith("next:   mapsweep show app-3/4711 --run") for line in lines)


def test_a_pid_of_the_earlier_run_is_followed_over_a_restart(here: Here, runs: Runs) -> None:
    again = replace(checkout(CALM, ticks=9900), pid=815)
    run_of(
        runs,
        replace(app(3, checkout(CALM)), processes=(again,)),
        run_id=OTHER,
        scope=SCOPE,
        started_at=f"2026-11-{LAST + 1}T02:00:00+00:00",
    )
    ended = told(here, runs, night(LAST), OTHER, "--host", "app-3/4711")
    assert (ended.code, ended.err) == (0, "")
    assert "restarted in between" in ended.out
    assert "show app-3/815 " in ended.out


def test_names_are_whole_on_a_narrow_terminal(tmp_path: Path) -> None:
    name, service = f"app-{'x' * 50}.example.org", f"checkout-{'y' * 30}.service"
    runs = Runs(str(tmp_path))
    for day, bytes_ in ((20, CALM), (21, GROWN)):
        process = replace(checkout(bytes_), service=service)
        run_of(
            runs,
            replace(app(1, process), name=name, processes=(process,)),
            run_id=night(day),
            scope=SCOPE,
            started_at=f"2026-11-{day}T02:00:00+00:00",
        )
    whole = asked(runs, (), run=None, host="", with_peers=False)
    on_host = asked(runs, (night(20), night(21)), run=None, host=name, with_peers=False)
    for meant in (whole, on_host):
        lines = list(shown(meant, Wanted("plain"), TTY))
        assert max(map(cells, lines)) <= TTY.columns or meant is whole  # a command is longer
        assert any(service in line for line in lines)
    assert any(f"{name}/4711" in line for line in shown(whole, Wanted("plain"), TTY))


def test_any_two_runs_are_compared_in_the_order_of_time(here: Here, kept: Runs) -> None:
    found = document(here, kept, night(LAST), night(LAST - 3))
    assert story(found) >= NEWS
    assert not {change for change, _, _ in story(found)} & {"recovered", "failed"}
    assert (found["before"]["run_id"], found["now"]["run_id"]) == (night(LAST - 3), night(LAST))
    (grown,) = (row for row in found["changes"] if row["host"] == "app-3" and row["subject"] == "process")
    assert (grown["before_bytes"], grown["change_bytes"]) == (CALM + 64 * MIB, GROWN - CALM)
    assert grown["per_day_bytes"] == round((GROWN - CALM) / 3)
    assert (grown["peers"], grown["peers_changed"]) == (2, 0)
    assert "in 3 days" in found["sentence"]
    assert (grown["kind"], grown["kind_before_bytes"], grown["kind_now_bytes"]) == ("heap_arena", CALM, GROWN)
    assert found["rests_on"] is None
    fails = document(here, kept, night(LAST - 3), night(LAST - 1))
    assert story(fails) == {("failed", "host", "db-1")}


def test_runs_are_named_as_people_name_them(here: Here, kept: Runs) -> None:
    for names in (("2026-11-22", night(LAST)), (f"{night(LAST)}~1", night(LAST))):
        assert document(here, kept, *names)["before"]["run_id"] == night(LAST - 1)
    meant = asked(kept, (night(LAST - 2),), run=None, host="", with_peers=False)
    assert isinstance(meant, TwoRuns)
    assert (meant.before.run_id, meant.now.run_id) == (night(LAST - 2), kept.latest())


def test_without_names_the_last_run_is_compared_with_the_one_before(runs: Runs, here: Here) -> None:
    shutil.rmtree(Path(runs.store.url) / f"202611{LAST}T120000Z-adhoc-0001")
    found = document(here, runs)
    assert (found["before"]["run_id"], found["now"]["run_id"]) == (night(LAST - 1), night(LAST))
    alone = Runs(str(Path(runs.store.url) / "none"))
    run_of(alone, app(1, checkout(CALM)), run_id=night(LAST), scope=SCOPE)
    ended = told(here, alone)
    assert ended.code == 2
    assert f"{night(LAST)} is the first run of nightly: there is nothing before it to compare" in ended.err


def test_a_file_that_is_gone_is_an_error(runs: Runs, here: Here) -> None:
    (gone,) = Path(runs.store.url, night(LAST - 3)).glob("settled/*/processes-0001.parquet")
    gone.unlink()
    ended = told(here, runs, night(LAST - 3), night(LAST))
    assert (ended.code, ended.out) == (2, "")
    assert f"{night(LAST - 3)}: processes, part 1: is gone (`mapsweep reclassify" in ended.err


def test_what_makes_two_runs_less_than_comparable_is_told(here: Here, runs: Runs) -> None:
    run_of(
        runs,
        app(1, checkout(CALM + 500 * MIB, evidence="smaps")),
        run_id=OTHER,
        scope=replace(SCOPE, hosts="app-1", evidence="smaps", become=True),
        rules_version="2026.12",
        started_at=f"2026-11-{LAST + 1}T02:00:00+00:00",
        complete=False,
    )
    found = document(here, runs, night(LAST), OTHER)
    for said in (
        "asked for other hosts (nightly: prod-*; nightly: app-1)",
        "only those of its account",
        "One run read smaps",
        "labelled by other rules",
        "The deadline of one run",
    ):
        assert said in found["rests_on"]
    (grown,) = (row for row in found["changes"] if row["subject"] == "process")
    assert grown["change_bytes"] == 500 * MIB  # what status says has neither grade nor rules
    ended = told(here, runs, night(LAST), OTHER, "--host", "app-1")
    assert "read from maps and" in ended.out
    assert "labelled by other rules (2026.11 and 2026.12)" in ended.out


def test_a_host_in_two_runs_has_its_kinds_services_and_processes(here: Here, kept: Runs) -> None:
    found = document(here, kept, night(LAST - 1), night(LAST), "--host", "app-3")
    assert sizes(found, "kind")["heap_arena"] == (CALM, GROWN, GROWN - CALM)
    assert sizes(found, "kind")["java_heap"] == (64 * MIB, 64 * MIB, 0)
    assert sizes(found, "service")["checkout.service"] == (CALM, GROWN, GROWN - CALM)
    assert sizes(found, "process")["java (4711)"] == (CALM + 64 * MIB, GROWN + 64 * MIB, GROWN - CALM)
    assert sizes(found, "measure")["anon_bytes"][2] == GROWN - CALM
    restarted = document(here, kept, night(LAST - 1), night(LAST), "--host", "app-2")
    processes = [row for row in restarted["rows"] if row["part"] == "process"]
    ends = sorted((row["left_bytes"] is None, row["right_bytes"] is None) for row in processes)
    assert ends == [(False, True), (True, False)]


def test_a_process_in_two_runs_is_found_over_a_restart(here: Here, kept: Runs) -> None:
    found = document(here, kept, night(LAST - 1), night(LAST), "--host", "app-2/4711")
    assert sizes(found, "kind")["heap_arena"] == (CALM, CALM, 0)
    assert found["notes"] == [
        "it was restarted in between: the sizes are those of two processes, and no growth"
    ]
    alike = told(here, kept, night(LAST - 1), night(LAST), "--host", "app-1/31")
    assert alike.code == 0  # the same pid and start: it is known which of the two it is


def test_two_hosts_of_a_run_are_side_by_side(here: Here, kept: Runs) -> None:
    found = document(here, kept, "app-1", "app-3", "--run", night(LAST))
    assert (found["left"], found["right"]) == ("app-1", "app-3")
    assert sizes(found, "service")["checkout.service"] == (CALM, GROWN, GROWN - CALM)
    assert sizes(found, "service")["nginx.service"] == (4 * MIB, 0, -4 * MIB)
    assert sizes(found, "kind")["heap_main"] == (6 * MIB, 0, -6 * MIB)
    assert not sizes(found, "process")
    both = document(here, kept, "app-1/4711", "app-3/4711", "--run", night(LAST))
    assert sizes(both, "kind")["heap_arena"] == (CALM, GROWN, GROWN - CALM)
    assert not sizes(both, "service")


def test_a_process_stands_beside_the_median_of_its_peers(here: Here, kept: Runs) -> None:
    found = document(here, kept, "app-3/4711", "--peers", "--run", night(LAST))
    assert (found["left"], found["right"]) == ("median of 4 peers", "app-3/4711")
    assert sizes(found, "kind")["heap_arena"] == (CALM, GROWN, GROWN - CALM)
    assert sizes(found, "measure")["anon_bytes"] == (CALM + 64 * MIB, GROWN + 64 * MIB, GROWN - CALM)
    assert found["notes"] == []


def test_a_kind_that_most_peers_do_not_have_is_0(here: Here, tmp_path: Path) -> None:
    runs = Runs(str(tmp_path))
    plain, odd = checkout(CALM), checkout(CALM)
    odd = replace(odd, blocks=odd.blocks[:1])
    hosts = [app(number, odd if number < 4 else plain) for number in range(1, 7)]
    denied = app(7, replace(plain, evidence="denied", blocks=()))
    run_of(runs, *hosts, denied, run_id=night(LAST), scope=SCOPE)
    found = document(here, runs, "app-6/4711", "--peers")
    assert sizes(found, "kind")["java_heap"] == (0, 64 * MIB, 64 * MIB)
    assert found["left"] == "median of 5 peers"
    assert "1 more process of the service is left out" in found["notes"][0]


def test_of_many_peers_some_are_read(here: Here, tmp_path: Path) -> None:
    runs = Runs(str(tmp_path))
    count = peers.HOSTS_MAX + 3
    hosts = [app(number + 10, checkout(CALM + number * MIB)) for number in range(count)]
    run_of(runs, *hosts, run_id=night(LAST), scope=SCOPE)
    found = document(here, runs, "app-10/4711", "--peers")
    assert found["left"] == f"median of {count - 1} peers"
    (note,) = found["notes"]
    assert note.startswith(f"kinds are medians of {count // 2} peers on {peers.HOSTS_MAX} hosts, all else of")
    median, _, _ = sizes(found, "kind")["heap_arena"]
    exact, _, _ = sizes(found, "measure")["native_heap_resident_max_bytes"]
    assert abs(median - exact) < 2 * MIB


def of_kinds(found: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Of each kind the difference, its bounds, and that of the committed sizes."""
    names = ("difference", "difference_least", "difference_most", "committed_difference")
    return {
        row["name"]: tuple(row[f"{name}_bytes"] for name in names)
        for row in found["rows"]
        if row["part"] == "kind"
    }


def test_two_upper_bounds_have_no_difference(here: Here, kept: Runs) -> None:
    found = document(here, kept, "app-3/4711", "--peers", "--run", night(LAST))
    assert of_kinds(found) == {
        "heap_arena": (None, -CALM, GROWN, GROWN - CALM),
        "java_heap": (None, -64 * MIB, 64 * MIB, 0),
    }
    said = told(here, kept, "app-3/4711", "--peers", "--run", night(LAST)).out
    (heading, arenas) = (
        line.split() for line in said.splitlines() if line.startswith(("kind", "heap_arena"))
    )
    assert heading[-2:] == ["difference", "committed"]
    assert arenas[-3:] == ["-", "+700", "MiB"]
    assert "two bounds say nothing" in " ".join(said.split())
    assert "1 more kind without a known difference" in said


def test_a_bound_and_a_size_differ_at_least_by_what_both_leave(here: Here, tmp_path: Path) -> None:
    runs = Runs(str(tmp_path))
    exact = checkout(GROWN, evidence="smaps")
    read = tuple(replace(block, resident_bytes=block.committed_bytes) for block in exact.blocks)
    hosts = (app(1, checkout(CALM)), app(2, replace(exact, blocks=read)))
    run_of(runs, *hosts, run_id=night(LAST), scope=SCOPE)
    larger = document(here, runs, "app-1/4711", "app-2/4711")
    assert of_kinds(larger) == {
        "heap_arena": (None, GROWN - CALM, GROWN, GROWN - CALM),
        "java_heap": (None, 0, 64 * MIB, 0),
    }
    assert ">= +700 MiB" in told(here, runs, "app-1/4711", "app-2/4711").out
    smaller = told(here, runs, "app-2/4711", "app-1/4711").out
    (arenas,) = (line.split() for line in smaller.splitlines() if line.startswith("heap_arena"))
    assert " ".join(arenas) == "heap_arena 800 MiB <= 100 MiB 3 <= -700 MiB"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "nothing: is not a run in"),
        (("app-1/4711",), "mapsweep diff HOST/PID --peers"),
        ((night(LAST), night(LAST)), "is both runs"),
        (("a", "b", "c"), "at most two are compared, not 3."),
        (("app-1", "--peers", "--run", night(LAST)), "--peers is for a process"),
        (("--peers",), "--peers compares one process"),
        (("app-1", "--run", night(LAST)), "--run compares two of its hosts"),
        (("app-1", "app-3/4711", "--run", night(LAST)), "one is a host and the other a process"),
        (("app-1", "app-9", "--run", night(LAST)), "no host of the run is called so"),
        (("db-1", "app-1", "--run", night(LAST - 1)), "failed: auth: auth_rejected"),
        ((night(LAST - 1), night(LAST), "--host", "app-6"), "app-6: the run does not ask this host"),
        ((night(LAST - 1), night(LAST), "--host", "db-1"), "db-1: failed: auth: auth_rejected"),
        (("latest", "--host", "app-1", "--peers"), "--host is for two runs"),
        (("db-1/90", "--peers", "--run", night(LAST)), "it is the only process of postgresql.service"),
        (("app-1/31", "db-1/91", "--run", night(LAST)), "it sent no process of this pid"),
    ],
)
def test_what_cannot_be_compared_is_told(
    arguments: tuple[str, ...], said: str, here: Here, kept: Runs
) -> None:
    ended = told(here, kept, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_programs_get_rows(here: Here, kept: Runs) -> None:
    both = (night(LAST - 1), night(LAST))
    changes = list(csv.DictReader(io.StringIO(told(here, kept, *both, "--format", "csv").out)))
    assert list(changes[0]) == names_of(CHANGES)
    rows = told(here, kept, *both, "--host", "app-3", "--format", "ndjson").out.splitlines()
    assert {json.loads(row)["part"] for row in rows} == {"measure", "kind", "service", "process"}


def test_nothing_wraps_at_80_columns_and_nothing_of_a_host_reaches_the_terminal(kept: Runs) -> None:
    last, before = kept.open(night(LAST)), kept.open(night(LAST - 1))
    for meant in (
        TwoRuns(before, last),
        TwoRuns(kept.open(night(LAST - 3)), last),
        TwoRuns(before, last, "app-1"),
        TwoRuns(before, last, "app-1/40"),
        OneRun(last, "app-1", "app-3"),
        OneRun(last, "app-1/40", "app-3/4711"),
        OneRun(last, "app-3/4711"),
    ):
        for whole in (False, True):
            lines = list(shown(meant, Wanted("plain", whole=whole), TTY))
            assert max(map(cells, lines)) <= 80
            assert "\x1b" not in "".join(lines)
            assert any(lines)
