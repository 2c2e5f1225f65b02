"""A store in a bucket, or in another place behind fsspec. One put writes an object, whole or not at all."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from datetime import datetime
from typing import Any, Final, Protocol, cast

from archive.store import Store, in_pieces, within
from domain.mistakes import Mistake, OperatorError

LARGE_BYTES: Final = 2**22
_large: Final = threading.Lock()  # a put takes all bytes at once, so large ones are made one by one


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

    def write_once(
        self,
        path: str,
        content: bytes | Iterable[bytes],
        *,
        lasting: bool = True,  # noqa: ARG002  # it is
    ) -> bool:
        left = iter(in_pieces(content))
        begun, size_bytes = list[bytes](), 0
        while size_bytes < LARGE_BYTES and (piece := next(left, None)) is not None:
            begun.append(piece)
            size_bytes += len(piece)
        with nullcontext() if size_bytes < LARGE_BYTES else _large:
            try:
                self._fs.pipe_file(self._full(path), b"".join((*begun, *left)), mode="create")
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

    def under(self, folder: str) -> "Bucket":
        return Bucket(f"{self.url}/{within(folder)}")

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
        return f"{self._root}/{within(path)}"
