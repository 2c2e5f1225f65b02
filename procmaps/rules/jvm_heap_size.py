"""How large the heap of a JVM can be, and where one with compressed oops ends."""

from typing import Final

from procmaps.rules.draft import Draft
from procmaps.rules.hotspot.jvm import CLASS_SPACE_BYTES, Jvm
from procmaps.rules.process import GIB, KIB, MIB
from procmaps.tables import UNKNOWN, UNLIMITED

UNSCALED_END: Final = 4 * GIB
ALIGNMENTS_BYTES: Final = (
    64 * KIB,
    MIB,
    2 * MIB,
    4 * MIB,
    8 * MIB,
    16 * MIB,
    32 * MIB,
)  # Serial to G1 with 32 MiB regions


def canonical_ends(jvm: Jvm) -> tuple[int, int, int]:
    """Where heaps with compressed oops end: unscaled, zero-based (4 GiB times the alignment).

    In JDK 8 the class space lies there, and the heap ends below it.
    """
    zero_based = UNSCALED_END * jvm.arguments.alignment
    below = zero_based - (jvm.arguments.class_space or CLASS_SPACE_BYTES)
    if not jvm.version:
        return UNSCALED_END, zero_based, below
    end = below if jvm.before_9 else zero_based
    return UNSCALED_END, end, end


def targets(draft: Draft, jvm: Jvm) -> list[int]:
    """How large the reservation can be: from -Xmx, or the share of memory that is the default."""
    wanted = []
    if jvm.arguments.heap_max:
        wanted = [jvm.arguments.heap_max]
    else:
        memories = [jvm.arguments.ram_max] if jvm.arguments.ram_max else _memories(draft, jvm)
        wanted = [
            int(memory * jvm.arguments.heap_share / 100) for memory in memories if memory not in (UNKNOWN, 0)
        ]
    return sorted({-(-size // unit) * unit for size in wanted for unit in ALIGNMENTS_BYTES if size >= MIB})


def _memories(draft: Draft, jvm: Jvm) -> list[int]:
    """What the JVM takes for the machine's memory: the host's, or a limit of its cgroup or one above it."""
    facts = draft.snapshot.facts
    limits = {facts.mem_total_bytes}
    for line in draft.snapshot.processes.cgroup[jvm.process].decode(errors="replace").splitlines():
        path = line.split(":", 2)[-1]
        while path.startswith("/"):
            limits.add(facts.cgroup_memory_max_bytes.get(path, UNKNOWN))
            path = path.rpartition("/")[0]
    return sorted(limit for limit in limits if UNKNOWN < limit < UNLIMITED)
