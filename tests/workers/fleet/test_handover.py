"""Runs on real workers over a real Redis."""

import base64
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.run import Run
from archive.runs import Runs
from collector.session import Session
from domain.mistakes import OperatorError
from domain.records import Connection, Failure, Host, Limits, Stage
from tests.archive.examples import SIGNING_KEY, dump, host, is_rendered, manifest
from tests.archive.stores import CountingStore
from tests.certificates import self_signed
from tests.ports import free_port
from tests.redis_server import redis_server
from tests.waiting import eventually
from tests.workers.fleet.watching import execute, silent
from tests.workers.worker_process import PACE, kill_all, running
from workers.fleet import handover
from workers.fleet.broker import KEY_PREFIX
from workers.fleet.leases import Leases, Step
from workers.fleet.post import Post
from workers.fleet.tending import Tender, hand_over
from workers.fleet.worker_settings import WorkerSettings
from workers.here import embedded
from workers.life.ending import close_run
from workers.life.progress import Progress

pytestmark = pytest.mark.journey

QUICK = replace(PACE, lease_s=2, again_s=1)


def ssh_host(name: str, port: int, key: Path) -> Host:
    return replace(host(name, port=port, connection=Connection.SSH), key_file=str(key))


def create(settings: WorkerSettings, *hosts: Host) -> Run:
    asked = replace(manifest(), hosts=hosts)
    return Runs(settings.runs_url, settings.signing_key).create(asked)


