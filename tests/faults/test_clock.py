"""Clocks that are wrong: a little, by an hour back, by a day ahead, on one machine or on all but Redis'."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.laboratory import Laboratory
from tests.faults.processes import Clock, eventually

pytestmark = [pytest.mark.journey, pytest.mark.slow]

DAY_S = 24 * 3600
HOUR_S = 3600


@pytest.mark.parametrize(
    "ahead_s",
    [
        pytest.param(
            ahead_s,
            marks=pytest.mark.fault(
                f"the report worker's clock is {ahead_s} s ahead", "Nothing depends on equal clocks."
            ),
        )
        for ahead_s in (20, 60)
    ],
)
def test_skew(lab: Laboratory, ahead_s: int) -> None:
    lab.furnish()
    clock = Clock(lab.folder / "clock")
    clock.ahead(ahead_s)
    lab.worker("collect", "classify")
    lab.worker("report", clock=clock)
    lab.beat()
    lab.hand_over()
    lab.over()
    lab.healed()


@pytest.mark.parametrize(
    "ahead_s",
    [
        pytest.param(
            DAY_S,
            marks=pytest.mark.fault(
                "the clocks of all workers and beat go a day ahead in a run, and back",
                "No host fails as `deadline`: the earlier of the own clock and that of Redis counts.",
            ),
        ),
        pytest.param(
            -HOUR_S,
            marks=pytest.mark.fault(
                "the clocks of all workers and beat go back by an hour in a run",
                "Runs are looked after all the same.",
            ),
        ),
    ],
)
def test_a_jump_in_a_run(lab: Laboratory, ahead_s: int) -> None:
    lab.furnish()
    clock = Clock(lab.folder / "clock")
    lab.gate.shut()
    lab.worker(clock=clock)
    lab.beat(clock=clock)
    lab.hand_over()
    lab.await_logins(8)
    clock.ahead(ahead_s)
    time.sleep(5 + 2 * lab.pace.tend_s)
    assert lab.run().closed() is None
    if ahead_s > 0:
        clock.ahead(0)
        time.sleep(2)
    lab.over()
    lab.gate.open()
    lab.healed(swept=2)


@pytest.mark.fault(
    "the clocks of all workers are set a day ahead while dumps are classified",
    "No host fails for that: the time that a host may take is counted in seconds, not by the time of day.",
)
def test_ahead_while_dumps_are_classified(lab: Laboratory) -> None:
    lab.furnish()
    clock = Clock(lab.folder / "clock")
    (lab.faults / "hold-classify").touch()
    lab.worker(clock=clock)
    lab.beat()
    lab.hand_over()
    eventually(lambda: lab.lines("classified"), state=lab.state)
    clock.ahead(DAY_S)
    time.sleep(5)
    clock.ahead(0)
    time.sleep(2)
    (lab.faults / "hold-classify").unlink()
    lab.over()
    lab.healed()


@pytest.mark.parametrize(
    "who",
    [
        pytest.param(
            "beat",
            marks=pytest.mark.fault(
                "beat's clock is a day ahead before a due time, and then right",
                "Beat goes by a clock that cannot be set; the run starts at its time.",
            ),
        ),
        pytest.param(
            "worker",
            marks=pytest.mark.fault(
                "the report worker's clock is a day ahead before a due time, and then right",
                "Nothing starts early, and the run starts at its time.",
            ),
        ),
    ],
)
def test_ahead_before_a_start(lab: Laboratory, who: str) -> None:
    due = (datetime.now(UTC) + timedelta(seconds=85)).replace(second=0, microsecond=0)
    lab.furnish(schedules=[{"name": "nightly", "crontab": f"{due.minute} {due.hour} * * *"}])
    clock = Clock(lab.folder / "clock")
    clock.ahead(DAY_S)
    if who == "beat":
        lab.beat(clock=clock)
        lab.worker()
    else:
        lab.beat()
        lab.worker(clock=clock)
    eventually((lab.home / "schedules" / "nightly.json").exists)
    time.sleep(2 + lab.pace.tend_s)
    clock.ahead(0)
    assert not lab.runs.ids()
    eventually(lambda: datetime.now(UTC) >= due, 90)
    lab.over()
    lab.healed()
