"""The file of --output."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.mistakes import OperatorError
from mapsweep.output_file import write


def cut_off() -> Iterator[bytes]:
    yield b"half"
    raise KeyError


def test_a_file_is_replaced_and_has_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    write(path, [b"a", b"b"], 0o640)
    assert path.read_bytes() == b"ab"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_made_whole_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(KeyError):
        write(path, cut_off(), 0o600)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write(pipe, [b"a", b"b"], 0o600)
    reader.join()
    assert got == [b"ab"]
    assert pipe.is_fifo()


def test_a_file_in_no_folder_is_a_mistake_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"--output .*/no/out: cannot be written: No such file"):
        write(tmp_path / "no" / "out", [b""], 0o600)
