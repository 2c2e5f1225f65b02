"""One host's stream to the two parts of a dump, within limits. docs/dump-format.md describes both."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from collector.members import GZIP_MAGIC, Part, end_mark, packed
from collector.spool import Spool
from collector.trouble import HostTrouble, one_line
from domain.content import Content
from domain.records import Limits, Stage
from procmaps import grepped
from procmaps.frames import CROWDED_BYTES, mask_identity
from procmaps.masking import Budget
from procmaps.masking_options import Masking
from procmaps.secret_records import MemoryPart

IDENTITY_BYTES: Final = (
    128 * 2**20
)  # cmdline, comm and cgroup of all processes; the probe cuts arguments from 64 MiB on
NOISE_BYTES: Final = 2**20  # limit of the noise of a login shell before the stream
_LINE_BYTES: Final = 2**20  # a longer line may be split
_RECORD_BYTES: Final = 2**20  # of a longer record of the identity part, half is more than what is kept
_STAT_BYTES: Final = 4096  # ten times a record of stat, whose process name may contain newlines
_WORD_BYTES: Final = 4096  # longer than any file name or other word
_TAIL_BYTES: Final = 512  # large enough for the closing counts


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a stream, each a whole gzip member; an intact memory part is kept byte for byte."""

    memory_gz: Content
    identity_gz: Content
    complete: bool
    problem: str
    inflated_bytes: int = 0  # that came out of both
    masking_s: float = field(default=0.0, compare=False)
    packed: bool = True  # the host has gzip


def begin_mark(nonce: str) -> bytes:
    """The first line of a stream, after the noise of a login shell."""
    return f"{nonce} begin 1\n".encode()


