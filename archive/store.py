"""Where objects lie: a local folder, or a bucket behind an fsspec URL. Written once, never changed.

A local object appears whole or not at all: it is written beside its place, synced, and linked to its name. A
bucket gives the same with one put. What is rendered again is replaced as a whole.
"""

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from errno import EINVAL, EISDIR, ELOOP, EMLINK, ENOTSUP, EPERM
from pathlib import Path
from typing import Protocol, cast

from archive.mistakes import Mistake, OperatorError
from archive.regular_file import opened

FOLDER_MODE = 0o700
FILE_MODE = 0o600
SHOWN_LENGTH_MAX = 80  # of a URL that is refused
# a URL may come from others: fsspec knows schemes that take what to read, or code, from the URL itself
SCHEMES = ("file", "s3", "gs", "gcs", "az", "abfs", "adl", "memory")
_SCHEMES_WITH_CONTAINER = ("abfs", "adl", "az")
OBJECT_BYTES_MAX = 1 << 30  # what one object may be when it is read: no dump or table comes near it


class Backend(Protocol):
    """The few operations that a run needs of where it lies; paths are relative, with slashes."""

    def write_once(self, path: str, content: bytes) -> bool: ...
    def replace(self, path: str, pieces: Iterable[bytes]) -> None: ...
    def read(self, path: str, most_bytes: int) -> bytes: ...
    def exists(self, path: str) -> bool: ...
    def list(self, folder: str) -> list[str]: ...
    def remove(self, path: str) -> None: ...
    def remove_folder(self, folder: str) -> None: ...


