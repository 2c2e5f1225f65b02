"""Arenas of glibc's malloc: many that hold much, a few that hold much, and address space alone.

An arena goes on in a new heap when its last one is full. So a heap whose writable part ends well short of its
top is the last heap of an arena, and the others are full, but for a rest too small for the request that began
the next heap. The last heap of an arena stays writable when it is trimmed (glibc, malloc/arena.c: heap_trim,
shrink_heap): smaps shows those, as they are not resident. With maps alone, they count as full.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from procmaps.amounts import scaled
from procmaps.findings.finding import LIVE_OR_FREE, Code, Finding, Severity
from procmaps.findings.observed import Blocks, Observed
from procmaps.kinds import Kind
from procmaps.tables import UNKNOWN, Flags, Ints64, which

KIB: Final = 2**10
MIB: Final = 2**20
MANY_LEAST_COUNT: Final = 8  # arenas that hold something
MANY_WHATEVER_CORES_COUNT: Final = 64  # below it, arenas are many only if they are more than the cores
HOLDS_LEAST_BYTES: Final = MIB  # an arena that has written less holds nothing worth sharing
HELD_LEAST_BYTES: Final = 64 * MIB
HELD_WARN_BYTES: Final = 256 * MIB
HELD_WARN_SHARE: Final = 0.1  # of the process's anonymous memory
REST_SHARE: Final = 16  # a heap is full if no more than this part of it is left,
TRIMMED_SHARE: Final = 0.75  # of a heap: with less of it in RAM or in swap, its top was trimmed
REST_LEAST_BYTES: Final = 128 * KIB  # or no more than malloc's first mmap threshold
FULL_LEAST_COUNT: Final = 4
FULL_PER_ARENA: Final = (
    2  # with more full heaps than this per arena that holds something, few arenas hold most
)
FULL_WARN_BYTES: Final = 512 * MIB
RESERVED_LEAST_BYTES: Final = 512 * MIB
IDLE_SHARE_MOST: Final = 0.1  # resident share of the reserved size below which it is only a reservation
PARENTS_LIMIT_COUNT: Final = 4  # whose command lines are searched for the setting
_SETTING: Final = re.compile(rb"(?:MALLOC_ARENA_MAX|glibc\.malloc\.arena_max)=(\d{1,9})")

MANY_ARENAS: Final = Code(
    "many_arenas",
    "many malloc arenas",
    (Severity.INFO, Severity.WARNING),
    f"At least {MANY_LEAST_COUNT} arenas of glibc's malloc have 1 MiB or more each, they are more than the "
    f"host has cores (or at least {MANY_WHATEVER_CORES_COUNT}), and all together hold at least 64 MiB. A "
    "warning from 256 MiB that are a tenth of the anonymous memory. Not where a command line limits the "
    "arenas to so many.",
    "Set MALLOC_ARENA_MAX=2 (4 if threads allocate much), or lower it if it is set, and restart. Others "
    "report savings of 10 to 50 % of the arenas' resident bytes, not of the reserved ones.",
    "Run one member of the service with it and compare its native heap after a day of the same load. For a "
    "JVM of a newer JDK, `jcmd PID VM.info` prints as `retained` what malloc keeps without use.",
    LIVE_OR_FREE,
)
FULL_ARENAS: Final = Code(
    "full_arenas",
    "few malloc arenas that hold much",
    (Severity.INFO, Severity.WARNING),
    f"At least {FULL_LEAST_COUNT} heaps of arenas are full, fewer than {MANY_LEAST_COUNT} others have 1 MiB "
    f"or more (or fewer than one per {FULL_PER_ARENA} full ones), and the arenas hold at least 256 MiB. A "
    "warning from 512 MiB in a JVM, whose own objects are elsewhere.",
    "MALLOC_ARENA_MAX does not help, as few arenas hold the memory. Look for a leak, or for free memory "
    "between long-lived blocks, in what these threads allocate: run a heap profiler (jemalloc's or "
    "tcmalloc's, heaptrack).",
    "For a JVM of a newer JDK, `jcmd PID VM.info` prints as `retained` what malloc keeps without use: if "
    "that is most of it, `jcmd PID System.trim_native_heap` gives it back (JDK 18 or later, and late "
    "updates of 17). Otherwise see in the next runs whether it grows.",
    LIVE_OR_FREE,
)
ARENA_RESERVATION: Final = Code(
    "arena_reservation",
    "arenas that reserve much and hold little",
    (Severity.INFO,),
    f"At least {MANY_LEAST_COUNT} heaps of arenas reserve 512 MiB or more, and at most a tenth of it, and "
    "less than 64 MiB, is resident.",
    "Nothing to do: address space that is never touched costs nothing.",
    "VmRSS stays the same while VmSize grows.",
    LIVE_OR_FREE,
)
CODES: Final = (MANY_ARENAS, FULL_ARENAS, ARENA_RESERVATION)


class _Arenas(NamedTuple):
    """Per process of the host."""

    least: Ints64  # arenas, at least
    holding: Ints64  # of them with HOLDS_LEAST_BYTES or more
    full: Ints64  # heaps that are full


def arenas(observed: Observed) -> Iterator[Finding]:
    """Many arenas, full arenas, and mere reservations; a process has one of the three."""
    heaps, reserved = observed.count[:, Kind.HEAP_ARENA], observed.reserved[:, Kind.HEAP_ARENA]
    resident = observed.resident_most[:, Kind.HEAP_ARENA]
    large = resident >= HELD_LEAST_BYTES
    counted = _counted(observed.blocks(Kind.HEAP_ARENA, large), observed.exact)
    few = (counted.holding < MANY_LEAST_COUNT) | (counted.full > counted.holding * FULL_PER_ARENA)
    few &= counted.full >= FULL_LEAST_COUNT
    for row in which(few & (resident >= HELD_WARN_BYTES)).tolist():
        yield _full_arenas(observed, counted, row)
    many = ~few & (counted.holding >= MANY_LEAST_COUNT) & _above_cores(observed, counted.holding)
    for row in which(many & large).tolist():
        if _allowed(observed, row) < counted.least[row]:
            yield _many_arenas(observed, counted, row)
    idle = (heaps >= MANY_LEAST_COUNT) & (reserved >= RESERVED_LEAST_BYTES)
    idle &= (resident <= reserved * IDLE_SHARE_MOST) & ~large
    for row in which(idle).tolist():
        yield observed.found(
            ARENA_RESERVATION,
            Severity.INFO,
            row,
            f"{heaps[row]} arena heaps reserve {scaled(int(reserved[row]))}, "
            f"{observed.at_most(row, int(resident[row]))} of it is resident.",
            kind=Kind.HEAP_ARENA,
            concerns_bytes=int(resident[row]),
        )


def _counted(heaps: Blocks, exact: Flags) -> _Arenas:
    rest = heaps.reserved - heaps.committed
    full = rest < np.maximum(heaps.reserved // REST_SHARE, REST_LEAST_BYTES)
    full &= ~exact[heaps.process] | (heaps.resident + heaps.swapped >= heaps.committed * TRIMMED_SHARE)
    holding = ~full & (heaps.committed >= np.minimum(HOLDS_LEAST_BYTES, heaps.reserved // REST_SHARE))

    def per_process(chosen: Flags) -> Ints64:
        return np.bincount(heaps.process[chosen], minlength=len(exact))

    # where all heaps are full, one of them is the last of an arena
    return _Arenas(np.maximum(per_process(~full), 1), per_process(holding), per_process(full))


def _above_cores(observed: Observed, arenas_: Ints64) -> Flags:
    cores = observed.snapshot.facts.cores
    return (arenas_ >= MANY_WHATEVER_CORES_COUNT) | (arenas_ > cores)


def _allowed(observed: Observed, row: int) -> int:
    """How many arenas the command line, or that of a parent, sets as the most; 0 if none does."""
    processes = observed.snapshot.processes
    for _ in range(PARENTS_LIMIT_COUNT):
        told = _SETTING.search(b" ".join(processes.argv[row]))
        if told:
            return int(told[1])
        row = observed.row_of_pid.get(int(processes.parent_pid[row]), UNKNOWN)
        if row == UNKNOWN:
            break
    return 0


def _many_arenas(observed: Observed, counted: _Arenas, row: int) -> Finding:
    processes, cores = observed.snapshot.processes, observed.snapshot.facts.cores
    resident = int(observed.resident_most[row, Kind.HEAP_ARENA])
    anonymous = int(processes.rss_anon_bytes[row])
    heavy = resident >= HELD_WARN_BYTES and (anonymous == UNKNOWN or resident >= anonymous * HELD_WARN_SHARE)
    threads = int(processes.threads[row])
    at_work = f" for {threads:,} threads" if threads != UNKNOWN else ""
    on = f" on {cores} cores" if cores != UNKNOWN else ""
    return observed.found(
        MANY_ARENAS,
        Severity.WARNING if heavy else Severity.INFO,
        row,
        f"About {counted.least[row]} arenas{at_work}{on} hold {observed.between(row, Kind.HEAP_ARENA)} of "
        f"resident memory in {observed.count[row, Kind.HEAP_ARENA]} heaps; {counted.holding[row]} of them "
        "have 1 MiB or more.",
        kind=Kind.HEAP_ARENA,
        concerns_bytes=resident,
    )


def _full_arenas(observed: Observed, counted: _Arenas, row: int) -> Finding:
    resident = int(observed.resident_most[row, Kind.HEAP_ARENA])
    grave = observed.jvms[row] and resident >= FULL_WARN_BYTES
    return observed.found(
        FULL_ARENAS,
        Severity.WARNING if grave else Severity.INFO,
        row,
        f"Few arenas hold {observed.between(row, Kind.HEAP_ARENA)} of resident memory: {counted.full[row]} "
        f"of {observed.count[row, Kind.HEAP_ARENA]} heaps are full, {counted.holding[row]} more with 1 MiB "
        "or more.",
        kind=Kind.HEAP_ARENA,
        concerns_bytes=resident,
    )
