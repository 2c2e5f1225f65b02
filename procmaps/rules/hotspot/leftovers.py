"""What nobody has claimed of a JVM, and malloc cannot have mapped."""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_UNUSED, MAP_WHOLE_MIB
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.libc_malloc import affordable
from procmaps.rules.process import MIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

UNTOUCHED = Rule(
    "java.gc_untouched",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, status",
    "OpenJDK, gc: tables over the whole heap are committed before they are used; neighbours merge",
    "{size} in a JVM, whole MiB on a MiB boundary or more than is resident or swapped ({anonymous}), "
    "which malloc does not map: tables of the collector",
    runner_up=Kind.ANONYMOUS,
)


def untouched(regions: Regions) -> Flags | None:
    """Writable regions of whole MiB, and those larger than all that is resident; a mask over regions."""
    jvms = regions.has("jvm") & ~regions.has(*KEEP_UNUSED, *MAP_WHOLE_MIB)
    if not jvms.any():
        return None
    whole = is_multiple(regions.size, MIB) & is_multiple(regions.start, MIB)
    return regions.unclaimed_writable & regions.spread(jvms) & (whole | ~affordable(regions))


LEFTOVERS: Final = RegionLabeller(
    "hotspot.leftovers",
    (UNTOUCHED,),
    untouched,
    before=(
        Edge("openblas.buffer", "what malloc cannot have mapped has sizes of whole MiB, as buffers have"),
        Edge("python.arena", "what malloc cannot have mapped has sizes of whole MiB, as arenas have"),
        Edge("python.arena_merged", "what malloc cannot have mapped can have a size of arenas that merged"),
    ),
    after=(Edge("glibc.arena_full", "a full heap of an arena is whole MiB on a MiB boundary too"),),
)
