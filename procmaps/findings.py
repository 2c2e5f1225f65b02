"""Findings about a process's memory that somebody can act on, each with its evidence and its test."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from procmaps.amounts import scaled
from procmaps.facts import display
from procmaps.kinds import Kind
from procmaps.tables import Evidence, Flags, FootprintTable, Ints64, PartTable, Snapshot, which

MIB: Final = 2**20
ARENA_HEAPS_LEAST_COUNT: Final = 8
ARENA_RESIDENT_LEAST_BYTES: Final = 64 * MIB
ARENA_RESERVED_LEAST_BYTES: Final = 512 * MIB
STACKS_RESERVED_LEAST_BYTES: Final = 256 * MIB
IDLE_SHARE_MOST: Final = 0.1  # resident share of the reserved size below which it is only a reservation
HUGE_STACKS_LEAST_BYTES: Final = 32 * MIB
UNIDENTIFIED_LEAST_BYTES: Final = 64 * MIB
UNIDENTIFIED_LEAST_SHARE: Final = 0.2  # share of the committed bytes
MAP_COUNT_WARN_SHARE: Final = 0.8  # share of vm.max_map_count; at 1 mmap fails
MAP_COUNT_ALARM_SHARE: Final = 0.95
THREADS_LEAST_COUNT: Final = 1000
SWAP_LEAST_BYTES: Final = 128 * MIB
SWAP_LEAST_SHARE: Final = 0.25  # share of anonymous memory, resident and in swap
STRICT_OVERCOMMIT: Final = 2  # vm.overcommit_memory at which writable reservations count

_LIVE_OR_FREE: Final = (
    "Neither maps nor smaps shows which part of a heap is in use and which is free but kept. For that, use "
    "malloc_info, mallinfo2 or the runtime's own statistics."
)


class Severity(IntEnum):
    """How soon somebody should look."""

    INFO = 0
    WARNING = 1
    ALARM = 2

    @property
    def label(self) -> str:
        """The name in lower case, as every output prints it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about one process. The texts are sentences; of the host they contain only the name."""

    code: str
    severity: Severity
    process: int  # row in the ProcessTable
    subject: str  # "java (4711)"
    evidence: str  # the figures it rests on
    advice: str
    confirm: str  # the test that would prove it right or wrong
    not_shown: str  # what this evidence cannot say


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Sums per process and kind: arrays of processes x kinds."""

    count: Ints64
    reserved: Ints64
    committed: Ints64
    resident_most: Ints64
    exact: Flags  # per process: its resident bytes come from smaps


def find(snapshot: Snapshot, parts: PartTable, footprints: FootprintTable) -> list[Finding]:
    """The findings of a host's processes: the most severe first, then in the order of the dump."""
    sums = _sums(snapshot, footprints)
    finders = (
        _many_arenas(snapshot, sums),
        _stack_reservation(snapshot, sums),
        _huge_stacks(snapshot, parts),
        _many_threads(snapshot, sums),
        _map_count(snapshot),
        _unidentified(snapshot, sums),
        _swapped(snapshot),
    )
    found = [finding for finder in finders for finding in finder]
    return sorted(found, key=lambda finding: (-finding.severity, finding.process, finding.code))


def _sums(snapshot: Snapshot, footprints: FootprintTable) -> _Kinds:
    processes = len(snapshot.processes)

    def total(column: Ints64) -> Ints64:
        sums = np.zeros((processes, len(Kind)), np.int64)
        np.add.at(sums, (footprints.process, footprints.kind), column)
        return sums

    return _Kinds(
        total(footprints.count),
        total(footprints.reserved_bytes),
        total(footprints.committed_bytes),
        total(footprints.resident_max_bytes),
        snapshot.processes.evidence == Evidence.SMAPS,
    )


def _subject(snapshot: Snapshot, row: int) -> str:
    processes = snapshot.processes
    return f"{display(processes.comm[row]) or 'process'} ({processes.pid[row]})"


