"""Starts that get lost, fail or come late. The clocks are set to a night of the past, behind Redis."""

import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.laboratory import Laboratory
from tests.faults.processes import Clock, Service, eventually

pytestmark = [pytest.mark.journey, pytest.mark.slow]

NIGHT = datetime(2026, 10, 1, 2, 30, tzinfo=UTC)
NIGHTLY = {"name": "nightly", "crontab": "30 2 * * *"}
BEFORE = timedelta(seconds=-20)
RETRIED_S = 60  # a start that failed is tried again after this; the pace has no part in it


@pytest.mark.fault("none, a scheduled run", "The figures of a night without a fault, to compare with.")
def test_nothing(lab: Laboratory) -> None:
    _night(lab)
    lab.healed(within_s=60)


@pytest.mark.fault(
    "Redis is restarted, and empty, over the due time",
    "The run starts when Redis is back: what is owed follows from the archive, not from a message.",
)
def test_redis_is_down(lab: Laboratory) -> None:
    _night(lab)
    time.sleep(10)
    lab.broker.send(signal.SIGTERM)
    time.sleep(15)
    lab.broker.start()
    lab.over()
    lab.healed()


@pytest.mark.fault(
    "no report worker is there over the due time, and Redis loses its messages",
    "The run starts when a report worker is back.",
)
def test_no_report_worker(lab: Laboratory) -> None:
    clock = _night(lab)
    lab.services["worker"].stop()
    time.sleep(15)
    with lab.broker.client() as client:
        client.flushall()
    lab.over()
    lab.worker(clock=clock)
    lab.healed()


@pytest.mark.parametrize(
    ("who", "late_minutes", "runs"),
    [
        pytest.param(
            "beat",
            30,
            1,
            marks=pytest.mark.fault(
                "beat is down until 30 min after the due time", "The run is made up for."
            ),
        ),
        pytest.param(
            "beat",
            65,
            0,
            marks=pytest.mark.fault(
                "beat is down until 65 min after the due time",
                "It is too late (`late_s` of the schedule): the list has a mail that says so.",
            ),
        ),
        pytest.param(
            "worker",
            30,
            1,
            marks=pytest.mark.fault(
                "the report worker is down until 30 min after the due time", "The run is made up for."
            ),
        ),
        pytest.param(
            "worker",
            65,
            0,
            marks=pytest.mark.fault(
                "the report worker is down until 65 min after the due time",
                "It is too late: the list has a mail that says so.",
            ),
        ),
    ],
)
def test_down_over_the_due_time(lab: Laboratory, who: str, late_minutes: int, runs: int) -> None:
    clock = _night(lab, timedelta(minutes=-30))
    lab.services[who].stop()
    clock.set(NIGHT + timedelta(minutes=late_minutes))
    time.sleep(2)
    lab.over()
    lab.start(*(("beat",) if who == "beat" else ("worker", "--concurrency", "3")), clock=clock, name="again")
    _quiet_night(lab, runs, mails=1)
    if not runs:
        assert "nightly of 01 Oct 02:30" in lab.subjects()[0]


@pytest.mark.fault(
    "the inventory cannot be read at the due time, and is mended",
    "The start is tried again each minute; it is told by mail if it still fails after 5 min.",
)
def test_a_broken_inventory(lab: Laboratory) -> None:
    clock = _night(lab, timedelta(minutes=-1))
    lab.inventory.write_text("fleet: [")
    clock.set(NIGHT - timedelta(seconds=2))
    _awaits_word(lab.services["worker"], "did not start")
    lab.write_inventory()
    lab.over()
    lab.healed(within_s=RETRIED_S + lab.pace.heals_within_s)


@pytest.mark.fault(
    "the pattern of a schedule matches no host",
    "The list has a mail with the reason after 5 min, and again nothing until it is too late.",
)
def test_no_match(lab: Laboratory) -> None:
    clock = _night(lab, hosts="nonesuch")
    _awaits_word(lab.services["worker"], "did not start")
    clock.set(NIGHT + timedelta(minutes=6))
    lab.over()
    _quiet_night(lab, runs=0, mails=1, within_s=RETRIED_S + lab.pace.heals_within_s)
    assert "nightly of 01 Oct 02:30" in lab.subjects()[0]
    assert "nonesuch" in lab.post.mailbox.received[0].content.decode()


