"""runs, runs rm, runs prune and runs --max-age, with real folders."""

import json
import os
import pty
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.mail_record import Posted, Sender
from archive.run import LOCK
from archive.runs import Runs
from domain.records import Failure, Refusal, Stage
from tests.archive.kept_runs import made
from tests.mapsweep.conftest import Here
from workers.here.locks import held

COMMAND = str(Path(sys.executable).with_name("mapsweep"))


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(str(tmp_path / "kept"))


def settings_say(text: str) -> Path:
    """Write the settings of this account."""
    path = Path(os.environ["XDG_CONFIG_HOME"], "mapsweep/mapsweep.yaml")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_newest_is_last_and_the_last_few_can_be_asked_for(runs: Runs, now: datetime, here: Here) -> None:
    nightly = [made(runs, now, days).run_id for days in (30, 2, 1)]
    weekly = made(runs, now, 3, scope="weekly").run_id

    def shown(*flags: str) -> list[str]:
        heading, *rows = here("runs", "--runs", runs.store.url, *flags).out.splitlines()
        assert heading.split()[:2] == ["run", "age"]
        return [row.split()[0] for row in rows]

    assert shown() == [nightly[0], weekly, *nightly[1:]]
    assert shown("--limit", "2") == nightly[1:]
    assert shown("--limit", "1", "--scope", "weekly") == [weekly]
    assert shown("--scope", "weekly", "--scope", "nightly") == [nightly[0], weekly, *nightly[1:]]
    assert here("runs", "--runs", runs.store.url, "--limit", "0").code == 2


def test_what_is_being_done_of_a_run(runs: Runs, now: datetime, here: Here) -> None:
    stopped, queued, locked = (made(runs, now, days, is_open=True) for days in (3, 2, 1))
    late = made(runs, now, 0.5, complete=False, mail_to=("you@example.org",))
    runs.queue(queued.run_id)
    runs.mark_unmailed(late.run_id)
    stopped.store.remove_tree("results")
    locked.store.remove_tree("results")
    locked.write_failure(Failure("a", Stage.TCP, "tcp_refused"))
    locked.store.remove_tree("dumps")
    with held(locked):
        _, *rows = here("runs", "--runs", runs.store.url).out.splitlines()
        document = json.loads(here("runs", "--runs", runs.store.url, "--json").out)
    assert ["stopped, --resume" in rows[0], "at work: 1 of 1" in rows[1], "at work: 1 of 1" in rows[2]] == [
        True
    ] * 3
    assert rows[4] == "    the deadline came before all hosts were done; not mailed yet"
    assert [(run["state"], run["done"]) for run in document["runs"]] == [
        ("stopped", 0),
        ("at work", 1),
        ("at work", 1),
        ("closed", 1),
    ]
    last = document["runs"][-1]
    assert last["native_heap_resident_max_bytes"] == 5 * 2**30
    assert last["complete"] is False
    assert last["size_bytes"] == late.store.tree_bytes("")


def test_when_a_mail_is_tried_again(runs: Runs, now: datetime, here: Here) -> None:
    run = made(runs, now, 1, mail_to=("you@example.org",))
    runs.mark_unmailed(run.run_id)
    claimed = run.mail_record.begin(Sender.HERE, now)
    assert claimed is not None
    posted = replace(
        claimed[1], tries=1, since=claimed[0].at, last="2026-11-29T03:09:00+00:00", problem="451 later"
    )
    run.mail_record.end(claimed[0], posted)
    _, _, note = here("runs", "--runs", runs.store.url).out.splitlines()
    assert note == "    not mailed yet, next try 03:10 UTC: 451 later"
    run.mail_record.close(posted)
    runs.unmark_unmailed(run.run_id)
    assert len(here("runs", "--runs", runs.store.url).out.splitlines()) == 2


def test_who_was_refused_is_shown_as_long_as_the_run_is(runs: Runs, now: datetime, here: Here) -> None:
    """A report that was given up is not waited for any more, and must not look like one that was mailed."""
    run = made(runs, now, 1, mail_to=("a@example.org", "b@example.org"))
    refused = (Refusal("a@example.org", 550, "nobody here"), Refusal("b@example.org", 0, "given up"))
    run.mail_record.close(Posted(refused=refused))
    _, _, note = here("runs", "--runs", runs.store.url).out.splitlines()
    assert note == "    not mailed to a@example.org: 550 nobody here (and 1 more)"


def test_a_run_is_removed_by_the_beginning_of_its_id(runs: Runs, now: datetime, here: Here) -> None:
    old, young = made(runs, now, 200), made(runs, now, 1)
    ended = here("runs", "rm", old.run_id[:16], "--yes", "--runs", runs.store.url)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"removed {old.run_id}, ")
    assert runs.ids() == [young.run_id]
    assert not Path(old.url).exists()


def test_rm_takes_runs_over_from_the_list_and_knows_paths(runs: Runs, now: datetime, here: Here) -> None:
    one, other = made(runs, now, 200), made(runs, now, 1)
    assert here("runs", "--runs", runs.store.url, "rm", "--yes", f"{one.url}/", "latest").code == 0
    assert runs.ids() == []
    assert not Path(other.url).exists()


