"""The code cache: where the JVM's interpreter and compilers put their code."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.labeller import Claim
from procmaps.rules.process import KIB, MIB, Process, Region
from procmaps.rules.rule import Rule
from procmaps.tables import EXECUTE, WRITE

# what JVMs reserve unless they are told a size
CODE_CACHE_BYTES: Final = (240 * MIB, 245764 * KIB, 48 * MIB, 64 * MIB, 128 * MIB, 256 * MIB)
# those of them that no heap of an arena has
ODD_BYTES: Final = CODE_CACHE_BYTES[:3]
SEGMENTS_LIMIT_COUNT: Final = 3
RESERVE_MIN_BYTES: Final = MIB  # guards of stacks are smaller

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
BY_SIZE = Rule(
    "java.code_cache_by_size",
    Kind.JAVA_CODE,
    Confidence.LIKELY,
    "maps, cmdline",
    "OpenJDK, code/codeCache.cpp: ReservedCodeCacheSize; Linux, READ_IMPLIES_EXEC, and QEMU: access does "
    "not tell code",
    "inside one unbroken reservation of {block_size}, the size of this JVM's code cache; whether "
    "memory is executable says nothing in this process",
    runner_up=Kind.ANONYMOUS,
)


def code_cache(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """What can be written and run, with the reserves in it and above it, up to the size of a code cache."""
    if process.code_unmarked:
        yield from _by_size(jvm, process)
        return
    beyond = 0  # of the last run, reserves of others included
    for region in process.unclaimed:
        if not region.perms & EXECUTE or region.start < beyond:
            continue
        cache = list(_upward(process, region))
        if process.stacks_executable:
            cache = _without_stacks(cache, jvm.arguments.code_cache)
        end = _end(cache, jvm.arguments.code_cache) if cache else 0
        if not any(map(_is_code, cache)):
            continue
        beyond = cache[-1].end
        end = end or beyond
        jvm.code_segments += _segments(cache, end)
        yield Claim(cache[0].start, end, CODE_CACHE)


def _by_size(jvm: Jvm, process: Process) -> Iterator[Claim]:
    """The first span of its size that begins and ends with a mapping, or has merged with memory below it."""
    asked = jvm.arguments.code_cache
    runs = list(process.runs(lambda region: _may_be_unmarked(process, region)))
    for size in (asked,) if asked else ODD_BYTES:
        for spans in (_whole_spans, _merged_spans):
            found = next((span for run in runs for span in spans(run, size)), None)
            if found is not None:
                yield Claim(*found, BY_SIZE)
                return


def _may_be_unmarked(process: Process, region: Region) -> bool:
    return region.unclaimed and not region.executable and region.position not in process.in_glibc_heaps


def _whole_spans(run: list[Region], size: int) -> Iterator[tuple[int, int]]:
    """Spans of this size that begin and end with a mapping."""
    tops = {region.end: at for at, region in enumerate(run)}
    for at, region in enumerate(run):
        last = tops.get(region.start + size)
        if last is not None and _has_segments(run[at : last + 1]):
            yield region.start, region.start + size


def _merged_spans(run: list[Region], size: int) -> Iterator[tuple[int, int]]:
    """Spans of this size that end with a reserve, and begin inside other memory that merged with them."""
    starts = [region.start for region in run]
    for last, reserve in enumerate(run):
        first = bisect_right(starts, reserve.end - size) - 1
        if reserve.closed and first >= 0 and _has_segments(run[first : last + 1]):
            yield reserve.end - size, reserve.end


def _has_segments(span: list[Region]) -> bool:
    """Whether it is in use from its low end on, with a reserve in each of up to three parts."""
    parts = sum(below.closed != region.closed for below, region in pairwise(span))
    return not span[0].closed and 0 < parts < 2 * SEGMENTS_LIMIT_COUNT


def _without_stacks(cache: list[Region], asked_bytes: int) -> list[Region]:
    """What of a run is code, where stacks are executable too: what has the size of a code cache.

    Otherwise what has a reserve above it, with what is between such parts.
    """
    for size in (asked_bytes, *CODE_CACHE_BYTES) if asked_bytes else CODE_CACHE_BYTES:
        for start, end in _whole_spans(cache, size):
            inside = [region for region in cache if start <= region.start < end]
            if _has_reserve(inside):
                return inside
    for first in range(len(cache)):
        rest = cache[first:]
        end = _end(rest, asked_bytes)
        inside = [region for region in rest if region.start < end]
        if end and _has_segments(inside) and _has_reserve(inside):
            return rest
    below_reserves = [
        at
        for at, (below, region) in enumerate(pairwise(cache))
        if not below.closed and region.closed and region.size > RESERVE_MIN_BYTES
    ]
    return cache[below_reserves[0] : below_reserves[-1] + 2] if below_reserves else []


def _has_reserve(span: list[Region]) -> bool:
    """Whether a closed part is larger than guards are: a few stacks can have any size together."""
    return any(region.closed and region.size > RESERVE_MIN_BYTES for region in span)


def _upward(process: Process, lowest: Region) -> Iterator[Region]:
    """This region, and the code and the closed regions above it without a gap.

    A translator of machine code (Rosetta) takes the write access of pages whose code it has translated.
    """
    region: Region | None = lowest
    while region is not None and region.unclaimed and (region.executable or region.closed):
        yield region
        region = process.above(region)


def _is_code(region: Region) -> bool:
    return region.perms & CODE_ACCESS == CODE_ACCESS


def _end(cache: list[Region], asked_bytes: int) -> int:
    """Where a cache of a known size ends, 0 if it has none: the last reserve may have merged with another."""
    start, last = cache[0].start, cache[-1]
    sizes = (asked_bytes, *CODE_CACHE_BYTES) if asked_bytes else CODE_CACHE_BYTES
    return next((start + size for size in sizes if last.start < start + size <= last.end), 0)


def _segments(cache: list[Region], end: int) -> list[tuple[int, int]]:
    """Reserved and committed bytes of each segment: a committed region and the reserve above it."""
    segments: list[tuple[int, int]] = []
    access = 0
    for region in cache:
        size = min(region.end, end) - region.start
        if region.closed:
            reserved, committed = segments[-1]
            segments[-1] = (reserved + size, committed)
        elif access in {0, region.perms}:
            segments.append((size, size))
        else:  # pages of one segment, of which some lost their write access
            reserved, committed = segments[-1]
            segments[-1] = (reserved + size, committed + size)
        access = region.perms
    return segments
