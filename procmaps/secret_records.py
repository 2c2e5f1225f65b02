"""Secrets in the memory part of a stream: in names, paths and what the host says of itself.

Names that processes choose are in `status` and `stat`, and in maps; all else that is text is of the host. The
marks are found by the nonce, so that the lines of maps, nearly all of a part, are not looked at one by one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from procmaps.masking_options import AS_BY_DEFAULT, Masking
from procmaps.secret_names import names
from procmaps.secret_paths import PATH_LIMIT_BYTES, Paths, mask_mappings, mask_word
from procmaps.secret_patterns import MASK, mask_text

# of the host's own lines; a host has some 10,000 bytes of them, and what is more is dropped
FACTS_LIMIT_BYTES: Final = 2**20
NAMES_LIMIT_COUNT: Final = 1_000_000  # two a process; of more the records are emptied
GREP: Final = b"grep"
_GROUPS: Final = b"cgroup-memory"
# what the kernel writes in them no process chooses, or the paths are looked for in all the text
_KERNEL: Final = frozenset((b"limits", b"maps", b"smaps", b"denied"))
_MARK = re.compile(rb"([a-z][a-z0-9_-]{0,31}) [0-9]{1,7}(?:\n|\Z)")
_STATUS_NAME = re.compile(rb"Name:[\t ]*([^\n]*)")
_STATUS_LINE = re.compile(rb"^(?:[^\n:]*/)?[0-9]{1,7}/status:Name:[\t ]*([^\n]*)", re.MULTILINE)
_STAT_LINE = re.compile(rb"^(?:[^\n:]*/)?[0-9]{1,7}/stat:([^\n]*)", re.MULTILINE)
_STAT_NAME = re.compile(rb"[0-9]{1,10} \(")
_STAT_REST = re.compile(rb"\) [A-Za-z](?: [-0-9 ]*)?\n*\Z")
_ESCAPED = re.compile(rb"\\([n\\])")  # of status: fs/proc/array.c, proc_task_name
_ASSIGNED = re.compile(rb"[A-Z][A-Z0-9_]*=[\"']?")


_Mask: TypeAlias = Callable[[bytes, Masking], bytes]


class _Edit(NamedTuple):
    """A stretch of a text and what takes its place."""

    start: int
    end: int
    text: bytes


def mask_status_name(name: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """The name in a line of status, masked as it is in comm, where newlines are not escaped."""
    plain = _ESCAPED.sub(lambda found: b"\n" if found[1] == b"n" else b"\\", name)
    masked = mask_word(plain, masking)
    return name if masked == plain else masked.replace(b"\\", rb"\\").replace(b"\n", rb"\n")


def mask_stat(stat: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """A record or line of stat, with the name in parentheses masked; the numbers behind it stay.

    A name may hold parentheses and newlines. Without its end, or its start, all that may be of a name is one.
    """
    head = _STAT_NAME.match(stat)
    rest = _STAT_REST.search(stat)
    end = rest.start() if rest else len(stat)
    if head:
        return stat[: head.end()] + mask_word(stat[head.end() : end], masking) + stat[end:]
    return MASK + stat[end:] if stat.strip() else stat


def mask_file(name: bytes, content: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """A file of /proc/PID that is in a memory part, by its name."""
    if name in {b"maps", b"smaps"}:
        return mask_mappings(content, masking)
    if name == b"stat":
        return mask_stat(content, masking)
    found = _STATUS_NAME.match(content) if name == b"status" else None
    if not found:
        return content
    return content[: found.start(1)] + mask_status_name(found[1], masking) + content[found.end(1) :]


def mask_fact(line: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """A line that the host says of itself; the value of NAME="value" also by itself."""
    known = names(masking.words)
    masked = mask_text(line[:PATH_LIMIT_BYTES], known)
    assigned = _ASSIGNED.match(masked)
    return assigned[0] + mask_text(masked[assigned.end() :], known) if assigned else masked


class MemoryPart:
    """The secrets of one host's memory part: first look at all of it, then write it anew if any was found.

    Both take pieces in order that end where a line does, and not within a record of stat.
    """

    def __init__(
        self, nonce: bytes, masking: Masking = AS_BY_DEFAULT, names_limit: int = NAMES_LIMIT_COUNT
    ) -> None:
        self._begin = partial(_Texts, nonce, masking, names_limit)
        self._paths = Paths(masking)
        self._texts = self._begin()
        self._found = False

    @property
    def found(self) -> bool:
        """Whether the part has to be written anew."""
        return self._found or self._paths.found

    def look_at(self, piece: bytes) -> None:
        """One piece, in order."""
        self._paths.look_at(piece)
        self._found = self._found or bool(self._texts.edits(piece))

    def masked(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, from the first on, with the secrets masked."""
        texts = self._begin()
        for piece in pieces:
            edited = _edited(piece, texts.edits(piece))
            yield self._paths.masked(edited) if self._paths.found else edited


