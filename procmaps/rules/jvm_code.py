"""The code cache, its segment maps, the safepoint pages."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import PAGE_BYTES, Draft
from procmaps.rules.groups import pairs
from procmaps.rules.hotspot.jvm import rows_of_jvms
from procmaps.rules.names import Name
from procmaps.rules.process import KIB
from procmaps.rules.rule import Rule
from procmaps.tables import WRITE, Flags, Ints64

SEGMENT_MAP_FACTOR: Final = 128  # one byte a segment of CodeCacheSegmentSize
CODE_SEGMENTS_LIMIT_COUNT: Final = 8  # a JVM has one or three
SMALL_MAP_BYTES: Final = 8 * KIB


def segment_maps(draft: Draft) -> Flags | None:
    """Each segment has a map of a byte for each 128 of its own, as much of it committed as of the segment."""
    segments = [
        (jvm.process, reserved, committed)
        for jvm in draft.jvms
        for reserved, committed in jvm.code_segments[:CODE_SEGMENTS_LIMIT_COUNT]
    ]
    if not segments:
        return None
    rows = rows_of_jvms(draft)
    rows = rows[draft.open[rows] & draft.none[rows] & draft.touches_below[rows]]
    rows = rows[draft.open_rw[rows - 1]]
    process, reserved, committed = np.array(segments, np.int64).T
    segment, row = pairs(process, draft.process[rows])
    row = rows[row]
    body = _map_bytes(committed)[segment]
    rest = _map_bytes(reserved)[segment] - body
    fit = (np.abs(draft.size[row] - rest) <= PAGE_BYTES) & (draft.size[row - 1] >= body)
    fit &= rest >= SMALL_MAP_BYTES
    row, body = row[fit], body[fit]
    spans = zip(
        *(c.tolist() for c in (draft.process[row], draft.start[row] - body, draft.end[row])), strict=True
    )
    return draft.take_spans(sorted(set(spans)))


def _map_bytes(segment_bytes: Ints64) -> Ints64:
    """The size of a segment's map, in whole pages."""
    return -(-segment_bytes // SEGMENT_MAP_FACTOR // PAGE_BYTES) * PAGE_BYTES


def safepoint(draft: Draft) -> Flags | None:
    """Single pages near the objects that are closed or read-only: polling pages, probes for SafeFetch."""
    if not draft.jvms:
        return None
    jvm = np.zeros(len(draft.facts.marks), np.bool_)
    jvm[[one.process for one in draft.jvms]] = True
    tiny = draft.open & draft.spread(jvm) & (draft.size <= SMALL_MAP_BYTES) & (draft.perms & WRITE == 0)
    readable = tiny & ~draft.none
    beside = readable.copy()
    beside[:-1] |= readable[1:] & draft.touches_below[1:]
    beside[1:] |= readable[:-1] & draft.touches_above[:-1]
    found: Flags = (tiny & beside) | (tiny & (draft.above >= Name.FILE_CODE + 1))
    return found


SEGMENT_MAPS = Rule(
    "java.code_segment_map",
    Kind.JAVA_CODE,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, memory/heap.cpp: CodeHeap::reserve maps a byte for each segment of 128 bytes",
    "{block_size} that mirror a part of the code cache at 1/128: its segment map",
    segment_maps,
    Kind.JAVA_GC,
)
SAFEPOINT = Rule(
    "java.safepoint",
    Kind.JAVA_OTHER,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, runtime/safepointMechanism.cpp: a bad and a good polling page",
    "{size} of a JVM that cannot be written: the polling pages of its safepoints",
    safepoint,
    Kind.RESERVED,
)
