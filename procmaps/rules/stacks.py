"""Stacks of threads: by the kernel's flag for MAP_STACK, by their guards, by their sizes, bounded by Threads.

glibc maps a stack and its guard at once and opens all but the guard (nptl/allocatestack.c); from 2.42 on Linux 6.13
and later the guard is inside the writable mapping and cannot be seen. A JVM makes guard zones of its own inside
each Java thread's stack.
"""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft
from procmaps.rules.objects import has
from procmaps.rules.rule import Rule
from procmaps.smaps import VM_FLAGS
from procmaps.tables import UNLIMITED, Flags, Ints64

PAGE_BYTES: Final = 4096
GUARD_MAX_BYTES: Final = 2**20
JAVA_ZONES_BYTES: Final = (
    12 * 2**10,
    16 * 2**10,
    20 * 2**10,
)  # yellow 2, red 1, from JDK 9 reserved 1; with a page of glibc's
STACK_MIN_BYTES: Final = 16 * 2**10
STACK_MAX_BYTES: Final = 2**30
DEFAULT_BYTES: Final = 2 * 2**20  # glibc's where RLIMIT_STACK is unlimited; ARCH_STACK_DEFAULT_SIZE on most
JAVA_DEFAULT_BYTES: Final = 2**20  # -Xss and the JVM's own threads, x86-64 and most others
MUSL_GUARD_BYTES: Final = 8192
MUSL_STACK_BYTES: Final = 132 * 2**10  # 128 KiB and a page of TLS and struct pthread
CACHE_BYTES: Final = 40 * 2**20  # stacks of dead threads that glibc keeps


def _flag(draft: Draft, name: str) -> Flags:
    return (draft.flags & np.uint64(VM_FLAGS[name])) != 0


def default_bytes(draft: Draft) -> Ints64:
    """The size of a stack that nobody asked a size for, by process: RLIMIT_STACK, or 2 MiB where it is unlimited."""
    limit = draft.facts.stack_limit_bytes
    return np.where(
        (limit <= 0) | (limit > STACK_MAX_BYTES) | (limit == UNLIMITED), DEFAULT_BYTES, limit & -PAGE_BYTES
    )


def flagged(draft: Draft) -> Flags | None:
    """MAP_STACK sets VM_NOHUGEPAGE since Linux 6.7; memory that asked for it in other ways has hg or nr too."""
    nh = _flag(draft, "nh")
    if not nh.any():
        return None
    body = draft.open & nh & ~_flag(draft, "hg") & ~_flag(draft, "nr") & ~_flag(draft, "gd")
    body &= ~has(draft.facts.marks, "jemalloc", "tcmalloc")[draft.process] | draft.none | _flag(draft, "ac")
    return _with_guards(draft, body & ~draft.none, body & draft.none)


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
    rows = np.flatnonzero(mask)
    if not len(rows):
        return
    begins = np.ones(len(rows), np.bool_)
    follows = (rows[1:] == rows[:-1] + 1) & draft.touches_below[rows[1:]] & draft.none[rows[:-1]]
    begins[1:] = ~follows
    draft.join(rows, np.cumsum(begins) - 1)


def split_flagged_runs(draft: Draft) -> Flags | None:
    """Merged stacks with invisible guards: flagged runs that are a whole number of stacks of the default size."""
    body = draft.open_rw & _flag(draft, "nh") & ~_flag(draft, "hg") & ~_flag(draft, "nr")
    rows = np.flatnonzero(body)
    if not len(rows):
        return None
    process = draft.process[rows]
    one = default_bytes(draft)[process] + PAGE_BYTES
    one = np.where(has(draft.facts.marks, "jvm")[process], JAVA_DEFAULT_BYTES + PAGE_BYTES, one)
    count = draft.size[rows] // one
    whole = (count >= 2) & (draft.size[rows] == count * one) & (count <= 2**16)
    rows, one, count = rows[whole], one[whole], count[whole]
    if not len(rows):
        return None
    index = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    start = np.repeat(draft.start[rows], count) + index * np.repeat(one, count)
    return draft.take(
        np.repeat(draft.process[rows], count).astype(np.int64), start, start + np.repeat(one, count)
    )


