"""LuaJIT's own malloc: from it come all objects of Lua, beside the malloc of the libc."""

from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_malloc import large_chunks
from procmaps.rules.labeller import Edge, RegionLabeller
from procmaps.rules.libc_malloc import affordable, foreign
from procmaps.rules.process import KIB
from procmaps.rules.regions import Regions, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

SEGMENT_STEP_BYTES: Final = 128 * KIB

SEGMENTS: Final = Rule(
    "luajit.segments",
    Kind.HEAP_ALLOCATOR,
    Confidence.LIKELY,
    "maps, status",
    "LuaJIT, src/lj_alloc.c: alloc_sys maps segments of n x DEFAULT_GRANULARITY (128 KiB), direct_alloc "
    "large strings and tables alone; with GC64 the kernel chooses where",
    "{size} of writable anonymous memory in a process with LuaJIT: segments of its malloc, which are whole "
    "128 KiB, or of any size where the program is LuaJIT itself",
    runner_up=Kind.HEAP_MMAP,
)


def segments(regions: Regions) -> Flags | None:
    """Whole steps, and all that would be large chunks if the program does nothing but run Lua.

    Not in tarantool, whose pools have such sizes, nor in Python, whose arenas do.
    """
    inside = regions.has("luajit") & ~regions.has("database_pools", "python")
    if not inside.any():
        return None
    whole = regions.spread(inside) & is_multiple(regions.size, SEGMENT_STEP_BYTES)
    whole &= regions.unclaimed_writable & ~foreign(regions) & affordable(regions)
    found: Flags = whole | (regions.spread(regions.has("luajit_alone")) & large_chunks(regions))
    return found


SEGMENTS_OF_LUA: Final = RegionLabeller(
    "luajit.segments",
    (SEGMENTS,),
    segments,
    before=(Edge("glibc.mmapped_beside_own", "most segments have the sizes of large chunks"),),
    after=(Edge("rest.guarded", "what has a guard is a stack or a buffer, however round its size"),),
)
