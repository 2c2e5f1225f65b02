"""A dump as a file. docs/run-directory.md describes the file, docs/dump-format.md its two parts."""

import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

from archive.codec import decode_fields
from domain.content import pieces
from domain.mistakes import Mistake, OperatorError
from domain.records import STRICT, Dump, HostKeyCheck

MAGIC = b"mapsweep-dump 1\n"
HEADER_BYTES_MAX = 64 * 2**10
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def encode(dump: Dump) -> Iterator[bytes]:
    """The dump as the bytes of one file, in pieces."""
    check = hashlib.sha256()
    for piece in chain(pieces(dump.memory), pieces(dump.identity)):
        check.update(piece)
    header = {
        "host": dump.host,
        "nonce": dump.nonce,
        "at": dump.at,
        "elapsed_s": dump.elapsed_s,
        "attempt": dump.attempt,
        "complete": dump.complete,
        "problem": dump.problem,
        "host_key": dump.host_key,
        "memory_bytes": len(dump.memory),
        "identity_bytes": len(dump.identity),
        "sha256": check.hexdigest(),
    }
    line = json.dumps(header, ensure_ascii=True, allow_nan=False).encode("ascii")
    return chain((MAGIC, line, b"\n"), pieces(dump.memory), pieces(dump.identity))


def decode(content: bytes, place: str = "dump") -> Dump:
    """The dump in a file's bytes; an OperatorError that names `place` if it is damaged."""
    if not content.startswith(MAGIC):
        raise _damaged(place, "is not a dump of this version's format")
    header_end = content.find(b"\n", len(MAGIC), len(MAGIC) + HEADER_BYTES_MAX)
    if header_end < 0:
        raise _damaged(place, "has no header")
    header = decode_fields(_Header, content[len(MAGIC) : header_end], place)
    parts = memoryview(content)[header_end + 1 :]
    memory, identity = bytes(parts[: header.memory_bytes]), bytes(parts[header.memory_bytes :])
    if len(memory) != header.memory_bytes or len(identity) != header.identity_bytes:
        raise _damaged(place, f"holds {len(content)} bytes, but its header says otherwise")
    if hashlib.sha256(parts).hexdigest() != header.sha256:
        raise _damaged(place, "does not match its checksum")
    return Dump(
        host=header.host,
        nonce=header.nonce,
        memory=memory,
        identity=identity,
        at=header.at,
        elapsed_s=header.elapsed_s,
        attempt=header.attempt,
        complete=header.complete,
        problem=header.problem,
        host_key=header.host_key,
    )


@dataclass(frozen=True, slots=True)
class _Header:
    __pydantic_config__: ClassVar = STRICT
    host: str
    nonce: str
    at: str
    elapsed_s: float
    attempt: int
    complete: bool
    problem: str
    memory_bytes: int
    identity_bytes: int
    sha256: str
    host_key: HostKeyCheck = HostKeyCheck.NONE


def _damaged(place: str, problem: str) -> OperatorError:
    return OperatorError(Mistake(place, problem, "the host must be swept again"))


@dataclass(frozen=True, slots=True)
class Inflated:
    """A part of a dump in plain text, and why it is incomplete, if it is."""

    text: bytes
    problem: str = ""


def inflate(part: bytes, limit_bytes: int) -> Inflated:
    """A part in plain text, unpacked if it is gzip, with a note on what is missing."""
    if not part.startswith(_GZIP):
        if len(part) > limit_bytes:
            return Inflated(part[:limit_bytes], f"more than {limit_bytes} bytes; the rest was left out")
        return Inflated(part)
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        text = stream.decompress(part, limit_bytes)
    except zlib.error as error:
        return Inflated(_before_damage(part, limit_bytes), f"damaged gzip: {error}")
    if not stream.eof:
        full = len(text) >= limit_bytes
        return Inflated(
            text,
            f"more than {limit_bytes} bytes; the rest was left out"
            if full
            else "cut off in the middle of the stream",
        )
    return Inflated(text)


def inflated_bytes(dump: Dump) -> int:
    """How many bytes both parts become, as gzip says at its end; a part that ends early says anything."""
    return sum(
        int.from_bytes(part[-4:], "little") if part.startswith(_GZIP) else len(part)
        for part in (dump.memory_gz, dump.identity_gz)
    )


def _before_damage(part: bytes, limit_bytes: int) -> bytes:
    """The content of a damaged gzip stream up to the damage, block by block."""
    stream, pieces, length = zlib.decompressobj(_GZIP_WINDOW), list[bytes](), 0
    for start in range(0, len(part), 256):
        try:
            piece = stream.decompress(part[start : start + 256], limit_bytes - length)
        except zlib.error:
            break
        pieces.append(piece)
        length += len(piece)
        if length >= limit_bytes:
            break
    return b"".join(pieces)
