"""Mallocs that replace the libc's: jemalloc, tcmalloc, mimalloc and others, preloaded or linked in."""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import ALLOCATORS, ASK_FOR_ADDRESSES, REPLACE_MALLOC, Allocator, is_hinted
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller, RegionLabeller
from procmaps.rules.process import GIB, KIB, MIB, Process, Region
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

VAST_BYTES: Final = GIB
METADATA_STEP_BYTES: Final = 64 * KIB  # mimalloc
METADATA_MAX_BYTES: Final = 4 * MIB
SMALL_MAX_BYTES: Final = 256 * KIB
GROWN_BRK_MIN_BYTES: Final = MIB  # gperftools asks for that much at once, what comes before it for less
NO_BRK_MIN_BYTES: Final = 128 * KIB

LOADED: Final = Rule(
    "allocator.loaded",
    Kind.HEAP_ALLOCATOR,
    Confidence.CERTAIN,
    "maps, smaps",
    "jemalloc, src/pages.c: MAP_NORESERVE on all that it maps; mimalloc, src/os.c: MI_HINT_BASE and "
    "MI_HINT_MAX",
    "{size} of anonymous memory with the flag that jemalloc sets, or at addresses for which mimalloc asks, "
    "in a process that has loaded it",
    runner_up=Kind.ANONYMOUS,
)
MAPPED: Final = Rule(
    "allocator.mapped",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps",
    "jemalloc, tcmalloc, mimalloc, Scudo, rpmalloc, snmalloc and the sanitizers map memory for malloc, which "
    "glibc's then does not; the program can map some of the same sizes itself",
    "{size} of anonymous memory in a process that has loaded a malloc which maps such memory "
    "(jemalloc, tcmalloc, mimalloc, Scudo, rpmalloc, snmalloc, a sanitizer)",
    runner_up=Kind.ANONYMOUS,
)
IN_JVM: Final = Rule(
    "allocator.in_jvm",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps",
    "jemalloc, tcmalloc and mimalloc map their own extents; a JVM commits metaspace and tables in sizes like "
    "theirs",
    "{size} of anonymous memory of the sort that jemalloc, tcmalloc and mimalloc map, in a JVM that has "
    "loaded one of them; nothing but the sizes tells it from memory of the JVM itself",
    runner_up=Kind.JAVA_METASPACE,
)
NO_BRK: Final = Rule(
    "allocator.no_brk",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps",
    "glibc, malloc/malloc.c, sysmalloc: its malloc makes a [heap] first; jemalloc, src/pages.c: "
    "MAP_NORESERVE where the kernel overcommits, which rpmalloc and Scudo do not set",
    "{size} of writable memory in a process with glibc but without a [heap]: another malloc, linked in",
    runner_up=Kind.ANONYMOUS,
)


def extents(process: Process) -> Iterator[Claim]:
    """Writable memory of the malloc that the process has loaded, with closed regions right above it.

    What is committed in a vast closed range is the program's own, as the pool of InnoDB is, unless the
    allocator sets such ranges aside itself.
    """
    own = [allocator for allocator in ALLOCATORS if process.has(allocator.mark) and allocator.replaces_malloc]
    keeps_closed = any(allocator.keeps_closed for allocator in own)
    flags = [allocator.flag for allocator in own if allocator.flag]
    seen = [
        flag for flag in flags if any(process.flagged(region, flag) for region in process.unclaimed_writable)
    ]
    here = [allocator for allocator in own if not _is_elsewhere(allocator, process)]
    rule = LOADED if seen else IN_JVM if process.has("jvm") else MAPPED
    for region in process.unclaimed:
        candidate = region.writable or (region.closed and region.touches_below)
        if (
            candidate
            and (here or any(_is_metadata(allocator, region) for allocator in own))
            and (keeps_closed or not _in_vast_range(process, region))
            and all(process.flagged(region, flag) for flag in seen)
            and (process.smaps or all(_is_size_of(allocator, region.size) for allocator in own))
        ):
            yield Claim(region.start, region.end, rule, one_block=False)


def asked(process: Process) -> Iterator[Claim]:
    """What lies where a malloc asks for it, which is where ZGC has its heap too."""
    if any(argument.startswith(b"-XX:+UseZGC") for argument in process.argv):
        return
    own = [allocator for allocator in ALLOCATORS if process.has(allocator.mark)]
    rule = IN_JVM if process.has("jvm") else LOADED
    for region in process.unclaimed:
        if any(is_hinted(allocator, region.start, region.end) for allocator in own):
            yield Claim(region.start, region.end, rule, one_block=False)


def _is_elsewhere(allocator: Allocator, process: Process) -> bool:
    """Whether this allocator has its memory in [heap], or where it asks for it: the rest is not its own."""
    if allocator.grows_brk:
        return process.brk_heap_bytes > GROWN_BRK_MIN_BYTES
    found = process.of_kind(Kind.HEAP_ALLOCATOR)
    return any(is_hinted(allocator, region.start, region.end) for region in found)


def _is_metadata(allocator: Allocator, region: Region) -> bool:
    """Whether it is as small as what keeps account of memory that lies where this allocator asks for it."""
    whole = region.size < METADATA_MAX_BYTES and region.size % METADATA_STEP_BYTES == 0
    return bool(allocator.hints_high_bytes) and (whole or region.size < SMALL_MAX_BYTES)


def _in_vast_range(process: Process, region: Region) -> bool:
    """Whether the region is a vast closed range, or lies right below one."""
    if region.closed and region.size >= VAST_BYTES:
        return True
    above = process.above(region)
    return above is not None and above.closed and above.size >= VAST_BYTES


def _is_size_of(allocator: Allocator, size: int) -> bool:
    return not allocator.step_bytes or size % allocator.step_bytes == 0


def linked_in(regions: Regions) -> Flags | None:
    """Large writable memory of a process without a [heap], which glibc's malloc would have made.

    Where some of it has MAP_NORESERVE, as jemalloc and mimalloc map all that they map, that alone.
    """
    # a runtime that has a heap of its own may never call malloc
    silent = regions.has("glibc") & (regions.facts.brk_heap_bytes == 0)
    silent &= ~regions.has("jvm", "v8", "dotnet", "firefox", "qemu", *REPLACE_MALLOC)
    if not silent.any():
        return None
    found = regions.unclaimed_writable & regions.spread(silent) & (regions.size >= NO_BRK_MIN_BYTES)
    noreserve = found & regions.flagged("nr")
    linked: Flags = noreserve | found & ~regions.spread(regions.owners(noreserve))
    return linked


EXTENTS: Final = ProcessLabeller(
    "allocator.loaded",
    (LOADED, MAPPED, IN_JVM),
    extents,
    marks=REPLACE_MALLOC,
    before=(
        Edge("rest.guarded", "what an allocator maps between two closed regions looks like a guarded buffer"),
    ),
)
ASKED: Final = ProcessLabeller(
    "allocator.asked",
    (LOADED, IN_JVM),
    asked,
    marks=ASK_FOR_ADDRESSES,
    before=(
        Edge("hotspot.places", "in a JVM, what is mapped at low addresses can pass for its class space"),
    ),
)
LINKED_IN: Final = RegionLabeller(
    "allocator.no_brk",
    (NO_BRK,),
    linked_in,
    before=(
        Edge("rest.guarded", "what a malloc maps between two closed regions looks like a guarded buffer"),
    ),
)
