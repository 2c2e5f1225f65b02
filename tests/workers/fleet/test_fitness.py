"""Workers that cannot do their work: what they do to the others, and to their hosts."""

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from archive import codec
from archive.identity import NAME, archive_id
from archive.places import store_at
from archive.run import Run
from archive.runs import Runs
from archive.signature import sign
from domain.mistakes import OperatorError
from domain.records import Limits
from tests.archive.examples import SIGNING_KEY, dump, is_rendered, manifest
from tests.waiting import eventually
from tests.workers.fleet.test_deaths import QUICK, looked_after
from tests.workers.worker_process import running
from workers.fleet.fitness import ARCHIVE_KEY, SPACE_BYTES_MIN, Fitness, announce
from workers.fleet.leases import Leases, Step
from workers.fleet.post import RETURNS_MAX, Message, Post
from workers.fleet.stopping import StopFlag, Stopping
from workers.fleet.tasks import Worker, worker_app
from workers.fleet.tending import hand_over
from workers.fleet.trouble import Note, told, troubles
from workers.fleet.turns import ERRORS_MAX, Turns
from workers.fleet.worker_settings import WorkerSettings

pytestmark = pytest.mark.journey

NOTICE = "notice-0123456789abcdef"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a mount takes root")


@pytest.fixture
def quick(settings: WorkerSettings) -> WorkerSettings:
    return replace(settings, pace=QUICK)


def given(settings: WorkerSettings, post: Post, *names: str) -> Run:
    """A run that the fleet has been given; its hosts have sent their dumps."""
    run = Runs(settings.runs_url, settings.signing_key).create(replace(manifest(*names), limits=Limits()))
    for name in names:
        run.write_dump(dump(name))
    hand_over(run, post)
    return run


def in_mount_namespace(*commands: str) -> tuple[str, ...]:
    """What executes a worker where these commands were executed in its own view of the file system."""
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("no mount namespace here")
    return ("unshare", "-m", "sh", "-ec", f'{"; ".join(commands)}; exec "$@"', "sh")


def without_privilege_of_root() -> tuple[str, ...]:
    """What executes a worker to which the modes of files apply, also where it is root."""
    if os.geteuid():
        return ()
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")


