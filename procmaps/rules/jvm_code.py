"""The code cache, its segment maps, the safepoint pages."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft, Spans
from procmaps.rules.jvm import CANDIDATE_LIMIT_COUNT, CODE_CACHE_BYTES, KIB, Jvm
from procmaps.rules.names import Name
from procmaps.rules.rule import Rule
from procmaps.tables import EXECUTE, WRITE, Flags

PAGE_BYTES: Final = 4096
SEGMENT_MAP_FACTOR: Final = 128  # one byte a segment of CodeCacheSegmentSize
CODE_SEGMENTS_LIMIT_COUNT: Final = 64  # a JVM has one or three
SMALL_MAP_BYTES: Final = 8 * KIB


def code_cache(draft: Draft) -> Flags | None:
    """What may be written and run, and its closed rests, for the size of a code cache."""
    spans: Spans = []
    for jvm in draft.jvms:
        spans += _caches(draft, jvm)
    return draft.take_spans(spans)


def _caches(draft: Draft, jvm: Jvm) -> Spans:
    own = draft.rows_of(jvm.process)
    start, end, none = draft.start[own], draft.end[own], draft.none[own]
    runs = (draft.perms[own] & (EXECUTE | WRITE)) == (EXECUTE | WRITE)
    usable = draft.open[own] & (runs | none)
    joined = np.concatenate(([False], usable[1:] & usable[:-1] & (start[1:] == end[:-1])))
    spans: Spans = []
    position = 0
    code = np.flatnonzero(usable & runs)
    while len(code) and position < len(code):
        first = last = int(code[position])
        while last + 1 < len(joined) and joined[last + 1]:
            last += 1
        top = _top(int(start[first]), int(start[last]), int(end[last]), jvm.arguments.code_cache)
        spans.append((jvm.process, int(start[first]), top))
        jvm.code_segments += _segments(
            start[first : last + 1], end[first : last + 1], none[first : last + 1], top
        )
        position = int(np.searchsorted(code, last, "right"))
    return spans


def _top(begin: int, last_start: int, end: int, asked: int) -> int:
    """Where the cache ends: the last closed rest may be merged with what another owner reserved above it."""
    sizes = (asked, *CODE_CACHE_BYTES) if asked else CODE_CACHE_BYTES
    return next((begin + size for size in sizes if last_start < begin + size <= end), end)


def _segments(start: np.ndarray, end: np.ndarray, none: np.ndarray, top: int) -> list[tuple[int, int]]:
    """Reserved and committed bytes of each segment: a committed run and the closed rest above it."""
    segments: list[tuple[int, int]] = []
    for low, high, closed in zip(start.tolist(), end.tolist(), none.tolist(), strict=True):
        size = min(high, top) - low
        if closed and segments:
            segments[-1] = (segments[-1][0] + size, segments[-1][1])
        elif not closed:
            segments.append((size, size))
    return segments


def segment_maps(draft: Draft) -> Flags | None:
    """Each segment has a map of a byte for each 128 of its own, as much of it committed as of the segment."""
    spans: Spans = []
    for jvm in draft.jvms:
        own = draft.rows_of(jvm.process)
        below_rw = np.concatenate(([False], draft.open_rw[own][:-1]))
        closed = (
            np.flatnonzero(draft.open[own] & draft.none[own] & draft.touches_below[own] & below_rw)
            + own.start
        )
        for reserved, committed in jvm.code_segments[:CODE_SEGMENTS_LIMIT_COUNT]:
            body = -(-committed // SEGMENT_MAP_FACTOR // PAGE_BYTES) * PAGE_BYTES
            rest = -(-reserved // SEGMENT_MAP_FACTOR // PAGE_BYTES) * PAGE_BYTES - body
            for row in closed[np.abs(draft.size[closed] - rest) <= PAGE_BYTES][:CANDIDATE_LIMIT_COUNT]:
                if draft.size[row - 1] >= body and rest >= SMALL_MAP_BYTES:
                    spans.append((jvm.process, int(draft.start[row]) - body, int(draft.end[row])))
    return draft.take_spans(sorted(set(spans)))


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
