"""How large the heap of a JVM can be, and where heaps with compressed oops end."""

from collections.abc import Iterator
from typing import Final

from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.process import GIB, KIB, MIB, Process
from procmaps.tables import UNKNOWN, UNLIMITED

UNSCALED_END: Final = 4 * GIB
HEAP_ALIGNMENT_BYTES: Final = 64 * KIB  # the Serial collector's, the smallest of all
LARGER_ALIGNMENTS_BYTES: Final = tuple(MIB << power for power in range(6))  # up to G1 with 32 MiB regions
ALIGNMENTS_BYTES: Final = (HEAP_ALIGNMENT_BYTES, *LARGER_ALIGNMENTS_BYTES)


def canonical_ends(jvm: Jvm) -> tuple[int, ...]:
    """Where heaps with compressed oops end: unscaled, or zero-based (4 GiB times the object alignment).

    JDK 8 puts the class space there, and the heap below it. The likeliest end comes first.
    """
    zero_based = UNSCALED_END * jvm.arguments.alignment
    below_class_space = zero_based - jvm.class_space_bytes
    if not jvm.version:
        return UNSCALED_END, zero_based, below_class_space
    return UNSCALED_END, below_class_space if jvm.before_9 else zero_based


def heap_sizes(jvm: Jvm, process: Process) -> list[int]:
    """The sizes that the reservation can have, ascending: -Xmx, or the share of memory that is the default.

    Each JVM rounds up to its collector's alignment, which is not always known.
    """
    if jvm.arguments.heap_max:
        maxima = [jvm.arguments.heap_max]
    else:
        memories = [jvm.arguments.ram_max] if jvm.arguments.ram_max else _memories(process)
        maxima = [int(memory * jvm.arguments.heap_share / 100) for memory in memories]
    return sorted({-(-size // unit) * unit for size in maxima for unit in ALIGNMENTS_BYTES if size >= MIB})


def _memories(process: Process) -> list[int]:
    """What the JVM can take for the machine's memory: the host's, or the limit of a cgroup that it is in."""
    limits = {process.host.mem_total_bytes}
    for path in _cgroups(process):
        limits.add(process.host.cgroup_memory_max_bytes.get(path, UNKNOWN))
    return [limit for limit in limits if UNKNOWN < limit < UNLIMITED]


def _cgroups(process: Process) -> Iterator[str]:
    """The paths of the cgroups that the process is in, and of those above them."""
    for line in process.cgroup.decode(errors="replace").splitlines():
        path = line.split(":", 2)[-1]
        while path.startswith("/"):
            yield path
            path = path.rpartition("/")[0]