@contextmanager
def small_file_system(place: Path, size_bytes: int) -> Iterator[None]:
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "none", str(place)]
    if subprocess.run(command, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def noted(post: Post) -> str:
    return told(troubles(post.redis))


@needs_root
def test_an_archive_that_is_read_only_for_a_while_costs_no_host(
    post: Post, quick: WorkerSettings, tmp_path: Path
) -> None:
    names = [f"h{number}" for number in range(10)]
    run = given(quick, post, *names)
    runs = quick.runs_url
    before = in_mount_namespace(f"mount --bind {runs} {runs}", f"mount -o remount,ro,bind {runs}")
    leases = Leases(post.redis, run.run_id, QUICK.lease_s)
    with running("worker", quick, tmp_path, before=before) as worker, looked_after(run, post, quick):
        eventually(lambda: f"EROFS at {runs}: Read-only file system" in noted(post))
        assert leases.attempts(Step.CLASSIFY) == {}
        assert not (tmp_path / "alive").exists()
        assert len(run.pending()) == len(names)
        enter = ["nsenter", "-t", str(worker.pid), "-m"]
        subprocess.run([*enter, "mount", "-o", "remount,rw,bind", runs], check=True)
        eventually(lambda: not run.pending())
        eventually(lambda: noted(post) == "")
        eventually((tmp_path / "alive").exists)
    assert run.standing().done == set(names)
    assert set(leases.attempts(Step.CLASSIFY).values()) == {1}
    log = (tmp_path / "worker.log").read_text()
    assert "this worker takes no work: EROFS" in log
    assert "Traceback" not in log


@needs_root
def test_a_folder_of_results_that_is_read_only_for_a_while_costs_no_host(
    post: Post, quick: WorkerSettings, tmp_path: Path
) -> None:
    """The worker can work otherwise, and meets the error in its tasks."""
    names = [f"h{number}" for number in range(4)]
    run = given(quick, post, *names)
    results = Path(run.url, "results/1")
    results.mkdir(parents=True)
    before = in_mount_namespace(f"mount --bind {results} {results}", f"mount -o remount,ro,bind {results}")
    leases = Leases(post.redis, run.run_id, QUICK.lease_s)
    with running("worker", quick, tmp_path, before=before) as worker, looked_after(run, post, quick):
        eventually(lambda: f"EROFS at {results}" in noted(post))
        eventually(lambda: leases.attempts(Step.CLASSIFY) == {})
        enter = ["nsenter", "-t", str(worker.pid), "-m"]
        subprocess.run([*enter, "mount", "-o", "remount,rw,bind", str(results)], check=True)
        eventually(lambda: not run.pending())
    assert run.standing().done == set(names)
    log = (tmp_path / "worker.log").read_text()
    assert log.count("not done, and no host's fault: EROFS") <= 2  # once for each process, not for each host
    assert "Traceback" not in log


@needs_root
def test_an_archive_that_is_full_for_a_while_costs_no_host(
    post: Post, quick: WorkerSettings, tmp_path: Path
) -> None:
    place = tmp_path / "small"
    with small_file_system(place, SPACE_BYTES_MIN + 4 * 2**20):
        settings = replace(quick, runs_url=str(place))
        run = given(settings, post, "a", "b", "c")
        filler = place / "filler"
        filler.write_bytes(b"x" * (5 * 2**20))
        with running("worker", settings, tmp_path), looked_after(run, post, settings):
            eventually(lambda: f"{place} has 15 MiB free, and 16 MiB are needed" in noted(post))
            assert run.standing().done == frozenset()
            filler.unlink()
            eventually(lambda: not run.pending())
        assert run.standing().done == {"a", "b", "c"}


@needs_root
def test_a_worker_without_the_archive_leaves_the_messages_to_the_others(
    post: Post, quick: WorkerSettings, tmp_path: Path
) -> None:
    names = [f"h{number}" for number in range(20)]
    run = given(quick, post, *names)
    before = in_mount_namespace(f"mount -t tmpfs none {quick.runs_url}")
    with running("worker", quick, tmp_path, "1", before=before):
        eventually(lambda: "is not the archive of this fleet" in noted(post))
        with running("worker", quick, tmp_path, "2"), looked_after(run, post, quick):
            eventually(lambda: not run.pending())
            eventually((tmp_path / "alive2").exists)
    assert run.standing().done == set(names)
    assert not (tmp_path / "alive1").exists()
    assert post.redis.get("mapsweep:refused") is None


def test_a_run_that_may_not_be_read_does_not_hold_up_another(
    post: Post, quick: WorkerSettings, tmp_path: Path
) -> None:
    closed_off = given(quick, post, "x", "y")
    Path(closed_off.url).chmod(0)
    run = given(quick, post, "a", "b", "c")
    try:
        with (
            running("worker", quick, tmp_path, before=without_privilege_of_root()),
            looked_after(run, post, quick),
        ):
            eventually(lambda: is_rendered(run))
            eventually(lambda: "EACCES" in noted(post))
        assert run.standing().done == {"a", "b", "c"}
    finally:
        Path(closed_off.url).chmod(0o700)
    assert not closed_off.standing().failed


def newer(settings: WorkerSettings, post: Post) -> Run:
    """A run that a newer mapsweep has planned."""
    run = given(settings, post, "x")
    text = codec.encode(run.manifest).replace(b'"schema_version": 1', b'"schema_version": 9')
    run.store.replace("manifest.json", text)
    run.store.replace("manifest.sig", sign(SIGNING_KEY, text))
    return run


def test_a_run_of_a_newer_mapsweep_is_returned_so_often_and_then_refused(
    post: Post, settings: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = replace(settings, pace=replace(QUICK, rest_s=1))
    run = newer(settings, post)
    post.redis.delete("mapsweep:classify")
    worker = Worker(settings, worker_app(settings))
    worker.classify(run.run_id, "x", RETURNS_MAX - 1)
    assert post.waiting("classify") == 1
    assert "schema version 9" in noted(post)
    worker.classify(run.run_id, "x", RETURNS_MAX)
    assert post.waiting("classify") == 1
    assert post.redis.get("mapsweep:refused") == "1"
    assert f"could not be read by {RETURNS_MAX} workers" in caplog.text


def turns_of(settings: WorkerSettings, post: Post) -> Turns:
    return Turns(settings, "one", post, Stopping(StopFlag(), lambda: None))


def test_an_error_at_one_host_alone_fails_it_after_so_many(post: Post, quick: WorkerSettings) -> None:
    run, turns = given(quick, post, "a", "b"), turns_of(quick, post)
    leases = turns.leases(run.run_id)
    error = PermissionError(13, "Permission denied", f"{run.url}/dumps/a.1")
    for _ in range(ERRORS_MAX):
        assert leases.take(Step.CLASSIFY, "a")
        turns.host_error(run, leases, Step.CLASSIFY, "a", error)
        assert leases.attempts(Step.CLASSIFY) == {}
        assert leases.held(Step.CLASSIFY, ["a"]) == frozenset()
        post.redis.delete(f"mapsweep:run:{run.run_id}:errors:classify:a")  # the time is up
    assert run.standing().failed == frozenset()
    turns.host_error(run, leases, Step.CLASSIFY, "a", error)
    (outcome,) = [each for each in run.outcomes() if each.failure]
    assert outcome.failure is not None
    assert outcome.failure.reason == "archive_error"
    assert outcome.failure.detail == f"EACCES at {run.url}/dumps/a.1: Permission denied"
    with pytest.raises(OSError, match="No space"):  # it meets every host
        turns.host_error(run, leases, Step.CLASSIFY, "b", OSError(28, "No space left on device"))


def test_a_message_about_a_run_that_was_taken_away_is_dropped(
    post: Post, quick: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    run = given(quick, post, "a")
    Runs(quick.runs_url).unqueue(run.run_id)
    worker = Worker(quick, worker_app(quick))
    with caplog.at_level("INFO"):
        worker.classify(run.run_id, "a")
        worker.collect(run.run_id, ["a"])
    assert [each.name for each in run.pending()] == ["a"]
    assert caplog.text.count("the run is not given to the workers") == 2
    assert post.redis.get("mapsweep:refused") is None


def test_a_worker_that_is_told_to_stop_returns_what_it_takes(post: Post, quick: WorkerSettings) -> None:
    run, flag = given(quick, post, "a"), StopFlag()
    post.redis.delete("mapsweep:classify")
    flag.set()
    stopping = Stopping(flag, lambda: None)
    turns = Turns(quick, "one", post, stopping)
    stopping.event.set()
    assert not turns.may_begin(Message("mapsweep.classify", {"run_id": run.run_id, "host": "a"}))
    assert post.waiting("classify") == 1


def test_a_run_that_is_cut_at_its_end_is_posted_at_once_and_a_notice_is_not(
    post: Post, quick: WorkerSettings
) -> None:
    run, turns = given(quick, post, "a"), turns_of(quick, post)
    for name in (run.run_id, NOTICE):
        with turns.finishing(name) as is_mine:
            assert is_mine
            turns.return_held()
    (message,) = post.redis.lrange("mapsweep:report", 0, -1)
    assert run.run_id in str(b64decode(json.loads(str(message))["body"]))
    assert Leases(post.redis, run.run_id, QUICK.lease_s).attempts(Step.FINISH) == {}


def test_an_archive_has_one_id_and_another_is_told_apart(
    post: Post, quick: WorkerSettings, tmp_path: Path
) -> None:
    runs, others = Runs(quick.runs_url), Runs(str(tmp_path / "others"))
    announce(runs, post.redis)
    announce(runs, post.redis)
    known = archive_id(runs.store)
    assert post.redis.get(ARCHIVE_KEY) == known
    assert runs.ids() == []
    with pytest.raises(OperatorError, match="is not the archive of this fleet"):
        announce(others, post.redis)
    assert not Path(others.store.url).exists()
    post.redis.flushall()
    announce(others, post.redis)
    assert archive_id(others.store) != known
    runs.store.replace(NAME, b"something else")
    with pytest.raises(OperatorError, match="is not an id that mapsweep wrote"):
        archive_id(runs.store)


def test_a_folder_in_which_no_run_was_ever_made_is_no_obstacle(post: Post, quick: WorkerSettings) -> None:
    note = Note(post.redis, "one", QUICK.rest_s)
    fitness = Fitness(store_at(quick.runs_url), post.redis, note, QUICK)
    assert fitness.is_fit()
    assert not Path(quick.runs_url).exists()
    announce(Runs(quick.runs_url), post.redis)
    assert fitness.is_fit(anew=True)
    shutil.rmtree(quick.runs_url)
    assert not fitness.is_fit(anew=True)
    assert "one cannot work" in noted(post)
    post.redis.delete(ARCHIVE_KEY)
    assert fitness.is_fit(anew=True)
    assert noted(post) == ""


def test_notes_of_others_are_read_as_far_as_they_can_be(post: Post) -> None:
    Note(post.redis, "a", 30).write("no space")
    Note(post.redis, "b", 30).write("read-only")
    post.redis.sadd("mapsweep:troubled", "c", "d")
    post.redis.set("mapsweep:trouble:c", "[]")
    assert [each.worker for each in troubles(post.redis)] == ["a", "b"]
    assert noted(post) == "a, and 1 more workers cannot work: no space"
    assert 0 < int(str(post.redis.ttl("mapsweep:trouble:a"))) <= 90
