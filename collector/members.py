"""The two forms in which a part of a stream comes, read piece by piece within limits: gzip and plain text."""

import zlib
from collections.abc import Iterator
from typing import Final

from collector.spool import PIECE_BYTES, Spool
from collector.trouble import HostTrouble
from domain.content import Content
from domain.records import Stage

GZIP_MAGIC: Final = b"\x1f\x8b"
STEP_BYTES: Final = PIECE_BYTES  # most bytes of a piece
LINES_FREE: Final = 4_000_000  # lines that a part may have in any case ...
LINE_BYTES: Final = 24  # ... and one more for so many of its bytes; the lines of smaps, the shortest, have 27
_CHUNK_BYTES: Final = 2**16  # bytes passed to zlib per call, because it copies what it does not consume
_GZIP_WINDOW: Final = 31  # zlib: the largest window, with a gzip header and its checksum


class Part:
    """A part that begins at `start`, at most `most_bytes` of text; HostTrouble above that.

    `length` is what it took of the stream, `whole` that nothing of it is missing: both once it is read.
    """

    def __init__(self, stream: Spool, start: int, nonce: str, most_bytes: int) -> None:
        self._stream = stream
        self._start = start
        self._nonce = nonce
        self._most_bytes = most_bytes
        self._lines = 0
        self.inflated_bytes = 0
        self.length = len(stream) - start
        self.whole = False
        self.is_packed = stream.read(start, len(GZIP_MAGIC)) == GZIP_MAGIC

    def pieces(self) -> Iterator[bytes]:
        """Its text, once, in pieces of at most STEP_BYTES."""
        for piece in self._inflated() if self.is_packed else self._plain():
            self._count(piece)
            yield piece

    def again(self) -> "Part":
        """The same part, to be read once more."""
        return Part(self._stream, self._start, self._nonce, self._most_bytes)

    def as_it_came(self) -> Content:
        """Its bytes in the stream, once it is read."""
        return self._stream.content(self._start, self._start + self.length)

    def _inflated(self) -> Iterator[bytes]:
        """One gzip member; if it is cut off or damaged, it ends early."""
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        try:
            for at in range(self._start, len(self._stream), _CHUNK_BYTES):
                chunk = self._stream.read(at, _CHUNK_BYTES)
                while piece := inflater.decompress(chunk, STEP_BYTES):
                    yield piece
                    # at the end, both attributes of zlib hold the bytes that follow
                    chunk = b"" if inflater.eof else inflater.unconsumed_tail
                if inflater.eof:
                    self.whole = True
                    end = min(at + _CHUNK_BYTES, len(self._stream)) - len(inflater.unused_data)
                    self.length = end - self._start
                    return
        except zlib.error:
            return

    def _plain(self) -> Iterator[bytes]:
        """Everything up to the line after its end mark."""
        mark = end_mark(self._nonce)
        at = self._stream.find(mark, self._start)
        newline = self._stream.find(b"\n", at + len(mark)) if at >= 0 else -1
        self.whole = newline >= 0
        end = newline + 1 if self.whole else len(self._stream)
        self.length = end - self._start
        yield from self._stream.pieces(self._start, end)

    def _count(self, piece: bytes) -> None:
        self.inflated_bytes += len(piece)
        self._lines += piece.count(b"\n")
        most_lines = LINES_FREE + self._most_bytes // LINE_BYTES
        if self.inflated_bytes > self._most_bytes:
            detail = f"more than {self._most_bytes} bytes came out of it"
            raise HostTrouble(Stage.READ, "inflated_limit", detail)
        if self._lines > most_lines:
            detail = f"more than {most_lines} lines in at most {self._most_bytes} bytes"
            raise HostTrouble(Stage.READ, "inflated_limit", detail)


def end_mark(nonce: str) -> bytes:
    """What begins the last record of a part."""
    return f"\n{nonce} end 0\n".encode()


def packed(pieces: Iterator[bytes], spool: Spool) -> Content:
    """The pieces as a whole gzip member, in a spool that is empty."""
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP_WINDOW)
    for piece in pieces:
        spool.append(packer.compress(piece))
    spool.append(packer.flush())
    return spool.content()
