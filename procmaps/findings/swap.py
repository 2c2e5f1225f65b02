"""Memory that is not where Rss says: in swap, or resident and already given back."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.amounts import scaled
from procmaps.findings.finding import Code, Finding, Severity
from procmaps.findings.observed import Observed
from procmaps.tables import which

MIB: Final = 2**20
LEAST_BYTES: Final = 128 * MIB
LEAST_SHARE: Final = 0.25  # of anonymous memory, resident and in swap
FREED_LEAST_BYTES: Final = 128 * MIB
FREED_LEAST_SHARE: Final = 0.1  # of anonymous memory that is resident

SWAPPED: Final = Code(
    "swapped",
    "much memory in swap",
    (Severity.INFO,),
    "At least 128 MiB, and a quarter of the anonymous memory, are in swap.",
    "Memory that is not touched costs only swap; if the process is slow, the host needs more RAM.",
    "`ps -o maj_flt PID`, twice within some minutes of load: if it rises fast, the process waits for swap.",
    "When the memory was last touched.",
    by_status=True,
)
LAZILY_FREED: Final = Code(
    "lazily_freed",
    "much resident memory that it has given back",
    (Severity.INFO,),
    "At least 128 MiB, and a tenth of the anonymous memory, were given back lazily (MADV_FREE). Only with "
    "smaps.",
    "Subtract it: the kernel takes it as soon as it needs memory, and before it kills anything. To see it "
    "fall at once: GODEBUG=madvdontneed=1 for Go 1.12 to 1.15, muzzy_decay_ms:0 in MALLOC_CONF for "
    "jemalloc.",
    "`grep LazyFree /proc/PID/smaps_rollup`.",
    "When it was given back, and whether the program will write to it again, which makes it its own again.",
)
CODES: Final = (SWAPPED, LAZILY_FREED)


def elsewhere(observed: Observed) -> Iterator[Finding]:
    """What is to be said of memory in swap and of memory that was given back."""
    yield from _swapped(observed)
    yield from _lazily_freed(observed)


def _swapped(observed: Observed) -> Iterator[Finding]:
    """Processes of whose anonymous memory much is in swap."""
    swap, resident = observed.snapshot.processes.swap_bytes, observed.anonymous_known
    for row in which((swap >= LEAST_BYTES) & (swap >= (swap + resident) * LEAST_SHARE)).tolist():
        yield observed.found(
            SWAPPED,
            Severity.INFO,
            row,
            f"{scaled(int(swap[row]))} are in swap, {scaled(int(resident[row]))} of anonymous memory are "
            "resident.",
            concerns_bytes=int(swap[row]),
        )


def _lazily_freed(observed: Observed) -> Iterator[Finding]:
    """Linux, mm/madvise.c, madvise_free: such pages stay in Rss until there is pressure."""
    resident = observed.anonymous_known
    freed = np.minimum(observed.snapshot.processes.lazily_freed_bytes, resident)
    for row in which((freed >= FREED_LEAST_BYTES) & (freed >= resident * FREED_LEAST_SHARE)).tolist():
        yield observed.found(
            LAZILY_FREED,
            Severity.INFO,
            row,
            f"{scaled(int(freed[row]))} of {scaled(int(resident[row]))} of anonymous memory that are "
            "resident were given back lazily.",
            concerns_bytes=int(freed[row]),
        )
