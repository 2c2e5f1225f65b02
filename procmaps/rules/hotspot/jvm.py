"""One HotSpot JVM: what is known of it, and what its labellers have found so far."""

from dataclasses import dataclass, field
from typing import Final

from procmaps.rules.draft import Draft
from procmaps.rules.hotspot.arguments import JvmArguments, read_arguments, version_of
from procmaps.rules.marks import BIT
from procmaps.tables import Ints64

LOW_BYTES: Final = 16 * 2**40  # compressed oops, class space and ZGC lie below this; the mmap area does not
COMPRESSED_OOPS_BYTES: Final = 2**46  # heaps above this address are those of the mmap area
CANDIDATE_LIMIT_COUNT: Final = 512  # of mappings that could begin or end something: a JVM has tens
CLASS_SPACE_BYTES: Final = 2**30  # CompressedClassSpaceSize unless it is given


@dataclass(slots=True)
class Jvm:
    """What is known of one JVM. Its labellers, which nobody else shares it with, add what they find."""

    process: int  # row in the ProcessTable
    version: int  # feature release; 0 if the path does not tell
    arguments: JvmArguments
    heap: tuple[int, int] = (0, 0)  # start and end; zeros until it is found
    runs: list[tuple[int, int, bool]] = field(default_factory=list)  # the heap's: start, end, whether closed
    mark_stack: bool = False  # found as a mapping of its own
    tables: set[int] = field(default_factory=set)  # sizes of whole tables that were found
    scales: set[int] = field(default_factory=set)  # at which images of the heap were found
    code_segments: list[tuple[int, int]] = field(default_factory=list)  # reserved and committed bytes of each

    @property
    def before_9(self) -> bool:
        """Known to be JDK 8 or older."""
        return 0 < self.version < 9

    @property
    def class_space_bytes(self) -> int:
        """What the JVM reserves for compressed class pointers: CompressedClassSpaceSize."""
        return self.arguments.class_space or CLASS_SPACE_BYTES


def rows_of_jvms(draft: Draft) -> Ints64:
    """The parts of all JVMs."""
    return draft.rows_in(draft.has("jvm"))


def find_jvms(draft: Draft, paths: dict[int, bytes]) -> list[Jvm]:
    """The JVMs of the host, one for each process that maps libjvm.so."""
    argv = draft.snapshot.processes.argv
    return [
        Jvm(process, version_of(path), read_arguments(argv[process]))
        for process, path in paths.items()
        if draft.facts.marks[process] & BIT["jvm"]
    ]
