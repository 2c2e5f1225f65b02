"""Secrets in the memory part of a stream: in names, in paths, and in the facts of the host.

Names that processes choose are in `status`, `stat` and maps; all other text is of the host. Marks are found
by the nonce, so that the lines of maps, which are nearly the whole part, need not be checked one by one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from procmaps.lazy_pattern import compiled
from procmaps.masking_options import AS_BY_DEFAULT, Masking
from procmaps.secret_names import names
from procmaps.secret_paths import PATH_LIMIT_BYTES, Paths, mask_mappings, mask_word
from procmaps.secret_patterns import MASK, mask_text

# limit of the host's own lines; a host has about 10,000 bytes of them, and the rest is dropped
FACTS_LIMIT_BYTES: Final = 2**20
NAMES_LIMIT_COUNT: Final = 1_000_000  # two per process; further records are emptied
GREP: Final = b"grep"
_GROUPS: Final = b"cgroup-memory"
# records without text that a process can choose, and those whose paths are searched in the whole text
_KERNEL: Final = frozenset((b"limits", b"maps", b"smaps", b"denied"))
_MARK = compiled(rb"([a-z][a-z0-9_-]{0,31}) [0-9]{1,7}(?:\n|\Z)")
_STATUS_NAME = compiled(rb"Name:[\t ]*([^\n]*)")
_STATUS_LINE = compiled(rb"^(?:[^\n:]*/)?[0-9]{1,7}/status:Name:[\t ]*([^\n]*)", re.MULTILINE)
_STAT_LINE = compiled(rb"^(?:[^\n:]*/)?[0-9]{1,7}/stat:([^\n]*)", re.MULTILINE)
_STAT_NAME = compiled(rb"[0-9]{1,10} \(")
_STAT_REST = compiled(rb"\) [A-Za-z](?: [-0-9 ]*)?\n*\Z")
_ESCAPED = compiled(rb"\\([n\\])")  # of status: fs/proc/array.c, proc_task_name
_ASSIGNED = compiled(rb"[A-Z][A-Z0-9_]*=[\"']?")


_Mask: TypeAlias = Callable[[bytes, Masking], bytes]


class _Edit(NamedTuple):
    """A range of a text, and its replacement."""

    start: int
    end: int
    text: bytes


def mask_status_name(name: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """The name in a line of status, masked like that in comm, in which newlines are not escaped."""
    plain = _ESCAPED.sub(lambda found: b"\n" if found[1] == b"n" else b"\\", name)
    masked = mask_word(plain, masking)
    return name if masked == plain else masked.replace(b"\\", rb"\\").replace(b"\n", rb"\n")


def mask_stat(stat: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """A record or line of stat, with the name in parentheses masked; the numbers after it stay.

    A name may contain parentheses and newlines. Without its start or end, everything counts as the name.
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
    """A line of the host's facts, masked; the value of NAME="value" is also masked separately."""
    known = names(masking.words)
    masked = mask_text(line[:PATH_LIMIT_BYTES], known)
    assigned = _ASSIGNED.match(masked)
    return assigned[0] + mask_text(masked[assigned.end() :], known) if assigned else masked


class MemoryPart:
    """The secrets of one host's memory part: first check all of it, then rewrite it if any was found.

    Both take the pieces in order; a piece ends with a line, and not within a record of stat.
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
        """Whether the part must be rewritten."""
        return self._found or self._paths.found

    def look_at(self, piece: bytes) -> None:
        """Check the next piece."""
        self._paths.look_at(piece)
        self._found = self._found or bool(self._texts.edits(piece))

    def masked(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """All pieces again, with the secrets masked."""
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
        """The replacements in the next piece, in order."""
        found: list[_Edit] = []
        for start, end in self._contents(piece):
            if self._kind and self._kind not in _KERNEL:
                found += (
                    edit for edit in self._of(piece, start, end) if edit.text != piece[edit.start : edit.end]
                )
        return found

    def _contents(self, piece: bytes) -> Iterator[tuple[int, int]]:
        """The ranges of the contents of records, with their kinds."""
        start = 0
        at = 0 if piece.startswith(self._mark) else self._next(piece, 0)
        while at < len(piece):
            if at > start:
                yield start, at - 1
            mark = _MARK.match(piece, at + len(self._mark))
            if mark:
                self._kind = mark[1]
            start = mark.end() if mark else at + len(self._mark)
            # in a record without content, one newline both ends its mark and precedes the next mark
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
        """The ranges of names, and how to mask them. A grep record has the files of one kind."""
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
