"""The rows of a report. Their fields are the columns that `reports.columns.columns` declares."""

from dataclasses import dataclass, fields
from typing import Final, TypeAlias

from procmaps.kinds import KIND_BY_LABEL, Family
from reports.tables.status import ANSWERED

Cell: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Extent:
    """The four sizes of one measure; if `resident_bytes` is None, `resident_max_bytes` is only a bound."""

    resident_max_bytes: int | None = None
    resident_bytes: int | None = None
    committed_bytes: int | None = None
    reserved_bytes: int | None = None

    @property
    def is_bound(self) -> bool:
        """Whether the size shown as resident is only an upper bound."""
        return self.resident_bytes is None


WIDE_PART: Final = 20  # a range is told if its ends are more than one part in so many apart


@dataclass(frozen=True, slots=True)
class Range:
    """A size by its labels: without what is guessed, and with all that can be meant; None if not known."""

    least_bytes: int | None = None
    most_bytes: int | None = None
    is_bound: bool = False  # both are upper bounds of what is resident

    @property
    def width_bytes(self) -> int:
        """How far the two are apart; 0 if they are not known."""
        return (self.most_bytes or 0) - (self.least_bytes or 0)

    @property
    def is_wide(self) -> bool:
        """Whether they are apart so far that it is told: by more than a twentieth."""
        return self.width_bytes * WIDE_PART > (self.most_bytes or 0)


UNKNOWN_RANGE: Final = Range()


@dataclass(frozen=True, slots=True)
class _Measured:
    """The measures that both a host and a service have."""

    native_heap_resident_max_bytes: int | None
    native_heap_resident_bytes: int | None
    native_heap_committed_bytes: int | None
    native_heap_reserved_bytes: int | None
    stacks: int | None
    stacks_resident_max_bytes: int | None
    stacks_resident_bytes: int | None
    stacks_committed_bytes: int | None
    stacks_reserved_bytes: int | None
    threads: int | None
    growth_bytes: int | None
    peer_excess_bytes: int | None
    native_heap_least_bytes: int | None
    native_heap_most_bytes: int | None
    guessed_bytes: int | None
    present_bytes: int | None
    doubtful: int | None  # processes

    @property
    def native_range(self) -> Range:
        """What the native heap can be by its labels."""
        return Range(
            self.native_heap_least_bytes, self.native_heap_most_bytes, is_bound=self.native_heap.is_bound
        )

    @property
    def native_heap(self) -> Extent:
        return Extent(
            self.native_heap_resident_max_bytes,
            self.native_heap_resident_bytes,
            self.native_heap_committed_bytes,
            self.native_heap_reserved_bytes,
        )

    @property
    def thread_stacks(self) -> Extent:
        return Extent(
            self.stacks_resident_max_bytes,
            self.stacks_resident_bytes,
            self.stacks_committed_bytes,
            self.stacks_reserved_bytes,
        )


@dataclass(frozen=True, slots=True)
class _Detailed(_Measured):
    """The measures that only a host has."""

    heap_main_resident_max_bytes: int | None
    heap_arena_resident_max_bytes: int | None
    heap_mmap_resident_max_bytes: int | None
    heap_allocator_resident_max_bytes: int | None
    bloat_bytes: int | None
    own_excess_bytes: int | None
    java_heap_resident_max_bytes: int | None
    java_heap_resident_bytes: int | None
    java_heap_committed_bytes: int | None
    java_heap_reserved_bytes: int | None
    arena_heaps: int | None
    unidentified_resident_max_bytes: int | None
    rss_bytes: int | None
    rss_anon_bytes: int | None
    rss_file_bytes: int | None
    rss_shmem_bytes: int | None
    swap_bytes: int | None

    @property
    def java_heap(self) -> Extent:
        return Extent(
            self.java_heap_resident_max_bytes,
            self.java_heap_resident_bytes,
            self.java_heap_committed_bytes,
            self.java_heap_reserved_bytes,
        )


@dataclass(frozen=True, slots=True)
class KindRow:
    """Blocks of one kind over the fleet."""

    kind: str
    block_bytes: int
    count: int
    reserved_bytes: int
    committed_bytes: int
    resident_bytes: int | None
    resident_max_bytes: int | None

    @property
    def family(self) -> Family:
        return KIND_BY_LABEL[self.kind].family

    @property
    def extent(self) -> Extent:
        return Extent(self.resident_max_bytes, self.resident_bytes, self.committed_bytes, self.reserved_bytes)


@dataclass(frozen=True, slots=True)
class Advice:
    """A process that an advice concerns, and why."""

    severity: str
    host: str
    pid: int
    comm: str
    evidence: str


@dataclass(frozen=True, slots=True)
class AdviceGroup:
    """One advice, and the processes that it concerns."""

    severity: str
    advice: str
    confirm: str  # the test that would prove it right or wrong
    not_shown: str  # what this evidence cannot say
    members: tuple[Advice, ...]  # the first of them
    count: int  # of all
    code: str = ""  # of the finding


@dataclass(frozen=True, slots=True)
class HostRow(_Detailed):
    """One host of the run, whether it answered or not."""

    rank: int | None
    stack_rank: int | None
    name: str
    status: str
    stage: str
    reason: str
    detail: str
    remedy: str
    labels: str
    sent: int | None
    denied: int | None
    vanished: int | None
    restarted: int | None
    mem_total_bytes: int | None
    mem_free_bytes: int | None
    mem_available_bytes: int | None
    anon_pages_bytes: int | None
    cache_bytes: int | None
    shmem_bytes: int | None
    slab_bytes: int | None
    page_tables_bytes: int | None
    kernel_stack_bytes: int | None
    huge_pages_bytes: int | None
    remainder_bytes: int | None
    cores: int | None
    kernel: str
    os_name: str
    thp_mode: str
    most_guessed: str  # the doubtful process with the most that is guessed
    at: str
    elapsed_s: float | None
    attempt: int | None
    others: int = 0  # processes that are not shown one by one
    others_native_heap_bytes: int | None = None
    others_stacks_bytes: int | None = None
    largest_pid: int | None = None
    largest: str = ""  # name and pid of the process with the most native heap
    most_stacks: str = ""  # and of the one with the most thread stacks

    @property
    def answered(self) -> bool:
        return self.status in ANSWERED


@dataclass(frozen=True, slots=True)
class ServiceRow(_Measured):
    """One service over the fleet."""

    service: str
    members: int
    hosts: int
    native_heap_median_bytes: int | None
    native_heap_max_bytes: int | None
    largest_host: str
    bloated: int | None  # None below five members: no baseline


def cell(row: HostRow | ServiceRow, name: str) -> Cell:
    """The value of a declared column in a row."""
    value: Cell = getattr(row, name)
    return value


def field_names(kind: type[HostRow | ServiceRow]) -> frozenset[str]:
    """The fields of a row type; the tests compare them with the declared columns."""
    return frozenset(field.name for field in fields(kind))
