"""Large chunks in a runtime that has loaded code of others: memory that such code maps itself looks alike.

A JVM, Node and a Go program with C code map tables and heaps of known shapes. What else is mapped there is
malloc's, unless other native code maps it: a library for JNI, an addon, the C code in a Go program.
"""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.lazy_pattern import compiled
from procmaps.rules.glibc_malloc import can_be_chunks
from procmaps.rules.hotspot.arguments import folder_of_java
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.libc_malloc import affordable
from procmaps.rules.process import MIB, PAGE_BYTES
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import EXECUTE, UNKNOWN, Flags, Ints64, which

MIN_BYTES: Final = 4 * MIB  # what is smaller decides nothing
HEADERS_MAX_BYTES: Final = 16 * PAGE_BYTES  # of blocks of whole MiB that malloc gave: a page each
PART: Final = 4  # partly written: between one part and all but one of so many
PRETOUCH: Final = b"-XX:+AlwaysPreTouch"

# What JVMs and Node map as a rule, and libraries that compress, encrypt, send or call. None maps pools.
_HARMLESS: Final = compiled(
    rb"ld[-.].*|lib(?:c|m|dl|rt|pthread|z|gcc_s|stdc\+\+|resolv|nss_\w+|nsl|crypt|anl|util|uuid|numa|freetype"
    rb"|png16|fontconfig|expat|bz2|lzma|brotli\w*|X\w+|xcb|bsd|md|lcms2|jpeg|harfbuzz|glib-2|graphite2"
    rb"|pcre2?-8|ssl|crypto|systemd|cap|selinux|node|v8\w*|uv|cares|nghttp[23]|ngtcp2\w*|icu\w+|simdjson|simdutf"
    rb"|ada)[-.].*|node(?:js|\d+)?|deno|workerd|electron|chrome|chromium"
    rb"|lib(?:lz4|snappy|zstd|jffi)[-_\w.]*|snappy-[^/]*|lib(?:jnidispatch|ffi)[^/]*|jna\d+\.tmp"
    rb"|[^/]*(?:netty_|jansi)[^/]*"
)
_DELETED: Final = b" (deleted)"

BESIDE_CODE: Final = Rule(
    "glibc.mmapped_beside_code",
    Kind.HEAP_MMAP,
    Confidence.GUESS,
    "maps, status, smaps",
    "glibc, malloc/malloc.c, sysmalloc_mmap: a chunk is any number of pages, as what a program maps itself; "
    "OpenJDK, prims/unsafe.cpp, and Node.js, src/node_buffer.cc: buffers are malloc's, and only libraries of "
    "others map memory besides",
    "{size} of which a part only is resident, or that is more than is resident with the rest of malloc's "
    "memory, in a runtime with native code of others: chunks that are not full, or memory that this code "
    "mapped itself",
    runner_up=Kind.ANONYMOUS,
)


def chunks_beside_code(regions: Regions) -> Flags | None:
    """What can be chunks and is not full, in runtimes with native code that may have mapped it.

    Whole MiB with a header each are chunks, however full they are.
    """
    runtimes = regions.has("jvm", "v8", "go") & regions.has("glibc")
    if not runtimes.any():
        return None
    large = regions.unclaimed_writable & regions.spread(runtimes) & (regions.size >= MIN_BYTES)
    large &= regions.size % MIB > HEADERS_MAX_BYTES
    rows = which(large)
    rows = rows[_with_code_of_others(regions, rows)]
    if not len(rows):
        return None
    possible = can_be_chunks(regions)
    rows = rows[(possible & affordable(regions))[rows]]
    rows = rows[_is_partly_written(regions, rows, possible)]
    found = np.zeros(len(regions), np.bool_)
    found[rows] = True
    return found


def _is_partly_written(regions: Regions, rows: Ints64, possible: Flags) -> Flags:
    """By what smaps shows of the mapping; without it, by what is resident of all that malloc may have."""
    resident = regions.resident_bytes(rows)
    maps = regions.snapshot.maps
    size = (maps.end - maps.start).astype(np.int64)[regions.mapping[rows]]
    there = resident + np.maximum(maps.swap_bytes[regions.mapping[rows]], 0)
    partly = (there * PART >= size) & (there * PART <= size * (PART - 1))
    found: Flags = np.where(
        resident == UNKNOWN, _beyond_budget(regions, possible)[regions.process[rows]], partly
    )
    return found


def _beyond_budget(regions: Regions, possible: Flags) -> Flags:
    """Processes whose malloc would have more than is resident or swapped, were all of its memory written."""
    facts = regions.facts
    native = which(possible | (regions.of_kind(Kind.HEAP_ARENA) & ~regions.closed))
    used = np.bincount(regions.process[native], regions.size[native], len(facts.marks)) + facts.brk_heap_bytes
    heap = which(regions.of_kind(Kind.JAVA_HEAP) & ~regions.closed)
    heap = heap[_with_option(regions, PRETOUCH)[regions.process[heap]]]
    used += np.bincount(regions.process[heap], regions.size[heap], len(facts.marks))
    budget = facts.anonymous_bytes
    found: Flags = (budget >= 0) & (used > budget)
    return found


def _with_option(regions: Regions, option: bytes) -> Flags:
    """JVMs whose command line has this option."""
    found = np.zeros(len(regions.facts.marks), np.bool_)
    for row in regions.facts.libjvm:
        found[row] = option in regions.snapshot.processes.argv[row]
    return found


def _with_code_of_others(regions: Regions, rows: Ints64) -> Flags:
    """Which of these regions are in a process that has mapped such code."""
    process = regions.process[rows]
    known = {row: _has_code_of_others(regions, row) for row in np.unique(process).tolist()}
    return np.array([known[row] for row in process.tolist()], np.bool_)


def _has_code_of_others(regions: Regions, process: int) -> bool:
    """Whether a file with code is neither the runtime's nor one of the system that maps no pools."""
    libjvm = regions.facts.libjvm.get(process)
    if libjvm is None and regions.has("go")[process]:
        return True
    maps = regions.snapshot.maps
    first, end = maps.process.searchsorted([process, process + 1]).tolist()
    code = first + which((maps.perms[first:end] & EXECUTE != 0) & (maps.inode[first:end] != 0))
    paths = {maps.name(row).removesuffix(_DELETED) for row in code.tolist()}
    if libjvm is not None:
        paths = {path for path in paths if not path.startswith(folder_of_java(libjvm))}
    others = {path.rpartition(b"/")[2] for path in paths}
    return any(_HARMLESS.fullmatch(name) is None for name in others)


CHUNKS_BESIDE_CODE: Final = RegionLabeller(
    "glibc.mmapped_beside_code",
    (BESIDE_CODE,),
    chunks_beside_code,
    before=(Edge("glibc.mmapped", "that labeller would be surer of the same memory"),),
    after=(Edge("glibc.mmapped_beside_own", "memory that the program must have mapped itself tells more"),),
)
