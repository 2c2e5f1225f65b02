"""Polling pages: threads read one of two pages to learn whether they must stop at a safepoint."""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.kernel_names import Name
from procmaps.rules.labeller import Claim
from procmaps.rules.process import KIB, Process, Region
from procmaps.rules.rule import Rule

TINY_BYTES: Final = 8 * KIB

POLLING_PAGES = Rule(
    "java.safepoint",
    Kind.JAVA_OTHER,
    Confidence.LIKELY,
    "maps",
    "OpenJDK, runtime/safepointMechanism.cpp: a bad and a good polling page",
    "{size} of a JVM that cannot be written: polling pages, which threads read to learn of a safepoint",
    runner_up=Kind.RESERVED,
)


def polling_pages(_: Jvm, process: Process) -> list[Claim]:
    """Tiny regions that cannot be written: next to a readable one of that sort, or right below an object."""
    return [
        Claim(region.start, region.end, POLLING_PAGES)
        for region in process.unclaimed
        if _is_tiny(region) and (_beside_readable(process, region) or _below_object(region))
    ]


def _is_tiny(region: Region) -> bool:
    return region.size <= TINY_BYTES and not region.can_be_written


def _below_object(region: Region) -> bool:
    """Whether a mapping of a file, or another one with a name, starts where the region ends."""
    return region.above >= Name.FILE_CODE + 1  # `above` is the name plus 1


def _beside_readable(process: Process, region: Region) -> bool:
    """Whether the region, or one that touches it, is a page that can be read: the good polling page."""
    near = (region, process.below(region), process.above(region))
    return any(one is not None and one.unclaimed and _is_tiny(one) and not one.closed for one in near)
