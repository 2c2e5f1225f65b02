"""One process as its labellers see it: its regions in order, and what is known of it besides."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple

from procmaps.kinds import Kind
from procmaps.rules.kernel_release import release_of
from procmaps.rules.marks import bits_of
from procmaps.rules.regions import OPEN
from procmaps.smaps import VM_FLAGS
from procmaps.tables import EXECUTE, READ, SHARED, WRITE, HostFacts

PAGE_BYTES: Final = 4096
KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30
TIB: Final = 2**40
# Linux 6.7 and later begin a mapping of whole 2 MiB there (mm/huge_memory.c, thp_get_unmapped_area)
KERNEL_ALIGNED_BYTES: Final = 2 * MIB
ARENA_HEAP_BYTES: Final = 64 * MIB  # glibc, malloc/arena.c: HEAP_MAX_SIZE
ARENA_HEAP_32_BYTES: Final = MIB  # where pointers have 32 bits
STACK_MIN_BYTES: Final = 16 * KIB  # PTHREAD_STACK_MIN of glibc
SMALL_GUARD_BYTES: Final = 64 * KIB  # glibc's guard is a page, and this on aarch64; larger ones are asked for
STACK_MAX_BYTES: Final = 2**30
DEFAULT_STACK_BYTES: Final = 2 * MIB  # glibc's if RLIMIT_STACK is unlimited; ARCH_STACK_DEFAULT_SIZE on most
PRIVATE: Final = READ | WRITE | SHARED  # access of private memory, executable or not


class Region(NamedTuple):
    """A mapping, or the part of one that earlier claims have left in one piece. Addresses in bytes."""

    position: int  # in Process.regions
    mapping: int  # equal for the pieces of one mapping
    start: int
    end: int
    perms: int  # READ | WRITE | EXECUTE | SHARED
    name: int  # a Name
    kind: int  # a Kind; OPEN if nobody has claimed it
    below: int  # the Name, plus 1, of the mapping that ends where this one starts; 0 if none does
    above: int  # the same for the mapping that starts where this one ends
    touches_below: bool  # the region before it in Process.regions ends where it starts
    touches_above: bool
    # columns, not properties, because each labeller asks each region
    unclaimed: bool  # anonymous memory that no labeller has claimed yet
    closed: bool  # no access at all: a guard, or a reserve
    writable: bool  # private, readable and writable, not executable

    @property
    def size(self) -> int:
        """Bytes of address space."""
        return self.end - self.start

    @property
    def executable(self) -> bool:
        """Code can be run there."""
        return bool(self.perms & EXECUTE)

    @property
    def claimed(self) -> bool:
        """Whether a labeller has claimed it, or its name settles it."""
        return self.kind != OPEN

    @property
    def can_be_written(self) -> bool:
        """Writable, whether executable or not."""
        return bool(self.perms & WRITE)

    def is_kind(self, kind: Kind) -> bool:
        """Whether an earlier claim gave it this kind."""
        return self.kind == kind


# Region._make in half the time: it does not count the columns
region_of: Final = partial(tuple.__new__, Region)
# to look an address up by bisection
BY_START: Final = itemgetter(Region._fields.index("start"))
BY_END: Final = itemgetter(Region._fields.index("end"))


class GlibcHeap(NamedTuple):
    """A heap of an arena: from its boundary on writable up to some page, closed up to the next boundary."""

    head: Region
    rest: Region


@dataclass(frozen=True)
class Process:
    """What a labeller is given. Nothing in it can be changed; claims are the only way to say something."""

    row: int  # in the ProcessTable
    regions: tuple[Region, ...]  # anonymous memory, claimed or not, in the order of addresses
    marks: int  # bits of procmaps.rules.marks
    threads: int  # UNKNOWN if not sent
    anonymous_bytes: int  # that is resident or swapped; UNKNOWN if not sent
    stack_limit_bytes: int
    thirty_two_bit: bool
    smaps: bool  # flags and resident bytes are known
    java_stack_bytes: int  # of the threads that a JVM makes for itself; 0 without a JVM
    code_unmarked: bool  # whether memory is executable does not tell code from data
    stacks_executable: bool  # threads' stacks are executable, as code is
    brk_heap_bytes: int  # of [heap]; 0 without one
    libjvm: bytes  # path of libjvm.so; empty if the process is no JVM
    argv: tuple[bytes, ...]
    cgroup: bytes
    host: HostFacts
    vm_flags: tuple[int, ...]  # by region, as in smaps; all 0 without it
    resident_bytes: tuple[int, ...]  # by region: of the mapping that it is of; UNKNOWN without smaps

    def has(self, *marks: str) -> bool:
        """Whether the process carries at least one of these marks."""
        return bool(self.marks & int(bits_of(marks)))

    def flagged(self, region: Region, *flags: str) -> bool:
        """Whether smaps shows at least one of these flags; never without smaps."""
        shown = self.vm_flags[region.position]
        return shown != 0 and any(shown & VM_FLAGS[flag] for flag in flags)

    @cached_property
    def unclaimed(self) -> tuple[Region, ...]:
        """The regions that nobody has claimed."""
        return tuple([region for region in self.regions if region.unclaimed])

    @cached_property
    def unclaimed_writable(self) -> tuple[Region, ...]:
        """Unclaimed regions that are readable and writable."""
        return tuple([region for region in self.unclaimed if region.writable])

    @cached_property
    def stack_like(self) -> tuple[Region, ...]:
        """Unclaimed regions with the access that stacks have in this process."""
        if not self.stacks_executable:
            return self.unclaimed_writable
        return tuple(
            [
                region
                for region in self.unclaimed
                if region.executable and region.perms & PRIVATE == READ | WRITE
            ]
        )

    @cached_property
    def unclaimed_closed(self) -> tuple[Region, ...]:
        """Unclaimed regions without any access."""
        return tuple([region for region in self.unclaimed if region.closed])

    def of_kind(self, kind: Kind) -> list[Region]:
        """Regions that earlier claims gave this kind."""
        return [region for region in self.regions if region.kind == kind]

    def below(self, region: Region) -> Region | None:
        """The region that ends where this one starts."""
        return self.regions[region.position - 1] if region.touches_below else None

    def above(self, region: Region) -> Region | None:
        """The region that starts where this one ends."""
        return self.regions[region.position + 1] if region.touches_above else None

    @property
    def arena_heap_bytes(self) -> int:
        """HEAP_MAX_SIZE of glibc's malloc: the size of an arena's heap, and its alignment."""
        return ARENA_HEAP_32_BYTES if self.thirty_two_bit else ARENA_HEAP_BYTES

    def mapped_anew(self, closed: Region) -> bool:
        """Whether smaps shows that what lies below a closed region was mapped over a part of its reserve.

        So the JVM commits: the reserve has MAP_NORESERVE, and the new mapping has not. What mprotect opens,
        as glibc's malloc does, has the flags of the reserve.
        """
        if not self.flagged(closed, "nr"):
            return False
        below = self.below(closed)
        return below is not None and not self.flagged(below, "nr")

    def is_whole_blocks(self, region: Region) -> bool:
        """Whether it begins and ends on boundaries of heaps of arenas, as a heap does that is full."""
        return not (region.start | region.end) % self.arena_heap_bytes

    @cached_property
    def glibc_heaps(self) -> tuple[GlibcHeap, ...]:
        """What looks like heaps of glibc's arenas, claimed or not, of the process's own heap size.

        Heaps whose head or rest merged with other memory are not among them: procmaps.rules.glibc_malloc
        finds those as well.
        """
        size = self.arena_heap_bytes
        tops = [region for region in self.regions if region.closed and not region.end & (size - 1)]
        pairs = [(self.regions[rest.position - 1], rest) for rest in tops if rest.touches_below]
        return tuple(
            [
                GlibcHeap(head, rest)
                for head, rest in pairs
                if head.start == rest.end - size and head.writable and not self.mapped_anew(rest)
            ]
        )

    @cached_property
    def in_glibc_heaps(self) -> frozenset[int]:
        """Positions of the regions that look like a head or a rest of a heap of glibc's arenas."""
        return frozenset([region.position for heap in self.glibc_heaps for region in heap])

    def runs(self, belongs: Callable[[Region], bool]) -> Iterator[list[Region]]:
        """Unbroken runs of regions that belong."""
        return unbroken([region for region in self.regions if belongs(region)])

    def cut(self, addresses: Iterable[int]) -> "Process":
        """The same process, its regions split at these addresses; one at an edge splits nothing."""
        splits: dict[int, list[int]] = {}  # by position
        for address in sorted(set(addresses)):
            position = bisect_right(self.regions, address, key=BY_START) - 1
            if position >= 0 and self.regions[position].start < address < self.regions[position].end:
                splits.setdefault(position, []).append(address)
        if not splits:
            return self
        first = done = min(splits)
        pieces: list[Region] = []
        for position, inside in splits.items():
            pieces += self.regions[done:position]
            pieces += _pieces(self.regions[position], inside)
            done = position + 1
        pieces += self.regions[done:]
        # column by column, because that takes a third of the time
        positions, *columns = zip(*pieces, strict=True)
        count = first + len(pieces)
        renumbered = map(region_of, zip(range(first, count), *columns, strict=True))
        return self.with_regions(
            (*self.regions[:first], *renumbered),
            vm_flags=(*self.vm_flags[:first], *map(self.vm_flags.__getitem__, positions)),
            resident_bytes=(*self.resident_bytes[:first], *map(self.resident_bytes.__getitem__, positions)),
        )

    def with_regions(self, regions: tuple[Region, ...], **by_region: tuple[int, ...]) -> "Process":
        """The same process with other regions, and what is known of them where their number changed.

        As dataclasses.replace does, in a fifth of the time; nothing that followed from the regions is kept.
        """
        other = object.__new__(Process)
        known = self.__dict__
        other.__dict__.update({name: known[name] for name in _FIELDS}, regions=regions, **by_region)
        return other

    @property
    def live_threads(self) -> int:
        """Threads besides the main one: each has a stack of its own. Very many if the number is unknown."""
        return self.threads - 1 if self.threads > 0 else 2**31

    @property
    def default_stack_bytes(self) -> int:
        """The default size of a thread's stack: RLIMIT_STACK in whole pages, or 2 MiB if that is unlimited.

        As in glibc, nptl/nptl-init.c; more than 1 GiB is taken for unlimited.
        """
        limit = self.stack_limit_bytes
        if not 0 < limit <= STACK_MAX_BYTES:
            return DEFAULT_STACK_BYTES
        return max(-(-limit // PAGE_BYTES) * PAGE_BYTES, STACK_MIN_BYTES)

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor number of the kernel's release; UNKNOWN_RELEASE if it was not sent."""
        return release_of(self.host.kernel)


_FIELDS: Final = tuple(Process.__dataclass_fields__)


def _pieces(region: Region, addresses: list[int]) -> Iterator[Region]:
    """A region split at ascending addresses inside it; all pieces have its position."""
    rest = region
    for address in addresses:
        yield rest._replace(end=address, above=0, touches_above=True)
        rest = rest._replace(start=address, below=0, touches_below=True)
    yield rest


def unbroken(regions: Iterable[Region]) -> Iterator[list[Region]]:
    """Ascending regions in runs, each of which starts where the one before it ends."""
    run: list[Region] = []
    end = 0
    for region in regions:
        if run and end != region.start:
            yield run
            run = []
        run.append(region)
        end = region.end
    if run:
        yield run


def touching(regions: list[Region]) -> Iterator[tuple[Region, Region]]:
    """Each region with the next one, if the next one starts where it ends."""
    return ((lower, upper) for lower, upper in pairwise(regions) if lower.end == upper.start)
