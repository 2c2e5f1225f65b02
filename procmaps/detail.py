"""Which processes are labelled in detail: a host, or one process on it, can have any number of mappings.

Looking at one process region by region, as most labellers do, costs some 10 microseconds a region in all.
Beyond these limits a process is labelled by names and by what a region's own numbers tell.
"""

from typing import Final

import numpy as np

from procmaps.tables import Flags, Ints64

PROCESS_LIMIT_COUNT: Final = 262_144  # mappings; four times the kernel's default of vm.max_map_count
HOST_LIMIT_COUNT: Final = 2_000_000  # mappings of all processes that are labelled in detail


def in_detail(
    mappings: Ints64, process_limit: int = PROCESS_LIMIT_COUNT, host_limit: int = HOST_LIMIT_COUNT
) -> Flags:
    """By process, from its number of mappings; a host that has too many leaves out its largest processes."""
    within = mappings <= process_limit
    order = np.argsort(mappings, kind="stable")
    affordable = np.zeros(len(mappings), np.bool_)
    affordable[order] = np.where(within, mappings, 0)[order].cumsum() <= host_limit
    found: Flags = within & affordable
    return found
