"""The JVM's turns after the places: what belongs to the code cache, and the tables of the collectors."""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.objects import OTHER_MALLOCS
from procmaps.rules.hotspot.concurrent import ZGC_TABLES, zgc_merged_maps, zgc_tables
from procmaps.rules.hotspot.images import IMAGES, images
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.mark_stack import MARK_STACK, MARK_STACK_MERGED, mark_stack
from procmaps.rules.hotspot.merged_tables import WHOLE_MERGED, merged_tables
from procmaps.rules.hotspot.polling_pages import POLLING_PAGES, polling_pages
from procmaps.rules.hotspot.segment_maps import SEGMENT_MAPS, segment_maps
from procmaps.rules.hotspot.whole_tables import WHOLE, whole_tables
from procmaps.rules.labeller import Claim, without
from procmaps.rules.process import MIB, Process
from procmaps.rules.rule import Rule

UNTOUCHED = Rule(
    "java.gc_untouched",
    Kind.JAVA_GC,
    Confidence.LIKELY,
    "maps, status",
    "OpenJDK, gc: tables over the whole heap are committed before they are used; neighbours merge",
    "{size} in a JVM, whole MiB on a MiB boundary or more than RssAnon ({rss_anon}): no malloc chunk, "
    "so tables of the collector",
    runner_up=Kind.ANONYMOUS,
)

# What a step claims, the next ones do not see: the surer ones come first.
STEPS: Final = (
    segment_maps,
    polling_pages,
    images,
    zgc_merged_maps,
    zgc_tables,
    whole_tables,
    merged_tables,  # looks for those tables that are not among the whole ones
    mark_stack,
)


def rest(jvm: Jvm, process: Process) -> list[Claim]:
    """The turn after the stacks of threads, whose guards and sizes could be taken for parts of tables."""
    claims: list[Claim] = []
    for step in STEPS:
        found = step(jvm, process)
        claims += found
        process = without(process, found)
    return claims


def leftovers(_: Jvm, process: Process) -> list[Claim]:
    """Writable memory that malloc cannot have mapped: whole MiB, or more than is resident at all."""
    if process.has(*OTHER_MALLOCS):  # which map whole MiB, and keep memory that is not resident
        return []
    return [
        Claim(region.start, region.end, UNTOUCHED)
        for region in process.writable
        if (region.size % MIB == 0 and region.start % MIB == 0) or not process.affordable(region.size)
    ]
