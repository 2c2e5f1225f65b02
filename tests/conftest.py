"""What holds for all tests."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.collector.proc_tree import add_facts, add_process
from tests.once import Once

# A shared machine is slow at times: what is fast enough is measured in bench/. Examples are the same each
# time, so that no change is refused for what it did not cause; `make test-all` draws others each time.
settings.register_profile(
    "repeatable", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("repeatable")
settings.register_profile("fast", max_examples=15)
settings.register_profile("drawn", derandomize=False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start servers come first, then those with slow tests, each file as a whole.

    What waits the longest must not come last; while it waits, the cores are free for files that compute, if
    there are more processes than cores.
    """
    servers, slow = (
        {item.path for item in items if item.get_closest_marker(name)} for name in ("journey", "slow")
    )
    items.sort(key=lambda item: (item.path not in servers, item.path not in slow))


@pytest.fixture(autouse=True, scope="session")
def _no_wait_for_the_disk() -> Iterator[None]:
    """What is written in this process is there at once for all other processes; no test cuts the power.

    Thousands of runs are archived here, with some dozens of fsyncs each. Commands and workers that run as
    processes of their own do wait for the disk. That the archive asks for it is in archive/test_store.py.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def made_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a host that is always the same, as this machine is not."""
    root = tmp_path_factory.mktemp("made")
    for pid in (1, 7):
        add_process(root, pid)
    add_facts(root)
    return root


@pytest.fixture(scope="session")
def once(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Once:
    """For what takes long to make and is only read: made by one process for all of them."""
    own = tmp_path_factory.getbasetemp()
    place = (own if worker_id == "master" else own.parent) / "once"
    place.mkdir(exist_ok=True)
    return Once(place, tmp_path_factory)


@pytest.fixture(autouse=True, scope="module")
def _leases_end_with_their_redis() -> Iterator[None]:
    """Nothing of a module is renewed after it.

    Its Redis is gone then, so the thread would try for ever, and disturb each test after it that draws by
    chance: to wait between tries it draws a random number.
    """
    yield
    for thread in threading.enumerate():
        renewal = getattr(getattr(thread, "_target", None), "__self__", None)
        if thread.name == "leases" and renewal is not None:
            renewal._held.clear()
            renewal._owed.clear()
