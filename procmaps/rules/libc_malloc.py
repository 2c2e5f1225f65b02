"""What the malloc of a libc, glibc's or musl's, cannot have mapped."""

from typing import Final

import numpy as np

from procmaps.kinds import Kind
from procmaps.rules.regions import Regions
from procmaps.smaps import VM_FLAGS
from procmaps.tables import Flags, which

SLACK_SHARE: Final = 4  # a quarter more than is resident or swapped
SLACK_MIN_BYTES: Final = 2 * 2**20  # a few chunks that were hardly written yet, in a process that has little
# asked for with the mapping
MAPPED_FLAGS: Final = sum(VM_FLAGS[flag] for flag in ("nr", "gd", "io", "pf", "ht"))
# asked for later, of a part of a mapping or of all: mlock, madvise
ADVISED_FLAGS: Final = sum(VM_FLAGS[flag] for flag in ("dd", "dc", "wf", "lo"))
FOREIGN_FLAGS: Final = MAPPED_FLAGS | ADVISED_FLAGS
LOCKED_SHARE: Final = 2  # where half of a process is locked, it has locked all that it had


def foreign(regions: Regions) -> Flags:
    """Regions with a flag that no libc's malloc asks for; none without smaps.

    What a program has asked for a part of a chunk is no such flag, nor is what it has asked for all memory.
    """
    if not regions.facts.smaps.any():
        return np.zeros(len(regions), np.bool_)
    advised = (regions.vm_flags & np.uint64(ADVISED_FLAGS & ~VM_FLAGS["lo"])) != 0
    advised |= regions.flagged("lo") & ~regions.spread(_all_locked(regions))
    plain = regions.writable & (regions.unclaimed | regions.of_kind(Kind.HEAP_MMAP)) & ~advised
    inside = np.zeros(len(regions), np.bool_)
    inside[1:-1] = plain[:-2] & plain[2:] & (regions.touches_below & regions.touches_above)[1:-1]
    found: Flags = (advised & ~inside) | ((regions.vm_flags & np.uint64(MAPPED_FLAGS)) != 0)
    return found


def _all_locked(regions: Regions) -> Flags:
    """Processes that have locked half of their writable memory: mlockall does not tell memory apart."""
    writable = which(regions.writable)
    owner, size = regions.process[writable], regions.size[writable]
    locked = regions.flagged("lo")[writable]
    every = np.bincount(owner, size, len(regions.facts.marks))
    found: Flags = np.bincount(owner, size * locked, len(every)) * LOCKED_SHARE > every
    return found


def affordable(regions: Regions) -> Flags:
    """Regions hardly larger than what their process has resident or swapped; all if that is unknown.

    Malloc touches what it maps, but not all of it: what is allocated and not written yet.
    """
    budget = regions.spread(regions.facts.anonymous_bytes)
    return (budget < 0) | (regions.size - budget <= np.maximum(budget // SLACK_SHARE, SLACK_MIN_BYTES))