@pytest.mark.fault(
    "the report worker is killed (-9) between making a run and giving it to the workers",
    "Another one finds the run and gives it to the workers.",
)
def test_an_orphaned_start(lab: Laboratory) -> None:
    clock = _night(lab)
    (lab.faults / "hold-queue").touch()
    eventually((lab.faults / "queued").exists, state=lab.services["worker"].said)
    lab.services["worker"].kill()
    assert not lab.runs.queued()
    (lab.faults / "hold-queue").unlink()
    lab.worker(clock=clock, name="again").ready()
    lab.over()
    lab.healed(within_s=60 + lab.pace.heals_within_s)


@pytest.mark.fault("two beats run", "A due time becomes one run, and one mail.")
def test_two_beats(lab: Laboratory) -> None:
    clock = _night(lab)
    lab.beat(clock=clock, name="beside")
    eventually(lab.runs.ids, state=lab.services["worker"].said)
    lab.over()
    lab.healed()


@pytest.mark.fault(
    "a schedule is due while its last run is still at work",
    "The due time is skipped (`overlap: skip`), and a mail says so once.",
)
def test_overlap(lab: Laboratory) -> None:
    clock = _night(lab, crontab="30,31 2 * * *")
    lab.gate.shut()
    lab.await_logins(8)
    clock.set(NIGHT + timedelta(seconds=58))
    eventually(lambda: lab.mails() == 1, state=lab.services["worker"].said)
    lab.over()
    lab.gate.open()
    lab.healed(mails=2)
    assert "skipped" in lab.subjects()[0]


@pytest.mark.fault(
    "clocks go forward over 02:30 (Europe/Berlin, 29 March 2026)",
    "The run starts once, at 03:30.",
)
def test_spring(lab: Laboratory) -> None:
    clock = Clock(lab.folder / "clock", datetime(2026, 3, 29, 1, 29, 40, tzinfo=UTC))
    lab.furnish(schedules=[NIGHTLY | {"timezone": "Europe/Berlin"}])
    _watched_by(lab, clock)
    run = lab.healed(within_s=60)
    assert run.run_id.startswith("20260329T013000Z-")


@pytest.mark.fault(
    "clocks go back over 02:30 (Europe/Berlin, 25 October 2026)",
    "The run starts once, when it is 02:30 for the first time.",
)
def test_autumn(lab: Laboratory) -> None:
    clock = Clock(lab.folder / "clock", datetime(2026, 10, 25, 0, 29, 40, tzinfo=UTC))
    lab.furnish(schedules=[NIGHTLY | {"timezone": "Europe/Berlin"}])
    _watched_by(lab, clock)
    run = lab.healed(within_s=60)
    assert run.run_id.startswith("20261025T003000Z-")
    clock.set(datetime(2026, 10, 25, 1, 29, 55, tzinfo=UTC))
    time.sleep(10 + 2 * lab.pace.tend_s)
    lab.over()
    lab.healed()


def _night(lab: Laboratory, since: timedelta = BEFORE, **more: object) -> Clock:
    """A fleet in the night, so long before the run is due, that has seen its schedule."""
    clock = Clock(lab.folder / "clock")
    lab.furnish(schedules=[NIGHTLY | more])
    clock.set(NIGHT + since)
    _watched_by(lab, clock)
    return clock


def _watched_by(lab: Laboratory, clock: Clock) -> None:
    # two processes may sweep, and one looks after schedules
    worker = lab.worker(at_once=3, clock=clock, name="worker")
    lab.beat(clock=clock, name="beat")
    eventually((lab.home / "schedules" / "nightly.json").exists, state=worker.said)


def _awaits_word(service: Service, word: str) -> None:
    eventually(lambda: word in service.said(), state=service.said)


def _quiet_night(lab: Laboratory, runs: int, mails: int, within_s: float = 0.0) -> None:
    """As `healed`, also where no run is to start."""
    if runs:
        lab.healed(runs=runs, mails=mails)
        return
    over_at = time.monotonic()
    eventually(
        lambda: lab.mails() >= mails and lab.is_quiet(),
        within_s or lab.pace.heals_within_s,
        lambda: "\n".join(service.said() for service in lab.services.values()),
    )
    lab.measured.recovery_s = time.monotonic() - over_at
    time.sleep(2 * lab.pace.tend_s + 1)
    lab.measured.mails = str(lab.mails())
    assert (len(lab.runs.ids()), lab.mails()) == (runs, mails), lab.subjects()
