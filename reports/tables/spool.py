"""Frames that wait in a temporary file, so that the memory of a closing does not grow with the hosts."""

import tempfile
from typing import Self

import polars as pl

from archive import tables


class Spool:
    """Frames in the order in which they were added, about 15 kB of disk a host in TMPDIR.

    The file has no name, so nothing is left of it when the process is killed. OSError if the disk is full.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 # __exit__ closes it
        self._ends = [0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, frame: pl.DataFrame) -> None:
        """Append a frame."""
        content = tables.to_ipc(frame)
        try:
            self._file.seek(self._ends[-1])
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            error.filename = error.filename or tempfile.gettempdir()  # a full disk's error names no file
            raise
        self._ends.append(self._ends[-1] + len(content))

    def frame(self, number: int) -> pl.DataFrame:
        """A frame by its number, counted from 0; it is read anew each time."""
        begin, end = self._ends[number], self._ends[number + 1]
        self._file.seek(begin)
        return tables.from_ipc(self._file.read(end - begin), f"{tempfile.gettempdir()}: a temporary file")