@contextmanager
def tarpit() -> Iterator[int]:
    """A port where something listens and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


def test_both_modes_give_byte_identical_results_and_tables(
    post: Post, settings: WorkerSettings, key: Path, made_root: Path, tmp_path: Path
) -> None:
    asked = [host(name, root=str(made_root)) for name in ("this", "=cmd()")]
    refused = ssh_host("refused", free_port(), key)
    kept = [f"kept{number:03}" for number in range(200)]
    run = create(settings, *asked, *map(host, kept), refused)
    for number, name in enumerate(kept):
        run.write_dump(dump(name, seed=number % 50))
    with running("worker", settings, tmp_path):
        closed = execute(run, settings)
    assert closed is not None
    assert (closed.asked, closed.failed, closed.complete) == (203, 1, True)
    assert is_rendered(run)
    assert Runs(settings.runs_url).queued() == ()

    here = Runs(str(tmp_path / "here")).create(run.manifest)
    for name in ("this", "=cmd()", *kept):
        here.write_dump(run.read_dump(name))
    failure = run.outcomes()[-1].failure
    assert failure is not None
    here.write_failure(failure)
    embedded.execute(here, Session(here.manifest.limits), silent, threading.Event(), processes=2)
    assert len(run.store.list("results/1")) == 202
    for folder in ("results/1", "settled/1"):
        names = run.store.list(folder)
        assert here.store.list(folder) == names
        for name in names:
            if not name.startswith("fleet-"):  # it says when the run was closed
                assert here.store.read(f"{folder}/{name}") == run.store.read(f"{folder}/{name}"), name
    assert (failure.stage, failure.reason) == (Stage.TCP, "tcp_refused")


def test_a_run_over_tls(settings: WorkerSettings, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with redis_server(certificate=certificate) as server:
        settings = replace(
            settings, broker_url=f"rediss://127.0.0.1:{server.port}/0", broker_ca_file=certificate
        )
        run = create(settings, host("a"))
        run.write_dump(dump("a"))
        with running("worker", settings, tmp_path):
            closed = execute(run, settings)
    assert closed is not None
    assert (closed.ok, closed.failed) == (1, 0)


def test_a_worker_killed_in_mid_run_loses_no_host(
    post: Post, settings: WorkerSettings, key: Path, made_root: Path, tmp_path: Path
) -> None:
    settings = replace(settings, pace=QUICK)
    with tarpit() as port:
        slow = ssh_host("slow", port, key)
        run = create(settings, slow, host("a", root=str(made_root)))
        leases = Leases(post.redis, run.run_id, QUICK.lease_s)
        with running("worker", settings, tmp_path, "1") as worker:
            hand_over(run, post)
            eventually(lambda: bool(leases.held(Step.COLLECT, ["slow"])))
            kill_all(worker)
    assert "slow" in [each.name for each in run.pending()]
    with running("worker", settings, tmp_path, "2"):
        assert execute(run, settings) is not None
    failure = run.outcomes()[0].failure
    assert failure is not None
    assert failure.reason == "tcp_refused"  # the tarpit is gone: it was asked again, and answered for itself
    assert run.outcomes()[1].record is not None


@pytest.mark.parametrize(("at_once", "sizes"), [(64, [5, 20, 20]), (15, [15, 15, 15])])
def test_messages_are_small_references_in_json(
    at_once: int, sizes: list[int], post: Post, settings: WorkerSettings
) -> None:
    names = [f"host{number:03}" for number in range(45)]
    asked = replace(manifest("kept", *names), limits=Limits(concurrency=at_once))
    run = Runs(settings.runs_url, settings.signing_key).create(asked)
    run.write_dump(dump("kept"))
    hand_over(run, post)
    messages = [json.loads(text) for text in post.redis.lrange(KEY_PREFIX + "collect", 0, -1)]
    assert all(message["content-type"] == "application/json" for message in messages)
    bodies = [json.loads(base64.b64decode(message["body"])) for message in messages]
    hosts = [body[1]["hosts"] for body in bodies]
    assert sorted(len(batch) for batch in hosts) == sizes
    assert sorted(name for batch in hosts for name in batch) == names
    assert {body[1]["run_id"] for body in bodies} == {run.run_id}
    (classify,) = post.redis.lrange(KEY_PREFIX + "classify", 0, -1)
    assert len(classify) < 2000


def test_a_lost_message_is_posted_again_and_a_waiting_one_is_not(
    post: Post, settings: WorkerSettings
) -> None:
    run = Runs(settings.runs_url, settings.signing_key).create(manifest("a", "b"))
    run.write_dump(dump("b"))
    hand_over(run, post)
    tender = Tender(run, post, Leases(post.redis, run.run_id, PACE.lease_s), PACE)
    tender.advance()
    assert (post.waiting("collect"), post.waiting("classify")) == (1, 1)
    post.redis.flushall()  # Redis was restarted, and kept nothing
    tender.advance()
    tender.advance()
    assert (post.waiting("collect"), post.waiting("classify")) == (1, 1)


def test_a_run_is_looked_after_with_as_many_listings_however_many_hosts_it_has(
    post: Post, settings: WorkerSettings
) -> None:
    looked = []
    for count in (4, 40):
        names = [f"h{i}" for i in range(count)]
        run = Runs(settings.runs_url, settings.signing_key).create(manifest(*names))
        run.write_dump(dump("h0"))
        store = CountingStore(run.url)
        Tender(Run(store, run.manifest), post, Leases(post.redis, run.run_id, PACE.lease_s), PACE).advance()
        looked.append(store.looked)
    assert looked[0] == looked[1] == 4  # results, dumps, and two folders of failures


def lapse(post: Post, run: Run) -> None:
    for key in post.redis.scan_iter(f"{KEY_PREFIX}run:{run.run_id}:*"):
        if ":lease:" in key or ":posted:" in key:
            post.redis.delete(key)


def test_a_host_that_kills_its_workers_is_given_up(post: Post, settings: WorkerSettings) -> None:
    run = Runs(settings.runs_url, settings.signing_key).create(manifest("a", "b"))
    run.write_dump(dump("b"))
    leases = Leases(post.redis, run.run_id, PACE.lease_s)
    tender = Tender(run, post, leases, PACE)
    for attempt in range(PACE.attempts):
        assert run.standing().failed == frozenset()
        for step, name in ((Step.COLLECT, "a"), (Step.CLASSIFY, "b")):
            assert leases.take(step, name)
            assert not leases.take(step, name)
        tender.advance()
        assert post.waiting("collect") == post.waiting("classify") == attempt
        lapse(post, run)
        tender.advance()
        assert leases.attempts(Step.COLLECT) == {"a": attempt + 1}
    tender.advance()
    assert run.standing().failed == {"a", "b"}
    for outcome in run.outcomes():
        assert outcome.failure is not None
        assert (outcome.failure.stage, outcome.failure.reason) == (Stage.WORKER, "worker_lost")
    assert post.waiting("report") == 1


def test_a_run_without_workers_ends_at_its_deadline(post: Post, settings: WorkerSettings) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    quick = Limits(total_s=0.5, attempts=1, classify_s=0.4)
    asked = replace(manifest("a", "b"), deadline_at=soon.isoformat(), limits=quick)
    run = Runs(settings.runs_url, settings.signing_key).create(asked)
    closed = execute(run, replace(settings, pace=replace(PACE, lease_s=1)))
    assert closed is not None
    assert (closed.failed, closed.complete) == (2, False)
    assert is_rendered(run)
    assert Runs(settings.runs_url).queued() == ()


def test_past_the_deadline_dumps_are_classified_as_long_as_somebody_may_do_it(
    post: Post, settings: WorkerSettings
) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    run = Runs(settings.runs_url, settings.signing_key).create(
        replace(manifest("a", "b"), deadline_at=past.isoformat())
    )
    run.write_dump(dump("b"))
    tender = Tender(run, post, Leases(post.redis, run.run_id, PACE.lease_s), replace(PACE, task_s=1))
    tender.advance()
    assert run.standing().failed == {"a"}
    assert run.standing().dumped == {"b"}
    assert post.waiting("classify") == 1
    eventually(lambda: tender.advance() and run.standing().failed == {"a", "b"})


def test_a_closed_run_ends_at_once_without_any_worker(post: Post, settings: WorkerSettings) -> None:
    run = Runs(settings.runs_url, settings.signing_key).create(manifest("a"))
    run.write_failure(Failure("a", Stage.TCP, "tcp_refused"))
    closed = close_run(run)
    assert execute(run, settings) == closed
    assert is_rendered(run)
    assert Runs(settings.runs_url).queued() == ()
    assert post.waiting("report") == 0


def test_a_closed_run_that_only_the_workers_can_mail_is_theirs(post: Post, settings: WorkerSettings) -> None:
    listed = replace(manifest("a"), mail_to=("you@example.org",))
    run = Runs(settings.runs_url, settings.signing_key).create(listed)
    run.write_failure(Failure("a", Stage.TCP, "tcp_refused"))
    close_run(run)
    stop = threading.Event()
    assert handover.execute(run, settings, lambda _: stop.set(), stop) is None
    assert Runs(settings.runs_url).queued() == (run.run_id,)
    assert post.waiting("report") == 1


@pytest.mark.parametrize("removed", ["run", "mark"])
def test_what_is_taken_away_while_it_is_watched_is_said(
    removed: str, post: Post, settings: WorkerSettings
) -> None:
    runs = Runs(settings.runs_url, settings.signing_key)
    run = runs.create(manifest("a"))

    def tell(_: Progress) -> None:
        if removed == "run":
            shutil.rmtree(run.url)
        else:
            runs.unqueue(run.run_id)

    with pytest.raises(OperatorError, match=r"was removed while|was taken from the workers"):
        handover.execute(run, settings, tell, threading.Event())


def test_without_workers_the_progress_says_so(post: Post, settings: WorkerSettings) -> None:
    run = Runs(settings.runs_url, settings.signing_key).create(manifest("a"))
    stop, notes = threading.Event(), []

    def tell(now: Progress) -> None:
        notes.append(now.note)
        if now.note:
            stop.set()

    assert handover.execute(run, settings, tell, stop) is None
    assert notes == ["", handover.NOBODY]


def test_stopped_the_command_leaves_the_run_to_the_workers(post: Post, settings: WorkerSettings) -> None:
    run = Runs(settings.runs_url, settings.signing_key).create(manifest("a"))
    stop = threading.Event()
    stop.set()
    assert handover.execute(run, settings, silent, stop) is None
    assert Runs(settings.runs_url).queued() == (run.run_id,)
    assert post.waiting("collect") == 1


def test_a_host_that_may_take_longer_than_a_task_is_the_operators_mistake(settings: WorkerSettings) -> None:
    asked = manifest("a")
    run = Runs(settings.runs_url, settings.signing_key).create(
        replace(asked, limits=replace(asked.limits, total_s=350, attempts=2))
    )
    with pytest.raises(OperatorError, match="a host may take 700 s"):
        execute(run, settings)
    allowed = replace(asked.limits, total_s=349.9, attempts=2)
    handover._check(Run(run.store, replace(asked, limits=allowed)), settings)


def test_a_run_where_the_workers_do_not_look_is_not_given_to_them(
    settings: WorkerSettings, tmp_path: Path
) -> None:
    elsewhere = Runs(str(tmp_path / "elsewhere"), SIGNING_KEY).create(manifest("a"))
    with pytest.raises(OperatorError, match="is outside of"):
        execute(elsewhere, settings)
    inside = Runs(settings.runs_url, SIGNING_KEY).create(manifest("a"))
    inside.store.replace("manifest.sig", b"0" * 64 + b"\n")
    with pytest.raises(OperatorError, match="does not match"):
        execute(inside, settings)
    (tmp_path / "link").symlink_to(settings.runs_url)
    run = Runs(settings.runs_url, SIGNING_KEY).create(manifest("a"))
    handover._check(Runs(str(tmp_path / "link"), SIGNING_KEY).by_id(run.run_id), settings)


def test_no_broker_is_the_operators_mistake(settings: WorkerSettings) -> None:
    run = Runs(settings.runs_url, settings.signing_key).create(manifest("a"))
    with pytest.raises(OperatorError, match="does not answer"):
        execute(run, replace(settings, broker_url=f"redis://127.0.0.1:{free_port()}/0"))
    assert Runs(settings.runs_url).queued() == ()
