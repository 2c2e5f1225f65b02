"""The memory that all classifiers of a machine share, across threads, processes and their deaths."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from workers.life import memory

MOST = 2**30
HALF = (MOST // 2 - memory.AT_LEAST_BYTES) // memory.TIMES
ALL = MOST

HOLDS = (
    "import sys, time\n"
    "from workers.life import memory\n"
    f"with memory.held({ALL}, {MOST}):\n"
    "    print(flush=True)\n"
    "    time.sleep(600)\n"
)
TAKES = f"""
import numpy as np
from workers.life import memory

most = memory.AT_LEAST_BYTES + memory.SLACK_BYTES + 2**20
with memory.held(0, {MOST}, 0):
    np.zeros(memory.AT_LEAST_BYTES // 2, np.uint8)
    try:
        np.zeros(most, np.uint8)
    except MemoryError:
        pass
    else:
        raise SystemExit("more was given than was taken")
np.zeros(most, np.uint8)
"""


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@contextmanager
def refused(inflated_bytes: int) -> Iterator[None]:
    with pytest.raises(memory.NoRoomError), memory.held(inflated_bytes, MOST, 0):
        pass
    yield


def test_two_halves_fit_and_a_third_does_not() -> None:
    with memory.held(HALF, MOST, 0), memory.held(HALF, MOST, 0), refused(HALF):
        pass
    with memory.held(ALL, MOST, 0):
        pass


def test_one_that_needs_more_than_all_waits_for_all() -> None:
    with memory.held(0, MOST, 0), refused(100 * ALL):
        pass
    with memory.held(100 * ALL, MOST, 0):
        pass


def test_other_processes_share_it_and_a_dead_one_holds_none(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, env={"TMPDIR": str(tmp_path)}
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(memory.NoRoomError), memory.held(0, MOST, 0):
            pass
    finally:
        process.kill()
        process.communicate()
    with memory.held(ALL, MOST, 0):
        pass


def test_more_than_was_taken_is_a_memory_error(tmp_path: Path) -> None:
    """In a process of its own: one that has done other work may give memory back meanwhile."""
    subprocess.run([sys.executable, "-c", TAKES], check=True, env={"TMPDIR": str(tmp_path)})


def test_what_another_put_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    with memory.held(0, MOST, 0):
        (place,) = tmp_path.iterdir()
    place.unlink()
    place.symlink_to(tmp_path / "elsewhere")
    with memory.held(0, MOST, 0):
        assert not (tmp_path / "elsewhere").exists()
