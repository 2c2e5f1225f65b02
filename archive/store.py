"""The place of objects: a local folder, or a bucket behind an fsspec URL. Objects are written once.

A local object appears whole or not at all: it is written to a temporary file, synced, and linked to its name.
In a bucket, one put does the same. Rendered files are replaced as a whole.
"""

import os
import secrets
import shutil
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from errno import EINVAL, EISDIR, ELOOP, EMLINK, ENOTSUP, EPERM
from pathlib import Path
from typing import Any, Protocol, cast

from archive import trees
from archive.regular_file import opened
from domain.mistakes import Mistake, OperatorError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
SHOWN_LENGTH_MAX = 80  # characters shown of a refused URL
# others may choose the URL, and fsspec has schemes that execute code or read files that the URL names
SCHEMES = ("file", "s3", "gs", "gcs", "az", "abfs", "adl", "memory")
_SCHEMES_WITH_CONTAINER = ("abfs", "adl", "az")
OBJECT_BYTES_MAX = 1 << 30  # limit of one object when it is read, far above any dump or table


class Store(ABC):
    """Objects under one URL or path; paths in it are relative, with slashes.

    Every answer is what is there now: listings are not cached.
    """

    url: str

    @abstractmethod
    def write_once(self, path: str, content: bytes, *, lasting: bool = True) -> bool:
        """Write an object unless one of that name is there; False if it was. The first one stays.

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

    def under(self, folder: str) -> "Store":
        """A folder of this store as a store."""
        return store_at(f"{self.url}/{folder}")

    def place(self, path: str) -> str:
        """The name of an object in messages."""
        return f"{self.url}/{path}"

    def replace(self, path: str, content: bytes | Iterable[bytes]) -> None:
        """Write or replace an object, whole or not at all; for rendered files, which may come in pieces."""
        self._replace(path, [content] if isinstance(content, bytes) else content)

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


def store_at(url: str) -> Store:
    """The store at a path or URL; OperatorError if runs cannot be kept there."""
    if "\0" in url or not url:
        raise OperatorError(Mistake(repr(url), "is not a place for runs", "give a folder or an fsspec URL"))
    scheme, is_url, _ = url.partition("://")
    if is_url and scheme in SCHEMES and holds_secret(url):
        remedy = "give secrets to the storage's own configuration"
        raise OperatorError(
            Mistake(f"{scheme}://...", "must not hold a user, a password or options in its URL", remedy)
        )
    if "::" in url and is_url:
        remedy = "give the URL of the bucket itself, without ::"
        raise OperatorError(Mistake(_shown(url), "is a chain of URLs, and runs cannot be kept there", remedy))
    if is_url and scheme not in SCHEMES:
        remedy = f"give a folder, or a URL that begins with one of {', '.join(SCHEMES[:-1])}"
        raise OperatorError(Mistake(_shown(url), "is not a URL where runs can be kept", remedy))
    if url.startswith("file://"):
        url = url.removeprefix("file://")
    if "://" not in url:
        return Folder(url)
    return Bucket(url)


def holds_secret(url: str) -> bool:
    """Whether a URL has a part that can hold secrets: options, or a user with or without a password.

    A container before the account (`abfs://CONTAINER@ACCOUNT/runs`) is not such a part.
    """
    scheme, _, rest = url.partition("://")
    if any(mark in rest for mark in "?#"):
        return scheme != "file"
    user, has_user, _ = rest.partition("/")[0].rpartition("@")
    return bool(has_user) and (":" in user or scheme not in _SCHEMES_WITH_CONTAINER)


def _shown(url: str) -> str:
    """A refused URL without the parts that can hold secrets."""
    scheme, _, rest = url.partition("://")
    if any(mark in rest for mark in "@?#"):
        return ascii(f"{scheme[:SHOWN_LENGTH_MAX]}://...")
    return ascii(url[:SHOWN_LENGTH_MAX])


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


class _FileSystem(Protocol):
    """The part of an fsspec file system that is used."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> object: ...
    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes: ...
    def size(self, path: str) -> int | None: ...
    def exists(self, path: str) -> bool: ...
    def ls(self, path: str, detail: bool) -> list[Any]: ...
    def du(self, path: str) -> int: ...
    def rm_file(self, path: str) -> None: ...
    def rm(self, path: str, recursive: bool) -> None: ...
    def invalidate_cache(self, path: str | None = None) -> None: ...


class Bucket(Store):
    """A bucket or other remote place behind fsspec; users install the drivers that they need."""

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped] # noqa: PLC0415 # local runs do not need it

        try:
            # a cached listing does not show objects of other machines
            file_system, root = url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError, OSError) as error:
            remedy = "install the fsspec driver of this kind of URL, or give a folder"
            raise OperatorError(Mistake(url, f"cannot be used for runs: {error}", remedy)) from error
        self.url = url.rstrip("/")
        self._fs = cast("_FileSystem", file_system)
        self._root = str(root).rstrip("/")

    def write_once(self, path: str, content: bytes, *, lasting: bool = True) -> bool:  # noqa: ARG002  # it is
        try:
            self._fs.pipe_file(self._full(path), content, mode="create")
        except FileExistsError:
            return False
        return True

    def _replace(self, path: str, pieces: Iterable[bytes]) -> None:
        self._fs.pipe_file(self._full(path), b"".join(pieces))

    def _first_bytes(self, path: str, most_bytes: int) -> bytes:
        full = self._full(path)
        if (self._fs.size(full) or 0) < most_bytes:
            return self._fs.cat_file(full)
        return self._fs.cat_file(full, start=0, end=most_bytes)

    def exists(self, path: str) -> bool:
        self._fs.invalidate_cache()
        return self._fs.exists(self._full(path))

    def _names(self, folder: str) -> list[str]:
        self._fs.invalidate_cache()
        try:
            found = self._fs.ls(self._full(folder).rstrip("/"), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [name.rstrip("/").rpartition("/")[2] for name in found]

    def make_last(self, folder: str) -> None:
        """What was put lasts."""

    def make_root(self) -> None:
        """Who owns a bucket makes it."""

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._full(path))

    def try_write(self) -> None:
        """Each try would be paid for."""

    def sizes(self, folder: str = "") -> dict[str, int]:
        self._fs.invalidate_cache()
        try:
            found = self._fs.ls(self._full(folder).rstrip("/"), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {one["name"].rstrip("/").rpartition("/")[2]: int(one["size"] or 0) for one in found}

    def tree_bytes(self, path: str) -> int:
        self._fs.invalidate_cache()
        try:
            return int(self._fs.du(self._full(path)))
        except FileNotFoundError:
            return 0

    def remove_tree(self, path: str) -> None:
        self._fs.invalidate_cache()
        with suppress(FileNotFoundError):
            self._fs.rm(self._full(path), recursive=True)

    def unfinished(self) -> Iterator[tuple[str, datetime]]:
        return iter(())  # a put that was cut off leaves no object

    def is_link(self, path: str) -> bool:  # noqa: ARG002 # a bucket has none
        return False

    def local_path(self, path: str) -> None:
        """A bucket is on no machine."""

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"
