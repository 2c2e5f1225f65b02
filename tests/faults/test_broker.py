"""Redis that goes, hangs, is full or forgets, and messages that come more than once."""

import shutil
import signal
import time
from typing import cast

import pytest

from tests.faults.laboratory import Laboratory
from tests.faults.processes import eventually
from tests.redis_server import PASSWORD
from workers.fleet.app import COLLECT, celery_app
from workers.fleet.post import COLLECT_TASK
from workers.fleet.worker_settings import WorkerSettings

pytestmark = [pytest.mark.journey, pytest.mark.slow]


@pytest.mark.parametrize(
    ("append_only", "number"),
    [
        pytest.param(
            False,
            signal.SIGTERM,
            marks=pytest.mark.fault(
                "Redis is restarted and has lost everything",
                "Leases and messages are made again from the archive. Redis needs no persistence.",
            ),
        ),
        pytest.param(
            True,
            signal.SIGKILL,
            marks=pytest.mark.fault(
                "Redis is killed (-9) and restarted with its append-only file",
                "Old leases lapse like any other: persistence does no harm, and gains nothing.",
            ),
        ),
    ],
)
def test_restarted(lab: Laboratory, *, append_only: bool, number: signal.Signals) -> None:
    lab.furnish(12, append_only=append_only)
    lab.gate.shut()
    services = [lab.worker("collect", at_once=1), lab.worker("classify", "report"), lab.beat()]
    lab.hand_over()
    lab.await_logins(12)
    time.sleep(1.5)  # what is appended is on the disk
    lab.broker.send(number)
    time.sleep(3)
    lab.broker.start()
    lab.over()
    lab.gate.open()
    lab.healed(swept=2)
    assert all(service.is_running() for service in services)


@pytest.mark.fault(
    "Redis hangs (SIGSTOP) for longer than a lease",
    "Everybody waits and goes on. A lease that lapsed meanwhile is taken up again by the worker that had it.",
)
def test_hangs(lab: Laboratory) -> None:
    lab.sweeping(12)
    lab.broker.send(signal.SIGSTOP)
    time.sleep(lab.pace.stall_s)
    lab.broker.send(signal.SIGCONT)
    lab.over()
    lab.gate.open()
    lab.healed(swept=2)


@pytest.mark.fault(
    "Redis hangs (SIGSTOP) three times in a run; a client watches",
    "Likewise; the client says that Redis does not answer, and ends with 0.",
)
def test_hangs_again_and_again(lab: Laboratory) -> None:
    lab.furnish(12)
    lab.gate.shut("host001", "host002", "host003")
    lab.worker()
    client = lab.collect()
    for name in ("host001", "host002", "host003"):
        lab.await_logins(4)
        lab.broker.send(signal.SIGSTOP)
        time.sleep(lab.pace.stall_s / 2)
        lab.broker.send(signal.SIGCONT)
        lab.gate.open(name)
        time.sleep(1)
    lab.over()
    lab.healed(swept=2)
    assert client.ended() == 0


@pytest.mark.fault(
    "Redis has reached its maxmemory, and nobody restarts workers",
    "Workers outlast it, say so in their log, and go on as soon as Redis takes messages again.",
)
def test_full(lab: Laboratory) -> None:
    lab.furnish(12)
    lab.gate.shut()
    services = [lab.worker("collect", at_once=1), lab.worker("classify", "report"), lab.beat()]
    lab.hand_over()
    lab.await_logins(12)
    with lab.broker.client() as client:
        client.config_set("maxmemory", "1")
        lab.gate.open()
        time.sleep(15)
        client.config_set("maxmemory", "0")
    lab.over()
    lab.healed(swept=2)
    assert all(service.is_running() for service in services)


@pytest.mark.short
@pytest.mark.fault(
    "FLUSHALL in the middle of a run",
    "As a restart: what the run needs is in the archive.",
)
def test_flushed(lab: Laboratory) -> None:
    lab.sweeping(12)
    with lab.broker.client() as client:
        client.flushall()
    lab.over()
    lab.gate.open()
    lab.healed(swept=2)


