"""The tables of the core: NumPy columns of equal length, one entry per row.

Sizes are bytes in int64. UNKNOWN (-1) means that the host did not send it; it is never summed, and prints as
a dash. Tables are not compared (eq=False): of two arrays NumPy says where they are equal, not whether.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Bytes8: TypeAlias = npt.NDArray[np.uint8]
Ints32: TypeAlias = npt.NDArray[np.int32]
Ints64: TypeAlias = npt.NDArray[np.int64]
Addresses: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]

UNKNOWN = -1
UNLIMITED = 2**63 - 1

# perms, one bit each, in the order the kernel prints them
READ, WRITE, EXECUTE, SHARED = 8, 4, 2, 1


def which(column: npt.NDArray[Any]) -> Ints64:
    """The rows that are not 0. np.flatnonzero has more overhead than the search itself takes."""
    return column.nonzero()[0]


class Evidence(IntEnum):
    """The source of a process's mappings."""

    DENIED = 0
    MAPS = 1
    SMAPS = 2


class Trouble(IntEnum):
    """Bits of ProcessTable.trouble: what is wrong with the record of a process."""

    TORN = 1  # lines overlap, repeat or go backwards, because they were not read at one instant
    CUT = 2  # the last line is cut off
    EMPTY = 4  # no mappings: a kernel thread, a zombie, or a process that was ending
    UNREADABLE_LINES = 8  # lines that are not of the kernel's form were left out


@dataclass(frozen=True, slots=True, eq=False)
class ProcessTable:
    """One row per process, in the order of the dump."""

    pid: Ints64
    parent_pid: Ints64
    uid: Ints64
    start_ticks: Ints64  # field 22 of stat: clock ticks after boot; with pid it names a process
    threads: Ints64
    vm_size_bytes: Ints64
    rss_bytes: Ints64
    rss_anon_bytes: Ints64
    rss_file_bytes: Ints64
    rss_shmem_bytes: Ints64
    swap_bytes: Ints64
    data_bytes: Ints64  # VmData
    main_stack_bytes: Ints64  # VmStk
    page_table_bytes: Ints64  # VmPTE
    locked_bytes: Ints64  # VmLck
    huge_page_bytes: Ints64  # HugetlbPages, which are not in rss_bytes
    process_limit: Ints64  # soft RLIMIT_NPROC: threads that its user may have on the host; UNLIMITED
    address_limit_bytes: Ints64  # soft RLIMIT_AS; UNLIMITED where there is none
    lazily_freed_bytes: Ints64  # LazyFree of smaps: resident, and the kernel's to take (MADV_FREE)
    stack_limit_bytes: Ints64  # soft RLIMIT_STACK; UNLIMITED where there is none
    evidence: Bytes8  # Evidence
    trouble: Bytes8  # bits of Trouble
    comm: tuple[bytes, ...]  # b"" if not sent
    argv: tuple[tuple[bytes, ...], ...]  # secrets already masked; () where not sent
    cgroup: tuple[bytes, ...]  # the text of /proc/PID/cgroup; b"" if not sent

    def __len__(self) -> int:
        return len(self.pid)


@dataclass(frozen=True, slots=True, eq=False)
class MapTable:
    """One row per mapping of the host, ordered by process row and then as read."""

    process: Ints32  # row in the ProcessTable
    start: Addresses
    end: Addresses
    perms: Bytes8  # READ | WRITE | EXECUTE | SHARED
    offset: Addresses
    device: Addresses  # major << 32 | minor
    inode: Addresses
    name_start: Ints64  # the name is text[name_start:name_end], bytes as the kernel printed them
    name_end: Ints64
    text: bytes  # the maps (or smaps) text of all processes, one after the other
    # from smaps alone; UNKNOWN, and no flag, where the process sent maps
    resident_bytes: Ints64
    pss_bytes: Ints64
    swap_bytes: Ints64
    anonymous_bytes: Ints64
    huge_bytes: Ints64  # AnonHugePages, and hugetlb
    vm_flags: Addresses  # bits by procmaps.smaps.VM_FLAGS

    def __len__(self) -> int:
        return len(self.start)

    def name(self, row: int) -> bytes:
        """The name of one mapping, undecoded."""
        return self.text[int(self.name_start[row]) : int(self.name_end[row])]


@dataclass(frozen=True, slots=True, eq=False)
class PartTable:
    """One row per part of a mapping: the parts of a mapping sum to it, and each byte has one kind.

    Ordered by mapping row, then by address. A block is memory that was requested at once: a thread stack
    with its guards, an arena's heap with its reserve. Its parts have one kind and one process.
    """

    mapping: Ints32  # row in the MapTable
    start: Addresses
    end: Addresses
    kind: Bytes8  # Kind
    rule: npt.NDArray[np.uint16]  # index in procmaps.classify.RULES
    confidence: Bytes8  # Confidence
    runner_up: (
        Bytes8  # the other Kind that memory with these marks can be, by its rule; the kind itself if none
    )
    block: Ints32  # row of the first part of its block; its own row if it is a block by itself
    resident_bytes: Ints64  # UNKNOWN without smaps; a mapping's Rss is divided among its parts
    pss_bytes: Ints64
    swap_bytes: Ints64
    huge_bytes: Ints64

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True, eq=False)
class FootprintTable:
    """One row per process, kind and block size: what the reports are made of."""

    process: Ints32  # row in the ProcessTable
    kind: Bytes8
    block_bytes: Ints64  # the size of one block, if blocks of equal size are grouped; otherwise 0
    count: Ints64  # blocks; a stack with its guards is one, and so is an arena's heap with its reserve
    reserved_bytes: Ints64
    committed_bytes: Ints64
    resident_bytes: Ints64  # UNKNOWN without smaps
    resident_max_bytes: Ints64  # Rss if smaps was read, otherwise min(committed, RssAnon of the process)
    pss_bytes: Ints64  # UNKNOWN without smaps
    swap_bytes: Ints64  # UNKNOWN without smaps

    def __len__(self) -> int:
        return len(self.process)


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The facts of a host; None or UNKNOWN if it did not send them."""

    kernel: str
    os_name: str
    boot_id: str
    cores: int
    page_bytes: int
    clock_ticks: int  # per second
    boot_time_s: float  # since the epoch
    clock_s: float  # the host's own, since the epoch
    mem_total_bytes: int
    meminfo_bytes: dict[str, int]  # every line of /proc/meminfo, by its name there
    overcommit_memory: int
    max_map_count: int
    thp_mode: str  # always, madvise, never; "" if unknown
    cgroup_memory_max_bytes: dict[str, int]  # by cgroup path; UNLIMITED for max
    cgroup_memory_bytes: dict[str, int]  # by cgroup path: all that it is charged for


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """The numbers of processes that a host listed, sent, and could not send, by its own count and by ours."""

    listed: int
    sent: int
    kernel_threads: int  # without an address space; zombies too
    denied: int  # status readable, maps not
    vanished: int
    complete: bool  # the closing counts arrived, and match the received records


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The content of one dump."""

    facts: HostFacts
    counts: ReadCounts
    processes: ProcessTable
    maps: MapTable
    notes: tuple[str, ...]  # one sentence per anomaly, for the operator