class Store:
    """Objects under one URL or path. Every answer is what is there now: listings are not cached."""

    def __init__(self, url: str) -> None:
        self.url, self._backend = _backend(url)

    def under(self, folder: str) -> "Store":
        """The store of a folder in this one."""
        return Store(f"{self.url}/{folder}")

    def place(self, path: str) -> str:
        """How an object is named to people."""
        return f"{self.url}/{path}"

    def write_once(self, path: str, content: bytes) -> bool:
        """Write an object unless one of that name is there; True where it was. The first one stays."""
        return self._backend.write_once(path, content)

    def replace(self, path: str, content: bytes | Iterable[bytes]) -> None:
        """Write an object in place of what may be there, whole or not at all: for what is rendered again.

        Content that comes in pieces is written piece by piece.
        """
        self._backend.replace(path, [content] if isinstance(content, bytes) else content)

    def read(self, path: str, limit_bytes: int = OBJECT_BYTES_MAX) -> bytes:
        """The bytes of an object; FileNotFoundError where it is not there.

        OperatorError where it is larger, or no file that could be read without waiting: a pipe, a device.
        """
        problem = f"is larger than {limit_bytes} bytes"
        try:
            content = self._backend.read(path, limit_bytes + 1)
        except OSError as error:
            if error.errno not in {EINVAL, EISDIR, ELOOP}:
                raise
            problem = error.strerror or str(error)
        else:
            if len(content) <= limit_bytes:
                return content
        raise OperatorError(Mistake(self.place(path), problem, "mapsweep did not write it"))

    def exists(self, path: str) -> bool:
        """Whether the object is there."""
        return self._backend.exists(path)

    def list(self, folder: str = "") -> list[str]:
        """Names in a folder, sorted, without unfinished writes; empty where there is no such folder."""
        return sorted(name for name in self._backend.list(folder) if not name.startswith("."))

    def remove(self, path: str) -> None:
        """Remove an object; harmless where it is not there."""
        self._backend.remove(path)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder of objects, unfinished writes among them; harmless where it is not there."""
        for name in self._backend.list(folder):
            self._backend.remove(f"{folder}/{name}")
        self._backend.remove_folder(folder)

    def create_lock(self, path: str, owner: str) -> bool:
        """Create a lock that says who holds it, exclusively; False where somebody does."""
        return self._backend.write_once(path, owner.encode())

    def lock_owner(self, path: str) -> str | None:
        """Who holds a lock, None where nobody does."""
        try:
            return self.read(path).decode(errors="replace")
        except FileNotFoundError:
            return None

    def remove_lock(self, path: str) -> None:
        """Let go of a lock."""
        self._backend.remove(path)


def _backend(url: str) -> tuple[str, Backend]:
    if "\0" in url or not url:
        raise OperatorError(Mistake(repr(url), "is not a place for runs", "give a folder or an fsspec URL"))
    scheme, is_url, _ = url.partition("://")
    if is_url and scheme in SCHEMES and holds_secret(url):
        remedy = "give secrets to the storage's own configuration"
        raise OperatorError(
            Mistake(
                f"{scheme}://...", "has a user, a password or options in its URL, which it must not", remedy
            )
        )
    if "::" in url and is_url:
        remedy = "give the URL of the bucket itself, without ::"
        raise OperatorError(Mistake(_shown(url), "is a chain of URLs, which runs are not kept in", remedy))
    if is_url and scheme not in SCHEMES:
        remedy = f"give a folder, or a URL that begins with one of {', '.join(SCHEMES[:-1])}"
        raise OperatorError(Mistake(_shown(url), "is no URL that runs are kept under", remedy))
    if url.startswith("file://"):
        url = url.removeprefix("file://")
    if "://" not in url:
        path = Path(url).expanduser().absolute()
        return str(path), LocalFolder(path)
    return url.rstrip("/"), Bucket(url.rstrip("/"))


def holds_secret(url: str) -> bool:
    """Whether a URL has a place where secrets stand: options, or a user with or without a password.

    A container before the account (`abfs://CONTAINER@ACCOUNT/runs`) is none.
    """
    scheme, _, rest = url.partition("://")
    if any(mark in rest for mark in "?#"):
        return scheme != "file"
    user, has_user, _ = rest.partition("/")[0].rpartition("@")
    return bool(has_user) and (":" in user or scheme not in _SCHEMES_WITH_CONTAINER)


def _shown(url: str) -> str:
    """A URL that is refused, as far as it can hold no secret."""
    scheme, _, rest = url.partition("://")
    if any(mark in rest for mark in "@?#"):
        return ascii(f"{scheme[:SHOWN_LENGTH_MAX]}://...")
    return ascii(url[:SHOWN_LENGTH_MAX])


class LocalFolder:
    """A folder of a local or shared file system; files and folders are readable by their owner alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write_once(self, path: str, content: bytes) -> bool:
        target = self._root / path
        if target.exists():  # spares the write; the link below is what decides
            return False
        temporary = self._written_beside(target, [content])
        try:
            return self._named(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
            _sync_folder(target.parent)

    def replace(self, path: str, pieces: Iterable[bytes]) -> None:
        target = self._root / path
        self._written_beside(target, pieces).replace(target)
        _sync_folder(target.parent)

    def read(self, path: str, most_bytes: int) -> bytes:
        with opened(self._root / path) as file:
            size_bytes = os.fstat(file.fileno()).st_size  # read() makes room for all that it is asked for
            return file.read(min(most_bytes, size_bytes + 1))

    def exists(self, path: str) -> bool:
        return (self._root / path).exists()

    def list(self, folder: str) -> list[str]:
        try:
            return [entry.name for entry in os.scandir(self._root / folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove(self, path: str) -> None:
        (self._root / path).unlink(missing_ok=True)

    def remove_folder(self, folder: str) -> None:
        with suppress(OSError):  # what is in it and no object of a run stays
            (self._root / folder).rmdir()

    def _written_beside(self, target: Path, pieces: Iterable[bytes]) -> Path:
        """A synced file in the folder of the target, under a name that listings leave out."""
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
            if isinstance(error, OSError) and error.filename is None:  # a disk that is full names no file
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
            # a file system without hard links: what the gap may overwrite is a copy of the same object
            if target.exists():
                return False
            temporary.replace(target)
        return True

    def _make_folder(self, folder: Path) -> None:
        """The folder and those above it, down from the root of the store; each is the owner's alone."""
        if folder.is_dir():
            return
        if folder != self._root and self._root in folder.parents:
            self._make_folder(folder.parent)
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=FOLDER_MODE)
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
    """What is used of an fsspec file system."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> object: ...
    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes: ...
    def size(self, path: str) -> int | None: ...
    def exists(self, path: str) -> bool: ...
    def ls(self, path: str, detail: bool) -> list[str]: ...
    def rm_file(self, path: str) -> None: ...
    def invalidate_cache(self, path: str | None = None) -> None: ...


class Bucket:
    """A bucket or other remote place behind fsspec; its drivers are installed by those who use them."""

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped] # noqa: PLC0415 # local runs do not need it

        try:
            # another machine's object stays unseen while a listing is cached
            file_system, root = url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError, OSError) as error:
            remedy = "install the fsspec driver of this kind of URL, or give a folder"
            raise OperatorError(Mistake(url, f"cannot be used for runs: {error}", remedy)) from error
        self._fs = cast("_FileSystem", file_system)
        self._root = str(root).rstrip("/")

    def write_once(self, path: str, content: bytes) -> bool:
        try:
            self._fs.pipe_file(self._full(path), content, mode="create")
        except FileExistsError:
            return False
        return True

    def replace(self, path: str, pieces: Iterable[bytes]) -> None:
        self._fs.pipe_file(self._full(path), b"".join(pieces))

    def read(self, path: str, most_bytes: int) -> bytes:
        full = self._full(path)
        if (self._fs.size(full) or 0) < most_bytes:
            return self._fs.cat_file(full)
        return self._fs.cat_file(full, start=0, end=most_bytes)

    def exists(self, path: str) -> bool:
        self._fs.invalidate_cache()
        return self._fs.exists(self._full(path))

    def list(self, folder: str) -> list[str]:
        self._fs.invalidate_cache()
        try:
            found = self._fs.ls(self._full(folder).rstrip("/"), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [name.rstrip("/").rpartition("/")[2] for name in found]

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._full(path))

    def remove_folder(self, folder: str) -> None:
        """A bucket has no folders."""

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"
