"""The Erlang VM: carriers of its allocators, the range for literals, compiled code.

Carriers and large blocks are mapped by whole pages (erts/emulator/sys/common/erl_mmap.c), as large chunks
of malloc are. What malloc maps in this VM are the first carriers of each allocator, taken as it starts: a
power of two, 16 KiB of alignment and a page (erl_alloc_util.c: erts_alcu_sys_alloc).
"""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import PAGE_BYTES, Draft, is_multiple
from procmaps.rules.rule import Rule
from procmaps.tables import EXECUTE, Flags, which

UNIT_BYTES: Final = 256 * 2**10
MAPPED_MIN_BYTES: Final = 512 * 2**10  # what is smaller is in a carrier with others, or in malloc's
LITERALS_MIN_BYTES: Final = 2**29
EXTRA_BYTES: Final = 20 * 2**10
# 148 KiB as well, but carriers that are mapped have sizes of four and eight times that
FIRST_CARRIERS_BYTES: Final = tuple(2**power + EXTRA_BYTES for power in range(18, 23))
FIRST_CARRIERS_MAX_BYTES: Final = 4 * 2**20  # those of one size, in one mapping
CARRIER_MIN_BYTES: Final = 128 * 2**10
INVERSE_OF_5: Final = 13  # modulo 32


def literals(draft: Draft) -> Flags | None:
    """The range set aside for literals: closed but for its low end, in all a power of two."""
    beam = draft.has("beam")
    if not beam.any():
        return None
    closed = which(draft.open_none & draft.spread(beam) & (draft.size >= LITERALS_MIN_BYTES))
    if not len(closed):
        return None
    whole = np.exp2(np.ceil(np.log2(draft.size[closed]))).astype(np.int64)
    used = draft.touches_below[closed] & draft.writable[closed - 1]
    bottom = np.where(used, draft.start[closed - 1], draft.start[closed])
    # the first carriers of malloc's merge with its head; of another size, the head is all its own
    base = draft.end[closed] - whole
    base = np.where((base > bottom) & (base <= draft.start[closed]), base, bottom)
    return draft.take(draft.process[closed], base, draft.end[closed])


def carriers(draft: Draft) -> Flags | None:
    """What is mapped beside the first carriers; compiled code where it is mapped once."""
    beam = draft.has("beam")
    if not beam.any():
        return None
    own = draft.open & draft.spread(beam)
    large = draft.writable & (draft.size >= MAPPED_MIN_BYTES) & ~_first_carriers(draft, own)
    small = draft.writable & is_multiple(draft.size, UNIT_BYTES) & is_multiple(draft.start, UNIT_BYTES)
    found: Flags = own & (large | small | (draft.perms & EXECUTE != 0))
    return found


def _first_carriers(draft: Draft, own: Flags) -> Flags:
    """A few of one size; or, right below the literals, whose range is mapped just before them, of any."""
    found = np.zeros(len(draft), np.bool_)
    rows = which(own)
    size = draft.size[rows]
    for one in FIRST_CARRIERS_BYTES:
        found[rows] |= (size % one == 0) & (size <= FIRST_CARRIERS_MAX_BYTES)
    rows = rows[draft.touches_above[rows]]
    rows = rows[draft.kind[rows + 1] == int(Kind.BEAM_HEAP)]
    # n carriers are n times 20 KiB and some whole 128 KiB: modulo 128 KiB the size tells n, up to 31
    count = draft.size[rows] % CARRIER_MIN_BYTES // PAGE_BYTES * INVERSE_OF_5 % 32
    units = (draft.size[rows] - count * EXTRA_BYTES) // CARRIER_MIN_BYTES
    # which n powers of two, of up to 16 units each, can sum to
    least = units // 16 + (units >> 3 & 1) + (units >> 2 & 1) + (units >> 1 & 1) + (units & 1)
    found[rows] |= (least <= count) & (count <= units)
    return found


LITERALS = Rule(
    "beam.literals",
    Kind.BEAM_HEAP,
    Confidence.CERTAIN,
    "maps",
    "Erlang/OTP, erts/emulator/sys/common/erl_mmap.c: a range of 1 GiB for literals, in use from its low end",
    "{size} of the range that the Erlang VM sets aside for literals",
    literals,
    Kind.RESERVED,
)
CARRIERS = Rule(
    "beam.carrier",
    Kind.BEAM_HEAP,
    Confidence.LIKELY,
    "maps",
    "Erlang/OTP, erts/emulator/beam/erl_alloc_util.c: all carriers but each allocator's first are mapped",
    "{size} in the Erlang VM, neither stack nor arena, and of no size that its first carriers have, which "
    "come from malloc: carriers or large blocks of its allocators",
    carriers,
    Kind.HEAP_MMAP,
)
