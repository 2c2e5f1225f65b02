"""A store in a folder of a local or shared file system.

An object is written to a temporary file, synced, and linked to its name.
"""

import os
import secrets
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from errno import ELOOP, EMLINK, ENOTSUP, EPERM
from pathlib import Path

from archive import trees
from archive.regular_file import opened
from archive.store import Store, in_pieces, within
from domain.mistakes import Mistake, OperatorError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
PARENT_MODE = 0o755  # of folders above the store


class Folder(Store):
    """A folder of a local or shared file system; files and folders are readable by their owner alone."""

    def __init__(self, path: str) -> None:
        self._root = Path(path).expanduser().absolute()
        self.url = str(self._root)

    def write_once(self, path: str, content: bytes | Iterable[bytes], *, lasting: bool = True) -> bool:
        target = self._at(path)
        if target.exists():  # saves the write; the link below decides
            return False
        temporary = self._written_beside(target, in_pieces(content))
        try:
            return self._named(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
            if lasting:
                _sync_folder(target.parent)

    def make_last(self, folder: str) -> None:
        _sync_folder(self._at(folder))

    def make_root(self) -> None:
        self._make_folder(self._root)

    def _replace(self, path: str, pieces: Iterable[bytes]) -> None:
        target = self._at(path)
        self._written_beside(target, pieces).replace(target)
        _sync_folder(target.parent)

    def _first_bytes(self, path: str, most_bytes: int) -> bytes:
        if self._lies_behind_a_link(path):
            raise OSError(ELOOP, "lies in a folder that is a link", str(self._at(path)))
        with opened(self._at(path), may_be_link=False) as file:
            size_bytes = os.fstat(file.fileno()).st_size  # read() allocates as much as it is asked for
            return file.read(min(most_bytes, size_bytes + 1))

    def exists(self, path: str) -> bool:
        return self._at(path).exists()

    def _names(self, folder: str) -> list[str]:
        if self._lies_behind_a_link(f"{folder}/name"):
            return []
        try:
            return [entry.name for entry in os.scandir(self._at(folder))]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove(self, path: str) -> None:
        target = self._at(path)
        if not self._lies_behind_a_link(path):
            target.unlink(missing_ok=True)

    def remove_folder(self, folder: str) -> None:
        super().remove_folder(folder)
        with suppress(OSError):  # other files in it stay
            self._at(folder).rmdir()

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
        return Folder(str(self._at(folder)))

    def sizes(self, folder: str = "") -> dict[str, int]:
        return trees.sizes(self._at(folder))

    def tree_bytes(self, path: str) -> int:
        return trees.tree_bytes(self._at(path))

    def remove_tree(self, path: str) -> None:
        trees.remove_tree(self._at(path))

    def unfinished(self) -> Iterator[tuple[str, datetime]]:
        return trees.unfinished(self._root)

    def is_link(self, path: str) -> bool:
        return self._at(path).is_symlink()

    def local_path(self, path: str) -> Path:
        return self._at(path)

    def _at(self, path: str) -> Path:
        return self._root / within(path)

    def _lies_behind_a_link(self, path: str) -> bool:
        """Whether a folder between the root of the store and an object is a link."""
        return any(self.is_link(str(above)) for above in Path(path).parents[:-1])

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
        if folder != self._root and folder.is_symlink():
            problem = "is a link, and mapsweep writes only into folders of its own"
            raise OperatorError(Mistake(str(folder), problem, f"remove it: rm {shlex.quote(str(folder))}"))
        if folder.is_dir():
            if folder not in (self._root, self._root.parent):
                self._make_folder(folder.parent)  # which may be a link
            return
        if folder == self._root:
            _make_parents(folder.parent)
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


def _make_parents(folder: Path) -> None:
    """Create a folder and those above it; others may look into them at most, whatever the umask."""
    if folder.is_dir():
        return
    _make_parents(folder.parent)
    try:
        folder.mkdir(mode=PARENT_MODE, exist_ok=True)
    except FileExistsError as error:
        raise OperatorError(Mistake(str(folder), "is not a folder", "give a folder for the runs")) from error


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut."""
    with suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
