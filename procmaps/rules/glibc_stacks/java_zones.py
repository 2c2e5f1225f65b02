"""Stacks of Java threads, by the guard zones that the JVM makes inside them."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.guards import FLAGS_SINCE, with_guards
from procmaps.rules.groups import among, slices_of
from procmaps.rules.kernel_release import is_since, release_of
from procmaps.rules.labeller import Ranges, RegionLabeller
from procmaps.rules.process import KIB, PAGE_BYTES, STACK_MIN_BYTES
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import which

# yellow 2, red 1 and from JDK 9 reserved 1 page; with a page of glibc's
ZONES_BYTES: Final = (12 * KIB, 16 * KIB, 20 * KIB)
COMMON_MIN_COUNT: Final = 3  # so many of one size are stacks

ZONES = Rule(
    "stack.java_zones",
    Kind.THREAD_STACK,
    Confidence.CERTAIN,
    "maps",
    "OpenJDK, runtime/stackOverflow.cpp: red, yellow and (from JDK 9) reserved zones",
    "{size} of the stack of a Java thread, {block_size} in all: writable memory above the 12 to 20 KiB "
    "of guard zones that the JVM keeps at the low end of a stack",
)


def java_stacks(regions: Regions) -> Ranges | None:
    """Zones with the writable part above each, without what has merged with the stack from above."""
    jvm = regions.has("jvm")
    if not jvm.any():
        return None
    zones = which(regions.unclaimed_closed & regions.touches_above & regions.spread(jvm))
    zones = zones[among(regions.size[zones], ZONES_BYTES)]
    zones = zones[regions.stack_like[zones + 1]]
    end = regions.end.copy()
    if not is_since(release_of(regions.snapshot.facts.kernel), FLAGS_SINCE):
        for own in slices_of(regions.process[zones]):
            sizes = regions.end[zones[own] + 1] - regions.start[zones[own]]
            process = regions.process[zones[own][0]]
            default, graal = int(regions.facts.java_stack_bytes[process]), bool(regions.facts.graal[process])
            end[zones[own] + 1] -= merged_above(sizes.tolist(), default, graal=graal)
    zones = zones[end[zones + 1] - regions.start[zones + 1] >= STACK_MIN_BYTES]
    found = np.zeros(len(regions), np.bool_)
    found[zones] = found[zones + 1] = True
    return with_guards(regions, found, end)


def merged_above(sizes: Sequence[int], default: int, *, graal: bool) -> list[int]:
    """Of writable memory with its zones, of these sizes: how much above each stack is other memory.

    The stacks of Java threads have one size, or few; the compiler's threads have the `default`, or with Graal
    twice that.
    """
    counts = Counter(sizes)
    least = max(2, max(counts.values()) // 2)
    stack = min([size for size, count in counts.items() if count >= least] or sizes)
    # -Xss is not for the compiler's threads
    of_compiler = {default, 2 * default} if graal else {default}
    return [
        0
        if size <= stack
        or counts[size] >= COMMON_MIN_COUNT
        or size in of_compiler
        # stacks with a hidden guard, and the hidden guard of this stack, are no other memory
        or (size - stack) % (default + PAGE_BYTES) in {0, PAGE_BYTES}
        else size - stack
        for size in sizes
    ]


JAVA_ZONES: Final = RegionLabeller(
    "stack.java_zones",
    (ZONES,),
    java_stacks,
)
