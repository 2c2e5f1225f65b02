"""The number of mappings, address space and page tables, and memory whose role nobody knows."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.amounts import scaled
from procmaps.findings.finding import Code, Finding, Severity
from procmaps.findings.observed import Observed
from procmaps.kinds import Kind
from procmaps.tables import UNKNOWN, UNLIMITED, which

MIB: Final = 2**20
UNIDENTIFIED_LEAST_BYTES: Final = 64 * MIB
UNIDENTIFIED_LEAST_SHARE: Final = 0.2  # share of the anonymous memory, resident and in swap
WARN_SHARE: Final = 0.8  # of vm.max_map_count or of the address space; at 1 mmap fails
ALARM_SHARE: Final = 0.95
PAGE_TABLES_LEAST_BYTES: Final = 64 * MIB
PAGE_TABLES_LEAST_SHARE: Final = 0.05  # of VmRSS
PAGE_TABLES_LARGE_BYTES: Final = 256 * MIB  # whatever VmRSS is
PAGE_TABLES_WARN_BYTES: Final = 2**30

MAP_COUNT: Final = Code(
    "map_count",
    "nearly as many mappings as are allowed",
    (Severity.WARNING, Severity.ALARM),
    "A process has 80 % of the mappings that vm.max_map_count allows; an alarm from 95 %.",
    "Raise vm.max_map_count, then find out what makes so many mappings (guards, files, JIT code).",
    "Check in the next runs whether the count still grows.",
    "Which code made the mappings; strace -f -k -e mmap,mprotect,munmap shows it.",
)
ADDRESS_LIMIT: Final = Code(
    "address_limit",
    "nearly as much address space as is allowed",
    (Severity.WARNING, Severity.ALARM),
    "VmSize is 80 % of the process's limit of address space (`Max address space`, ulimit -v); an alarm "
    "from 95 %.",
    "Raise or remove the limit (LimitAS= of the unit): it counts what is reserved, not what is used. A "
    "limit of the cgroup's memory (MemoryMax=) counts what is used.",
    "`grep VmSize /proc/PID/status` and `prlimit --as --pid PID` show both now.",
    "Whether the process needs more: at the limit mmap fails, and so do malloc and new threads.",
    by_status=True,
)
PAGE_TABLES: Final = Code(
    "page_tables",
    "large page tables",
    (Severity.INFO, Severity.WARNING),
    "Page tables (VmPTE) have at least 256 MiB, or 64 MiB that are a twentieth of VmRSS. A warning from 1 "
    "GiB.",
    "Map large shared memory with huge pages (PostgreSQL: huge_pages, JVM: -XX:+UseLargePages), or map it "
    "in fewer processes: each process has page tables of its own for it.",
    "`grep VmPTE /proc/PID/status` before and after, `grep PageTables /proc/meminfo` for the host.",
    "Which mappings the page tables are of. They are neither in Rss nor in Pss, and count against a "
    "cgroup's limit.",
    by_status=True,
)
UNIDENTIFIED: Final = Code(
    "unidentified",
    "much memory of an unknown role",
    (Severity.INFO,),
    "At least 64 MiB, and a fifth of the anonymous memory in RAM and in swap, can be of anonymous mappings "
    "whose role is unknown.",
    "It is not counted as heap or as stacks; native_heap_most_bytes has what can be native heap. "
    "`mapsweep classify --why` lists the blocks.",
    "Read smaps too: its VmFlags and resident bytes tell more.",
    "Which code mapped it; strace -f -k -e mmap shows it if it runs from the start of the process.",
)
CODES: Final = (MAP_COUNT, ADDRESS_LIMIT, PAGE_TABLES, UNIDENTIFIED)


def mappings(observed: Observed) -> Iterator[Finding]:
    """What is to be said of a process's mappings as such."""
    yield from _map_count(observed)
    yield from _address_limit(observed)
    yield from _page_tables(observed)
    yield from _unidentified(observed)


