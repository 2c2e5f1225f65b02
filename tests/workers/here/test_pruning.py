"""Pruning with real locks, of this process and of another one."""

import logging
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from archive.catalogue import Catalogue
from archive.retention import Keep
from archive.run import LOCK
from archive.runs import Runs
from domain.mistakes import OperatorError
from tests.archive.kept_runs import made
from tests.workers.here.test_locks import holder
from workers.here.locks import PUT_HELD_S_MAX, held, held_to_remove, is_held
from workers.here.pruning import Kept, Pruned, each_pruned, prune, remove

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEEP = Keep(days=90, dumps_days=7)
NOBODY = 65_534


@pytest.fixture(params=["folder", "bucket"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Runs:
    return Runs(str(tmp_path / "runs") if request.param == "folder" else f"memory://{uuid4().hex}/runs")


def ids(runs: Runs) -> list[str]:
    return [run_id for run_id in runs.ids() if runs.store.sizes(run_id)]


def test_what_went_is_told_with_its_bytes(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    old, spare, young = (made(runs, NOW, days) for days in (100, 50, 1))
    old_bytes = old.store.tree_bytes("")
    with caplog.at_level(logging.INFO):
        done = prune(runs, KEEP, NOW)
    gone = [(one.removal.path, one.size_bytes) for one in done if isinstance(one, Pruned)]
    assert gone == [(old.run_id, old_bytes), (f"{spare.run_id}/dumps", 1000)]
    assert ids(runs) == [spare.run_id, young.run_id]
    assert f"pruned {old.run_id}: complete, 100 d old" in caplog.text
    assert prune(runs, KEEP, NOW) == ()


def test_a_dry_run_tells_the_same_and_changes_nothing(runs: Runs) -> None:
    for days in (100, 50, 1):
        made(runs, NOW, days)
    before = runs.store.tree_bytes("")
    told = list(each_pruned(runs, KEEP, NOW, dry_run=True))
    assert runs.store.tree_bytes("") == before
    assert told == list(each_pruned(runs, KEEP, NOW))


def test_a_run_that_is_being_executed_stays(runs: Runs) -> None:
    run = made(runs, NOW, 100, is_open=True)
    other = made(runs, NOW, 99, is_open=True)
    with held(run):
        for dry_run in (True, False):
            (stays, goes) = each_pruned(runs, KEEP, NOW, dry_run=dry_run)
            assert stays == Kept(run.run_id, "a process is at work on the run", is_trouble=False)
            assert isinstance(goes, Pruned)
        with pytest.raises(OperatorError, match="is being executed by process"):
            remove(runs, run.run_id)
    assert ids(runs) == [run.run_id]
    assert other.run_id not in ids(runs)
    prune(runs, KEEP, NOW)
    assert ids(runs) == []


def test_a_run_of_another_process_stays_and_goes_when_that_is_killed(tmp_path: Path) -> None:
    runs = Runs(str(tmp_path))
    run = made(runs, NOW, 100, is_open=True)
    with holder(run) as (process, child):
        assert is_held(run.store)
        assert [one.reason for one in prune(runs, KEEP, NOW) if isinstance(one, Kept)]
        process.kill()
        process.wait()
        assert run.store.read(LOCK)  # it still says who had it
        assert not is_held(run.store)
        subprocess.run(["kill", str(child)], check=True)
    assert len(prune(runs, KEEP, NOW)) == 1
    assert ids(runs) == []


def test_a_look_at_a_lock_writes_nothing_and_takes_it_from_nobody(tmp_path: Path) -> None:
    run = made(Runs(str(tmp_path)), NOW, 1)
    assert not is_held(run.store)
    assert LOCK not in run.store.sizes()
    with held(run):
        assert is_held(run.store)
        assert is_held(run.store)
    assert not is_held(run.store)


def test_a_lock_in_a_bucket_counts_for_a_day() -> None:
    run = made(Runs(f"memory://{uuid4().hex}"), NOW, 1)
    for age_s, expected in ((PUT_HELD_S_MAX + 5, False), (PUT_HELD_S_MAX - 60, True)):
        since = (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()
        run.store.replace(LOCK, f'{{"host": "h", "pid": 1, "since": "{since}"}}'.encode())
        assert is_held(run.store) is expected
    run.store.replace(LOCK, b"nobody wrote this")
    assert is_held(run.store)


def test_a_run_of_the_fleet_is_not_removed_by_hand(runs: Runs) -> None:
    run = made(runs, NOW, 1, is_open=True)
    runs.queue(run.run_id)
    with pytest.raises(OperatorError, match="by the workers of a fleet"):
        remove(runs, run.run_id)
    runs.unqueue(run.run_id)
    assert remove(runs, run.run_id) > 3000
    assert ids(runs) == []


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder of runs that belongs to the account nobody, below folders that it may pass."""
    if os.geteuid() != 0:
        pytest.skip("makes folders of another account")
    for above in (tmp_path, *tmp_path.parents[:3]):
        above.chmod(0o755)
    return tmp_path / "runs"


def told_to_nobody(folder: Path, of_root: Path, act: Callable[[Runs], Iterable[str]]) -> str:
    """What the account nobody is told of a folder that is all its own, except one thing in it."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.chown(of_root, 0, 0)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writer, "\n".join(act(Runs(str(folder)))).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    told = os.read(reader, 10_000).decode()
    os.close(reader)
    return told


def pruned(runs: Runs) -> list[str]:
    return [one.reason if isinstance(one, Kept) else one.removal.path for one in prune(runs, KEEP, NOW)]


def test_a_folder_that_may_not_be_read_does_not_hold_up_the_rest(shared: Path) -> None:
    runs = Runs(str(shared))
    closed_to_us, *old = (made(runs, NOW, days, ok=0) for days in (102, 101, 100))
    told = told_to_nobody(shared, Path(closed_to_us.url), pruned).splitlines()
    assert told[0] == f"cannot be read, so it is kept: {closed_to_us.url}: Permission denied"
    assert told[1:] == [run.run_id for run in old]
    assert ids(runs) == [closed_to_us.run_id]
    assert all(not Path(run.url).exists() for run in old)


@pytest.mark.parametrize("folder", ["queued", "unmailed"])
def test_without_the_marks_of_what_is_at_work_nothing_goes(folder: str, shared: Path) -> None:
    runs = Runs(str(shared))
    run = made(runs, NOW, 100, ok=0)
    (shared / folder).mkdir(mode=0o700)
    told = told_to_nobody(shared, shared / folder, pruned)
    assert told == f"nothing is pruned: {shared / folder}: Permission denied"
    assert ids(runs) == [run.run_id]
    told = told_to_nobody(shared, shared / folder, lambda kept: [str(Catalogue(kept).entry(run.run_id))])
    assert told.startswith(f"Entry(run_id='{run.run_id}'")  # it is listed anyway


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB and 64 files; only root can make one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=64", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_without_room_for_a_lock_can_be_pruned(small_disk: Path) -> None:
    runs = Runs(str(small_disk / "runs"))
    old = made(runs, NOW, 100, ok=0)
    with pytest.raises(OSError, match="No space left on device"):
        _fill(small_disk)
    with pytest.raises(OSError, match="No space left on device"):
        old.store.write_once(LOCK, b"")
    assert [type(one) for one in prune(runs, KEEP, NOW)] == [Pruned]
    assert not Path(old.url).exists()


def _fill(place: Path) -> None:
    for number in range(100):
        (place / f"filler{number}").touch()


def test_a_run_is_removed_only_while_nobody_executes_it(tmp_path: Path) -> None:
    run = made(Runs(str(tmp_path)), NOW, 1)
    with (
        held(run),
        pytest.raises(OperatorError, match="is being executed"),
        held_to_remove(run.store, run.run_id),
    ):
        pass
    with (
        held_to_remove(run.store, run.run_id),
        pytest.raises(OperatorError, match="is being executed"),
        held(run),
    ):
        pass
