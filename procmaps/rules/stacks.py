"""Stacks of threads: by the kernel's flag for MAP_STACK, by their guards, by their sizes, bounded by Threads.

glibc maps a stack and its guard at once and opens all but the guard (nptl/allocatestack.c); from 2.42 on
Linux 6.13 and later the guard is inside the writable mapping and cannot be seen. A JVM makes guard zones of
its own inside each Java thread's stack.
"""

import re
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import SET_STACK_FLAG
from procmaps.rules.draft import PAGE_BYTES, Draft
from procmaps.rules.groups import among, count_alike, ranges, slices_of
from procmaps.rules.rule import Rule
from procmaps.smaps import VM_FLAGS
from procmaps.tables import UNLIMITED, Flags, Ints64, which

_RELEASE = re.compile(r"(\d{1,4})\.(\d{1,4})")
UNKNOWN_RELEASE: Final = (2**16, 0)
MERGES_UNTIL: Final = (6, 7)  # from then on MAP_STACK sets a flag, and stacks merge with nothing but stacks
GUARD_MAX_BYTES: Final = 2**20
# yellow 2, red 1, from JDK 9 reserved 1 page; with a page of glibc's
JAVA_ZONES_BYTES: Final = (12 * 2**10, 16 * 2**10, 20 * 2**10)
STACK_MIN_BYTES: Final = 16 * 2**10
STACK_MAX_BYTES: Final = 2**30
DEFAULT_BYTES: Final = 2 * 2**20  # glibc's where RLIMIT_STACK is unlimited; ARCH_STACK_DEFAULT_SIZE on most
CACHE_BYTES: Final = 40 * 2**20  # stacks of threads that ended, as many as glibc keeps
JAVA_DEFAULT_BYTES: Final = 2**20  # -Xss and the JVM's own threads, x86-64 and most others


def flag(draft: Draft, name: str) -> Flags:
    if not draft.facts.smaps.any():
        return np.zeros(len(draft), np.bool_)
    found: Flags = (draft.flags & np.uint64(VM_FLAGS[name])) != 0
    return found


def release_of(kernel: str) -> tuple[int, int]:
    """Major and minor of a kernel's release; that of no end where it is not known."""
    match = _RELEASE.match(kernel)
    return (int(match[1]), int(match[2])) if match else UNKNOWN_RELEASE


def default_bytes(draft: Draft) -> Ints64:
    """The default size of a stack, by process: RLIMIT_STACK, or 2 MiB where that is unlimited."""
    limit = draft.facts.stack_limit_bytes
    return np.where(
        (limit <= 0) | (limit > STACK_MAX_BYTES) | (limit == UNLIMITED), DEFAULT_BYTES, limit & -PAGE_BYTES
    )


def flagged(draft: Draft) -> Flags | None:
    """MAP_STACK sets VM_NOHUGEPAGE since Linux 6.7; what has it for other reasons has hg or nr too."""
    nh = flag(draft, "nh")
    if not nh.any():
        return None
    body = draft.open & nh & ~flag(draft, "hg") & ~flag(draft, "nr") & ~flag(draft, "gd")
    body &= ~draft.spread(draft.has(*SET_STACK_FLAG)) | draft.none | flag(draft, "ac")
    body &= ~_fibers(draft, body)
    return _with_guards(draft, body & ~draft.none, body & draft.none)


def _fibers(draft: Draft, flagged_parts: Flags) -> Flags:
    """Flagged parts of one odd size: more than the threads and what glibc keeps of ended ones."""
    rows = which(flagged_parts & ~draft.none)
    process = draft.process[rows]
    count = count_alike(process, draft.size[rows])
    threads = draft.facts.threads[process]
    kept = CACHE_BYTES // draft.size[rows]
    many = (threads > 0) & (count > threads + kept)
    many &= (draft.size[rows] != default_bytes(draft)[process]) & ~draft.has("jvm")[process]
    fibers = np.zeros(len(draft), np.bool_)
    fibers[rows[many]] = True
    fibers[:-1] |= fibers[1:] & draft.none[:-1] & draft.touches_below[1:]
    return fibers


def _with_guards(draft: Draft, body: Flags, known_guards: Flags) -> Flags:
    """Bodies, and the guards that touch them from below; each body with its guards is a block."""
    mask = body | known_guards
    for _ in range(2):  # the JVM's zones, and below them glibc's page
        lower = np.zeros(len(draft), np.bool_)
        lower[:-1] = mask[1:] & draft.touches_below[1:]
        guard = draft.open_none & lower & (draft.size <= GUARD_MAX_BYTES)
        mask |= guard
    join_to_bodies(draft, mask)
    return mask


def join_to_bodies(draft: Draft, mask: Flags) -> None:
    """One block for each run of guards and the body that it ends in."""
    rows = which(mask)
    if not len(rows):
        return
    begins = np.ones(len(rows), np.bool_)
    follows = (rows[1:] == rows[:-1] + 1) & draft.touches_below[rows[1:]] & draft.none[rows[:-1]]
    begins[1:] = ~follows
    draft.join(rows, begins.cumsum() - 1)


