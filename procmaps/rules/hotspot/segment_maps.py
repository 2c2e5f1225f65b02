"""Segment maps of the code cache: a byte for each 128 of a segment, committed as far as the segment is."""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.proportions import whole_pages
from procmaps.rules.labeller import Claim
from procmaps.rules.process import KIB, PAGE_BYTES, Process
from procmaps.rules.rule import Rule

BYTES_PER_MAP_BYTE: Final = 128  # CodeCacheSegmentSize
SEGMENTS_LIMIT_COUNT: Final = 8  # a JVM has one or three
REST_MIN_BYTES: Final = 8 * KIB

SEGMENT_MAPS = Rule(
    "java.code_segment_map",
    Kind.JAVA_CODE,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, memory/heap.cpp: CodeHeap::reserve maps a byte for each segment of 128 bytes",
    "{block_size}, the size of a part of the code cache divided by 128: the segment map of that part",
    runner_up=Kind.JAVA_GC,
)


def segment_maps(jvm: Jvm, process: Process) -> list[Claim]:
    """Closed regions as large as what is not committed of a map, with the committed part right below.

    If the maps of two segments fit, the smaller one is claimed first, and what the larger has below it next.
    """
    maps = sorted(
        (whole_pages(committed // BYTES_PER_MAP_BYTE), whole_pages(reserved // BYTES_PER_MAP_BYTE))
        for reserved, committed in jvm.code_segments[:SEGMENTS_LIMIT_COUNT]
    )
    if not maps:
        return []
    claims: list[Claim] = []
    for closed in process.unclaimed_closed:
        below = process.below(closed)
        if below is None or not (below.unclaimed and below.writable):
            continue
        for committed, reserved in maps:
            rest = reserved - committed
            fits = abs(closed.size - rest) <= PAGE_BYTES and below.size >= committed
            if fits and rest >= REST_MIN_BYTES:
                claims.append(Claim(closed.start - committed, closed.end, SEGMENT_MAPS))
    return claims
