"""Four nights, and what the mailbox holds each morning. The test sets the clock, behind that of Redis."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.laboratory import LIST, Laboratory
from tests.faults.processes import Clock, eventually
from tests.faults.servers import Gate

pytestmark = [pytest.mark.journey, pytest.mark.slow]

EVENING = datetime(2026, 10, 1, 20, 0, tzinfo=UTC)
DUE = datetime(2026, 10, 2, 0, 30, tzinfo=UTC)  # half past two in Berlin
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NIGHTLY = {"name": "nightly", "crontab": "30 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def lab(tmp_path: Path, hosts: Gate) -> Iterator[Laboratory]:
    """A fleet of which nothing is measured."""
    hosts.reset()
    laboratory = Laboratory(tmp_path, hosts)
    try:
        yield laboratory
    finally:
        laboratory.close()


def test_four_nights(lab: Laboratory) -> None:
    clock = Clock(lab.folder / "clock", EVENING)
    lab.furnish(hosts=3, schedules=[NIGHTLY])
    worker = lab.worker(clock=clock, name="worker")
    beat = lab.beat(clock=clock, name="beat")
    eventually((lab.home / "schedules" / "nightly.json").exists, state=worker.said)

    clock.set(DUE - timedelta(seconds=2))
    assert morning(lab) == ["[mapsweep nightly] OK: first run, native heap 0 (2 Oct)"]

    clock.set(DUE + DAY - MINUTE)
    lab.inventory.write_text("fleet: [\n")
    clock.set(DUE + DAY)
    eventually(
        lambda: "nightly of 2026-10-03T00:30:00+00:00 did not start" in worker.said(), state=worker.said
    )
    for minutes in (6, 30, 61):
        clock.set(DUE + DAY + minutes * MINUTE)
        eventually(lambda: lab.mails() >= 1, state=worker.said)
    eventually(lambda: "(failed)" in worker.said(), state=worker.said)
    text = " ".join(lab.post.mailbox.received[0].message.get_content().split())
    assert "inventory.yaml" in text
    assert "2026-10-03 02:30 CEST (00:30 UTC)" in text
    assert morning(lab) == ["[mapsweep] nightly of 03 Oct 02:30 has not started"]
    lab.write_inventory()

    clock.set(DUE + 2 * DAY - 30 * MINUTE)
    beat.stop()
    clock.set(DUE + 2 * DAY + 40 * MINUTE)
    beat = lab.beat(clock=clock, name="beat")
    eventually(lambda: lab.mails() == 1, state=worker.said)
    body = lab.post.mailbox.received[0].message.get_body(("plain",))
    assert body is not None
    assert "late, it was due 4 Oct 2026 00:30 UTC" in body.get_content()
    assert morning(lab) == ["[mapsweep nightly] OK: nothing changed, native heap 0 (4 Oct)"]

    beat.stop()
    clock.set(DUE + 3 * DAY + 300 * MINUTE)
    lab.beat(clock=clock, name="beat")
    assert morning(lab) == ["[mapsweep] nightly of 05 Oct 02:30 did not start"]
    assert len(lab.runs.ids()) == 2


def morning(lab: Laboratory) -> list[str]:
    """The subjects of what came since the last morning; each came once, to the whole list."""
    eventually(lambda: lab.mails() and lab.is_quiet(), state=lab.state)
    received = list(lab.post.mailbox.received)
    assert {each.recipients for each in received} == {LIST}
    lab.post.mailbox.received.clear()
    return [str(each.message["Subject"]) for each in received]
