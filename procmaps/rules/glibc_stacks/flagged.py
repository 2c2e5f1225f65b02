"""Stacks that the kernel flags: since Linux 6.7 MAP_STACK sets VM_NOHUGEPAGE, which smaps shows as nh."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import SET_STACK_FLAG
from procmaps.rules.draft import Draft
from procmaps.rules.glibc_stacks.guards import GUARD_MAX_BYTES, with_guards
from procmaps.rules.glibc_stacks.threads import CACHE_BYTES, JAVA_STACK_BYTES, divided
from procmaps.rules.labeller import Claim, ProcessLabeller, without
from procmaps.rules.process import PAGE_BYTES, Process, Region
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

MERGED_LIMIT_COUNT: Final = 2**16  # stacks in one mapping

MERGED = Rule(
    "stack.flagged_run",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "smaps, limits",
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL do not end a mapping, "
    "so stacks merge",
    "{size}, one of several stacks of this size in one mapping made with MAP_STACK (flag nh); its guard "
    "is inside and cannot be seen",
)
ALONE = Rule(
    "stack.flagged",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "smaps",
    "Linux 6.7 and later: MAP_STACK sets VM_NOHUGEPAGE, which smaps shows as nh",
    "{size} of a thread's stack of {block_size}: made with MAP_STACK (flag nh without hg or nr), or the "
    "guard directly below",
)


def flagged(process: Process) -> Iterator[Claim]:
    """First mappings that hold several stacks of the default size, then all others with their guards."""
    merged = list(_merged(process))
    yield from merged
    left = without(process, merged)
    yield from with_guards(left, _alone(left), ALONE)


def _merged(process: Process) -> Iterator[Claim]:
    size = JAVA_STACK_BYTES if process.has("jvm") else process.default_stack_bytes
    one = size + PAGE_BYTES
    for region in process.writable:
        count, rest = divmod(region.size, one)
        if _has_flag(process, region) and not rest and 2 <= count <= MERGED_LIMIT_COUNT:
            yield from divided(region, one, MERGED)


def _alone(process: Process) -> list[Region]:
    """Flagged regions, open and closed, that are no fibers."""
    found = [
        region
        for region in process.unclaimed
        if _has_flag(process, region)
        and not process.flagged(region, "gd")
        and (region.closed or process.flagged(region, "ac") or not process.has(*SET_STACK_FLAG))
    ]
    sizes = Counter(region.size for region in found if not region.closed)
    odd = {size for size, count in sizes.items() if _too_many(process, size, count)}
    fibers = {region.position for region in found if not region.closed and region.size in odd}
    return [
        region
        for region in found
        if region.position not in fibers
        and not (region.closed and region.touches_above and region.position + 1 in fibers)
    ]


def _has_flag(process: Process, region: Region) -> bool:
    """Mapped with MAP_STACK: memory that has the flag for other reasons has hg or nr too."""
    return process.flagged(region, "nh") and not process.flagged(region, "hg", "nr")


def _too_many(process: Process, size: int, count: int) -> bool:
    """More of an odd size than there are threads and stacks that glibc keeps of ended ones: fibers."""
    if process.threads <= 0 or process.has("jvm") or size == process.default_stack_bytes:
        return False
    return count > process.threads + CACHE_BYTES // size


def _flagged_regions(draft: Draft) -> Flags:
    """What has the flag, and what could be guards below it."""
    return draft.open & draft.flagged("nh") | draft.open_none & (draft.size <= GUARD_MAX_BYTES)


def _has_flags(draft: Draft) -> Flags:
    return draft.owners(draft.open & draft.flagged("nh"))


FLAGGED: Final = ProcessLabeller(
    "stack.flagged", (MERGED, ALONE), flagged, where=_has_flags, sees=_flagged_regions
)