def _map_count(observed: Observed) -> Iterator[Finding]:
    """At vm.max_map_count, mmap fails, and so do malloc and new threads, even if memory is free."""
    snapshot, limit = observed.snapshot, observed.snapshot.facts.max_map_count
    if limit <= 0:
        return
    count = np.bincount(snapshot.maps.process, minlength=len(snapshot.processes))
    near = which(count >= limit * WARN_SHARE)
    if not len(near):
        return
    parts = observed.parts
    # a mapping counts for the kind of its first part
    mapping, first = np.unique(parts.mapping, return_index=True)
    owner, kind = snapshot.maps.process[mapping], parts.kind[first]
    start, end = owner.searchsorted(near), owner.searchsorted(near, "right")
    for row, low, high in zip(near.tolist(), start.tolist(), end.tolist(), strict=True):
        kinds = np.bincount(kind[low:high], minlength=len(Kind))
        most = int(kinds.argmax())
        yield observed.found(
            MAP_COUNT,
            Severity.ALARM if count[row] >= limit * ALARM_SHARE else Severity.WARNING,
            row,
            f"{count[row]} of the {limit} mappings that vm.max_map_count allows are in use, {kinds[most]} "
            f"of them of the kind {Kind(most).label}.",
        )


def _address_limit(observed: Observed) -> Iterator[Finding]:
    """Linux, mm/mmap.c, may_expand_vm: what is reserved counts."""
    processes = observed.snapshot.processes
    size, limit = processes.vm_size_bytes, processes.address_limit_bytes
    for row in which((limit > 0) & (limit < UNLIMITED) & (size >= limit * WARN_SHARE)).tolist():
        yield observed.found(
            ADDRESS_LIMIT,
            Severity.ALARM if size[row] >= limit[row] * ALARM_SHARE else Severity.WARNING,
            row,
            f"{scaled(int(size[row]))} of the {scaled(int(limit[row]))} of address space that the process "
            "may have are taken.",
            concerns_bytes=int(size[row]),
        )


def _page_tables(observed: Observed) -> Iterator[Finding]:
    processes = observed.snapshot.processes
    size, resident = processes.page_table_bytes, processes.rss_bytes
    large = (size >= PAGE_TABLES_LEAST_BYTES) & (resident >= 0) & (size >= resident * PAGE_TABLES_LEAST_SHARE)
    for row in which(large | (size >= PAGE_TABLES_LARGE_BYTES)).tolist():
        beside = f" beside {scaled(int(resident[row]))} that are resident" if resident[row] != UNKNOWN else ""
        yield observed.found(
            PAGE_TABLES,
            Severity.WARNING if size[row] >= PAGE_TABLES_WARN_BYTES else Severity.INFO,
            row,
            f"Page tables of the process have {scaled(int(size[row]))}{beside}.",
            concerns_bytes=int(size[row]),
        )


def _unidentified(observed: Observed) -> Iterator[Finding]:
    processes = observed.snapshot.processes
    swap = np.maximum(processes.swap_bytes, 0)
    committed = observed.committed[:, Kind.ANONYMOUS]
    if not (committed >= UNIDENTIFIED_LEAST_BYTES).any():
        return
    in_swap = observed.swapped[:, Kind.ANONYMOUS]
    # without smaps all of the swap can be of it
    unknown = observed.resident_most[:, Kind.ANONYMOUS] + np.where(in_swap == UNKNOWN, swap, in_swap)
    unknown = np.minimum(unknown, committed)
    written = np.where(processes.rss_anon_bytes == UNKNOWN, committed, processes.rss_anon_bytes + swap)
    large = (unknown >= UNIDENTIFIED_LEAST_BYTES) & (unknown >= written * UNIDENTIFIED_LEAST_SHARE)
    for row in which(large).tolist():
        yield observed.found(
            UNIDENTIFIED,
            Severity.INFO,
            row,
            f"{observed.at_most(row, int(unknown[row]))} in RAM or in swap, of "
            f"{scaled(int(committed[row]))} committed, are anonymous, with an unknown role.",
            kind=Kind.ANONYMOUS,
            concerns_bytes=int(unknown[row]),
        )
