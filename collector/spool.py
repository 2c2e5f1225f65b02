"""What one host sent, until its dump is written: little in memory, much in a file.

The file has no name, so nothing is left of it whatever ends the process. It is encrypted with a key that only
this process and the one that unpacks it have, because nothing that is not masked yet may come to a disk.
"""

import os
import secrets
import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from collector.descriptors import Descriptor
from collector.trouble import HostTrouble
from domain.content import Content
from domain.records import Stage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

MEMORY_BYTES: Final = 2**20  # most that stays in memory of one host ...
ALL_MEMORY_BYTES: Final = 2**26  # ... and of all at once; most hosts send some 100 KiB
PIECE_BYTES: Final = 2**18
KEY_BYTES: Final = 32
_BLOCK_BYTES: Final = 16  # of AES, which is counted from 0 in each file, with a key of its own


class Spool:
    """The bytes of one host, written from beginning to end, and read anywhere. Can go to a process beside.

    HostTrouble if the folder takes no more, or gives back something else.
    """

    def __init__(self, folder: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._memory = bytearray()
        self._file: _File | None = None

    def __len__(self) -> int:
        return len(self._memory) if self._file is None else self._file.size_bytes

    @property
    def is_on_disk(self) -> bool:
        """Whether it is in a file."""
        return self._file is not None

    def beside(self) -> "Spool":
        """An empty one with the same folder and limit."""
        return Spool(self._folder, self._memory_bytes)

    def append(self, chunk: bytes) -> None:
        """Bytes after those that are there."""
        if self._file is None and len(self._memory) + len(chunk) <= self._memory_bytes:
            self._memory += chunk
            return
        try:
            if self._file is None:
                self._file = _File.made(self._folder)
                self._file.write(bytes(self._memory))
                self._memory = bytearray()
            self._file.write(chunk)
        except OSError as error:
            raise self._trouble(error) from None

    def read(self, start: int, count: int) -> bytes:
        """So many bytes from `start` on, or as many as there are."""
        if self._file is None:
            return bytes(self._memory[start : start + count])
        try:
            return self._file.read(start, count)
        except OSError as error:
            raise self._trouble(error) from None

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes of a range in order."""
        end = len(self) if end is None else end
        for at in range(start, end, PIECE_BYTES):
            yield self.read(at, min(PIECE_BYTES, end - at))

    def find(self, text: bytes, start: int = 0) -> int:
        """Where a text is first, from `start` on; -1 if it is nowhere."""
        return next(self._found(text, start), -1)

    def rfind(self, text: bytes, start: int = 0) -> int:
        """Where a text is last, from `start` on; -1 if it is nowhere."""
        last = deque(self._found(text, start), 1)
        return last[0] if last else -1

    def content(self, start: int = 0, end: int | None = None) -> Content:
        """A range of it for a dump: of a file, what names it there."""
        end = len(self) if end is None else end
        return Stretch(self, start, end) if self.is_on_disk else self.read(start, end - start)

    def _found(self, text: bytes, start: int) -> Iterator[int]:
        """Where the text is: of what overlaps, the first."""
        begun, at = b"", start  # what is left of the last piece, and its place
        for piece in self.pieces(start):
            searched, done = begun + piece, 0
            while (found := searched.find(text, done)) >= 0:
                yield at + found
                done = found + len(text)
            done = max(done, len(searched) - len(text) + 1)
            begun, at = searched[done:], at + done

    def _trouble(self, error: OSError) -> HostTrouble:
        return HostTrouble(Stage.READ, "spool_failed", f"{self._folder}: {error.strerror or error}")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of a spool."""

    _spool: Spool
    _start: int
    _end: int

    def __len__(self) -> int:
        return self._end - self._start

    def pieces(self) -> Iterator[bytes]:
        """Its bytes in order."""
        return self._spool.pieces(self._start, self._end)


class _File:
    """A file without a name, encrypted. OSError if it cannot be written or read."""

    def __init__(self, descriptor: Descriptor, key: bytes, size_bytes: int = 0) -> None:
        self._descriptor = descriptor
        self._key = key
        self._writer: CipherContext | None = None
        self.size_bytes = size_bytes

    @classmethod
    def made(cls, folder: Path) -> "_File":
        # where the file system has only files with a name, it has one for a moment, which listings skip
        with tempfile.TemporaryFile(dir=folder, prefix=".", suffix=".part", buffering=0) as file:
            return cls(Descriptor(os.dup(file.fileno())), secrets.token_bytes(KEY_BYTES))

    def __reduce__(self) -> tuple[type["_File"], tuple[Descriptor, bytes, int]]:
        return _File, (self._descriptor, self._key, self.size_bytes)

    def write(self, content: bytes) -> None:
        if self._writer is None:
            self._writer = self._cipher(self.size_bytes)
        left = memoryview(self._writer.update(content))
        while left:
            done = os.pwrite(self._descriptor.number, left, self.size_bytes)
            self.size_bytes += done
            left = left[done:]

    def read(self, start: int, count: int) -> bytes:
        count = max(0, min(count, self.size_bytes - start))
        content = os.pread(self._descriptor.number, count, start)
        if len(content) != count:
            raise OSError(None, f"{len(content)} of {count} bytes could be read")
        return self._cipher(start).update(content)

    def _cipher(self, at: int) -> "CipherContext":
        """What encrypts and decrypts alike, from a place on."""
        from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415  # most hosts send too little
        from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.modes import CTR  # noqa: PLC0415

        block, within = divmod(at, _BLOCK_BYTES)
        cipher = Cipher(AES(self._key), CTR(block.to_bytes(_BLOCK_BYTES, "big"))).encryptor()
        cipher.update(bytes(within))
        return cipher
