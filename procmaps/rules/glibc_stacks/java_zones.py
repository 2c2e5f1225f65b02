"""Stacks of Java threads, by the guard zones that the JVM makes inside them."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.guards import FLAGS_SINCE, in_pairs, with_guards
from procmaps.rules.glibc_stacks.threads import JAVA_STACK_BYTES, STACK_MIN_BYTES
from procmaps.rules.labeller import Claim, ProcessLabeller
from procmaps.rules.process import KIB, PAGE_BYTES, UNKNOWN_RELEASE, Process, Region
from procmaps.rules.rule import Rule

# yellow 2, red 1 and from JDK 9 reserved 1 page; with a page of glibc's
ZONES_BYTES: Final = (12 * KIB, 16 * KIB, 20 * KIB)
COMMON_MIN_COUNT: Final = 3  # stacks of one size, which then is no chance

ZONES = Rule(
    "stack.java_zones",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "maps",
    "OpenJDK, runtime/stackOverflow.cpp: red, yellow and (from JDK 9) reserved zones",
    "{size} of the stack of a Java thread, {block_size} in all: writable memory above the 12 to 20 KiB "
    "of guard zones that the JVM keeps at the low end of a stack",
)


def java_stacks(process: Process) -> Iterator[Claim]:
    """Zones with the writable region above each, without what has merged with the stack from above."""
    bodies = [
        body
        for zones in process.closed
        if zones.size in ZONES_BYTES
        and (body := process.above(zones)) is not None
        and body.unclaimed
        and body.writable
        and body.size >= STACK_MIN_BYTES
    ]
    if process.release < FLAGS_SINCE or process.release == UNKNOWN_RELEASE:
        bodies = _unmerged(process, bodies)
    return with_guards(process, bodies, ZONES)


def _unmerged(process: Process, bodies: list[Region]) -> list[Region]:
    """The bodies, each up to the end of its stack: the stacks of Java threads have one size, or few."""
    sizes = [body.end - process.regions[body.position - 1].start for body in bodies]
    counts = Counter(sizes)
    most = max(counts.values(), default=0)
    common = [size for size, count in counts.items() if count >= max(2, most // 2)]
    stack = min(common or sizes, default=0)
    cut = [
        body._replace(end=body.end - (size - stack)) if _is_merged(size, stack, counts[size]) else body
        for body, size in zip(bodies, sizes, strict=True)
    ]
    return [body for body in cut if body.size >= STACK_MIN_BYTES]


def _is_merged(size: int, stack: int, count: int) -> bool:
    """Whether what is above a stack of the common size is other memory."""
    # -Xss is not for the compiler's threads: those of the default size are stacks, whatever is common
    if size <= stack or count >= COMMON_MIN_COUNT or size == JAVA_STACK_BYTES:
        return False
    # stacks with a hidden guard, and the hidden guard of this stack, are no other memory
    return (size - stack) % (JAVA_STACK_BYTES + PAGE_BYTES) not in {0, PAGE_BYTES}


JAVA_ZONES: Final = ProcessLabeller("stack.java_zones", (ZONES,), java_stacks, marks=("jvm",), sees=in_pairs)
