"""A store that tells what was asked of it."""

from collections import Counter

from archive.folder import Folder
from archive.store import OBJECT_BYTES_MAX


class CountingStore(Folder):
    """A store that counts which objects are read, and how often it is looked what there is."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reads = Counter[str]()
        self.looked = 0

    def list(self, folder: str = "") -> list[str]:
        self.looked += 1
        return super().list(folder)

    def exists(self, path: str) -> bool:
        self.looked += 1
        return super().exists(path)

    def read(self, path: str, limit_bytes: int = OBJECT_BYTES_MAX) -> bytes:
        self.reads[path] += 1
        return super().read(path, limit_bytes)
