"""Workers that die, or cannot go on, while a run is closed, rendered and mailed."""

import signal
import time
from collections.abc import Callable

import pytest

from tests.faults.laboratory import Laboratory
from tests.faults.processes import Service, eventually

pytestmark = [pytest.mark.journey, pytest.mark.slow]


@pytest.mark.parametrize(
    "watched",
    [
        pytest.param(
            True,
            marks=pytest.mark.fault(
                "a report worker is killed (-9) while it renders; a client watches",
                "Another worker renders and mails; the client ends with 0.",
            ),
        ),
        pytest.param(
            False,
            marks=pytest.mark.fault(
                "a report worker is killed (-9) while it renders; nobody watches",
                "Another worker renders and mails.",
            ),
        ),
    ],
)
def test_killed_while_it_renders(lab: Laboratory, *, watched: bool) -> None:
    lab.furnish()
    lab.worker("collect", "classify")
    dies = _report_worker_that_renders(lab)
    client = _given(lab, watched=watched)
    eventually((lab.faults / "rendered").exists, state=lab.state)
    dies.kill()
    (lab.faults / "hold-render").unlink()
    lab.worker("report").ready()
    lab.over()
    lab.healed(within_s=lab.pace.kill_heals_within_s)
    assert client is None or client.ended() == 0


@pytest.mark.fault(
    "report workers are killed (-9) twice while they render",
    "The third one closes, renders and mails.",
)
def test_killed_twice_while_it_renders(lab: Laboratory) -> None:
    lab.furnish()
    lab.worker("collect", "classify")
    dies = _report_worker_that_renders(lab)
    _given(lab, watched=False)
    eventually((lab.faults / "rendered").exists, state=lab.state)
    dies.kill()
    again = lab.worker("report")
    eventually(lambda: lab.lines("rendered") >= 2, lab.pace.kill_heals_within_s, lab.state)
    again.kill()
    (lab.faults / "hold-render").unlink()
    lab.worker("report").ready()
    lab.over()
    lab.healed(within_s=lab.pace.kill_heals_within_s)


@pytest.mark.fault(
    "a report cannot be rendered, whatever worker tries it",
    "After three tries the list has a mail that says so; `collect --resume` renders and mails it later.",
)
def test_a_report_that_cannot_be_rendered(lab: Laboratory) -> None:
    lab.furnish()
    (lab.faults / "fail-render").touch()
    lab.worker()
    lab.beat()
    run = lab.hand_over()
    eventually(lambda: lab.mails() == 1 and lab.is_quiet(), 60 + lab.pace.heals_within_s, lab.state)
    assert run.run_id in lab.subjects()[0]
    (lab.faults / "fail-render").unlink()
    client = lab.resume(run)
    lab.over()
    assert client.ended() == 0, client.said()
    lab.healed(mails=2)


@pytest.mark.parametrize(
    "watched",
    [
        pytest.param(
            True,
            marks=pytest.mark.fault(
                "a report worker is killed (-9) after the mail server took the mail; a client watches",
                "Nobody knows that it was taken, so it is sent once more with the same Message-ID.",
            ),
        ),
        pytest.param(
            False,
            marks=pytest.mark.fault(
                "a report worker is killed (-9) after the mail server took the mail; nobody watches",
                "Likewise.",
            ),
        ),
    ],
)
def test_killed_after_the_mail_was_taken(lab: Laboratory, *, watched: bool) -> None:
    lab.furnish()
    lab.worker("collect", "classify")
    dies = lab.worker("report").ready()
    stopped_once = _once(lambda: dies.send(signal.SIGSTOP))
    lab.post.mailbox.on_taken = stopped_once
    _given(lab, watched=watched)
    eventually(lambda: lab.mails() == 1, state=lab.state)
    time.sleep(0.5)  # the server's answer is sent, and nobody reads it
    dies.kill()
    lab.worker("report").ready()
    lab.over()
    lab.healed(mails=2, within_s=lab.pace.kill_heals_within_s)
    assert len({str(each.message["Message-ID"]) for each in lab.post.mailbox.received}) == 1


def _report_worker_that_renders(lab: Laboratory) -> Service:
    """A worker of reports that will be held while it renders."""
    (lab.faults / "hold-render").touch()
    return lab.worker("report").ready()


def _given(lab: Laboratory, *, watched: bool) -> Service | None:
    """A run, and its client if it watches; else beat looks after the run."""
    if watched:
        return lab.collect()
    lab.beat()
    lab.hand_over()
    return None


def _once(act: Callable[[], None]) -> Callable[[], None]:
    """Does something when it is called for the first time."""
    left = [act]

    def called() -> None:
        if left:
            left.pop()()

    return called