class _Texts:
    """Goes through the pieces of a part once, and knows the kind of the record that a piece begins in."""

    def __init__(self, nonce: bytes, masking: Masking, names_limit: int) -> None:
        self._mark = nonce + b" "
        self._masking = masking
        self._kind = b""
        self._left_names = names_limit
        self._left_bytes = FACTS_LIMIT_BYTES
        self._groups = Paths(masking)

    def edits(self, piece: bytes) -> list[_Edit]:
        """What has to change in the next piece, in order."""
        found: list[_Edit] = []
        for start, end in self._contents(piece):
            if self._kind and self._kind not in _KERNEL:
                found += (
                    edit for edit in self._of(piece, start, end) if edit.text != piece[edit.start : edit.end]
                )
        return found

    def _contents(self, piece: bytes) -> Iterator[tuple[int, int]]:
        """Where the contents of records are; the kind is that of the one last given."""
        start = 0
        at = 0 if piece.startswith(self._mark) else self._next(piece, 0)
        while at < len(piece):
            if at > start:
                yield start, at - 1
            mark = _MARK.match(piece, at + len(self._mark))
            if mark:
                self._kind = mark[1]
            start = mark.end() if mark else at + len(self._mark)
            # the newline of a mark without content is also the one before the next mark
            at = self._next(piece, max(start - 1, 0))
        if start < len(piece):
            yield start, len(piece)

    def _next(self, piece: bytes, start: int) -> int:
        at = piece.find(b"\n" + self._mark, start)
        return at + 1 if at >= 0 else len(piece)

    def _of(self, piece: bytes, start: int, end: int) -> Iterator[_Edit]:
        if self._kind not in {b"status", b"stat", GREP}:
            yield from self._of_host(piece, start, end)
            return
        for first, last, masked in self._of_process(piece, start, end):
            if self._left_names <= 0:
                yield _Edit(first, end, b"")
                return
            self._left_names -= 1
            yield _Edit(first, last, masked(piece[first:last], self._masking))

    def _of_process(self, piece: bytes, start: int, end: int) -> Iterator[tuple[int, int, _Mask]]:
        """Where names are, and how they are masked. Of grep a record holds the files of one kind."""
        if self._kind == b"status":
            name = _STATUS_NAME.match(piece, start, end)
            if name:
                yield *name.span(1), mask_status_name
        elif self._kind == b"stat":
            yield start, end, mask_stat
        elif piece.find(b"/status:Name:", start, end) >= 0:
            yield from (
                (*name.span(1), mask_status_name) for name in _STATUS_LINE.finditer(piece, start, end)
            )
        elif piece.find(b"/stat:", start, end) >= 0:
            yield from ((*line.span(1), mask_stat) for line in _STAT_LINE.finditer(piece, start, end))

    def _of_host(self, piece: bytes, start: int, end: int) -> Iterator[_Edit]:
        for line in piece[start:end].split(b"\n"):
            stop = start + len(line)
            yield _Edit(start, stop, self._fact(line))
            start = stop + 1

    def _fact(self, line: bytes) -> bytes:
        if self._kind == _GROUPS:
            path, *sizes = line.rsplit(b"\t", 2)
            return b"\t".join((self._groups.one(path), *sizes)) if path else line
        self._left_bytes -= len(line)
        return mask_fact(line, self._masking) if self._left_bytes >= 0 else b""


def _edited(piece: bytes, edits: list[_Edit]) -> bytes:
    pieces: list[bytes] = []
    done = 0
    for edit in edits:
        pieces += (piece[done : edit.start], edit.text)
        done = edit.end
    return b"".join((*pieces, piece[done:])) if edits else piece