def java_zones(draft: Draft) -> Flags | None:
    """A JVM's guard zones and the writable part right above them."""
    jvm = has(draft.facts.marks, "jvm")
    if not jvm.any():
        return None
    zone = draft.open_none & jvm[draft.process] & np.isin(draft.size, JAVA_ZONES_BYTES) & draft.touches_above
    zones = np.flatnonzero(zone)
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
    zone = draft.open_none & jvm[draft.process] & np.isin(draft.size, JAVA_ZONES_BYTES) & draft.touches_above
    body = np.zeros(len(draft), np.bool_)
    body[1:] = zone[:-1]
    body &= draft.open_rw & (draft.size >= STACK_MIN_BYTES)
    return _with_guards(draft, body, zone & np.concatenate((body[1:], [False])))


def _java_tops(draft: Draft, zones: Ints64, bodies: Ints64, total: Ints64) -> Ints64:
    """Where each Java stack ends: above it may be merged a stack with an invisible guard, or other memory."""
    end = draft.end[bodies].copy()
    for process in np.unique(draft.process[zones]):
        own = draft.process[zones] == process
        sizes, counts = np.unique(total[own], return_counts=True)
        common = sizes[counts >= max(2, int(counts.max()) // 2)]
        stack = int(common[0]) if len(common) else int(sizes[0])
        above = total - stack
        more = own & (above > 0) & ~np.isin(total, sizes[counts >= 3])
        # a further stack without a visible guard, or the guard of one alone, is stack as well
        one = JAVA_DEFAULT_BYTES + PAGE_BYTES
        is_stack = (above % one == 0) | (above == PAGE_BYTES) | (above % one == PAGE_BYTES)
        cut = more & ~is_stack
        end[cut] = draft.end[bodies[cut]] - above[cut]
    return end


def guarded(draft: Draft) -> Flags | None:
    """A guard and a writable part right above it, of a size that repeats or that is the default, within Threads."""
    guard = draft.open_none & draft.touches_above & (draft.size <= GUARD_MAX_BYTES)
    guards = np.flatnonzero(guard)
    if not len(guards):
        return None
    bodies = guards + 1
    size = draft.size[bodies]
    musl = has(draft.facts.marks, "musl")[draft.process[guards]]
    good = (
        draft.open[bodies]
        & (draft.perms[bodies] & 0b1101 == 0b1100)
        & (size >= STACK_MIN_BYTES)
        & (size <= STACK_MAX_BYTES)
    )
    good &= ~musl | (draft.size[guards] >= MUSL_GUARD_BYTES)
    guards, bodies = guards[good], bodies[good]
    if not len(guards):
        return None
    accepted = _within_threads(draft, guards, bodies)
    guards, bodies = guards[accepted], bodies[accepted]
    musl = has(draft.facts.marks, "musl")[draft.process[guards]]
    rest = draft.size[bodies] - MUSL_STACK_BYTES
    merged = musl & (rest > 0) & (rest <= 64 * 2**10)
    spans = (
        draft.process[guards].astype(np.int64),
        draft.start[guards],
        np.where(merged, draft.end[bodies] - rest, draft.end[bodies]),
    )
    return draft.take(*spans)


def _within_threads(draft: Draft, guards: Ints64, bodies: Ints64) -> Flags:
    """Which guarded pairs may be stacks, given how many threads there are.

    Pairs of the default size come first, then those in one run with them, then sizes that repeat.
    """
    process = draft.process[guards]
    size, guard = draft.size[bodies], draft.size[guards]
    default = default_bytes(draft)[process]
    jvm = has(draft.facts.marks, "jvm")[process]
    musl = has(draft.facts.marks, "musl")[process]
    strong = (size == default) | (size + guard == default) | (musl & (guard == MUSL_GUARD_BYTES))
    strong |= jvm & ((size == JAVA_DEFAULT_BYTES) | (size + guard == JAVA_DEFAULT_BYTES))
    chain = np.cumsum(
        np.concatenate(([True], (guards[1:] != bodies[:-1] + 1) | ~draft.touches_below[guards[1:]]))
    )
    beside = np.isin(chain, chain[strong])
    shape = size * 1024 + (guard >> 12)
    order = np.lexsort((shape, process))
    same = np.concatenate(
        ([True], (shape[order][1:] != shape[order][:-1]) | (process[order][1:] != process[order][:-1]))
    )
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(same) - 1
    repeats = np.bincount(group)[group] >= 3
    accepted = strong | beside | repeats
    threads = draft.facts.threads
    live = np.where(threads > 0, threads - 1, np.int64(2**31))
    claimed = np.bincount(process[accepted], minlength=len(threads))
    for crowded in np.flatnonzero(claimed > live):
        _drop_excess(accepted, process == crowded, (strong, beside), chain, int(live[crowded]), size)
    return accepted


def _drop_excess(
    accepted: Flags, own: Flags, grades: tuple[Flags, Flags], chain: Ints64, live: int, size: Ints64
) -> None:
    """In a process with more pairs than threads: keep the surest, and beyond the threads what glibc may have cached."""
    strong, beside = grades
    sure = own & accepted & (strong | beside)
    left = live - int(sure.sum())
    if live == 0:
        accepted[own & accepted & ~strong] = False
        return
    if left < 0 and int(size[own & accepted & strong].sum()) > CACHE_BYTES + live * int(size[sure].max()):
        accepted[own & accepted & ~strong] = False
    for run in np.unique(chain[own & accepted & ~sure]):
        members = own & accepted & ~sure & (chain == run)
        count = int(members.sum())
        if left * 2 < count:
            accepted[members] = False
        else:
            left -= count


def unseen(draft: Draft) -> Flags | None:
    """Whole numbers of default-sized stacks with their guards inside, where threads are left without a stack."""
    threads = draft.facts.threads
    stacks = draft.kind == Kind.THREAD_STACK
    seen = np.bincount(draft.process[stacks & ~draft.none], minlength=len(threads))
    missing = np.where(draft.facts.smaps, 0, threads - 1 - seen)
    rows = np.flatnonzero(draft.open_rw & (missing > 0)[draft.process] & (draft.size >= DEFAULT_BYTES // 2))
    if not len(rows):
        return None
    process = draft.process[rows]
    one = default_bytes(draft)[process] + PAGE_BYTES
    one = np.where(has(draft.facts.marks, "jvm")[process], JAVA_DEFAULT_BYTES + PAGE_BYTES, one)
    count = draft.size[rows] // one
    good = (count >= 1) & (draft.size[rows] == count * one) & (count <= missing[process])
    good &= ~has(draft.facts.marks, "musl")[process]
    rows, one, count = rows[good], one[good], count[good]
    if not len(rows):
        return None
    wanted = np.bincount(draft.process[rows], count, minlength=len(threads))
    fits = (wanted <= missing)[draft.process[rows]]
    rows, one, count = rows[fits], one[fits], count[fits]
    index = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    start = np.repeat(draft.start[rows], count) + index * np.repeat(one, count)
    return draft.take(
        np.repeat(draft.process[rows], count).astype(np.int64), start, start + np.repeat(one, count)
    )


_NPTL = (
    "glibc, nptl/allocatestack.c: a stack and its guard are one mapping, of which the guard is closed again"
)
_HOTSPOT = "OpenJDK, runtime/stackOverflow.cpp: red, yellow and (from JDK 9) reserved zones at the low end of a Java stack"

JAVA_ZONES = Rule(
    "stack.java_zones",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "maps",
    _HOTSPOT,
    "the stack of a Java thread: {size} at the guard zones that the JVM keeps at its low end",
    java_zones,
)
RUNS = Rule(
    "stack.flagged_run",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "smaps, limits",
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL do not end a mapping, so stacks merge",
    "one of several stacks in one mapping that was made with MAP_STACK (flag nh); its guard is inside and cannot be seen",
    split_flagged_runs,
)
FLAGGED = Rule(
    "stack.flagged",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "smaps",
    "Linux 6.7 and later: MAP_STACK sets VM_NOHUGEPAGE, which smaps shows as nh",
    "made with MAP_STACK (flag nh without hg or nr), or the guard right below such a mapping: the stack of a thread",
    flagged,
)
GUARDED = Rule(
    "stack.guarded",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "maps, status, limits",
    _NPTL,
    "an untouchable guard with {size} of writable memory right above it, a size that is the default or repeats, and {threads}"
    " threads to own them",
    guarded,
    Kind.ANONYMOUS,
)
UNSEEN = Rule(
    "stack.unseen_guard",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status, limits",
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL cannot be seen in maps",
    "exactly a whole number of default stacks with their guards inside, and of {threads} threads some have no stack else",
    unseen,
    Kind.HEAP_MMAP,
)
