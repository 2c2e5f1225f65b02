"""What the malloc of a libc, glibc's or musl's, cannot have mapped."""

from typing import Final

import numpy as np

from procmaps.rules.regions import Regions
from procmaps.smaps import VM_FLAGS
from procmaps.tables import Flags

SLACK: Final = 4  # a quarter more
SLACK_MIN_BYTES: Final = 2 * 2**20  # a few chunks that were hardly written yet, in a process that has little
FOREIGN_FLAGS: Final = sum(VM_FLAGS[flag] for flag in ("nr", "dd", "dc", "wf", "gd", "lo", "io", "pf", "ht"))


def foreign(regions: Regions) -> Flags:
    """Regions with a flag that no libc's malloc asks for; none without smaps."""
    found: Flags = (regions.vm_flags & np.uint64(FOREIGN_FLAGS)) != 0
    return found


def affordable(regions: Regions) -> Flags:
    """Regions hardly larger than all anonymous memory that the process has resident; all if that is unknown.

    Malloc touches what it maps, but not all of it: what is allocated and not written yet.
    """
    budget = regions.spread(regions.facts.anonymous_bytes)
    return (budget < 0) | (regions.size - budget <= np.maximum(budget // SLACK, SLACK_MIN_BYTES))
