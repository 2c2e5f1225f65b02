"""What is made once for all processes: by the first that asks, whole, and again if it failed."""

from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import BrokenBarrierError

import pytest

from tests.once import Once

ASKING = 4


def _ask(once: Once, made: Path, all_make: Barrier | None = None) -> None:
    def make(folder: Path) -> None:
        with made.open("a") as lines:
            lines.write("made\n")
        (folder / "one").write_text("1")
        if all_make is not None:  # nobody else comes, but if it were made by several
            with suppress(BrokenBarrierError):
                all_make.wait(1)
        (folder / "two").write_text("2")

    folder = once.folder("thing", make)
    assert [(folder / name).read_text() for name in ("one", "two")] == ["1", "2"]


def test_processes_that_ask_at_once_get_what_one_of_them_made(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    once, made, fork = Once(tmp_path, tmp_path_factory), tmp_path / "made", get_context("fork")
    all_make = fork.Barrier(ASKING)
    asking = [fork.Process(target=_ask, args=(once, made, all_make)) for _ in range(ASKING)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert [each.exitcode for each in asking] == [0] * ASKING
    assert made.read_text() == "made\n"


def test_what_could_not_be_made_is_made_by_the_next_that_asks(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def fails(folder: Path) -> None:
        (folder / "one").write_text("half")
        raise ValueError("no room")

    once = Once(tmp_path, tmp_path_factory)
    with pytest.raises(ValueError, match="no room"):
        once.folder("thing", fails)
    _ask(once, tmp_path / "made")


def test_it_stays_when_it_is_asked_for_again(once: Once) -> None:
    first = once.folder("of-test-once", lambda folder: (folder / "one").write_text("1"))
    again = once.folder("of-test-once", lambda folder: (folder / "one").write_text("2"))
    assert first == again
    assert (again / "one").read_text() == "1"