def split_flagged_runs(draft: Draft) -> Flags | None:
    """Merged stacks with invisible guards: flagged runs of a whole number of default-sized stacks."""
    if not draft.facts.smaps.any():
        return None
    body = draft.open_rw & flag(draft, "nh") & ~flag(draft, "hg") & ~flag(draft, "nr")
    rows = which(body)
    if not len(rows):
        return None
    process = draft.process[rows]
    one = default_bytes(draft)[process] + PAGE_BYTES
    one = np.where(draft.has("jvm")[process], JAVA_DEFAULT_BYTES + PAGE_BYTES, one)
    count = draft.size[rows] // one
    whole = (count >= 2) & (draft.size[rows] == count * one) & (count <= 2**16)
    rows, one, count = rows[whole], one[whole], count[whole]
    return take_runs(draft, rows, one, count)


def java_zones(draft: Draft) -> Flags | None:
    """A JVM's guard zones and the writable part right above them."""
    jvm = draft.has("jvm")
    if not jvm.any():
        return None
    zones = which(_is_zone(draft, jvm))
    if not len(zones):
        return None
    bodies = zones + 1
    total = draft.size[zones] + draft.size[bodies]
    good = draft.open_rw[bodies] & (draft.size[bodies] >= STACK_MIN_BYTES)
    zones, bodies, total = zones[good], bodies[good], total[good]
    if not len(zones):
        return None
    top = _java_tops(draft, zones, bodies, total)
    draft.cut(bodies, top)
    zone = _is_zone(draft, jvm)
    body = np.zeros(len(draft), np.bool_)
    body[1:] = zone[:-1]
    body &= draft.open_rw & (draft.size >= STACK_MIN_BYTES)
    return _with_guards(draft, body, zone & np.concatenate((body[1:], [False])))


def _is_zone(draft: Draft, jvm: Flags) -> Flags:
    rows = which(draft.open_none & draft.spread(jvm) & draft.touches_above)
    fit = np.zeros(len(rows), np.bool_)
    for zones_bytes in JAVA_ZONES_BYTES:
        fit |= draft.size[rows] == zones_bytes
    zones = np.zeros(len(draft), np.bool_)
    zones[rows[fit]] = True
    return zones


def _java_tops(draft: Draft, zones: Ints64, bodies: Ints64, total: Ints64) -> Ints64:
    """Where each Java stack ends: above it may be merged a stack with an invisible guard, or other memory."""
    end = draft.end[bodies].copy()
    release = release_of(draft.snapshot.facts.kernel)
    if MERGES_UNTIL <= release < UNKNOWN_RELEASE:
        return end
    for own in slices_of(draft.process[zones]):
        sizes, counts = np.unique(total[own], return_counts=True)
        common = sizes[counts >= max(2, int(counts.max()) // 2)]
        stack = int(common[0]) if len(common) else int(sizes[0])
        above = total[own] - stack
        if not above.any():
            continue
        # -Xss is not for the compiler's threads: what has the default size is one stack, whatever is common
        more = (
            (above > 0) & ~among(total[own], sizes[counts >= 3].tolist()) & (total[own] != JAVA_DEFAULT_BYTES)
        )
        # a further stack without a visible guard, or the guard of one alone, is stack as well
        one = JAVA_DEFAULT_BYTES + PAGE_BYTES
        is_stack = (above % one == 0) | (above == PAGE_BYTES) | (above % one == PAGE_BYTES)
        end[own] -= np.where(more & ~is_stack, above, 0)
    return end


def take_runs(draft: Draft, rows: Ints64, one: Ints64, count: Ints64) -> Flags | None:
    """Cut each row into stacks of equal size."""
    if not len(rows):
        return None
    index = ranges(np.zeros(len(count), np.int64), count)
    start = draft.start[rows].repeat(count) + index * one.repeat(count)
    owner = rows.repeat(count)
    return draft.take_between(owner, owner, start, start + one.repeat(count))


_HOTSPOT = "OpenJDK, runtime/stackOverflow.cpp: red, yellow and (from JDK 9) reserved zones"

JAVA_ZONES = Rule(
    "stack.java_zones",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "maps",
    _HOTSPOT,
    "{size} of the stack of a Java thread, {block_size} in all: writable memory above the 12 to 20 KiB "
    "of guard zones that the JVM keeps at a stack's low end",
    java_zones,
)
RUNS = Rule(
    "stack.flagged_run",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "smaps, limits",
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL do not end a mapping, "
    "so stacks merge",
    "{size}, one of several stacks of that size in one mapping made with MAP_STACK (flag nh); its guard "
    "is inside and cannot be seen",
    split_flagged_runs,
)
FLAGGED = Rule(
    "stack.flagged",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "smaps",
    "Linux 6.7 and later: MAP_STACK sets VM_NOHUGEPAGE, which smaps shows as nh",
    "{size} of a thread's stack of {block_size}: made with MAP_STACK (flag nh without hg or nr), or the "
    "guard right below",
    flagged,
)
