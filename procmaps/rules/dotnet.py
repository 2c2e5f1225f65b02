""".NET: the collector's range (from .NET 7 on) or segments (before), and compiled code."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft
from procmaps.rules.groups import runs_with
from procmaps.rules.rule import Rule
from procmaps.rules.stacks import default_bytes, flag
from procmaps.tables import EXECUTE, Flags, Ints64, which

RESERVE_BYTES: Final = 2**30
SEGMENT_BYTES: Final = 128 * 2**20  # of large objects; those of small ones are a multiple
SEGMENT_EXTRA_BYTES: Final = 8 * 2**10  # a page at either end of what is set aside at once
HEAP_BYTES: Final = 64 * 2**20
GUARD_MAX_BYTES: Final = 64 * 2**10


def ranges(draft: Draft) -> Flags | None:
    """The range that the collector sets aside at once, with what is committed in it."""
    dotnet = draft.has("dotnet")
    if not dotnet.any():
        return None
    own = draft.open & draft.spread(dotnet) & (draft.perms & EXECUTE == 0) & ~_stacks_and_arenas(draft)
    breaks = ~(own & np.concatenate((np.zeros(1, np.bool_), own[:-1])) & draft.touches_below)
    large = own & draft.none & (draft.size >= RESERVE_BYTES)
    found: Flags = own & runs_with(breaks.cumsum(), large)
    return found


def segments(draft: Draft) -> Flags | None:
    """Up to .NET 6: whole segments, full or with a closed rest, and not on the boundaries of arenas."""
    dotnet = draft.has("dotnet")
    if not dotnet.any():
        return None
    used = which(draft.open_rw & draft.spread(dotnet) & (draft.start % HEAP_BYTES != 0))
    above = np.minimum(used + 1, len(draft) - 1)
    with_rest = draft.touches_above[used] & draft.open_none[above] & ~_whole(draft.size[used])
    with_rest &= _whole(draft.end[above] - draft.start[used])
    found = np.zeros(len(draft), np.bool_)
    found[used[with_rest | _whole(draft.size[used])]] = True
    found[above[with_rest]] = True
    return found


def _whole(size: Ints64) -> Flags:
    over = size % SEGMENT_BYTES
    found: Flags = (size >= SEGMENT_BYTES) & ((over == 0) | (over == SEGMENT_EXTRA_BYTES))
    return found


def _stacks_and_arenas(draft: Draft) -> Flags:
    """What lies in an unbroken run with the range and is none of it."""
    found = flag(draft, "nh")
    rows = which(draft.touches_below)
    pairs = rows[draft.none[rows - 1] & draft.writable[rows]]
    stack = draft.size[pairs] == default_bytes(draft)[draft.process[pairs]]
    stack &= draft.size[pairs - 1] <= GUARD_MAX_BYTES
    rests = rows[draft.none[rows] & draft.writable[rows - 1] & (draft.end[rows] % HEAP_BYTES == 0)]
    rests = rests[draft.start[rests - 1] == draft.end[rests] - HEAP_BYTES]
    for part in (pairs[stack], pairs[stack] - 1, rests, rests - 1):
        found[part] = True
    return found


def code(draft: Draft) -> Flags | None:
    """Anonymous executable memory: what is compiled, where W^X is switched off."""
    dotnet = draft.has("dotnet")
    return draft.open & draft.spread(dotnet) & (draft.perms & EXECUTE != 0) if dotnet.any() else None


RANGES = Rule(
    "dotnet.heap",
    Kind.DOTNET_HEAP,
    Confidence.LIKELY,
    "maps",
    ".NET 7 and later, gc/gc.cpp: regions in one range of 256 GiB or twice the memory",
    "{size} in an unbroken range with 1 GiB or more set aside at once, in a .NET process: the heap of "
    "its collector",
    ranges,
    Kind.RESERVED,
)
SEGMENTS = Rule(
    "dotnet.segment",
    Kind.DOTNET_HEAP,
    Confidence.LIKELY,
    "maps",
    ".NET up to 6, and with DOTNET_GCName=libclrgc.so, gc/gc.cpp: segments of 128 and 256 MiB and more",
    "{size} of a whole number of 128 MiB, used from its low end, in a .NET process: a segment of its "
    "collector",
    segments,
    Kind.HEAP_MMAP,
)
CODE = Rule(
    "dotnet.code",
    Kind.DOTNET_CODE,
    Confidence.LIKELY,
    "maps",
    ".NET, ExecutableAllocator without W^X",
    "{size} of anonymous memory that can be run in a .NET process: compiled code",
    code,
)
