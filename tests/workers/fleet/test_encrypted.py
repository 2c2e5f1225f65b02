"""A fleet whose dumps are encrypted: who collects has public keys, who classifies has the private one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from archive.dump_keys import NO_KEYS, DumpKeys, is_encrypted
from archive.run import Run
from archive.runs import Runs
from domain.records import Limits
from tests.age_keys import AgeKey, age_key
from tests.archive.examples import MAPS, STAT, STATUS, dump, host, manifest
from tests.workers.fleet.test_deaths import QUICK
from tests.workers.fleet.watching import execute
from tests.workers.worker_process import running
from workers.fleet.app import CLASSIFY, COLLECT, REPORT
from workers.fleet.leases import Step
from workers.fleet.post import Post
from workers.fleet.tasks import Worker, worker_app
from workers.fleet.tending import hand_over
from workers.fleet.trouble import told, troubles
from workers.fleet.turns import ERRORS_MAX
from workers.fleet.worker_settings import WorkerSettings

pytestmark = pytest.mark.journey

LOCKED = "the dump is encrypted: set dump_identity_file"


@pytest.fixture
def key(tmp_path: Path) -> AgeKey:
    return age_key(tmp_path)


def small_tree(folder: Path) -> Path:
    """A /proc with one process, which takes no time to read."""
    process = folder / "proc/101"
    process.mkdir(parents=True)
    for name, text in (
        ("status", STATUS.format(pid=101)),
        ("stat", STAT.format(pid=101, ticks=1010)),
        ("maps", MAPS.format(heap_end=0xE24000)),
        ("comm", "example\n"),
        ("cmdline", "example\0"),
    ):
        (process / name).write_text(text)
    return folder


@contextmanager
def workers(settings: WorkerSettings, folder: Path, **keys: DumpKeys) -> Iterator[None]:
    """One worker for each queue, with keys of its own."""
    with ExitStack() as stack:
        for queue, own in keys.items():
            stack.enter_context(
                running("worker", replace(settings, dump_keys=own), folder, queue, queues=(queue,))
            )
        yield


def test_only_those_who_classify_need_the_private_key(
    settings: WorkerSettings, key: AgeKey, tmp_path: Path
) -> None:
    hosts = tuple(replace(host(name), root=str(small_tree(tmp_path / name))) for name in ("this", "that"))
    asked = replace(manifest(), hosts=hosts)
    run = Runs(settings.runs_url, settings.signing_key).create(asked)
    own = {COLLECT: key.writes, CLASSIFY: DumpKeys(identity_file=str(key.file)), REPORT: NO_KEYS}
    with workers(settings, tmp_path, **own):
        closed = execute(run, settings)
    assert closed is not None
    assert (closed.answered, closed.failed) == (2, 0), run.outcomes()
    for name in ("this", "that"):
        assert is_encrypted(run.store.read(f"dumps/{name}.dump"))
    assert f"Mappings are left out: {LOCKED}." in run.store.read("report/index.html").decode()
    assert run.with_keys(key.keys).read_dump("this").host == "this"


def given(settings: WorkerSettings, post: Post, keys: DumpKeys, *names: str) -> Run:
    """A run that the fleet has been given; its hosts have sent their dumps, which are encrypted."""
    asked = replace(manifest(*names), limits=Limits())
    run = Runs(settings.runs_url, settings.signing_key, keys).create(asked)
    for name in names:
        run.write_dump(dump(name))
    hand_over(run, post)
    return run


@pytest.mark.parametrize("has_another", [False, True])
def test_a_worker_that_cannot_read_a_dump_leaves_it_to_one_that_can(
    post: Post, settings: WorkerSettings, key: AgeKey, tmp_path: Path, has_another: bool
) -> None:
    quick = replace(settings, pace=QUICK)
    run = given(quick, post, key.writes, "a")
    keys = age_key(tmp_path, "other").keys if has_another else NO_KEYS
    without = replace(quick, dump_keys=keys)
    Worker(without, worker_app(without)).classify(run.run_id, "a")
    assert run.standing().dumped == {"a"}
    assert run.standing().failed == frozenset()
    noted = told(troubles(post.redis))
    assert f"{run.run_id}: EACCES at {run.url}/dumps/a.dump: the dump is encrypted" in noted
    assert post.redis.exists(f"mapsweep:run:{run.run_id}:errors:{Step.CLASSIFY}:a")
    can = replace(quick, dump_keys=key.keys)
    Worker(can, worker_app(can)).classify(run.run_id, "a")
    assert run.standing().done == {"a"}


def test_a_dump_that_no_worker_can_read_fails_in_the_end_and_is_kept(
    post: Post, settings: WorkerSettings, key: AgeKey
) -> None:
    quick = replace(settings, pace=QUICK)
    run = given(quick, post, key.writes, "a")
    one = Worker(quick, worker_app(quick))
    for _ in range(ERRORS_MAX + 1):
        assert run.standing().failed == frozenset()
        one.classify(run.run_id, "a")
        post.redis.delete(f"mapsweep:run:{run.run_id}:errors:classify:a")  # the time is up
    (outcome,) = run.outcomes()
    assert outcome.failure is not None
    assert outcome.failure.reason == "dump_locked"
    assert outcome.failure.detail == f"{run.url}/dumps/a.dump: {LOCKED}"
    assert run.has_dump("a")
