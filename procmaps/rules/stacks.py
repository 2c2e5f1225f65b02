"""Stacks of threads: by the kernel's flag for MAP_STACK, by their guards, by their sizes, bounded by Threads.

glibc maps a stack and its guard at once and opens all but the guard (nptl/allocatestack.c); from 2.42 on
Linux 6.13 and later the guard is inside the writable mapping and cannot be seen. A JVM makes guard zones of
its own inside each Java thread's stack.
"""

from dataclasses import dataclass
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
MUSL_GROUP_BYTES: Final = 64 * 2**10
SMALL_GUARD_BYTES: Final = 64 * 2**10  # a page, and the least that aarch64 makes of it
CACHE_BYTES: Final = 40 * 2**20  # stacks of dead threads that glibc keeps


def _flag(draft: Draft, name: str) -> Flags:
    found: Flags = (draft.flags & np.uint64(VM_FLAGS[name])) != 0
    return found


def default_bytes(draft: Draft) -> Ints64:
    """The default size of a stack, by process: RLIMIT_STACK, or 2 MiB where that is unlimited."""
    limit = draft.facts.stack_limit_bytes
    return np.where(
        (limit <= 0) | (limit > STACK_MAX_BYTES) | (limit == UNLIMITED), DEFAULT_BYTES, limit & -PAGE_BYTES
    )


def flagged(draft: Draft) -> Flags | None:
    """MAP_STACK sets VM_NOHUGEPAGE since Linux 6.7; what has it for other reasons has hg or nr too."""
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
    """Merged stacks with invisible guards: flagged runs of a whole number of default-sized stacks."""
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
    return _take_runs(draft, rows, one, count)


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


@dataclass(frozen=True, slots=True)
class Pairs:
    """Guards with a writable part right above each: what could be a stack; one entry a pair."""

    guard: Ints64  # row of the guard; the body is the next row
    process: Ints64
    size: Ints64
    guard_size: Ints64
    run: Ints64  # pairs that follow one another without a gap share a number


def find_pairs(draft: Draft) -> Pairs | None:
    """Open guards and bodies; where smaps shows flagged stacks, what has no flag is none."""
    flagged_processes = np.zeros(len(draft.facts.marks), np.bool_)
    flagged_processes[draft.process[(draft.kind == Kind.THREAD_STACK) & _flag(draft, "nh")]] = True
    guard = draft.open_none & draft.touches_above & (draft.size <= GUARD_MAX_BYTES)
    guards = np.flatnonzero(guard & ~flagged_processes[draft.process])
    if not len(guards):
        return None
    body = guards + 1
    size = draft.size[body]
    good = draft.open[body] & (draft.perms[body] & 0b1101 == 0b1100)
    good &= (size >= STACK_MIN_BYTES) & (size <= STACK_MAX_BYTES)
    good &= ~has(draft.facts.marks, "musl")[draft.process[guards]] | (draft.size[guards] >= MUSL_GUARD_BYTES)
    guards = guards[good]
    if not len(guards):
        return None
    follows = np.concatenate(([False], (guards[1:] == guards[:-1] + 2) & draft.touches_below[guards[1:]]))
    process = draft.process[guards].astype(np.int64)
    return Pairs(guards, process, draft.size[guards + 1], draft.size[guards], np.cumsum(~follows))


def guarded(draft: Draft) -> Flags | None:
    """Pairs of the size that a stack has by default, and those in one unbroken run with them."""
    pairs = find_pairs(draft)
    if pairs is None:
        return None
    jvm = has(draft.facts.marks, "jvm")[pairs.process]
    musl = has(draft.facts.marks, "musl")[pairs.process]
    default = default_bytes(draft)[pairs.process]
    sure = (pairs.size == default) | (pairs.size + pairs.guard_size == default)
    sure |= musl & (pairs.guard_size == MUSL_GUARD_BYTES)
    # JDK 11 and before add a page for glibc's guard, which glibc then adds again
    over = pairs.size - JAVA_DEFAULT_BYTES
    sure |= jvm & ((over == 0) | (over == PAGE_BYTES) | (over + pairs.guard_size == 0))
    sure &= (pairs.guard_size <= SMALL_GUARD_BYTES) | (~jvm & (pairs.size == default))
    sure &= live(draft)[pairs.process] > 0
    small = pairs.guard_size <= SMALL_GUARD_BYTES
    return _take_pairs(draft, pairs, sure | (small & np.isin(pairs.run, pairs.run[sure])))


