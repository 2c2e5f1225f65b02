"""The code cache, its segment maps, the safepoint pages."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import PAGE_BYTES, Draft, Spans
from procmaps.rules.groups import pairs
from procmaps.rules.jvm import CODE_CACHE_BYTES, KIB
from procmaps.rules.jvms import rows_of_jvms
from procmaps.rules.kernel_names import Name
from procmaps.rules.rule import Rule
from procmaps.tables import EXECUTE, WRITE, Flags, Ints64, which

SEGMENT_MAP_FACTOR: Final = 128  # one byte a segment of CodeCacheSegmentSize
CODE_SEGMENTS_LIMIT_COUNT: Final = 8  # a JVM has one or three
SMALL_MAP_BYTES: Final = 8 * KIB


def code_cache(draft: Draft) -> Flags | None:
    """What may be written and run, and its closed rests, for the size of a code cache."""
    if not draft.jvms:
        return None
    rows = rows_of_jvms(draft)
    runs = (draft.perms[rows] & (EXECUTE | WRITE)) == (EXECUTE | WRITE)
    usable = draft.open[rows] & (runs | draft.none[rows])
    rows, runs = rows[usable], runs[usable]
    if not runs.any():
        return None
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (rows[1:] != rows[:-1] + 1) | ~draft.touches_below[rows[1:]]
    # of each unbroken run of usable parts what lies from its first code upward
    chain = begins.cumsum()
    code = which(runs)
    _, first = np.unique(chain[code], return_index=True)
    spans: Spans = []
    jvm_of = {jvm.process: jvm for jvm in draft.jvms}
    for low in code[first].tolist():
        own = rows[low : int(chain.searchsorted(chain[low], "right"))]
        columns = (draft.start[own].tolist(), draft.end[own].tolist(), draft.none[own].tolist())
        jvm = jvm_of[int(draft.process[own[0]])]
        top = _top(columns[0][0], columns[0][-1], columns[1][-1], jvm.arguments.code_cache)
        jvm.code_segments += _segments(columns, top)
        spans.append((jvm.process, columns[0][0], top))
    return draft.take_spans(spans)


def _top(begin: int, last_start: int, end: int, asked: int) -> int:
    """Where the cache ends: the last closed rest may be merged with what another owner reserved above it."""
    sizes = (asked, *CODE_CACHE_BYTES) if asked else CODE_CACHE_BYTES
    return next((begin + size for size in sizes if last_start < begin + size <= end), end)


def _segments(columns: tuple[list[int], list[int], list[bool]], top: int) -> list[tuple[int, int]]:
    """Reserved and committed bytes of each segment: a committed run and the closed rest above it."""
    segments: list[tuple[int, int]] = []
    for low, high, closed in zip(*columns, strict=True):
        size = min(high, top) - low
        if closed and segments:
            segments[-1] = (segments[-1][0] + size, segments[-1][1])
        elif not closed:
            segments.append((size, size))
    return segments


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


CODE_CACHE = Rule(
    "java.code_cache",
    Kind.JAVA_CODE,
    Confidence.CERTAIN,
    "maps, cmdline",
    "OpenJDK, code/codeCache.cpp: reserved at once, committed writable and executable, in one segment "
    "(JDK 8) or three",
    "{size} in a run of {block_size} that may be written and run, or the reserve behind it, in a JVM: "
    "compiled code",
    code_cache,
)
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
