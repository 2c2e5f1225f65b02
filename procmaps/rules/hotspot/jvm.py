"""One HotSpot JVM: what is known of it, and what its labellers have found so far."""

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, NamedTuple

from procmaps.rules.hotspot.arguments import JvmArguments, read_arguments, version_of
from procmaps.rules.kernel_names import Name
from procmaps.rules.process import BY_START, Process

# names of regions; it takes twice as long to compare with an IntEnum
ARCHIVE: Final = int(Name.JSA)
HEAP_VIEW: Final = int(Name.JAVA_HEAP)  # ZGC's, or a heap in a file
LOW_BYTES: Final = 16 * 2**40  # compressed oops, class space and ZGC lie below this; the mmap area does not
COMPRESSED_OOPS_BYTES: Final = 2**46  # heaps above this address are those of the mmap area
CANDIDATE_LIMIT_COUNT: Final = 512  # of mappings that could begin or end something: a JVM has tens
CLASS_SPACE_BYTES: Final = 2**30  # CompressedClassSpaceSize unless it is given


class HeapRun(NamedTuple):
    """Neighbouring regions of the Java heap with the same access: committed, or closed as its gaps are."""

    start: int
    end: int
    closed: bool


@dataclass(slots=True)
class Jvm:
    """What is known of one JVM: its labellers add what they find, and nobody else sees it."""

    version: int  # feature release; 0 if the path does not tell
    arguments: JvmArguments
    heap: tuple[int, int] = (0, 0)  # start and end; zeros until it is found
    zgc: bool = False  # the heap is ZGC's memfd
    runs: list[HeapRun] = field(default_factory=list)  # of the heap, once somebody has asked for them
    tables: set[int] = field(default_factory=set)  # sizes of the tables over the whole heap that were found
    tables_left_bytes: int = (
        0  # that such tables can still have, once those of exactly their sizes were found
    )
    scales: set[int] = field(default_factory=set)  # 32, 64, 512: at which images of the heap were found
    nodes: list[tuple[int, int]] = field(default_factory=list)  # of metaspace, where each lies
    small_nodes_end: int = 0  # of the highest node of 2 MiB, if metaspace lies in such
    code_segments: list[tuple[int, int]] = field(default_factory=list)  # reserved and committed bytes of each

    @property
    def before_9(self) -> bool:
        """Known to be JDK 8 or older."""
        return 0 < self.version < 9

    @property
    def heap_bytes(self) -> int:
        """What is reserved for the Java heap; 0 until it is found."""
        return self.heap[1] - self.heap[0]

    def heap_runs(self, process: Process) -> list[HeapRun]:
        """The heap from bottom to top; empty until it is found."""
        if not self.runs and self.heap_bytes:
            low, high = self.heap
            first = bisect_left(process.regions, low, key=BY_START)
            for region in takewhile(lambda region: region.end <= high, process.regions[first:]):
                if self.runs and self.runs[-1].closed == region.closed:
                    self.runs[-1] = self.runs[-1]._replace(end=region.end)
                else:
                    self.runs.append(HeapRun(region.start, region.end, region.closed))
        return self.runs

    def has_gaps(self, process: Process) -> bool:
        """Whether a part of the heap is not committed: the collector's tables then have gaps as well."""
        return any(run.closed for run in self.heap_runs(process))

    @property
    def has_heap(self) -> bool:
        """Whether the heap was found."""
        return self.heap[1] > 0

    @property
    def class_space_bytes(self) -> int:
        """What the JVM reserves for compressed class pointers: CompressedClassSpaceSize."""
        return self.arguments.class_space or CLASS_SPACE_BYTES


def jvm_of(process: Process) -> Jvm:
    """What the arguments and the path of libjvm.so say: the state with which the labellers begin."""
    return Jvm(version_of(process.libjvm), read_arguments(process.argv))