def repeated(draft: Draft) -> Flags | None:
    """Other pairs, those of a size that repeats first, as long as threads are left without a stack."""
    pairs = find_pairs(draft)
    if pairs is None:
        return None
    missing = live(draft) - seen(draft)
    small = (pairs.guard_size <= SMALL_GUARD_BYTES) & (missing > 0)[pairs.process]
    shape = np.stack((pairs.process, pairs.size, pairs.guard_size), axis=1)
    _, group, count = np.unique(shape, axis=0, return_inverse=True, return_counts=True)
    alike = count[group.reshape(-1)]
    chosen = np.zeros(len(small), np.bool_)
    for process in np.unique(pairs.process[small]):
        own = small & (pairs.process == process)
        left = int(missing[process])
        runs, first = np.unique(pairs.run[own], return_index=True)
        for run in runs[np.argsort(-alike[own][first], kind="stable")]:
            members = own & (pairs.run == run)
            number = int(members.sum())
            # more guarded buffers than threads are no stacks, or most are not
            if left * 2 >= number and left > 0:
                chosen |= members
                left -= number
    return _take_pairs(draft, pairs, chosen)


def _take_pairs(draft: Draft, pairs: Pairs, chosen: Flags) -> Flags | None:
    """Guards and bodies of the chosen pairs; musl's groups that merged above a stack are left out."""
    if not chosen.any():
        return None
    guard, process = pairs.guard[chosen], pairs.process[chosen]
    rest = pairs.size[chosen] - MUSL_STACK_BYTES
    merged = has(draft.facts.marks, "musl")[process] & (rest > 0) & (rest <= MUSL_GROUP_BYTES)
    top = draft.end[guard + 1] - np.where(merged, rest, 0)
    return draft.take(process, draft.start[guard], top)


def live(draft: Draft) -> Ints64:
    """Threads that have a stack of their own besides the main one, by process; very many where unknown."""
    threads = draft.facts.threads
    return np.where(threads > 0, threads - 1, np.int64(2**31))


def seen(draft: Draft) -> Ints64:
    """Stacks found so far, by process."""
    body = (draft.kind == Kind.THREAD_STACK) & ~draft.none
    return np.bincount(draft.process[body], minlength=len(draft.facts.threads))


def unseen(draft: Draft) -> Flags | None:
    """Whole numbers of default-sized stacks, guards inside, where threads are left without a stack."""
    return _runs_of(draft, PAGE_BYTES)


def bare(draft: Draft) -> Flags | None:
    """The same without guards: stacks made with a guard size of 0 merge as well."""
    return _runs_of(draft, 0)


