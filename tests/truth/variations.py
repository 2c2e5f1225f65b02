"""Random variations of a known process, as the next process of its sort might be. Their truth is unknown."""

import random
import re
from collections.abc import Iterator, Mapping
from typing import Final

PAGE: Final = 4096
CHANGED_SHARE: Final = 0.1  # of the anonymous mappings
PAGES: Final = (1, 2, 16, 33, 256, 512)  # by which a mapping grows or shrinks
THREADS: Final = (1, 2, 5, 20, 60, 300)
RSS_ANON_KIB: Final = (100, 3_000, 100_000, 3_000_000)
_LINE: Final = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) ([rwxps-]{4}) (\S+ \S+ (\d+))(.*)")
_THREADS: Final = re.compile(rb"(?m)^(Threads:\s+)\d+")
_RSS_ANON: Final = re.compile(rb"(?m)^(RssAnon:\s+)\d+")


def varied(files: Mapping[str, bytes], rng: random.Random) -> dict[str, bytes]:
    """The files with other anonymous mappings, and perhaps another number of threads, RssAnon and arguments.

    Only maps is varied, so smaps is left out.
    """
    found = {name: content for name, content in files.items() if name != "smaps"}
    found["maps"] = b"".join(_lines(files["maps"], rng))
    status = files.get("status", b"")
    if rng.random() < 0.5:
        status = _THREADS.sub(rb"\g<1>%d" % rng.choice(THREADS), status)
    if rng.random() < 0.5:
        status = _RSS_ANON.sub(rb"\g<1>%d" % rng.choice(RSS_ANON_KIB), status)
    found["status"] = status
    if rng.random() < 0.2:
        found.pop("cmdline", None)
    return found


def _lines(maps: bytes, rng: random.Random) -> Iterator[bytes]:
    """The mappings in order and without overlaps."""
    bottom = 0
    for line in maps.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        anonymous = match[5] == b"0" and not match[6].strip()
        ranges = [(int(match[1], 16), int(match[2], 16), match[3])]
        if anonymous and rng.random() < CHANGED_SHARE:
            ranges = _changed(*ranges[0], rng)
        for start, end, perms in ranges:
            low = max(start, bottom)
            if low < end:
                bottom = end
                yield b"%x-%x %s %s%s\n" % (low, end, perms, match[4], match[6])


def _changed(start: int, end: int, perms: bytes, rng: random.Random) -> list[tuple[int, int, bytes]]:
    """One mapping removed, grown, shrunk, split by access, closed or opened."""
    moved = rng.choice(PAGES) * PAGE
    middle = start + rng.randrange((end - start) // PAGE) * PAGE
    other = b"rw-p" if perms == b"---p" else b"---p"
    return rng.choice(
        (
            [],
            [(start, end + moved, perms)],
            [(start, end - moved, perms)],
            [(start + moved, end, perms)],
            [(start, middle, other), (middle, end, perms)],
            [(start, middle, perms), (middle, end, other)],
            [(start, end, other)],
            [(start, start + PAGE, other), (start + PAGE, end, perms)],
        )
    )
