"""`mapsweep schedule list` and `mapsweep runs` say what became of due times."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.runs import Runs
from archive.schedule_records import Due, ScheduleRecord, ScheduleRecords, State
from mapsweep.terminal.exits import Exit
from tests.mapsweep import screens
from tests.mapsweep.conftest import Here

DUE = Due(
    "2026-11-29T01:30:00+00:00", State.STARTED, "2026-11-29T01:30:05+00:00", "20261129T013000Z-nightly-1a2b"
)
EARLIER = Due("2026-11-28T01:30:00+00:00", State.MISSED, "2026-11-28T03:00:00+00:00", reason="nobody looked")
SINCE = "2999-01-01T00:00:00+00:00"  # nothing is owed, whenever the tests run
RECORD = ScheduleRecord("nightly", "30 2 * * *", "Europe/Berlin", SINCE, (EARLIER, DUE))
REASON = "inventory.yaml: line 3: \x1b[31mis not YAML " + "and so on " * 20


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "mapsweep.yaml"
    path.write_text(
        f"runs: {tmp_path / 'runs'}\n"
        "schedules:\n  - {name: nightly, hosts: prod-*, crontab: 30 2 * * *, timezone: Europe/Berlin}\n"
    )
    (tmp_path / "runs").mkdir()
    return path


def keep(tmp_path: Path, record: ScheduleRecord) -> None:
    ScheduleRecords(Runs(str(tmp_path / "runs")).store).write(record)


def test_a_schedule_that_nobody_has_looked_after(settings: Path, here: Here) -> None:
    ended = here("schedule", "list", "--config", settings)
    assert ended.code == Exit.OK
    lines = ended.out.splitlines()
    assert lines[0] == "nightly: prod-*, 30 2 * * * Europe/Berlin"
    assert lines[1].startswith("  next  ")
    assert "it needs `mapsweep beat` and a worker" in lines[2]


def test_the_last_due_times_the_newest_first(settings: Path, here: Here, tmp_path: Path) -> None:
    keep(tmp_path, RECORD)
    ended = here("schedule", "list", "--config", settings)
    assert ended.code == Exit.OK
    assert ended.out.splitlines()[2:] == [
        "  started   Sun 2026-11-29 02:30 CET (01:30 UTC)",
        "            20261129T013000Z-nightly-1a2b",
        "  missed    Sat 2026-11-28 02:30 CET (01:30 UTC)",
        "            nobody looked",
    ]
    short = here("schedule", "list", "--config", settings, "--limit", "1")
    assert "missed" not in short.out


def test_a_start_that_failed_is_shown_by_both_and_escapes_nothing(
    settings: Path, here: Here, tmp_path: Path
) -> None:
    keep(
        tmp_path, replace(RECORD, dues=(EARLIER, replace(DUE, state=State.FAILING, run_id="", reason=REASON)))
    )
    ended = here("schedule", "list", "--config", settings)
    assert ended.code == Exit.THRESHOLD
    assert "  failing   Sun 2026-11-29" in ended.out
    assert REASON.replace("\x1b", "\\x1b") in ended.out  # in a pipe on one line
    _, on_terminal = screens.shown(80, "schedule", "list", "--config", settings, home=tmp_path)
    assert "  failing   Sun 2026-11-29" in "\n".join(on_terminal)
    assert max(map(len, on_terminal)) <= 80
    listed = here("runs", "--config", settings)
    assert listed.code == Exit.OK
    assert "nightly of Sun 2026-11-29 02:30 CET (01:30 UTC): failing: inventory.yaml" in listed.err
    for shown in (ended.out, listed.err):
        assert "\x1b" not in shown
    assert "nightly" not in here("runs", "--config", settings, "--scope", "adhoc").err
    (unstarted,) = json.loads(here("runs", "--config", settings, "--json").out)["unstarted"]
    assert (unstarted["schedule"], unstarted["state"]) == ("nightly", "failing")


def test_a_due_time_that_nobody_has_looked_after_is_told(settings: Path, here: Here, tmp_path: Path) -> None:
    """Beat, Redis or all workers are gone, so the record knows nothing of it."""
    settings.write_text(settings.read_text().replace("30 2 * * *", "'* * * * *'"))
    keep(tmp_path, replace(RECORD, crontab="* * * * *", since=DUE.at))
    ended = here("schedule", "list", "--config", settings)
    assert ended.code == Exit.THRESHOLD
    assert ended.out.splitlines()[2].startswith("  owed      ")
    assert "are `mapsweep beat`" in ended.out
    _, on_terminal = screens.shown(80, "schedule", "list", "--config", settings, home=tmp_path)
    assert max(map(len, on_terminal)) <= 80
    assert "            nobody has looked after it: are `mapsweep beat`, Redis and a worker" in on_terminal
    (scheduled,) = json.loads(here("schedule", "list", "--config", settings, "--json").out)["schedules"]
    assert scheduled["owed_at"] > DUE.due_at
    (unstarted,) = json.loads(here("runs", "--config", settings, "--json").out)["unstarted"]
    assert (unstarted["schedule"], unstarted["state"]) == ("nightly", "owed")
    metrics = here("metrics", "--config", settings).out
    assert 'mapsweep_schedule_last_due_timestamp_seconds{schedule="nightly",state="owed"}' in metrics
    now = datetime.now(UTC) - timedelta(minutes=2)  # nobody may have come to it yet
    keep(tmp_path, replace(RECORD, crontab="* * * * *", since=now.isoformat(timespec="seconds")))
    assert here("schedule", "list", "--config", settings).code == Exit.OK


def test_metrics_of_schedules_that_left_the_settings_end(settings: Path, here: Here, tmp_path: Path) -> None:
    for name in ("nightly", "renamed"):
        keep(tmp_path, replace(RECORD, name=name, dues=(EARLIER,)))
    metrics = here("metrics", "--config", settings).out
    assert 'schedule="nightly",state="missed"' in metrics
    assert 'schedule="renamed"' not in metrics
    settings.write_text(f"runs: {tmp_path / 'runs'}\n")
    without = here("metrics", "--config", settings).out
    assert 'schedule="renamed",state="missed"' in without


def test_as_json(settings: Path, here: Here, tmp_path: Path) -> None:
    keep(tmp_path, RECORD)
    (shown,) = json.loads(here("schedule", "list", "--config", settings, "--json").out)["schedules"]
    assert [due["state"] for due in shown["dues"]] == ["missed", "started"]
    assert shown["next_at"] > DUE.due_at
    assert shown["name"] == "nightly"


def test_a_damaged_record_names_its_place_and_hides_no_run(
    settings: Path, here: Here, tmp_path: Path
) -> None:
    Runs(str(tmp_path / "runs")).store.replace("schedules/nightly.json", b"{")
    assert here("schedule", "list", "--config", settings).code == Exit.USAGE
    listed = here("runs", "--config", settings)
    assert listed.code == Exit.OK
    assert "schedules/nightly.json" in listed.err
