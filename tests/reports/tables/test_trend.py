from dataclasses import replace
from errno import EACCES
from pathlib import Path

import pytest

from archive.run import Run
from archive.runs import Runs
from domain.records import Scope
from reports import report as reporting
from reports.closing import settle
from reports.tables.past_runs import PAST_RUNS_MAX
from reports.tables.trend import SAME_START_S
from tests.reports.fleet import (
    BOOT_S,
    CLOSED_AT,
    MIB,
    RULES,
    Answered,
    Process,
    failure,
    heap,
    run_of,
    runs_in,
    shown_of,
)


def day(runs: Runs, number: int, *answered: Answered, **more: str | bool | Scope) -> Run:
    run_id, started_at = f"202611{number:02d}T050000Z-prod-0001", f"2026-11-{number:02d}T05:00:00Z"
    options = {"run_id": run_id, "started_at": started_at, **more}
    return run_of(runs, *answered, **options)  # type: ignore[arg-type]


def web(amount_mib: int, **changes: float | str | None) -> Answered:
    process = Process(100, blocks=(heap(amount_mib * MIB),))
    return Answered("web1", (replace(process, **changes),))  # type: ignore[arg-type]


def growth(run: Run) -> tuple[int | None, str]:
    report = reporting.report(run)
    (host,) = report.hosts
    return host.growth_bytes, shown_of(report, host.name)[0]["restarted"]


def test_the_same_process_grows(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    day(runs, 20, web(100))
    assert growth(day(runs, 21, web(130))) == (30 * MIB, "no")


@pytest.mark.parametrize(
    "start",
    [
        {"start_ticks": 9900, "started_at_s": BOOT_S + 99},
        {"started_at_s": BOOT_S + 42 + SAME_START_S},  # same pid and ticks after a reboot
        {"pid": 101},
        {"start_ticks": None, "started_at_s": None},
    ],
    ids=["restart", "reboot", "another pid", "unknown"],
)
def test_growth_is_not_read_across_a_restart(tmp_path: Path, start: dict[str, float | None]) -> None:
    runs = runs_in(tmp_path)
    day(runs, 20, web(100))
    assert growth(day(runs, 21, web(130, **start))) == (None, "yes")


def test_a_clock_that_was_set_is_no_restart(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    day(runs, 20, web(100))
    later = web(130, started_at_s=BOOT_S + 42 + SAME_START_S - 1)
    assert growth(day(runs, 21, later)) == (30 * MIB, "no")


def test_a_process_that_was_not_there_is_new(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    day(runs, 20, web(100))
    other = web(130, pid=7, service="other.service", start_ticks=1)
    assert growth(day(runs, 21, other)) == (None, "new")


def test_a_host_that_failed_then_has_nothing_to_compare(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    run_of(
        runs,
        failures=(failure("web1"),),
        run_id="20261120T050000Z-prod-0001",
        started_at="2026-11-20T05:00:00Z",
    )
    assert growth(day(runs, 21, web(130))) == (None, "")


@pytest.mark.parametrize(
    "other",
    [
        {"scope": Scope("prod", "other-*")},
        {"scope": Scope("prod", "prod-*", evidence="smaps")},
        {"complete": False},
        {"close": False},
    ],
    ids=["hosts", "evidence", "not complete", "open"],
)
def test_only_runs_alike_are_compared(tmp_path: Path, other: dict[str, str | bool | Scope]) -> None:
    runs = runs_in(tmp_path)
    day(runs, 20, web(100), **other)
    run = day(runs, 21, web(130))
    assert growth(run) == (None, "")
    assert reporting.report(run).run.compared_with == ""


def test_native_heap_is_not_compared_over_two_versions_of_the_rules(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    earlier = day(runs, 20, web(100), rules_version="2025.01")
    run = day(runs, 21, web(130))
    assert growth(run) == (None, "no")
    facts = reporting.report(run).run
    assert (facts.compared_with, facts.past_runs) == (earlier.run_id, 0)


def test_native_heap_is_not_compared_over_two_grades_of_evidence(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    day(runs, 20, web(100, evidence="smaps"))
    assert growth(day(runs, 21, web(130))) == (None, "no")


def test_a_later_run_is_no_past(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    day(runs, 21, web(130))
    assert growth(day(runs, 20, web(100))) == (None, "")


@pytest.mark.slow
def test_own_excess_is_above_the_least_of_the_last_runs_and_they_are_limited(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    day(runs, 1, web(10))
    for number in range(2, 2 + PAST_RUNS_MAX):
        day(runs, number, web(50 + number))
    run = day(runs, 20, web(100))
    report = reporting.report(run)
    (host,) = report.hosts
    assert report.run.past_runs == PAST_RUNS_MAX
    assert host.own_excess_bytes == host.bloat_bytes == 48 * MIB  # above 52 of day 2; day 1 is too long ago
    assert host.growth_bytes == (100 - 50 - PAST_RUNS_MAX - 1) * MIB
    assert shown_of(report, host.name)[0]["own_excess_bytes"] == 48 * MIB


def test_a_damaged_run_is_no_baseline_and_no_reason_to_fail(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    day(runs, 19, web(90))
    day(runs, 20, web(100))
    damaged = tmp_path / "20261120T050000Z-prod-0001" / "settled" / RULES / "processes-0000.parquet"
    assert damaged.exists()
    damaged.write_bytes(b"no parquet")
    run = day(runs, 21, web(130))
    assert growth(run) == (40 * MIB, "no")
    report = reporting.report(run).run
    assert (report.compared_with, report.past_runs) == ("20261119T050000Z-prod-0001", 1)


def test_a_run_that_the_system_does_not_let_read_is_no_baseline_and_no_reason_to_fail(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    day(runs, 19, web(90))
    day(runs, 20, web(100))
    settled = tmp_path / "20261120T050000Z-prod-0001" / "settled" / RULES
    settled.rename(tmp_path / "away")
    settled.write_bytes(b"a file where a folder has to be")
    run = day(runs, 21, web(130))
    assert growth(run) == (40 * MIB, "no")


def test_a_run_of_another_account_is_no_baseline_and_no_reason_to_fail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Guarded(Runs):
        """Runs of which one belongs to another account."""

        def open(self, name: str) -> Run:
            if name.startswith("20261120"):
                raise PermissionError(EACCES, "Permission denied", f"{name}/manifest.json")
            return super().open(name)

    runs = runs_in(tmp_path)
    day(runs, 19, web(90))
    day(runs, 20, web(100))
    run = day(runs, 21, web(130), close=False)
    run.close(settle.settle(run, Guarded(runs.store.url), CLOSED_AT))
    report = reporting.report(run).run
    assert (report.compared_with, report.past_runs) == ("20261119T050000Z-prod-0001", 1)
    assert "is not compared with 20261120T050000Z-prod-0001" in caplog.text
