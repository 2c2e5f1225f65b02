"""What a hostile host runs in place of the probe: `endless.py KIND` sends the most that it may, for ever.

Each writes the beginning of a sound stream, so that what follows gets as far as it can.
"""

import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

MIB = 2**20
GZIP = 31  # zlib: with a gzip header
DRIP_MIB = 24  # below the least limit of a test
SHORT_LINES = 11_000_000  # about as many as 256 MiB may have
PROCESS = b"%s status 7\nName:\tx\nVmSize:\t 8 kB\nVmRSS:\t 8 kB\n\n"


def begun(nonce: bytes) -> bytes:
    """The first records of a memory part."""
    return PROCESS % nonce + b"%s maps 7\n" % nonce


def whole(nonce: bytes, text: bytes = b"") -> bytes:
    """A part with its end."""
    return b"%s\n%s end 0\nlisted=1 sent=1 denied=0\n" % (text, nonce)


def repeated(first: bytes, piece: bytes, last: bytes = b"", times: int = 0) -> Iterator[bytes]:
    """As gzip, with `piece` so often (0: for ever), which is packed once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, GZIP)
    yield packer.compress(first) + packer.flush(zlib.Z_FULL_FLUSH)
    bare = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bare.compress(piece) + bare.flush(zlib.Z_FULL_FLUSH)
    done = 0
    while not times or done < times:
        yield packed
        done += 1
    # the checksum is of all that was said, which is fed once more
    check, size = zlib.crc32(first), len(first) + times * len(piece) + len(last)
    for _ in range(times):
        check = zlib.crc32(piece, check)
    end = zlib.compressobj(9, zlib.DEFLATED, -15)
    yield end.compress(last) + end.flush()
    yield zlib.crc32(last, check).to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little")


def numbered(nonce: bytes, record: bytes, size: int, count: int) -> Iterator[bytes]:
    """A part of such records with long texts, as gzip."""
    packer = zlib.compressobj(1, zlib.DEFLATED, GZIP)
    for number in range(1, count + 1):
        yield packer.compress(record % (nonce, number, number, b"x" * size))
    yield packer.compress(whole(nonce)[1:]) + packer.flush()


def random_gzip(nonce: bytes) -> Iterator[bytes]:
    """Gzip that is as large as its text."""
    packer = zlib.compressobj(1, zlib.DEFLATED, GZIP)
    yield packer.compress(begun(nonce))
    while True:
        yield packer.compress(os.urandom(MIB))


def bomb_gzip(nonce: bytes) -> Iterator[bytes]:
    """Gzip whose text is a thousand times as large."""
    return repeated(begun(nonce), bytes(16 * MIB))


def plain_newlines(nonce: bytes) -> Iterator[bytes]:
    """A memory part of empty lines, not packed."""
    yield begun(nonce)
    while True:
        yield b"\n" * MIB


def short_lines(nonce: bytes) -> Iterator[bytes]:
    """A whole stream, whose maps are the shortest lines that look like mappings."""
    lines = b"0-1 r 0 0 0\n" * 100_000
    yield from repeated(begun(nonce), lines, whole(nonce), SHORT_LINES // 100_000)
    yield zlib.compress(whole(nonce, b"%s comm 7\nx\n" % nonce), 1, GZIP)


def small_identity(nonce: bytes) -> Iterator[bytes]:
    """Records of an identity part, as many as possible."""
    yield whole(nonce, begun(nonce))
    while True:
        yield b"%s comm 7\nx\n\n" % nonce * 10_000


def long_identity(nonce: bytes) -> Iterator[bytes]:
    """One argument list of empty lines and empty arguments, packed."""
    yield zlib.compress(whole(nonce, begun(nonce)), 1, GZIP)
    yield from repeated(b"%s cmdline 7\n" % nonce, b"\n\0" * MIB)


def long_names(nonce: bytes) -> Iterator[bytes]:
    """Processes whose names are as long as a line may be, each another one, packed."""
    yield from numbered(nonce, b"%s status %d\nName:\t%d-%s\nVmSize:\t 8 kB\n\n", 2**19, 900)
    yield zlib.compress(whole(nonce, b"%s comm 7\nx\n" % nonce), 1, GZIP)


def long_groups(nonce: bytes) -> Iterator[bytes]:
    """Processes in cgroups whose paths are as long as a record may be, each another one, packed."""
    yield zlib.compress(whole(nonce, begun(nonce)), 1, GZIP)
    yield from numbered(nonce, b"%s cgroup %d\n0::/%d-%s\n\n", 190_000, 600)


def grep_files(nonce: bytes) -> Iterator[bytes]:
    """One record of grep with as many files as an identity part may have, packed."""
    yield zlib.compress(whole(nonce, begun(nonce)), 1, GZIP)
    lines = b"".join(b"/proc/%d/comm:x\n" % pid for pid in range(1_000_000, 1_100_000))
    yield from repeated(b"%s grep 0\n" % nonce, lines, whole(nonce), 60)


def drip(nonce: bytes) -> Iterator[bytes]:
    """Nearly all that a host may send, and then a byte now and then for as long as it is let."""
    packer = zlib.compressobj(0, zlib.DEFLATED, GZIP)
    yield packer.compress(begun(nonce))
    yield b"".join(packer.compress(os.urandom(MIB)) for _ in range(DRIP_MIB))
    while True:
        yield packer.compress(b"x" * MIB)[:1] or b"x"
        time.sleep(1.0)


KINDS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    each.__name__: each
    for each in (
        random_gzip,
        bomb_gzip,
        plain_newlines,
        short_lines,
        small_identity,
        long_identity,
        long_names,
        long_groups,
        grep_files,
        drip,
    )
}


def main() -> None:
    """Send until the other side has enough."""
    nonce = sys.stdin.buffer.readline().strip()
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(b"%s begin 1\n" % nonce)
        for piece in KINDS[sys.argv[1]](nonce):
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
    os._exit(0)  # what is still in a buffer goes nowhere


if __name__ == "__main__":
    main()