def _resident(sums: _Kinds, row: int, resident: Ints64) -> str:
    return ("" if sums.exact[row] else "at most ") + scaled(int(resident[row]))


def _many_arenas(snapshot: Snapshot, sums: _Kinds) -> Iterator[Finding]:
    """MALLOC_ARENA_MAX, as Heroku and Hadoop set it; published savings: 10 to 50 % of the arenas' Rss."""
    heaps = sums.count[:, Kind.HEAP_ARENA]
    reserved, resident = sums.reserved[:, Kind.HEAP_ARENA], sums.resident_most[:, Kind.HEAP_ARENA]
    many = heaps >= ARENA_HEAPS_LEAST_COUNT
    for row in which(many & (resident >= ARENA_RESIDENT_LEAST_BYTES)).tolist():
        yield Finding(
            "many_arenas",
            Severity.WARNING,
            row,
            _subject(snapshot, row),
            f"{heaps[row]} arena heaps hold {_resident(sums, row, resident)} of resident memory "
            f"and reserve {scaled(int(reserved[row]))}.",
            "Set MALLOC_ARENA_MAX=2 (4 if threads allocate much) and restart. Others report savings of 10 to "
            "50 % of the arenas' resident bytes, not of the reserved ones.",
            "Run one member of the service with it and compare its native heap after a day of the same load.",
            _LIVE_OR_FREE,
        )
    idle = many & (reserved >= ARENA_RESERVED_LEAST_BYTES) & (resident <= reserved * IDLE_SHARE_MOST)
    for row in which(idle & (resident < ARENA_RESIDENT_LEAST_BYTES)).tolist():
        yield Finding(
            "arena_reservation",
            Severity.INFO,
            row,
            _subject(snapshot, row),
            f"{heaps[row]} arena heaps reserve {scaled(int(reserved[row]))}, "
            f"{_resident(sums, row, resident)} of it is resident.",
            "Nothing to do: address space that is never touched costs nothing.",
            "VmRSS stays the same while VmSize grows.",
            _LIVE_OR_FREE,
        )


def _stack_reservation(snapshot: Snapshot, sums: _Kinds) -> Iterator[Finding]:
    """Idle threads keep 8 to 100 KiB of their stacks resident, whatever is reserved for them."""
    reserved, resident = sums.reserved[:, Kind.THREAD_STACK], sums.resident_most[:, Kind.THREAD_STACK]
    idle = (reserved >= STACKS_RESERVED_LEAST_BYTES) & (resident <= reserved * IDLE_SHARE_MOST)
    strict = snapshot.facts.overcommit_memory == STRICT_OVERCOMMIT
    for row in which(idle).tolist():
        yield Finding(
            "stack_reservation",
            Severity.WARNING if strict else Severity.INFO,
            row,
            _subject(snapshot, row),
            f"{sums.count[row, Kind.THREAD_STACK]} thread stacks reserve {scaled(int(reserved[row]))}, "
            f"{_resident(sums, row, resident)} of it is resident.",
            "vm.overcommit_memory is 2, so these reservations count: lower the stack size (ulimit -s, -Xss)."
            if strict
            else "Harmless unless the address space is limited (ulimit -v): untouched pages cost nothing.",
            "Rss of the stacks in smaps."
            if not sums.exact[row]
            else "Lower the stack size: VmRSS will not change.",
            "How deep the stacks once were: pages stay resident until the thread ends.",
        )


