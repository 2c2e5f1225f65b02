"""What the malloc of a libc, glibc's or musl's, cannot have mapped."""

from typing import Final

import numpy as np

from procmaps.rules.draft import Draft
from procmaps.smaps import VM_FLAGS
from procmaps.tables import Flags

SLACK: Final = 4  # a quarter more
FOREIGN_FLAGS: Final = sum(
    VM_FLAGS[flag] for flag in ("nr", "dd", "dc", "wf", "gd", "lo", "io", "pf", "ht", "nh")
)


def foreign(draft: Draft) -> Flags:
    """Regions with a flag that no libc's malloc asks for; none without smaps."""
    found: Flags = (draft.flags & np.uint64(FOREIGN_FLAGS)) != 0
    return found


def affordable(draft: Draft) -> Flags:
    """Regions hardly larger than all anonymous memory that the process has resident; all if that is unknown.

    Malloc touches what it maps, but not all of it: what is allocated and not written yet.
    """
    budget = draft.spread(draft.facts.rss_anon_bytes)
    return (budget < 0) | (draft.size - budget <= budget // SLACK)
