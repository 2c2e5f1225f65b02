"""A store in a folder of a local or shared file system.

An object is written to a temporary file, synced, and linked to its name.
"""

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from errno import EMLINK, ENOTSUP, EPERM
from pathlib import Path

from archive import trees
from archive.regular_file import opened
from archive.store import Store
from domain.mistakes import Mistake, OperatorError

FOLDER_MODE = 0o700
FILE_MODE = 0o600


class Folder(Store):
    """A folder of a local or shared file system; files and folders are readable by their owner alone."""

    def __init__(self, path: str) -> None:
        self._root = Path(path).expanduser().absolute()
        self.url = str(self._root)

    def write_once(self, path: str, content: bytes, *, lasting: bool = True) -> bool:
        target = self._root / path
        if target.exists():  # saves the write; the link below decides
            return False
        temporary = self._written_beside(target, [content])
        try:
            return self._named(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
            if lasting:
                _sync_folder(target.parent)

    def make_last(self, folder: str) -> None:
        _sync_folder(self._root / folder)

    def make_root(self) -> None:
        self._make_folder(self._root)

    def _replace(self, path: str, pieces: Iterable[bytes]) -> None:
        target = self._root / path
        self._written_beside(target, pieces).replace(target)
        _sync_folder(target.parent)

    def _first_bytes(self, path: str, most_bytes: int) -> bytes:
        with opened(self._root / path) as file:
            size_bytes = os.fstat(file.fileno()).st_size  # read() allocates as much as it is asked for
            return file.read(min(most_bytes, size_bytes + 1))

    def exists(self, path: str) -> bool:
        return (self._root / path).exists()

    def _names(self, folder: str) -> list[str]:
        try:
            return [entry.name for entry in os.scandir(self._root / folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove(self, path: str) -> None:
        (self._root / path).unlink(missing_ok=True)

    def remove_folder(self, folder: str) -> None:
        super().remove_folder(folder)
        with suppress(OSError):  # other files in it stay
            (self._root / folder).rmdir()

    def try_write(self) -> None:
        temporary = self._root / f".{secrets.token_hex(8)}.part"
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(b"\n")
            finally:
                temporary.unlink()
        except OSError as error:
            error.filename = str(self._root)  # the name of this file would tell nobody anything
            raise

    def under(self, folder: str) -> "Folder":
        return Folder(f"{self.url}/{folder}")

    def sizes(self, folder: str = "") -> dict[str, int]:
        return trees.sizes(self._root / folder)

    def tree_bytes(self, path: str) -> int:
        return trees.tree_bytes(self._root / path)

    def remove_tree(self, path: str) -> None:
        trees.remove_tree(self._root / path)

    def unfinished(self) -> Iterator[tuple[str, datetime]]:
        return trees.unfinished(self._root)

    def is_link(self, path: str) -> bool:
        return (self._root / path).is_symlink()

    def local_path(self, path: str) -> Path:
        return self._root / path

    def _written_beside(self, target: Path, pieces: Iterable[bytes]) -> Path:
        """A synced file in the folder of the target, under a name that listings skip."""
        self._make_folder(target.parent)
        temporary = target.parent / f".{secrets.token_hex(8)}.part"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
        except BaseException as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.filename is None:  # a full disk's error names no file
                error.filename = str(target)
            raise
        return temporary

    @staticmethod
    def _named(temporary: Path, target: Path) -> bool:
        """Give the file its name, unless another has it: link() alone refuses to overwrite."""
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in {EPERM, ENOTSUP, EMLINK}:
                raise
            # a file system without hard links: a race can only overwrite a copy of the same object
            if target.exists():
                return False
            temporary.replace(target)
        return True

    def _make_folder(self, folder: Path) -> None:
        """Create the folder and those above it up to the root of the store, for the owner only.

        The root is made for an object that lies in it, such as a manifest. For what lies deeper it has to be
        there: of a run that was removed no folder is made again. OperatorError then.
        """
        if folder.is_dir():
            return
        if folder == self._root:
            folder.parent.mkdir(parents=True, exist_ok=True)
        elif folder.parent != self._root:
            self._make_folder(folder.parent)
        with suppress(FileExistsError):
            try:
                folder.mkdir(mode=FOLDER_MODE)
            except FileNotFoundError as error:
                problem = "was removed while mapsweep was at work in it"
                raise OperatorError(
                    Mistake(str(self._root), problem, "put it back, or begin anew")
                ) from error
            folder.chmod(FOLDER_MODE | stat.S_IMODE(folder.stat().st_mode) & stat.S_ISGID)
            _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut."""
    with suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
