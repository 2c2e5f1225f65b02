"""Workers that die, hang, or are told to stop."""


import pytest

from tests.faults.laboratory import Laboratory, eventually

pytestmark = [pytest.mark.journey, pytest.mark.slow]


@pytest.mark.fault("none", "A night without a fault: the figures of the other rows compare with these.")
def test_nothing(lab: Laboratory) -> None:
    lab.furnish()
    lab.worker()
    client = lab.collect()
    lab.healed()
    assert client.process.wait(10) == 0


@pytest.mark.fault(
    "a collect worker is killed (-9) while it holds hosts",
    "Its leases lapse, and another worker sweeps its hosts again: those that it was at are swept twice.",
)
def test_a_collect_worker_is_killed(lab: Laboratory) -> None:
    lab.furnish(12)
    lab.gate.shut()
    dies = lab.worker("collect", at_once=1)
    lab.beat()
    lab.hand_over()
    eventually(lambda: lab.gate.logins().total() >= 12)
    lab.worker()
    dies.kill()
    lab.over()
    lab.gate.open()
    lab.healed(again=1, killed=True)


@pytest.mark.fault(
    "a collect worker is killed (-9) twice in a night",
    "No healthy host is given up, because one death is not counted against the others.",
)
def test_a_collect_worker_is_killed_twice(lab: Laboratory) -> None:
    lab.furnish(12)
    lab.gate.shut()
    lab.beat()
    lab.worker("classify", "report")
    first = lab.worker("collect", at_once=1)
    lab.hand_over()
    for dies, logins in ((first, 12), (None, 13)):
        worker = dies or lab.worker("collect", at_once=1)
        eventually(lambda enough=logins: lab.gate.logins().total() >= enough)  # type: ignore[misc]
        worker.kill()
    lab.worker("collect")
    lab.over()
    lab.gate.open()
    lab.healed(again=2, killed=True)


@pytest.mark.fault(
    "the processes of a worker's pool are killed (-9), as by the OOM killer",
    "The worker starts new ones; the hosts that they were at are done again after the lease.",
)
def test_the_pool_is_killed(lab: Laboratory) -> None:
    lab.furnish()
    lab.gate.shut()
    worker = lab.worker()
    lab.beat()
    lab.hand_over()
    eventually(lambda: lab.gate.logins().total() >= 8)
    worker.kill_children()
    lab.over()
    lab.gate.open()
    lab.healed(again=1, killed=True)


@pytest.mark.fault(
    "the process that classifies is killed once",
    "The dump is classified again at once by another.",
)
def test_a_classifier_is_killed(lab: Laboratory) -> None:
    lab.furnish()
    (lab.faults / "hold-classify").touch()
    worker = lab.worker()
    lab.beat()
    lab.hand_over()
    eventually((lab.faults / "classified").exists)
    worker.kill_children()
    lab.over()
    (lab.faults / "hold-classify").unlink()
    lab.healed(again=1, killed=True)
