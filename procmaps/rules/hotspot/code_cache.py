"""The code cache: where the JVM's interpreter and compilers put their code."""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.labeller import Claim
from procmaps.rules.process import KIB, MIB, Process, Region
from procmaps.rules.rule import Rule
from procmaps.tables import EXECUTE, WRITE

# what JVMs reserve unless they are told a size
CODE_CACHE_BYTES: Final = (240 * MIB, 245764 * KIB, 48 * MIB, 64 * MIB, 128 * MIB, 256 * MIB)

CODE_ACCESS: Final = EXECUTE | WRITE

CODE_CACHE = Rule(
    "java.code_cache",
    Kind.JAVA_CODE,
    Confidence.CERTAIN,
    "maps, cmdline",
    "OpenJDK, code/codeCache.cpp: reserved at once, committed writable and executable, in one segment "
    "(JDK 8) or three",
    "{size} in a run of {block_size} that can be written and run, or the reserve above it, in a JVM: "
    "compiled code",
)


def code_cache(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """What can be written and run, with the reserves in it and above it, up to the size of a code cache."""
    beyond = 0  # of the last run, reserves of others included
    for region in filter(_is_code, process.unclaimed):
        if region.start < beyond:
            continue
        cache = list(_upward(process, region))
        beyond = cache[-1].end
        end = _end(cache, jvm.arguments.code_cache)
        jvm.code_segments += _segments(cache, end)
        yield Claim(region.start, end, CODE_CACHE)


def _upward(process: Process, lowest: Region) -> Iterator[Region]:
    """This region, and the code and the closed regions above it without a gap."""
    region: Region | None = lowest
    while region is not None and region.unclaimed and (_is_code(region) or region.closed):
        yield region
        region = process.above(region)


def _is_code(region: Region) -> bool:
    return region.perms & CODE_ACCESS == CODE_ACCESS


def _end(cache: list[Region], asked_bytes: int) -> int:
    """Where the cache ends: the last reserve may be merged with one of another owner above it."""
    start, last = cache[0].start, cache[-1]
    sizes = (asked_bytes, *CODE_CACHE_BYTES) if asked_bytes else CODE_CACHE_BYTES
    return next((start + size for size in sizes if last.start < start + size <= last.end), last.end)


def _segments(cache: list[Region], end: int) -> list[tuple[int, int]]:
    """Reserved and committed bytes of each segment: a committed region and the reserve above it."""
    segments: list[tuple[int, int]] = []
    for region in cache:
        size = min(region.end, end) - region.start
        if not region.closed:
            segments.append((size, size))
        else:
            reserved, committed = segments[-1]
            segments[-1] = (reserved + size, committed)
    return segments