def test_rm_names_everything_that_is_no_run_and_removes_none(runs: Runs, now: datetime, here: Here) -> None:
    made(runs, now, 200)
    made(runs, now, 199)
    outside = made(Runs(f"{runs.store.url}-2"), now, 1)
    names = [runs.ids()[0], "20", "nothing", "../kept-2", outside.url, ""]
    ended = here("runs", "rm", "--yes", *names, "--runs", runs.store.url)
    assert ended.code == 2
    assert ended.err.count("is not a run in") == 4
    assert "20: is the beginning of 2 runs" in ended.err
    assert len(runs.ids()) == 2
    assert Path(outside.url).exists()


def test_a_damaged_run_can_be_removed(runs: Runs, now: datetime, here: Here) -> None:
    run = made(runs, now, 1)
    run.store.replace("manifest.json", b"{")
    run.store.replace("closed.json", b"{")
    assert here("runs", "rm", "--yes", run.run_id, "--runs", runs.store.url).code == 0
    assert runs.ids() == []


@pytest.mark.parametrize("name", ["a" * 5000, "20" + "9" * 5000, "a/" * 2000, "x\x00y"])
@pytest.mark.parametrize("verb", ["report", "show", "top", "mail", "wait"])
def test_a_name_that_no_run_can_have_is_the_operators_mistake(
    runs: Runs, now: datetime, here: Here, verb: str, name: str
) -> None:
    made(runs, now, 1)
    asked = ("--run", name) if verb in {"show", "top"} else (name,)
    ended = here(verb, *asked, "--runs", runs.store.url)
    assert ended.code == 2
    assert "a bug" not in ended.err


def test_a_folder_in_place_of_a_record_is_named(runs: Runs, now: datetime, here: Here) -> None:
    run = made(runs, now, 1)
    run.store.remove("closed.json")
    Path(run.url, "closed.json").mkdir()
    ended = here("report", run.run_id, "--runs", runs.store.url)
    assert ended.code == 2
    assert f"{run.url}/closed.json: is a folder" in ended.err


def test_a_run_that_is_being_executed_is_not_removed_but_the_others_are(
    runs: Runs, now: datetime, here: Here
) -> None:
    busy, queued, free = (made(runs, now, days, is_open=True) for days in (3, 2, 1))
    runs.queue(queued.run_id)
    with held(busy):
        ended = here("runs", "rm", "--yes", *runs.ids(), "--runs", runs.store.url)
    assert ended.code == 2
    assert "is being executed by process" in ended.err
    assert "is being executed by the workers of a fleet" in ended.err
    assert runs.ids() == [busy.run_id, queued.run_id]
    assert ended.out.startswith(f"removed {free.run_id}")


def test_without_a_terminal_nothing_is_removed_unasked(runs: Runs, now: datetime) -> None:
    made(runs, now, 1)
    command = [COMMAND, "runs", "rm", "latest", "--runs", runs.store.url]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True)
    assert ended.returncode == 2
    assert "give --yes" in ended.stderr
    assert len(runs.ids()) == 1


