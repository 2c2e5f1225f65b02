"""What nobody has claimed of a JVM, and malloc cannot have mapped."""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_UNUSED, MAP_WHOLE_MIB
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.turn import turn
from procmaps.rules.labeller import Claim
from procmaps.rules.process import MIB, Process
from procmaps.rules.rule import Rule

UNTOUCHED = Rule(
    "java.gc_untouched",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, status",
    "OpenJDK, gc: tables over the whole heap are committed before they are used; neighbours merge",
    "{size} in a JVM, whole MiB on a MiB boundary or more than RssAnon ({rss_anon}), which malloc does not "
    "map: tables of the collector",
    runner_up=Kind.ANONYMOUS,
)


def untouched(_: Jvm, process: Process) -> Iterator[Claim]:
    """Writable regions of whole MiB, and those larger than all that is resident."""
    if process.has(*KEEP_UNUSED, *MAP_WHOLE_MIB):
        return
    for region in process.writable:
        whole = region.size % MIB == 0 and region.start % MIB == 0
        if whole or not process.affordable(region.size):
            yield Claim(region.start, region.end, UNTOUCHED)


LEFTOVERS: Final = turn("hotspot.leftovers", steps=(untouched,), gives=(UNTOUCHED,))