def parts(received: Spool, nonce: str, limits: Limits, masking: Masking) -> Parts:
    """The parts of a stream; HostTrouble if nothing useful came. Any part may have been cut off."""
    at = received.find(begin_mark(nonce))
    if at < 0:
        raise HostTrouble(Stage.READ, "no_stream", _noise(received.read(0, NOISE_BYTES), masking))
    start = _last_attempt(received, at + len(begin_mark(nonce)), nonce)
    memory = _memory(Part(received, start, nonce, limits.inflated_bytes), nonce, masking, received.beside())
    if not memory.inflated_bytes:
        raise HostTrouble(Stage.READ, "truncated", "the stream ended before its first record")
    if memory.lists_none:
        raise HostTrouble(Stage.EXEC, "no_proc", "the host lists no process in /proc")
    most_bytes = min(limits.inflated_bytes - memory.inflated_bytes, IDENTITY_BYTES)
    identity = _identity(
        Part(received, start + memory.length, nonce, most_bytes), nonce, masking, received.beside()
    )
    noise = received.read(0, at)
    problems = [_noise(noise, masking)] if noise.strip() else []
    if not memory.ended:
        problems.append("the stream was cut off in its memory part")
    elif not identity.ended:
        problems.append("the stream was cut off in its identity part")
    if identity.dropped:
        problems.append(
            f"the arguments of {identity.dropped} processes were dropped, because masking them takes too long"
        )
    return Parts(
        memory.gz,
        identity.gz,
        memory.ended and identity.ended,
        "; ".join(problems),
        memory.inflated_bytes + identity.inflated_bytes,
        memory.masking_s + identity.masking_s,
        received.read(start, len(GZIP_MAGIC)) == GZIP_MAGIC,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    gz: Content
    length: int  # bytes of the stream that it used
    inflated_bytes: int
    ended: bool  # it has its end record, and for gzip a correct checksum
    masking_s: float
    lists_none: bool = False  # its end record says that the host has no processes
    dropped: int = 0  # processes whose arguments were not masked and therefore dropped


class _Watch:
    """Adds up the seconds that blocks take."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began_s = 0.0

    def __enter__(self) -> None:
        self._began_s = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.monotonic() - self._began_s


def _noise(noise: bytes, masking: Masking) -> str:
    return f"{len(noise)} bytes came before the stream: {one_line(noise, 80, masking)}"


def _last_attempt(received: Spool, start: int, nonce: str) -> int:
    """Where the stream begins after the last time that the probe started over."""
    at = received.rfind(f"{nonce} again ".encode(), start)
    if at < 0:
        return start
    newline = received.find(b"\n", at)
    return newline + 1 if newline >= 0 else len(received)


def _memory(part: Part, nonce: str, masking: Masking, spool: Spool) -> _Part:
    """The memory part, checked in pieces, because the text of a large host is never held as a whole.

    It is kept byte for byte unless something in it is a secret.
    """
    secrets = MemoryPart(nonce.encode(), masking)
    tail, watch = b"", _Watch()
    for piece in _by_records(part, nonce):
        tail = (tail + piece)[-_TAIL_BYTES:]
        with watch:
            secrets.look_at(piece)
    ended = part.whole and end_mark(nonce) in tail
    if ended and part.is_packed and not secrets.found:
        gz = part.as_it_came()
    else:
        with watch:
            pieces = _by_records(part.again(), nonce)
            gz = packed(secrets.masked(pieces) if secrets.found else pieces, spool)
    none = ended and _lists_none(tail, nonce)
    return _Part(gz, part.length, part.inflated_bytes, ended, watch.seconds, none)


def _identity(part: Part, nonce: str, masking: Masking, spool: Spool) -> _Part:
    """The identity part, inflated, masked and packed again, before anything else sees it.

    It is read twice: what is masked depends on its length and its end, and its text is never held as a whole.
    """
    tail = b""
    for piece in part.pieces():
        tail = (tail + piece)[-_TAIL_BYTES:]
    ended = part.whole and end_mark(nonce) in tail
    budget, watch = Budget(), _Watch()
    crowded = part.inflated_bytes >= CROWDED_BYTES

    def masked() -> Iterator[bytes]:
        joint = b""
        for records in _whole_records(part.again(), nonce, ended=ended):
            if text := mask_identity(records, nonce.encode(), masking, budget, crowded=crowded):
                yield joint + text
                joint = b"\n"

    with watch:
        gz = packed(masked(), spool)
    return _Part(gz, part.length, part.inflated_bytes, ended, watch.seconds, dropped=budget.dropped)


def _whole_records(part: Part, nonce: str, *, ended: bool) -> Iterator[bytes]:
    """Pieces that begin with a record and end with one, without the newline after it.

    The last record of a part that has not ended is left out, because half an argument may be half a secret
    that no pattern recognises. A long `grep` record comes as several.
    """
    mark = f"\n{nonce} ".encode()
    begun = bytearray()
    for piece in part.pieces():
        searched = max(0, len(begun) - len(mark))
        begun += piece
        end = begun.rfind(mark, searched)
        if end >= 0:
            has_content = begun.find(b"\n", begun.rfind(mark, 0, end) + 1, end) >= 0
            # without content, one newline both ends its mark and precedes the next mark
            yield bytes(begun[: end if has_content else end + 1])
            begun = begun[end + 1 :]
        if len(begun) > _RECORD_BYTES:
            yield from _of_long_record(begun, f"{nonce} grep 0\n".encode(), len(mark))
    if ended:
        yield bytes(begun)


def _of_long_record(begun: bytearray, grep: bytes, mark_bytes: int) -> Iterator[bytes]:
    """Takes out of a record that has not ended what need not be in memory.

    That is whole files of grep, which are given as a record, and what is dropped later anyway.
    """
    start = len(grep) if begun.startswith(grep) else 0
    last = grepped.last_file(begun, start) if start else 0
    if last > start:
        yield bytes(begun[: last - 1])
        del begun[start:last]
        return
    # one file, of which less than this is kept; of grep in whole lines
    whole = begun.rfind(b"\n", start, _RECORD_BYTES // 2) if start else -1
    if whole >= 0:
        del begun[whole : begun.rfind(b"\n")]
    if len(begun) > _RECORD_BYTES:
        del begun[_RECORD_BYTES // 2 : -mark_bytes]


def _lists_none(tail: bytes, nonce: str) -> bool:
    return tail.rpartition(end_mark(nonce))[2].startswith(b"listed=0 sent=0 ")


def _by_records(part: Part, nonce: str) -> Iterator[bytes]:
    """Pieces that end with a record or a line, so that no name and no path is split."""
    mark = f"\n{nonce} ".encode()
    begun = b""
    for piece in part.pieces():
        text = begun + piece
        end = text.rfind(mark, max(0, len(text) - _STAT_BYTES)) + 1 or text.rfind(b"\n") + 1
        if end or len(text) > _LINE_BYTES:
            end = end or len(text)
            yield text[:end]
            begun = text[end:]
        else:
            begun = text
    yield begun if end_mark(nonce) in b"\n" + begun else _without_half_a_word(begun)


def _without_half_a_word(cut: bytes) -> bytes:
    """Without the word at the cut, because half a secret may not look like one."""
    start = max(0, len(cut) - _WORD_BYTES)
    ends = [cut.rfind(sign, start) + 1 for sign in (b"\n", b"\t", b" ", b"/")]
    return cut[: max(start, *ends)]
