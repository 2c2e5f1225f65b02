"""Stacks that the kernel flags: since Linux 6.7 MAP_STACK sets VM_NOHUGEPAGE, which smaps shows as nh."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import SET_STACK_FLAG
from procmaps.rules.draft import Draft
from procmaps.rules.glibc_stacks.guards import with_guards
from procmaps.rules.glibc_stacks.threads import CACHE_BYTES, JAVA_STACK_BYTES, default_stack_bytes
from procmaps.rules.groups import count_alike, ranges
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.process import PAGE_BYTES
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, which

MERGED_LIMIT_COUNT: Final = 2**16  # stacks in one mapping
HOST_LIMIT_COUNT: Final = 2**20  # stacks in such mappings of one host

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


def merged(draft: Draft) -> Ranges | None:
    """Mappings that hold several stacks of the default size, with their guards inside."""
    rows = which(_has_flag(draft) & draft.writable)
    if not len(rows):
        return None
    process = draft.process[rows]
    size = np.where(draft.has("jvm"), JAVA_STACK_BYTES, default_stack_bytes(draft))[process]
    one = size + PAGE_BYTES
    count = draft.size[rows] // one
    whole = (count * one == draft.size[rows]) & (count >= 2) & (count <= MERGED_LIMIT_COUNT)
    whole &= np.where(whole, count, 0).cumsum() <= HOST_LIMIT_COUNT
    rows, one, count = rows[whole], one[whole], count[whole]
    number = ranges(np.zeros(len(count), np.int64), count)  # of each stack in its mapping
    start = draft.start[rows].repeat(count) + number * one.repeat(count)
    return Ranges(process[whole].repeat(count), start, start + one.repeat(count))


def alone(draft: Draft) -> Ranges | None:
    """All other flagged regions, with the guards below them; not fibers."""
    found = _has_flag(draft)
    if not found.any():
        return None
    # what such an allocator maps itself does not count against the commit limit (ac)
    found &= ~draft.spread(draft.has(*SET_STACK_FLAG)) | draft.none | draft.flagged("ac")
    found &= ~draft.flagged("gd") & ~_fibers(draft, found)
    return with_guards(draft, found, draft.end)


def _has_flag(draft: Draft) -> Flags:
    """Unclaimed, and mapped with MAP_STACK: memory that has the flag for other reasons has hg or nr too."""
    flagged = draft.open & draft.flagged("nh")
    return flagged & ~draft.flagged("hg") & ~draft.flagged("nr") if flagged.any() else flagged


def _fibers(draft: Draft, flagged: Flags) -> Flags:
    """Flagged parts of one odd size, if there are more than threads, live ones and ended ones together."""
    rows = which(flagged & ~draft.none)
    process, size = draft.process[rows], draft.size[rows]
    threads = draft.facts.threads[process]
    many = (threads > 0) & (count_alike(process, size) > threads + CACHE_BYTES // size)
    many &= (size != default_stack_bytes(draft)[process]) & ~draft.has("jvm")[process]
    fibers = np.zeros(len(draft), np.bool_)
    fibers[rows[many]] = True
    fibers[:-1] |= fibers[1:] & draft.none[:-1] & draft.touches_below[1:]
    return fibers


FLAGGED_MERGED: Final = RegionLabeller(
    "stack.flagged_run",
    (MERGED,),
    merged,
    before=(Edge("stack.flagged", "a mapping that holds several stacks would count as one"),),
)
FLAGGED: Final = RegionLabeller(
    "stack.flagged", (ALONE,), alone, before=(Edge("stack.java_zones", "the flag tells where a stack ends"),)
)
