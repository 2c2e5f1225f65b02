"""Runtimes whose objects are in a heap of their own: what it holds, and what malloc holds beside it."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.amounts import scaled
from procmaps.findings.finding import LIVE_OR_FREE, Code, Finding, Severity
from procmaps.findings.observed import NATIVE, Observed
from procmaps.kinds import Kind
from procmaps.tables import which

MIB: Final = 2**20
NATIVE_LEAST_BYTES: Final = 256 * MIB
NATIVE_PER_V8: Final = 2
NATIVE_WARN_BYTES: Final = 2**30
OBJECTS_LEAST_BYTES: Final = 256 * MIB
OBJECTS_LEAST_SHARE: Final = 0.5  # of the anonymous memory, resident and in swap

NATIVE_BESIDE_V8: Final = Code(
    "native_beside_v8",
    "far more native heap than V8 has",
    (Severity.INFO, Severity.WARNING),
    "A process with V8 (Node.js) has 256 MiB or more of native heap resident, and more than twice the heap "
    "of V8. A warning from 1 GiB. Only with smaps.",
    "A heap snapshot of JavaScript does not show it. Look at Buffers, at native modules (images, "
    "databases) and at what malloc keeps after a peak; jemalloc in place of glibc's malloc helps against "
    "the last.",
    "`process.memoryUsage()` in the process: external and arrayBuffers are Buffers; what rss has above "
    "them and heapTotal is malloc's.",
    LIVE_OR_FREE,
)
PYTHON_OBJECTS: Final = Code(
    "python_objects",
    "most of its memory in small objects of Python",
    (Severity.INFO,),
    "At least 256 MiB, and half of the anonymous memory in RAM and in swap, are surely resident in arenas of "
    "Python's own allocator, which serves objects of up to 512 bytes.",
    "Another malloc (LD_PRELOAD=libjemalloc.so.2) and MALLOC_ARENA_MAX do not change it. Look for what "
    "holds so many objects: caches without a bound, data that fit into arrays. If the arenas stay after a "
    "peak, restart workers after some requests, or try PYTHONMALLOC=malloc together with another malloc.",
    "`tracemalloc` shows which lines made the objects; `sys._debugmallocstats()` in the process prints how "
    "much of the arenas is in use.",
    "Which part of the arenas is in use: one object keeps a whole arena.",
)
CODES: Final = (NATIVE_BESIDE_V8, PYTHON_OBJECTS)


def managed(observed: Observed) -> Iterator[Finding]:
    """What is to be said of runtimes and their heaps."""
    yield from _beside_v8(observed)
    yield from _python_objects(observed)


def _beside_v8(observed: Observed) -> Iterator[Finding]:
    native = observed.resident_most[:, NATIVE].sum(axis=1)
    v8 = observed.resident_most[:, Kind.V8_HEAP]
    large = observed.exact & (v8 > 0) & (native >= NATIVE_LEAST_BYTES) & (native > v8 * NATIVE_PER_V8)
    for row in which(large).tolist():
        largest = max(NATIVE, key=lambda kind: int(observed.resident_most[row, kind]))
        yield observed.found(
            NATIVE_BESIDE_V8,
            Severity.WARNING if native[row] >= NATIVE_WARN_BYTES else Severity.INFO,
            row,
            f"{scaled(int(native[row]))} of native heap are resident beside {scaled(int(v8[row]))} of V8's, "
            f"most of it of the kind {largest.label}.",
            concerns_bytes=int(native[row]),
        )


def _python_objects(observed: Observed) -> Iterator[Finding]:
    """CPython, Objects/obmalloc.c: larger requests go to malloc, and so do all with PYTHONMALLOC=malloc."""
    least = observed.resident_least(Kind.PY_ARENA)
    written = observed.anonymous_known + np.maximum(observed.snapshot.processes.swap_bytes, 0)
    for row in which((least >= OBJECTS_LEAST_BYTES) & (least >= written * OBJECTS_LEAST_SHARE)).tolist():
        other = observed.committed[row, Kind.HEAP_ALLOCATOR] > 0
        in_vain = " Another malloc is loaded too, and serves none of it." if other else ""
        yield observed.found(
            PYTHON_OBJECTS,
            Severity.INFO,
            row,
            f"Arenas of Python's allocator have {observed.between(row, Kind.PY_ARENA)} resident, of "
            f"{scaled(int(written[row]))} of anonymous memory in RAM and in swap.{in_vain}",
            kind=Kind.PY_ARENA,
            concerns_bytes=int(observed.resident_most[row, Kind.PY_ARENA]),
        )
