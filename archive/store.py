"""The place of objects: a local folder (`archive.folder`) or a bucket (`archive.bucket`).

Objects are written once. Each appears whole or not at all; rendered files are replaced as a whole.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import datetime
from errno import EINVAL, EISDIR, ELOOP
from pathlib import Path

from domain.mistakes import Mistake, OperatorError

OBJECT_BYTES_MAX = 1 << 30  # limit of one object when it is read, far above any dump or table


def within(path: str) -> str:
    """The path of an object, which is below its store; OperatorError if it leads out, whoever wrote it."""
    if path.startswith("/") or ".." in path.split("/"):
        raise OperatorError(Mistake(path, "leads out of the folder that it is in", "do not use that folder"))
    return path


def in_pieces(content: bytes | Iterable[bytes]) -> Iterable[bytes]:
    """Content that may come in pieces."""
    return [content] if isinstance(content, bytes) else content


class Store(ABC):
    """Objects under one URL or path; paths in it are relative, with slashes.

    Every answer is what is there now: listings are not cached.
    """

    url: str

    @abstractmethod
    def write_once(self, path: str, content: bytes | Iterable[bytes], *, lasting: bool = True) -> bool:
        """Write an object unless one of that name is there; False if it was. The first one stays.

        What is large may come in pieces.
        If not `lasting`, a power cut may take the whole object away again, until `make_last` of its folder.
        """

    @abstractmethod
    def make_last(self, folder: str) -> None:
        """From now on, all that is in a folder outlives a power cut."""

    @abstractmethod
    def make_root(self) -> None:
        """Make the place itself, if it is not there: for what is kept in an archive before its first run."""

    @abstractmethod
    def _replace(self, path: str, pieces: Iterable[bytes]) -> None:
        """Write or replace an object, whole or not at all."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether the object exists."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Remove an object, if it exists."""

    @abstractmethod
    def local_path(self, path: str) -> Path | None:
        """Where an object lies in this machine's file system, for what only a file system can do."""

    @abstractmethod
    def _first_bytes(self, path: str, most_bytes: int) -> bytes:
        """An object's first bytes; FileNotFoundError if it is not there, OSError if it is no file."""

    @abstractmethod
    def _names(self, folder: str) -> list[str]:
        """All names in a folder, empty if there is no such folder."""

    @abstractmethod
    def try_write(self) -> None:
        """Raise the error that an object would meet if it were written now; a bucket is not tried."""

    @abstractmethod
    def sizes(self, folder: str = "") -> dict[str, int]:
        """The bytes of each object in a folder by name, 0 for a folder; empty if it does not exist."""

    @abstractmethod
    def tree_bytes(self, path: str) -> int:
        """The bytes of an object, or of all objects below a folder; 0 if it does not exist."""

    @abstractmethod
    def remove_tree(self, path: str) -> None:
        """Remove an object, or a folder with all that is in it, if it exists; no link is followed."""

    @abstractmethod
    def unfinished(self) -> Iterator[tuple[str, datetime]]:
        """The paths of writes that are not finished, wherever they lie, and when each was last written to."""

    @abstractmethod
    def is_link(self, path: str) -> bool:
        """Whether a name is a symbolic link, so that what it shows lies elsewhere."""

    @abstractmethod
    def under(self, folder: str) -> "Store":
        """A folder of this store as a store."""

    def place(self, path: str) -> str:
        """The name of an object in messages."""
        return f"{self.url}/{path}"

    def replace(self, path: str, content: bytes | Iterable[bytes]) -> None:
        """Write or replace an object, whole or not at all; for rendered files, which may come in pieces."""
        self._replace(path, in_pieces(content))

    def read(self, path: str, limit_bytes: int = OBJECT_BYTES_MAX) -> bytes:
        """The bytes of an object; FileNotFoundError if it does not exist.

        OperatorError if it is too large, or is a pipe or a device.
        """
        problem = f"is larger than {limit_bytes} bytes"
        try:
            content = self._first_bytes(path, limit_bytes + 1)
        except OSError as error:
            if error.errno not in {EINVAL, EISDIR, ELOOP}:
                raise
            problem = error.strerror or str(error)
        else:
            if len(content) <= limit_bytes:
                return content
        raise OperatorError(Mistake(self.place(path), problem, "mapsweep did not write it"))

    def list(self, folder: str = "") -> list[str]:
        """Names in a folder, sorted, without unfinished writes; empty if the folder does not exist."""
        return sorted(name for name in self._names(folder) if not name.startswith("."))

    def free_bytes(self) -> int | None:
        """How much more can be written here; None if nobody says, as in a bucket."""
        place = self.local_path("")
        if place is None:
            return None
        there = next(path for path in (place, *place.parents) if path.exists())
        return shutil.disk_usage(there).free

    def remove_folder(self, folder: str) -> None:
        """Remove a folder of objects and its unfinished writes, if it exists."""
        for name in self._names(folder):
            self.remove(f"{folder}/{name}")