@pytest.mark.parametrize(
    ("answer", "left", "told"), [(b"n\n", 1, b"nothing was removed"), (b"y\n", 0, b"removed 2026")]
)
def test_on_a_terminal_one_is_asked(answer: bytes, left: int, told: bytes, runs: Runs, now: datetime) -> None:
    run = made(runs, now, 1)
    runs.mark_unmailed(run.run_id)
    ours, its = pty.openpty()
    command = [COMMAND, "runs", "rm", "latest", "--runs", runs.store.url]
    with subprocess.Popen(command, stdin=its, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as asking:
        os.close(its)
        os.write(ours, answer)
        said, _ = asking.communicate(timeout=300)
    os.close(ours)
    assert b"Remove this run for good?" in said
    assert b"its report is not mailed yet" in said
    assert told.replace(b"2026", run.run_id[:4].encode()) in said
    assert (asking.returncode, len(runs.ids())) == (0, left)


KEEP = "keep: {days: 90, dumps_days: 7, runs_at_least: 1}\n"


def test_prune_tells_what_goes_why_and_how_much(
    runs: Runs, now: datetime, tmp_path: Path, here: Here
) -> None:
    old, spare, young = (made(runs, now, days) for days in (100, 50, 1))
    config = tmp_path / "mapsweep.yaml"
    config.write_text(KEEP)
    flags = ("--runs", runs.store.url, "--config", config)
    before = runs.store.tree_bytes("")
    dry = here("runs", "prune", "--dry-run", *flags)
    assert runs.store.tree_bytes("") == before
    ended = here("runs", "prune", *flags)
    gone_bytes = before - runs.store.tree_bytes("")
    rows = ended.out.splitlines()
    assert rows[:2] == dry.out.splitlines()[:2]
    assert rows[0].split()[0] == "run"
    assert rows[0].endswith(f"{old.run_id}  complete, 100 d old; keep.days is 90")
    assert rows[1].endswith(f"{spare.run_id}/dumps  50 d old; keep.dumps_days is 7")
    assert rows[2].endswith(f"({gone_bytes:,} bytes)")
    assert "would be removed" in dry.out
    assert (ended.code, ended.err, len(rows)) == (0, "", 3)
    assert runs.ids() == [spare.run_id, young.run_id]
    assert here("runs", "prune", *flags).out == "0 removed, 0 (0 bytes)\n"


def test_prune_without_the_section_removes_leftovers_alone(runs: Runs, now: datetime, here: Here) -> None:
    old, gone = made(runs, now, 1000), made(runs, now, 900)
    gone.store.remove("manifest.json")
    ended = here("runs", "prune", "--runs", runs.store.url)
    assert "no section keep" in ended.err
    assert runs.ids() == [old.run_id]
    assert ended.out.startswith("leftover")


def test_prune_ends_with_2_if_something_cannot_be_read(runs: Runs, now: datetime, here: Here) -> None:
    made(runs, now, 1).store.replace("closed.json", b"{")
    busy = made(runs, now, 200, is_open=True)
    settings_say(KEEP)
    with held(busy):
        ended = here("runs", "prune", "--runs", runs.store.url)
    assert ended.code == 2
    assert "cannot be read, so it is kept" in ended.err
    assert "a process is at work on the run" in ended.err
    assert LOCK in busy.store.sizes()


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (["--max-age", "26h", "--scope", "nightly"], 6, "nightly: STALE: 20"),
        (["--max-age", "3d", "--scope", "nightly"], 0, "nightly: ok: "),
        (["--max-age", "26h"], 0, "all runs: ok: "),
        (["--max-age", "26h", "--scope", "monthly"], 6, "monthly: STALE: there is no good run"),
        (["--max-age", "26"], 2, ""),
        (["--max-age", "26h", "--limit", "3"], 2, ""),
        (["--max-age", "26h", "--json"], 0, "{"),
    ],
)
def test_the_dead_mans_switch(
    flags: list[str], code: int, told: str, runs: Runs, now: datetime, here: Here
) -> None:
    good = made(runs, now, 2.1)
    made(runs, now, 1, complete=False)
    made(runs, now, 0.9, ok=0)
    made(runs, now, 0.8, is_open=True)
    made(runs, now, 0.7, scope="weekly")
    ended = here("runs", "--runs", runs.store.url, *flags)
    assert (ended.code, ended.out[: len(told)]) == (code, told)
    if "nightly" in flags:
        assert f"{good.run_id} began 2 d 2 h ago" in ended.out
        assert ended.out.count("\n") == 1


def test_every_schedule_of_the_settings_is_asked_for(runs: Runs, now: datetime, here: Here) -> None:
    made(runs, now, 0.5)
    made(runs, now, 3, scope="weekly")
    crontabs = "".join(
        f"  - {{name: {name}, hosts: all, crontab: 0 3 * * *}}\n" for name in ("nightly", "weekly")
    )
    settings_say(f"schedules:\n{crontabs}")
    ended = here("runs", "--runs", runs.store.url, "--max-age", "26h")
    assert ended.code == 6
    assert [row.split(":")[:2] for row in ended.out.splitlines()] == [
        ["nightly", " ok"],
        ["weekly", " STALE"],
    ]


def test_a_run_of_the_future_does_not_hold_the_switch(runs: Runs, now: datetime, here: Here) -> None:
    made(runs, now, 3)
    made(runs, now, -300)
    ended = here("runs", "--runs", runs.store.url, "--max-age", "26h")
    assert ended.code == 6
    assert "look at the clocks" in ended.out


def test_no_folder_of_runs_is_no_run(tmp_path: Path, here: Here) -> None:
    assert here("runs", "--runs", tmp_path / "gone", "--max-age", "26h").code == 6


def test_an_option_of_the_list_before_a_verb_is_refused(runs: Runs, now: datetime, here: Here) -> None:
    made(runs, now, 1)
    ended = here("runs", "--scope", "nightly", "rm", "--yes", "latest", "--runs", runs.store.url)
    assert ended.code == 2
    assert "omit it before rm" in ended.err
    assert here("runs", "frobnicate").code == 2
    assert len(runs.ids()) == 1


@pytest.mark.parametrize(("section", "left"), [("", 2), (KEEP, 1)])
def test_a_run_on_this_machine_prunes_when_it_is_done(
    section: str, left: int, runs: Runs, now: datetime, fleet: Path, here: Here
) -> None:
    old = made(runs, now, 100, ok=0)
    settings_say(f"become: false\n{section}")
    ended = here("collect", "-i", fleet, "--hosts", "web-*", "--runs", runs.store.url)
    assert ended.code == 0, ended.err
    assert len(runs.ids()) == left
    assert (old.run_id in runs.ids()) is not bool(section)
    assert ("pruned, as keep says: 1 removed" in ended.err) is bool(section)
