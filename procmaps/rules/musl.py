"""musl's malloc: groups of small allocations, and large chunks."""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.libc_malloc import affordable, foreign
from procmaps.rules.process import MIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

MUSL: Final = Rule(
    "allocator.musl",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps, status",
    "musl, src/malloc/mallocng: groups and large chunks by mmap",
    "{size} of writable anonymous memory, no more than is resident or swapped ({anonymous}), "
    "in a process with musl: its malloc",
    runner_up=Kind.ANONYMOUS,
)


def mapped(regions: Regions) -> Flags | None:
    """Affordable, writable, without a flag, and no whole MiB: a group or a chunk has a header."""
    with_musl = regions.has("musl")
    if not with_musl.any():
        return None
    found = regions.unclaimed_writable & regions.spread(with_musl)
    found &= ~foreign(regions) & affordable(regions) & ~is_multiple(regions.size, MIB)
    return found


MAPPED: Final = RegionLabeller(
    "allocator.musl",
    (MUSL,),
    mapped,
    before=(Edge("rest.guarded", "what malloc maps between two closed regions looks like a guarded buffer"),),
)