def _runs_of(draft: Draft, guard: int) -> Flags | None:
    missing = _missing(draft)
    rows = np.flatnonzero(draft.open_rw & (missing > 0)[draft.process] & (draft.size >= DEFAULT_BYTES // 2))
    if not len(rows):
        return None
    process = draft.process[rows].astype(np.int64)
    default = np.where(has(draft.facts.marks, "jvm"), JAVA_DEFAULT_BYTES, default_bytes(draft))[process]
    one = default + guard
    count = draft.size[rows] // one
    good = (draft.size[rows] == count * one) & (count <= missing[process] + CACHE_BYTES // one)
    if not guard:  # a size without an odd page is anybody's
        good &= (default >= 4 * DEFAULT_BYTES) & (count <= missing[process])
    rows, one, count, process = rows[good], one[good], count[good], process[good]
    if not len(rows):
        return None
    # where far more would fit than threads are missing, sizes alone prove nothing
    wanted = np.bincount(process, count, minlength=len(missing))
    fits = (wanted <= 2 * missing)[process]
    return _take_runs(draft, rows[fits], one[fits], count[fits])


def unseen_merged(draft: Draft) -> Flags | None:
    """Memory that malloc cannot own, in a process whose threads have no stacks else."""
    missing = _missing(draft)
    budget = draft.facts.rss_anon_bytes
    short = (missing > 0) & (missing > seen(draft)) & (budget >= 0) & (draft.facts.threads > 0)
    if not short.any():
        return None
    room = missing * default_bytes(draft)
    own = draft.open_rw & short[draft.process]
    return own & (draft.size > budget[draft.process]) & (draft.size <= room[draft.process])


def _missing(draft: Draft) -> Ints64:
    """Threads without a stack so far, by process; 0 where smaps has shown them all."""
    return np.where(draft.facts.smaps, 0, np.maximum(live(draft) - seen(draft), 0)) * (
        draft.facts.threads > 0
    )


def _take_runs(draft: Draft, rows: Ints64, one: Ints64, count: Ints64) -> Flags | None:
    """Cut each row into stacks of equal size."""
    if not len(rows):
        return None
    index = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    start = np.repeat(draft.start[rows], count) + index * np.repeat(one, count)
    return draft.take(
        np.repeat(draft.process[rows].astype(np.int64), count), start, start + np.repeat(one, count)
    )


_NPTL = (
    "glibc, nptl/allocatestack.c: a stack and its guard are one mapping, of which the guard is closed again"
)
_HOTSPOT = "OpenJDK, runtime/stackOverflow.cpp: red, yellow and (from JDK 9) reserved zones"

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
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL do not end a mapping, "
    "so stacks merge",
    "one of several stacks in one mapping that was made with MAP_STACK (flag nh); its guard is inside "
    "and cannot be seen",
    split_flagged_runs,
)
FLAGGED = Rule(
    "stack.flagged",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "smaps",
    "Linux 6.7 and later: MAP_STACK sets VM_NOHUGEPAGE, which smaps shows as nh",
    "made with MAP_STACK (flag nh without hg or nr), or the guard right below such a mapping: the "
    "stack of a thread",
    flagged,
)
GUARDED = Rule(
    "stack.guarded",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "maps, status, limits",
    _NPTL,
    "an untouchable guard with {size} of writable memory right above it, a size that is the default "
    "or repeats, and {threads}"
    " threads to own them",
    guarded,
    Kind.ANONYMOUS,
)
REPEATED = Rule(
    "stack.repeated",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status",
    _NPTL,
    "an untouchable guard with {size} of writable memory above it, one of several alike, and of "
    "{threads} threads some"
    " have no stack else",
    repeated,
    Kind.ANONYMOUS,
)
UNSEEN_MERGED = Rule(
    "stack.unseen_merged",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status",
    "glibc 2.42 and later on Linux 6.13 and later: stacks of any sizes merge where their guards "
    "cannot be seen",
    "{size}, more than all anonymous memory that the process has resident, where {threads} threads "
    "must have stacks",
    unseen_merged,
    Kind.ANONYMOUS,
)
BARE = Rule(
    "stack.unguarded",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status, limits",
    "glibc, nptl/allocatestack.c: with a guard size of 0 a stack is nothing but its size",
    "exactly a whole number of default stacks without guards, and of {threads} threads some have no "
    "stack else",
    bare,
    Kind.ANONYMOUS,
)
UNSEEN = Rule(
    "stack.unseen_guard",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status, limits",
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL cannot be seen in maps",
    "exactly a whole number of default stacks with their guards inside, and of {threads} threads some "
    "have no stack else",
    unseen,
    Kind.HEAP_MMAP,
)