def _huge_stacks(snapshot: Snapshot, parts: PartTable) -> Iterator[Finding]:
    """Transparent huge pages fill stacks from Linux 5 to 6.6 (JDK-8303215): 2 MiB resident per thread."""
    stack = (parts.kind == Kind.THREAD_STACK) & (parts.huge_bytes > 0)
    huge = np.zeros(len(snapshot.processes), np.int64)
    np.add.at(huge, snapshot.maps.process[parts.mapping[stack]], parts.huge_bytes[stack])
    for row in which(huge >= HUGE_STACKS_LEAST_BYTES).tolist():
        yield Finding(
            "huge_stacks",
            Severity.WARNING,
            row,
            _subject(snapshot, row),
            f"{scaled(int(huge[row]))} of thread stacks are transparent huge pages"
            + (f" (mode {snapshot.facts.thp_mode})." if snapshot.facts.thp_mode else "."),
            "Set transparent_hugepage to madvise, or use a stack size that is not a multiple of 2 MiB, or "
            "run Linux 6.7 or later, where stacks are exempt.",
            "AnonHugePages of the stacks falls after a restart with the change.",
            "Which threads touched the pages.",
        )


def _many_threads(snapshot: Snapshot, sums: _Kinds) -> Iterator[Finding]:
    threads, committed = snapshot.processes.threads, sums.committed[:, Kind.THREAD_STACK]
    for row in which(threads >= THREADS_LEAST_COUNT).tolist():
        yield Finding(
            "many_threads",
            Severity.WARNING,
            row,
            _subject(snapshot, row),
            f"{threads[row]} threads, {scaled(int(committed[row]))} of committed stacks.",
            "First limit the thread pools, then consider smaller stacks.",
            "A thread dump shows how many of them wait in the same place.",
            "What the threads do.",
        )


def _map_count(snapshot: Snapshot) -> Iterator[Finding]:
    """At vm.max_map_count, mmap fails, and so do malloc and new threads, even if memory is free."""
    limit = snapshot.facts.max_map_count
    if limit <= 0:
        return
    count = np.bincount(snapshot.maps.process, minlength=len(snapshot.processes))
    for row in which(count >= limit * MAP_COUNT_WARN_SHARE).tolist():
        yield Finding(
            "map_count",
            Severity.ALARM if count[row] >= limit * MAP_COUNT_ALARM_SHARE else Severity.WARNING,
            row,
            _subject(snapshot, row),
            f"{count[row]} of the {limit} mappings that vm.max_map_count allows are in use.",
            "Raise vm.max_map_count, then find out what makes so many mappings (guards, files, JIT code).",
            "Check in the next runs whether the count still grows.",
            "Which code made the mappings; strace -f -k -e mmap,mprotect,munmap shows it.",
        )


def _unidentified(snapshot: Snapshot, sums: _Kinds) -> Iterator[Finding]:
    unknown, committed = sums.committed[:, Kind.ANONYMOUS], sums.committed.sum(axis=1)
    large = (unknown >= UNIDENTIFIED_LEAST_BYTES) & (unknown >= committed * UNIDENTIFIED_LEAST_SHARE)
    for row in which(large).tolist():
        yield Finding(
            "unidentified",
            Severity.INFO,
            row,
            _subject(snapshot, row),
            f"{scaled(int(unknown[row]))} of {scaled(int(committed[row]))} committed are anonymous, "
            "with an unknown role.",
            "It is not counted as heap or as stacks; native_heap_most_bytes has what can be native heap. "
            "`mapsweep classify --why` lists the blocks.",
            "Read smaps too: its VmFlags and resident bytes tell more.",
            "Which code mapped it; strace -f -k -e mmap shows it if it runs from the start of the process.",
        )


def _swapped(snapshot: Snapshot) -> Iterator[Finding]:
    processes = snapshot.processes
    swap, resident = processes.swap_bytes, np.maximum(processes.rss_anon_bytes, 0)
    for row in which((swap >= SWAP_LEAST_BYTES) & (swap >= (swap + resident) * SWAP_LEAST_SHARE)).tolist():
        yield Finding(
            "swapped",
            Severity.INFO,
            row,
            _subject(snapshot, row),
            f"{scaled(int(swap[row]))} are in swap, "
            f"{scaled(int(resident[row]))} of anonymous memory are resident.",
            "Memory that is not touched costs only swap; if the process is slow, the host needs more RAM.",
            "Major faults in stat (majflt) over some minutes of load.",
            "When the memory was last touched.",
        )
