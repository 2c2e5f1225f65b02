"""The mark stack: G1 and CMS map 4 Mi entries of 8 bytes for what marking has yet to visit."""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import LOW_BYTES, Jvm
from procmaps.rules.hotspot.proportions import ALIGNED_BYTES, BITMAP, is_aligned
from procmaps.rules.labeller import Claim
from procmaps.rules.process import MIB, Process
from procmaps.rules.rule import Rule

MARK_STACK_BYTES: Final = 32 * MIB
MERGED_MAX_BYTES: Final = 48 * MIB  # where nothing is aligned: of a mapping that is hardly more than it
WITH_MARK_STACK: Final = ("G1", "ConcMarkSweep")
WITHOUT_MARK_STACK: Final = ("Serial", "Parallel", "ParallelOld", "Z", "Shenandoah", "Epsilon")

MARK_STACK = Rule(
    "java.gc_mark_stack",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, cmdline",
    "OpenJDK, gc/g1/g1ConcurrentMark.cpp: MarkStackSize of 4 Mi entries",
    "exactly 32 MiB in a JVM: the stack of the marking threads",
    runner_up=Kind.HEAP_MMAP,
)
MARK_STACK_MERGED = Rule(
    "java.gc_mark_stack_merged",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, cmdline",
    "OpenJDK, gc/g1/g1ConcurrentMark.cpp; Linux 6.7 and later align mappings of whole 2 MiB to 2 MiB",
    "the top 32 MiB of a larger mapping, in a JVM whose mark stack is nowhere else",
    runner_up=Kind.HEAP_MMAP,
)


def mark_stack(jvm: Jvm, process: Process) -> list[Claim]:
    """Regions of exactly its size; if there are none, the top of a larger region.

    The mark stack is mapped early and mappings grow downward, so what merged with it lies below it, and of
    several regions the highest one is the most likely.
    """
    if jvm.arguments.collector in WITHOUT_MARK_STACK:
        return []
    alone = [region for region in process.unclaimed_writable if region.size == MARK_STACK_BYTES]
    if alone or not _must_have_one(jvm, process):
        return [Claim(region.start, region.end, MARK_STACK) for region in alone]
    merged = [
        region
        for region in process.unclaimed_writable
        if region.size > MARK_STACK_BYTES
        and region.start >= LOW_BYTES
        and not process.is_whole_blocks(region)  # a full heap of an arena
    ]
    aligned = [region for region in merged if region.end % ALIGNED_BYTES == 0][-1:]
    if aligned or is_aligned(MARK_STACK_BYTES, process):
        merged = aligned
    elif len(merged) > 1 or any(region.size > MERGED_MAX_BYTES for region in merged):
        return []  # nothing tells which, or where in it
    return [Claim(region.end - MARK_STACK_BYTES, region.end, MARK_STACK_MERGED) for region in merged]


def _must_have_one(jvm: Jvm, process: Process) -> bool:
    """G1 or CMS was asked for, or the JVM chose and its tables look like G1's, the default since JDK 9."""
    if not jvm.heap_bytes:
        return False
    if jvm.before_9 or jvm.arguments.collector:
        return jvm.arguments.collector in WITH_MARK_STACK
    if not jvm.has_gaps(process):
        return jvm.arguments.known
    # where tables merge, none may be seen; Serial and Parallel commit two generations, each with a reserve
    one_part = [run.closed for run in jvm.heap_runs(process)] == [False, True]
    unseen = jvm.arguments.known and one_part and not is_aligned(MARK_STACK_BYTES, process)
    return BITMAP in jvm.scales or unseen
