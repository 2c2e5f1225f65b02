"""One host's stream to the two parts of a dump, within limits. docs/dump-format.md describes both."""

import gzip
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from collector.trouble import HostTrouble, one_line
from domain.records import Limits, Stage
from procmaps.frames import mask_identity
from procmaps.masking import Budget
from procmaps.masking_options import Masking
from procmaps.secret_records import MemoryPart

IDENTITY_BYTES: Final = (
    256 * 2**20
)  # cmdline, comm and cgroup of all processes; the probe cuts arguments from 64 MiB on
NOISE_BYTES: Final = 2**20  # limit of the noise of a login shell before the stream
STEP_BYTES: Final = 2**18  # inflated bytes per step
GZIP_MAGIC: Final = b"\x1f\x8b"
_CHUNK_BYTES: Final = 2**16  # bytes passed to zlib per call, because it copies what it does not consume
_LINE_BYTES: Final = 2**20  # a longer line may be split
_STAT_BYTES: Final = 4096  # ten times a record of stat, whose process name may contain newlines
_WORD_BYTES: Final = 4096  # longer than any file name or other word
_TAIL_BYTES: Final = 512  # large enough for the closing counts
_GZIP_WINDOW: Final = 31  # zlib: the largest window, with a gzip header and its checksum


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a stream, each a whole gzip member; an intact memory part is kept byte for byte."""

    memory_gz: bytes
    identity_gz: bytes
    complete: bool
    problem: str
    inflated_bytes: int = 0  # that came out of both
    masking_s: float = field(default=0.0, compare=False)


def begin_mark(nonce: str) -> bytes:
    """The first line of a stream, after the noise of a login shell."""
    return f"{nonce} begin 1\n".encode()


def parts(received: bytes, nonce: str, limits: Limits, masking: Masking) -> Parts:
    """The parts of a stream; HostTrouble if nothing useful came. Any part may have been cut off."""
    noise, found, stream = received.partition(begin_mark(nonce))
    if not found:
        raise HostTrouble(Stage.READ, "no_stream", _noise(received, masking))
    stream = _last_attempt(stream, nonce)
    memory = _memory(stream, nonce, limits.inflated_bytes, masking)
    if not memory.inflated_bytes:
        raise HostTrouble(Stage.READ, "truncated", "the stream ended before its first record")
    identity = _identity(
        stream[memory.length :], nonce, limits.inflated_bytes - memory.inflated_bytes, masking
    )
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
    )


@dataclass(frozen=True, slots=True)
class _Part:
    gz: bytes
    length: int  # bytes of the stream that it used
    inflated_bytes: int
    ended: bool  # it has its end record, and for gzip a correct checksum
    masking_s: float
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


def _last_attempt(stream: bytes, nonce: str) -> bytes:
    """The stream after the last time that the probe started over."""
    at = stream.rfind(f"{nonce} again ".encode())
    newline = stream.find(b"\n", at) if at >= 0 else -1
    return stream[newline + 1 :] if at < 0 or newline >= 0 else b""


class _Member:
    """One gzip member, inflated piece by piece; if it is cut off or damaged, it ends early."""

    def __init__(self, stream: bytes, most_bytes: int) -> None:
        self._stream = stream
        self._most_bytes = most_bytes
        self.inflated_bytes = 0
        self.length = len(stream)
        self.whole = False  # the checksum at its end was correct

    def pieces(self) -> Iterator[bytes]:
        """Of at most STEP_BYTES each."""
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        try:
            for at in range(0, len(self._stream), _CHUNK_BYTES):
                chunk = self._stream[at : at + _CHUNK_BYTES]
                while piece := inflater.decompress(chunk, STEP_BYTES):
                    self._count(piece)
                    yield piece
                    # at the end, both attributes of zlib hold the bytes that follow
                    chunk = b"" if inflater.eof else inflater.unconsumed_tail
                if inflater.eof:
                    self.whole = True
                    self.length = min(at + _CHUNK_BYTES, len(self._stream)) - len(inflater.unused_data)
                    return
        except zlib.error:
            return

    def _count(self, piece: bytes) -> None:
        self.inflated_bytes += len(piece)
        if self.inflated_bytes > self._most_bytes:
            detail = f"more than {self._most_bytes} bytes came out of gzip"
            raise HostTrouble(Stage.READ, "inflated_limit", detail)


def _memory(stream: bytes, nonce: str, most_bytes: int, masking: Masking) -> _Part:
    """The memory part, checked in pieces, because the text of a large host is never held as a whole.

    It is kept byte for byte unless something in it is a secret.
    """
    secrets = MemoryPart(nonce.encode(), masking)
    if not stream.startswith(GZIP_MAGIC):
        text, ended = _plain(stream, nonce)
        whole = text if ended else _without_half_a_word(text)
        watch = _Watch()
        with watch:
            secrets.look_at(whole)
            kept = b"".join(secrets.masked([whole])) if secrets.found else whole
        return _Part(gzip.compress(kept, 1, mtime=0), len(text), len(text), ended, watch.seconds)
    member = _Member(stream, most_bytes)
    tail, watch = b"", _Watch()
    for piece in _by_records(member, nonce):
        tail = (tail + piece)[-_TAIL_BYTES:]
        with watch:
            secrets.look_at(piece)
    ended = member.whole and _end_mark(nonce) in tail
    if ended and not secrets.found:
        gz = stream[: member.length]
    else:
        with watch:
            gz = _packed_anew(secrets.masked(_by_records(_Member(stream, most_bytes), nonce)))
    return _Part(gz, member.length, member.inflated_bytes, ended, watch.seconds)


def _identity(stream: bytes, nonce: str, most_bytes: int, masking: Masking) -> _Part:
    """The identity part, inflated, masked and packed again, before anything else sees it."""
    most_bytes = min(most_bytes, IDENTITY_BYTES)
    if stream.startswith(GZIP_MAGIC):
        member = _Member(stream, most_bytes)
        text = b"".join(member.pieces())
        length, ended = member.length, member.whole and _end_mark(nonce) in text[-_TAIL_BYTES:]
    else:
        text, ended = _plain(stream, nonce)
        length = len(text)
    if not ended:
        # half an argument may be half a secret that no pattern recognises
        text = text[: max(0, text.rfind(f"\n{nonce} ".encode()))]
    budget, watch = Budget(), _Watch()
    with watch:
        masked = mask_identity(text, nonce.encode(), masking, budget)
    return _Part(gzip.compress(masked, 1, mtime=0), length, len(text), ended, watch.seconds, budget.dropped)


def _plain(stream: bytes, nonce: str) -> tuple[bytes, bool]:
    """A part from a host without gzip: everything up to the line after its end mark."""
    at = stream.find(_end_mark(nonce))
    newline = stream.find(b"\n", at + len(_end_mark(nonce))) if at >= 0 else -1
    return (stream[: newline + 1], True) if newline >= 0 else (stream, False)


def _end_mark(nonce: str) -> bytes:
    return f"\n{nonce} end 0\n".encode()


def _by_records(member: _Member, nonce: str) -> Iterator[bytes]:
    """Pieces that end with a record or a line, so that no name and no path is split."""
    mark = f"\n{nonce} ".encode()
    begun = b""
    for piece in member.pieces():
        text = begun + piece
        end = text.rfind(mark, max(0, len(text) - _STAT_BYTES)) + 1 or text.rfind(b"\n") + 1
        if end or len(text) > _LINE_BYTES:
            end = end or len(text)
            yield text[:end]
            begun = text[end:]
        else:
            begun = text
    yield begun if _end_mark(nonce) in b"\n" + begun else _without_half_a_word(begun)


def _without_half_a_word(cut: bytes) -> bytes:
    """Without the word at the cut, because half a secret may not look like one."""
    start = max(0, len(cut) - _WORD_BYTES)
    ends = [cut.rfind(sign, start) + 1 for sign in (b"\n", b"\t", b" ", b"/")]
    return cut[: max(start, *ends)]


def _packed_anew(pieces: Iterable[bytes]) -> bytes:
    """The pieces as a whole gzip member."""
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP_WINDOW)
    return b"".join([*map(packer.compress, pieces), packer.flush()])