@pytest.mark.fault(
    "each message comes four times",
    "A host is taken by one worker alone: nothing is swept twice.",
)
def test_doubled(lab: Laboratory) -> None:
    lab.furnish(40)
    lab.hand_over()
    with lab.broker.client() as client:
        waiting = cast("list[str]", client.lrange("mapsweep:collect", 0, -1))
        assert len(waiting) == 2
        client.rpush("mapsweep:collect", *waiting * 3)
    lab.worker()
    lab.worker()
    lab.beat()
    lab.over()
    lab.healed(within_s=2 * lab.pace.heals_within_s)


@pytest.mark.fault(
    "three clients give the same run to the workers",
    "It is swept and mailed once, and all three end with 0.",
)
def test_three_clients(lab: Laboratory) -> None:
    lab.furnish(12)
    lab.gate.shut("host005")
    lab.worker()
    clients = [lab.collect()]
    eventually(lab.runs.queued, state=clients[0].said)
    clients += [lab.resume(lab.run()) for _ in range(2)]
    eventually(lambda: all("run 2" in client.said() for client in clients))
    lab.gate.open()
    lab.gate.open("host005")
    lab.over()
    lab.healed()
    assert [client.ended() for client in clients] == [0, 0, 0]


@pytest.mark.fault(
    "`collect --resume` without a broker, of a run that the workers have",
    "It is refused, or both find out who does what: the list has one mail.",
)
def test_embedded_beside(lab: Laboratory) -> None:
    lab.furnish(12)
    lab.gate.shut("host005")
    lab.worker()
    lab.beat()
    run = lab.hand_over()
    lab.await_logins(12)
    alone = lab.configure(lab.folder / "alone.yaml", broker=None, fleet=None)
    client = lab.resume(run, alone)
    eventually(lambda: "run 2" in client.said() or not client.is_running())
    lab.over()
    lab.gate.open("host005")
    lab.healed(swept=2)
    client.ended()
    lab.measured.mails = str(lab.mails())
    assert lab.mails() == 1


@pytest.mark.parametrize(
    "broker",
    [
        pytest.param(
            True,
            marks=pytest.mark.fault(
                "`collect --resume` of a run that is closed and mailed", "Nothing is mailed again."
            ),
        ),
        pytest.param(
            False,
            marks=pytest.mark.fault(
                "`collect --resume` without a broker of a run that is closed and mailed", "Likewise."
            ),
        ),
    ],
)
def test_resumed_when_it_is_over(lab: Laboratory, *, broker: bool) -> None:
    lab.furnish()
    lab.worker()
    lab.collect()
    run = lab.healed()
    config = None if broker else lab.configure(lab.folder / "alone.yaml", broker=None, fleet=None)
    client = lab.resume(run, config)
    assert client.ended() == 0, client.said()
    lab.over()
    lab.healed()


@pytest.mark.fault(
    "no schedule is set, beat runs, and the client leaves",
    "Beat has runs looked after also where nothing is scheduled: the run is closed and mailed.",
)
def test_no_schedule(lab: Laboratory) -> None:
    lab.furnish()
    lab.worker()
    lab.beat()
    lab.hand_over()
    lab.over()
    lab.healed()


@pytest.mark.fault(
    "a message names a run outside of the archive",
    "It is refused and counted, because messages name runs by their id alone; other runs go on.",
)
def test_a_run_from_elsewhere(lab: Laboratory) -> None:
    lab.furnish()
    worker = lab.worker()
    lab.beat()
    run = lab.hand_over()
    lab.healed()
    elsewhere = lab.folder / "elsewhere" / run.run_id
    shutil.copytree(lab.home / run.run_id, elsewhere, ignore=shutil.ignore_patterns("dumps", "results"))
    settings = WorkerSettings(lab.broker.url, str(lab.home), broker_password=PASSWORD)
    for name in (str(elsewhere), f"../elsewhere/{run.run_id}", run.run_id):
        arguments = {"run_id": name, "hosts": [host.name for host in run.manifest.hosts]}
        celery_app(settings).send_task(COLLECT_TASK, kwargs=arguments, queue=COLLECT, ignore_result=True)
    eventually(lambda: worker.said().count("is refused") >= 2, state=worker.said)
    lab.over()
    lab.healed()
