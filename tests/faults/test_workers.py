"""Workers that die, hang, or are told to stop."""

import signal
import time

import pytest

from tests.faults.laboratory import Laboratory
from tests.faults.processes import eventually

pytestmark = [pytest.mark.journey, pytest.mark.slow]


@pytest.mark.short
@pytest.mark.fault("none", "The figures of a run without a fault, to compare with.")
def test_nothing(lab: Laboratory) -> None:
    lab.furnish()
    lab.worker()
    client = lab.collect()
    lab.healed(within_s=60)
    assert client.ended() == 0


@pytest.mark.short
@pytest.mark.fault(
    "a collect worker is killed (-9) while it sweeps",
    "Its leases lapse and another worker sweeps its hosts again, so they are swept twice.",
)
def test_a_collect_worker_is_killed(lab: Laboratory) -> None:
    dies = lab.sweeping(12, queues=("collect",))
    lab.worker().ready()
    dies.kill()
    lab.over()
    lab.gate.open()
    lab.healed(swept=2, within_s=lab.pace.kill_heals_within_s)


@pytest.mark.fault(
    "a collect worker is killed (-9) twice in a run",
    "No healthy host is given up: a host that was begun is tried alone, and has three attempts.",
)
def test_a_collect_worker_is_killed_twice(lab: Laboratory) -> None:
    lab.furnish(12)
    lab.gate.shut()
    lab.beat()
    lab.worker("classify", "report")
    first = lab.worker("collect", at_once=1)
    lab.hand_over()
    lab.await_logins(12)
    first.kill()
    second = lab.worker("collect", at_once=1)
    lab.await_logins(13)
    second.kill()
    lab.worker("collect").ready()
    lab.over()
    lab.gate.open()
    lab.healed(swept=3, within_s=lab.pace.kill_heals_within_s)


@pytest.mark.fault(
    "the pool's processes of a collect worker are killed (-9), as the OOM killer does",
    "The worker starts new ones. The hosts that they were at are swept again after their leases.",
)
def test_the_pool_is_killed(lab: Laboratory) -> None:
    worker = lab.sweeping()
    worker.kill_children()
    lab.over()
    lab.gate.open()
    lab.healed(swept=2, within_s=lab.pace.kill_heals_within_s)


@pytest.mark.fault(
    "the pool's processes of a classify worker are killed (-9) twice",
    "The dumps are classified again after each lease; no host is swept again.",
)
def test_the_pool_is_killed_while_it_classifies(lab: Laboratory) -> None:
    lab.furnish()
    (lab.faults / "hold-classify").touch()
    worker = lab.worker()
    lab.beat()
    lab.hand_over()
    for deaths in (1, 2):
        eventually(lambda least=deaths: lab.lines("classified") >= 2 * least, state=lab.state)  # type: ignore[misc]
        worker.kill_children()
    lab.over()
    (lab.faults / "hold-classify").unlink()
    lab.healed(within_s=lab.pace.kill_heals_within_s)


@pytest.mark.fault(
    "a dump kills whatever classifies it",
    "Its host fails as `worker_lost` after two processes; the worker and all other hosts go on.",
)
def test_a_poison_dump(lab: Laboratory) -> None:
    lab.furnish()
    (lab.faults / "kill-classify").write_text("host003")
    lab.worker()
    lab.beat()
    lab.hand_over()
    run = lab.healed(ok=7)
    assert lab.failures(run) == {"host003": "worker_lost"}


@pytest.mark.fault(
    "a dump kills the worker's own process each time that it is classified",
    "Its host fails as `worker_lost` after three workers; all other hosts go on.",
)
def test_a_dump_that_kills_workers(lab: Laboratory) -> None:
    lab.furnish()
    (lab.faults / "kill-pool").write_text("host003")
    lab.worker()
    lab.beat()
    lab.hand_over()
    run = lab.healed(ok=7, within_s=3 * lab.pace.kill_heals_within_s)
    assert lab.failures(run) == {"host003": "worker_lost"}


@pytest.mark.fault(
    "a collect worker hangs (SIGSTOP) for longer than its leases, and goes on",
    "Others sweep its hosts; what it brings in later changes nothing.",
)
def test_paused(lab: Laboratory) -> None:
    hangs = lab.sweeping(queues=("collect",))
    hangs.send(signal.SIGSTOP)
    lab.worker().ready()
    lab.await_logins(9)
    lab.gate.open()
    eventually(lambda: lab.run().closed(), state=lab.state)
    hangs.send(signal.SIGCONT)
    lab.over()
    lab.healed(swept=2)


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(
            False,
            marks=[
                pytest.mark.short,
                pytest.mark.fault(
                    "a worker is told to stop (SIGTERM) while it sweeps, as by each deployment",
                    "It ends within 10 s and gives its hosts back at once; that is no attempt.",
                ),
            ],
        ),
        pytest.param(
            True,
            marks=pytest.mark.fault(
                "a worker and its children are told to stop (SIGTERM to the group)",
                "Likewise.",
            ),
        ),
    ],
)
def test_told_to_stop(lab: Laboratory, *, group: bool) -> None:
    worker = lab.sweeping()
    told_at = time.monotonic()
    if group:
        worker.send(signal.SIGTERM)
    assert (worker.ended() if group else worker.stop()) == 0, worker.said()
    assert time.monotonic() - told_at < 15  # 10 s, and a machine that others use
    lab.worker().ready()
    lab.over()
    lab.gate.open()
    run = lab.healed(swept=2)
    with lab.broker.client() as client:
        assert set(client.hgetall(f"mapsweep:run:{run.run_id}:begun:collect").values()) <= {"1"}


@pytest.mark.fault(
    "everything is told to stop (SIGTERM), Redis too, and is started again",
    "The run goes on where it was, although Redis has lost everything.",
)
def test_all_told_to_stop(lab: Laboratory) -> None:
    lab.furnish()
    lab.gate.shut("host001", "host002")
    services = [lab.worker(), lab.beat()]
    lab.hand_over()
    eventually(lambda: lab.run().standing().done, state=lab.state)
    assert [service.stop() for service in services] == [0, 0]
    lab.broker.send(signal.SIGTERM)
    lab.broker.start()
    lab.worker().ready()
    lab.beat()
    lab.over()
    lab.gate.open("host001", "host002")
    lab.healed(swept=2)


@pytest.mark.fault(
    "no worker collects until the deadline of the run",
    "All hosts fail as `deadline`, and the report is mailed; a worker that comes later changes nothing.",
)
def test_deadline_without_workers(lab: Laboratory) -> None:
    lab.furnish(deadline_s=60)
    lab.worker("report")
    lab.beat()
    lab.hand_over()
    run = lab.healed(ok=0, swept=0, within_s=60 + lab.pace.heals_within_s)
    assert set(lab.failures(run).values()) == {"deadline"}
    lab.worker("collect", "classify").ready()
    time.sleep(3 * lab.pace.tend_s)
    assert not lab.gate.logins().total()
