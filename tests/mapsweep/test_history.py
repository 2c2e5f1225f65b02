"""mapsweep history, of nights of which everything is known."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive.runs import Runs
from mapsweep.history_view.showing import Asked, shown
from mapsweep.terminal.terminal import Terminal, cells
from tests.mapsweep.conftest import Ended, Here
from tests.mapsweep.nights import CALM, GROWN, LAST, SCOPE, app, checkout, night, nights
from tests.reports.fleet import MIB, run_of

TTY = Terminal(columns=80, is_tty=True, colour=False, unicode=True, redraws=False)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return nights(tmp_path_factory.mktemp("history"))


@pytest.fixture
def runs(kept: Runs, tmp_path: Path) -> Runs:
    """The same runs, to be changed."""
    shutil.copytree(kept.store.url, tmp_path / "runs")
    return Runs(str(tmp_path / "runs"))


def told(here: Here, runs: Runs, *arguments: str | Path) -> Ended:
    return here("history", *arguments, "--runs", runs.store.url)


def rows(here: Here, runs: Runs, *arguments: str) -> list[dict[str, Any]]:
    ended = told(here, runs, *arguments, "--json")
    assert (ended.code, ended.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(ended.out)["runs"]
    return found


def test_a_host_has_a_line_a_night_the_newest_last(here: Here, kept: Runs) -> None:
    lines = told(here, kept, "app-3").out.splitlines()
    assert lines[0] == "host app-3: 4 runs of nightly, times in UTC"
    assert [line[:16] for line in lines[2:]] == [
        f"{day} Nov 02:00" for day in ("Fri 20", "Sat 21", "Sun 22", "Mon 23")
    ]
    assert "<= 800 MiB" in lines[-1]
    assert "+700 MiB" in lines[-1]
    assert lines[-1].rstrip().endswith("█" * 10)
    sizes = [row["rss_anon_bytes"] for row in rows(here, kept, "app-3")]
    assert sizes == [CALM + 64 * MIB] * 3 + [GROWN + 64 * MIB]
    assert [row["anon_growth_bytes"] for row in rows(here, kept, "app-3")] == [None, 0, 0, GROWN - CALM]


def test_growth_is_not_read_across_a_restart(here: Here, kept: Runs) -> None:
    last = rows(here, kept, "app-2")[-1]
    assert (last["restarted"], last["anon_growth_bytes"]) == (1, None)


def test_nights_without_an_answer_say_why(here: Here, kept: Runs) -> None:
    found = rows(here, kept, "db-1")
    assert [row["status"] for row in found] == ["ok", "ok", "failed", "ok"]
    assert (found[2]["stage"], found[2]["reason"]) == ("auth", "auth_rejected")
    assert found[2]["rss_anon_bytes"] is None
    assert "failed: auth_rejected" in told(here, kept, "db-1").out


@pytest.mark.parametrize("name", ["app-3", "checkout.service", "db-1", "app-2/4711"])
@pytest.mark.parametrize("is_tty", [True, False])
def test_the_native_heap_and_growth_are_told_at_80_columns_and_in_a_pipe(
    kept: Runs, name: str, *, is_tty: bool
) -> None:
    asked = Asked(None, "nightly", "plain")
    lines = list(shown(kept, name, asked, replace(TTY, is_tty=is_tty)))
    assert all(title in lines[1] for title in ("began", "native heap", "anon + swap", "growth"))
    assert not is_tty or max(map(cells, lines)) <= TTY.columns


def test_a_note_that_has_no_room_beside_a_row_stands_below_it(kept: Runs) -> None:
    lines = list(shown(kept, "db-1", Asked(None, "nightly", "plain"), TTY))
    failing = next(place for place, line in enumerate(lines) if line.startswith("Sun 22 Nov"))
    assert lines[failing + 1] == "  failed: auth_rejected"
    wide = list(shown(kept, "db-1", Asked(None, "nightly", "plain"), replace(TTY, columns=120)))
    assert wide[failing].rstrip().endswith("failed: auth_rejected")


def test_a_pid_of_an_earlier_run_is_followed_to_the_one_of_now(here: Here, kept: Runs, runs: Runs) -> None:
    for gone, pids, said in (
        (False, [815], "app-3/4711 was restarted: it is now app-3/815."),
        (True, [], "app-3/4711 ended, and the last run saw no other process like it."),
    ):
        again = replace(checkout(CALM, ticks=9900), pid=815, service="gone" if gone else "checkout.service")
        at = LAST + 1 + gone
        run_of(
            runs,
            replace(app(3, checkout(CALM)), processes=(again,)),
            run_id=night(at),
            scope=SCOPE,
            started_at=f"2026-11-{at}T02:00:00+00:00",
        )
        ended = told(here, runs, "app-3/4711")
        assert (ended.code, ended.out.splitlines()[-1]) == (0, said)
        document = json.loads(told(here, runs, "app-3/4711", "--json").out)
        assert (document["pid"], document["last_pids"]) == (4711, pids)
    assert "was restarted" not in told(here, kept, "app-3/4711").out
    ended = told(here, runs, "app-3/77")
    assert (ended.code, ended.out) == (2, "")
    assert "app-3/77: it sent no process of this pid" in ended.err


def test_a_host_that_is_gone_is_found_in_earlier_runs(here: Here, kept: Runs) -> None:
    assert [row["status"] for row in rows(here, kept, "app-5")] == ["ok", "ok", "ok", "not asked"]
    assert [row["status"] for row in rows(here, kept, "app-6")] == ["not asked"] * 3 + ["ok"]


def test_a_service_is_told_over_all_hosts(here: Here, kept: Runs) -> None:
    for name in ("checkout.service", "checkout", "check"):
        found = rows(here, kept, name, "--scope", "nightly")
        assert [(row["members"], row["hosts"]) for row in found] == [(5, 5)] * 4
        assert found[-1]["native_heap_resident_max_bytes"] == 4 * CALM + GROWN
        assert found[-1]["anon_growth_bytes"] == GROWN - CALM
    assert "members" in told(here, kept, "checkout", "--scope", "nightly").out


def test_a_process_is_followed_over_its_restart(here: Here, kept: Runs) -> None:
    for name in ("app-2/4711", "app-2/java"):
        found = rows(here, kept, name)
        assert [row["restarted"] for row in found] == [None, 0, 0, 1]
        assert [row["anon_growth_bytes"] for row in found] == [None, 0, 0, None]
    assert rows(here, kept, "app-3/4711")[-1]["anon_growth_bytes"] == GROWN - CALM


def test_the_host_of_a_process_can_be_a_beginning_or_a_glob(here: Here, kept: Runs) -> None:
    for typed, whole, scope in (("*-2/java", "app-2/java", "nightly"), ("lap/4711", "laptop/4711", "adhoc")):
        found = told(here, kept, typed, "--scope", scope)
        assert (found.code, found.err) == (0, "")
        assert found.out == told(here, kept, whole, "--scope", scope).out


def test_processes_that_are_alike_are_told_as_their_sum(here: Here, kept: Runs) -> None:
    found = rows(here, kept, "app-1/31")
    assert [(row["members"], row["rss_anon_bytes"]) for row in found] == [(2, 6 * MIB)] * 4
    assert "Several processes are alike" in told(here, kept, "app-1/31").out


def test_the_last_runs_alone_know_what_was_before(here: Here, kept: Runs) -> None:
    found = rows(here, kept, "app-2/4711", "--last", "2")
    assert [row["run_id"] for row in found] == [night(LAST - 1), night(LAST)]
    assert [row["restarted"] for row in found] == [0, 1]
    assert len(rows(here, kept, "app-2", "--all")) == 4


def test_the_scope_is_that_of_the_last_run_that_knows_the_name(here: Here, kept: Runs) -> None:
    assert [row["scope"] for row in rows(here, kept, "laptop")] == ["adhoc"]
    assert {row["scope"] for row in rows(here, kept, "app-1")} == {"nightly"}
    ended = told(here, kept, "laptop", "--scope", "nightly")
    assert ended.code == 2
    assert "laptop: is no host, service or HOST/PID of the last 4 runs" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("app",), "app: is no host, service or HOST/PID"),
        (("app", "--scope", "nightly"), "app: fits 5 hosts and services: app-1 (host), app-2 (host)"),
        (("app/4711", "--scope", "nightly"), "app: fits 5 hosts: app-1, app-2"),
        (("app-11", "--scope", "nightly"), "did you mean app-1"),
        (("app-1/nothing",), "app-1/nothing: none of its 4 processes is called so"),
        (("app-1", "--scope", "weekly"), "holds no closed run of weekly"),
        (("app-1", "--last", "0"), "0 is not in the range"),
        (("app-1", "--json", "--format", "csv"), "--json and --format csv exclude each other"),
    ],
)
def test_what_is_not_there_is_told(arguments: tuple[str, ...], said: str, here: Here, kept: Runs) -> None:
    ended = told(here, kept, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_an_empty_folder_is_told(tmp_path: Path, here: Here) -> None:
    ended = here("history", "app-1", "--runs", tmp_path)
    assert ended.code == 2
    assert "holds no closed run" in ended.err


def test_other_rules_and_other_evidence_are_marked(runs: Runs, here: Here) -> None:
    for day, more in ((24, {"rules_version": "2026.12"}), (25, {"scope": replace(SCOPE, evidence="smaps")})):
        run_of(
            runs,
            app(1, checkout(CALM, evidence="smaps" if day == 25 else "maps")),
            **({"scope": SCOPE, "rules_version": "2026.12"} | more),  # type: ignore[arg-type]
            run_id=night(day),
            started_at=f"2026-11-{day}T02:00:00+00:00",
        )
    lines = told(here, runs, "app-1/4711").out.splitlines()
    assert "other rules" in lines[-2]
    assert "from smaps" in lines[-1]
    assert "other rules" not in lines[-1] + lines[-3]


def test_no_manifest_is_read(runs: Runs, here: Here) -> None:
    before = told(here, runs, "app-3").out
    for manifest in Path(runs.store.url).glob("*/manifest.json"):
        manifest.write_text("{", encoding="utf-8")
    assert told(here, runs, "app-3").out == before


def test_open_runs_and_folders_that_are_no_runs_are_no_lines(runs: Runs, here: Here) -> None:
    Path(runs.store.url, night(26)).mkdir()
    run_of(
        runs,
        app(3, checkout(CALM)),
        run_id=night(27),
        scope=SCOPE,
        started_at="2026-11-27T02:00:00+00:00",
        close=False,
    )
    assert len(rows(here, runs, "app-3")) == 4


def test_programs_get_a_row_a_run(here: Here, kept: Runs) -> None:
    found = list(csv.DictReader(io.StringIO(told(here, kept, "app-3", "--format", "csv").out)))
    assert [row["run_id"] for row in found] == [night(day) for day in range(LAST - 3, LAST + 1)]
    assert found[0]["anon_growth_bytes"] == ""
    assert len(told(here, kept, "app-3", "--format", "ndjson").out.splitlines()) == 4


def test_nothing_wraps_at_80_columns_and_nothing_of_a_host_reaches_the_terminal(kept: Runs) -> None:
    for name in ("app-3", "checkout.service", "app-1/31", "app-1/40", "db-1"):
        lines = list(shown(kept, name, Asked(14, "nightly", "plain"), TTY))
        assert max(map(cells, lines)) <= 80, name
        assert "\x1b" not in "".join(lines)
        plain = shown(kept, name, Asked(14, "nightly", "plain"), replace(TTY, unicode=False))
        assert "".join(plain).isascii()
    assert "\\x1b[31mred\\u202e" in next(iter(shown(kept, "app-1/40", Asked(14, "nightly", "plain"), TTY)))
