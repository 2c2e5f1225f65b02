"""The Erlang VM: carriers of its allocators, the range for literals, compiled code.

Carriers and large blocks are mapped by whole pages (erts/emulator/sys/common/erl_mmap.c), as large chunks
of malloc are. What malloc maps in this VM are the first carriers of each allocator, taken as it starts: a
power of two, 16 KiB of alignment and a page (erl_alloc_util.c: erts_alcu_sys_alloc).
"""

from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller
from procmaps.rules.process import KIB, MIB, PAGE_BYTES, Process, Region
from procmaps.rules.rule import Rule

UNIT_BYTES: Final = 256 * KIB
MAPPED_MIN_BYTES: Final = 512 * KIB  # what is smaller is in a carrier with others, or in malloc's
LITERALS_MIN_BYTES: Final = 512 * MIB
EXTRA_BYTES: Final = 20 * KIB
# 148 KiB as well, but carriers that are mapped have sizes of four and eight times that
FIRST_CARRIERS_BYTES: Final = tuple(2**power + EXTRA_BYTES for power in range(18, 23))
FIRST_CARRIERS_MAX_BYTES: Final = 4 * MIB  # those of one size, in one mapping
CARRIER_MIN_BYTES: Final = 128 * KIB
INVERSE_OF_5: Final = 13  # modulo 32

LITERALS = Rule(
    "beam.literals",
    Kind.BEAM_HEAP,
    Confidence.CERTAIN,
    "maps",
    "Erlang/OTP, erts/emulator/sys/common/erl_mmap.c: a range of 1 GiB for literals, in use from its low end",
    "{size} of the range that the Erlang VM sets aside for literals",
    runner_up=Kind.RESERVED,
)
CARRIERS = Rule(
    "beam.carrier",
    Kind.BEAM_HEAP,
    Confidence.LIKELY,
    "maps",
    "Erlang/OTP, erts/emulator/beam/erl_alloc_util.c: all carriers but each allocator's first are mapped",
    "{size} in the Erlang VM, neither stack nor arena; the VM takes its first carriers from malloc, "
    "and none of those has this size: a carrier or large block of the VM's own allocators",
    runner_up=Kind.HEAP_MMAP,
)


def literals(process: Process) -> Iterator[Claim]:
    """The range set aside for literals: closed except for its low end, in all a power of two."""
    for closed in process.unclaimed_closed:
        if closed.size < LITERALS_MIN_BYTES:
            continue
        used = process.below(closed)
        bottom = used.start if used is not None and used.writable else closed.start
        # the first carriers of malloc's merge with its head; of another size, the head is all its own
        base = closed.end - (1 << (closed.size - 1).bit_length())
        yield Claim(base if bottom < base <= closed.start else bottom, closed.end, LITERALS)


def carriers(process: Process) -> Iterator[Claim]:
    """What is mapped besides the first carriers; compiled code if it is mapped once."""
    for region in process.unclaimed:
        large = region.writable and region.size >= MAPPED_MIN_BYTES and not _first_carriers(process, region)
        small = region.writable and not region.size % UNIT_BYTES and not region.start % UNIT_BYTES
        if large or small or region.executable:
            yield Claim(region.start, region.end, CARRIERS)


def _first_carriers(process: Process, region: Region) -> bool:
    """A few of one size; or of any sizes, right below the literals, whose range is mapped just after them."""
    size = region.size
    if size <= FIRST_CARRIERS_MAX_BYTES and any(size % one == 0 for one in FIRST_CARRIERS_BYTES):
        return True
    above = process.above(region)
    if above is None or not above.is_kind(Kind.BEAM_HEAP):
        return False
    # n carriers are n times 20 KiB and some whole 128 KiB: modulo 128 KiB the size tells n, up to 31
    count = size % CARRIER_MIN_BYTES // PAGE_BYTES * INVERSE_OF_5 % 32
    units = (size - count * EXTRA_BYTES) // CARRIER_MIN_BYTES
    # which n powers of two, of up to 16 units each, can sum to
    least = units // 16 + (units % 16).bit_count()
    return least <= count <= units


LITERALS_RANGE = ProcessLabeller(
    "beam.literals",
    (LITERALS,),
    literals,
    marks=("beam",),
    before=(
        Edge(
            "beam.carriers", "the first carriers come from malloc and lie right below the range for literals"
        ),
    ),
)
CARRIER = ProcessLabeller("beam.carriers", (CARRIERS,), carriers, marks=("beam",))
