"""The tables of the core: columns of equal length, one entry a row, NumPy throughout.

Sizes are bytes in int64. UNKNOWN (-1) marks what a host did not send; never summed, printed as a dash.
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
    """The rows that are not 0. np.flatnonzero takes longer on its way to the search than the search does."""
    return column.nonzero()[0]


class Evidence(IntEnum):
    """What a process's mappings were read from."""

    DENIED = 0
    MAPS = 1
    SMAPS = 2


class Trouble(IntEnum):
    """Bits of ProcessTable.trouble: what is odd about one process's record."""

    TORN = 1  # lines overlap, repeat or go backwards: the reads were not of one instant
    CUT = 2  # the last line is not whole
    EMPTY = 4  # no mapping at all: a kernel thread, a zombie, or a process that was ending
    UNREADABLE_LINES = 8  # lines that are not of the kernel's form were left out


@dataclass(frozen=True, slots=True)
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
    stack_limit_bytes: Ints64  # soft RLIMIT_STACK; UNLIMITED where there is none
    evidence: Bytes8  # Evidence
    trouble: Bytes8  # bits of Trouble
    comm: tuple[bytes, ...]  # b"" if not sent
    argv: tuple[tuple[bytes, ...], ...]  # secrets already masked; () where not sent
    cgroup: tuple[bytes, ...]  # the text of /proc/PID/cgroup; b"" if not sent

    def __len__(self) -> int:
        return len(self.pid)


@dataclass(frozen=True, slots=True)
class MapTable:
    """One row per mapping, the whole host, ordered by process row and then as read."""

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


@dataclass(frozen=True, slots=True)
class PartTable:
    """One row per part of a mapping: the parts of a mapping sum to it, and each byte has one kind.

    Ordered by mapping row, then by address. A block is what its maker asked for at once: a thread stack with
    its guards, an arena's heap with its reserve. Its parts have one kind and one process.
    """

    mapping: Ints32  # row in the MapTable
    start: Addresses
    end: Addresses
    kind: Bytes8  # Kind
    rule: npt.NDArray[np.uint16]  # index in procmaps.classify.RULES
    confidence: Bytes8  # Confidence
    runner_up: Bytes8  # the Kind that came second; the kind itself where nothing did
    block: Ints32  # row of the first part of the block that it belongs to; its own row where it stands alone
    resident_bytes: Ints64  # UNKNOWN without smaps; a mapping's Rss is shared out among its parts
    pss_bytes: Ints64
    swap_bytes: Ints64
    huge_bytes: Ints64

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class FootprintTable:
    """One row per process, kind and block size: what the reports are made of."""

    process: Ints32  # row in the ProcessTable
    kind: Bytes8
    block_bytes: Ints64  # the size of each block where equal ones are grouped; 0: sizes not told apart
    count: Ints64  # blocks: a stack with its guards is one, so is an arena's heap with its reserve
    reserved_bytes: Ints64
    committed_bytes: Ints64
    resident_bytes: Ints64  # UNKNOWN without smaps
    resident_max_bytes: Ints64  # Rss where smaps was read, else min(committed, RssAnon of the process)
    pss_bytes: Ints64  # UNKNOWN without smaps
    swap_bytes: Ints64  # UNKNOWN without smaps

    def __len__(self) -> int:
        return len(self.process)


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host said of itself; None and UNKNOWN if it did not."""

    kernel: str
    os_name: str
    architecture: str
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
    cgroup_memory_current_bytes: dict[str, int]


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """How many processes a host listed, sent, and could not send, by its own count and by ours."""

    listed: int
    sent: int
    kernel_threads: int  # no address space of their own; zombies too
    denied: int  # status readable, maps not
    vanished: int
    complete: bool  # the closing counts arrived, and agree with what was received


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one dump says."""

    facts: HostFacts
    counts: ReadCounts
    processes: ProcessTable
    maps: MapTable
    notes: tuple[str, ...]  # what was odd, one sentence each, for the operator
