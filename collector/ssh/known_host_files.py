"""The known_hosts files: read within limits, and again once they have changed."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from archive.regular_file import opened
from collector.ssh.known_host_lines import HostKey, Index, names_hosts
from domain.mistakes import Mistake, OperatorError

FILE_BYTES: Final = 64 * 2**20  # of each file
LINES: Final = 500_000  # of each file, including comments
LINE_BYTES: Final = 64 * 2**10
NAMES: Final = 1_000_000  # of all files
PATTERNS: Final = 10_000  # names with * or ?, and negated ones, of all files; each is tried for each host
SHOWN_COUNT: Final = 5  # unreadable lines that the warning names

_State: TypeAlias = tuple[int, int, int, int]  # device, inode, size, time of the last change


@dataclass(slots=True)
class _Read:
    """How much of one file is in the index."""

    state: _State | None = None  # None: there was no file
    lines: int = 0
    read_bytes: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)


class Files:
    """The entries of the operator's files, and those of the file to which accept-new adds, if there is one.

    What was accepted counts only for names that the operator's files do not have, and no pattern and no
    certificate authority counts there: whoever could add to that file would speak for every host otherwise.
    """

    def __init__(self, paths: Iterable[Path], accepted_path: Path | None = None) -> None:
        """OperatorError for a file that cannot be read, or is over a limit."""
        self._operators = tuple(paths)
        self._paths = (*self._operators, *((accepted_path,) if accepted_path else ()))
        self._accepted_path = accepted_path
        self._begin()
        for path in self._paths:
            self._read(path)

    def _begin(self) -> None:
        self._known = Index()
        self._accepted = Index()
        self._done: dict[Path, _Read] = {}
        self._unreadable: list[str] = []  # FILE:LINE of the first that were skipped
        self._unreadable_count = 0

    @property
    def warning(self) -> str:
        """The unreadable lines, for the operator; "" if there are none."""
        if not self._unreadable_count:
            return ""
        more = self._unreadable_count - len(self._unreadable)
        places = ", ".join(self._unreadable) + (f" and {more} more" if more else "")
        return f"host keys: unreadable lines were skipped: {places}"

    def find(self, name: str) -> tuple[HostKey, ...]:
        """Every key of a name; the first request for a name costs an HMAC per hashed entry."""
        return self._known.find(name) or self._accepted.find(name)

    def has(self, name: str, key: HostKey) -> bool:
        """Whether this is a key of the name. A key of the operator's needs no search through hashed names."""
        if self._known.has(name, key):
            return True
        return self._accepted.has(name, key) and not self._known.find(name)

    def types(self, name: str) -> frozenset[str]:
        """The types of the keys of a name; those of all hashed entries as long as they were not searched."""
        return self._known.types(name) | self._accepted.types(name)

    def revokes(self, name: str, key: HostKey) -> bool:
        """Whether the key is marked as revoked for a name."""
        return self._known.revokes(name, key) or self._accepted.revokes(name, key)

    def authorities(self, name: str) -> frozenset[HostKey]:
        """The keys whose certificates prove that a host has this name."""
        return self._known.authorities(name)

    def accept(self, name: str, key: HostKey) -> None:
        """Add a key that was accepted and is kept nowhere."""
        self._accepted.learn(name, key)

    def refreshed(self) -> "Files":
        """The entries as the files have them now: these, or new ones if a file has changed.

        OperatorError as when they were read first.
        """
        changed = [path for path in self._paths if _state(path) != self._done[path].state]
        if not changed or (changed == [self._accepted_path] and self._read_on(changed[0])):
            return self
        return Files(self._operators, self._accepted_path)

    def _read(self, path: Path) -> None:
        done = self._done[path] = _Read()
        try:
            with opened(path.expanduser()) as file:
                done.state = _state_of(os.fstat(file.fileno()))
                self._add_lines(path, file, done)
        except FileNotFoundError:
            return
        except (OSError, RuntimeError) as error:  # RuntimeError: ~ of an unknown account
            raise _unreadable(path, error) from error

    def _read_on(self, path: Path) -> bool:
        """Add what was appended to a file since; False if it is another file, or was changed elsewhere."""
        done = self._done[path]
        try:
            with opened(path.expanduser()) as file:
                state = _state_of(os.fstat(file.fileno()))
                before = file.read(done.read_bytes) if done.state and state[:2] == done.state[:2] else b""
                is_same = before.endswith(b"\n") and hashlib.sha256(before).digest() == done.digest.digest()
                if not is_same:
                    return False
                done.state = state
                self._add_lines(path, file, done)
        except (OSError, RuntimeError):
            return False  # reading all of it says what is wrong
        return True

    def _add_lines(self, path: Path, file: BinaryIO, done: _Read) -> None:
        while raw := file.readline(LINE_BYTES + 1):
            done.lines += 1
            done.read_bytes += len(raw)
            done.digest.update(raw)
            if not self._add(path, raw):
                self._leave_out(f"{path}:{done.lines}")
            if excess := self._excess(raw, done):
                remedy = "is it a known_hosts file? If so, remove the lines that are not needed"
                raise OperatorError(Mistake(f"{path}:{done.lines}", excess, remedy))

    def _add(self, path: Path, raw: bytes) -> bool:
        """Add one line; False if it cannot be used."""
        if path in self._operators:  # which the file of accepted keys may be, too
            return self._known.add(raw)
        return names_hosts(raw) and self._accepted.add(raw)

    def _excess(self, raw: bytes, done: _Read) -> str:
        """The limit that this line exceeds; "" if none."""
        limits = (
            (len(raw.rstrip(b"\r\n")), LINE_BYTES, "bytes in this line"),
            (done.lines, LINES, "lines"),
            (done.read_bytes, FILE_BYTES, "bytes in the file"),
            (self._known.names + self._accepted.names, NAMES, "names"),
            (self._known.patterns, PATTERNS, "names with * or ?"),
        )
        return next((f"more than {limit} {what}" for amount, limit, what in limits if amount > limit), "")

    def _leave_out(self, place: str) -> None:
        self._unreadable_count += 1
        if self._unreadable_count <= SHOWN_COUNT:
            self._unreadable.append(place)


def _state(path: Path) -> _State | None:
    try:
        return _state_of(path.expanduser().stat())
    except (OSError, RuntimeError, ValueError):
        return None  # as for no file; if there is one, reading it says what is wrong with it


def _state_of(status: os.stat_result) -> _State:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _unreadable(path: Path, error: OSError | RuntimeError) -> OperatorError:
    problem = (isinstance(error, OSError) and error.strerror) or str(error)
    remedy = "give a file that this account may read, or remove it from ssh.known_hosts"
    return OperatorError(Mistake(f"{path}", f"host keys cannot be read: {problem}", remedy))
