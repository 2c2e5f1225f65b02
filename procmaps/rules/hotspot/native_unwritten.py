"""Memory of a JVM that is larger than all of its tables can be, and than what is resident or swapped."""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_UNUSED, MAP_WHOLE_MIB
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.libc_malloc import affordable
from procmaps.rules.process import MIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

UNWRITTEN: Final = Rule(
    "java.native_unwritten",
    Kind.HEAP_MMAP,
    Confidence.GUESS,
    "maps, status",
    "OpenJDK, prims/unsafe.cpp, Unsafe_AllocateMemory0: os::malloc, which writes a header alone",
    "{size} in a JVM, more than its tables can have ({java_heap} of heap) and than all that is resident or "
    "swapped ({anonymous}): chunks of malloc that were not written yet, as Unsafe.allocateMemory gives",
    runner_up=Kind.ANONYMOUS,
)


def unwritten(regions: Regions) -> Flags | None:
    """Writable regions, not of whole MiB, as a chunk has a header."""
    jvms = regions.has("jvm") & ~regions.has(*KEEP_UNUSED, *MAP_WHOLE_MIB)
    if not jvms.any():
        return None
    found = regions.unclaimed_writable & regions.spread(jvms) & ~is_multiple(regions.size, MIB)
    return found & ~affordable(regions)


NATIVE_UNWRITTEN: Final = RegionLabeller(
    "hotspot.native_unwritten",
    (UNWRITTEN,),
    unwritten,
    before=(
        Edge("rest.unpaid", "in a JVM malloc maps what was not written yet, as little else maps at all"),
    ),
    after=(Edge("rest.vast", "what is many times the budget was mapped to be written here and there"),),
)
