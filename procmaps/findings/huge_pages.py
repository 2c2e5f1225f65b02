"""Huge pages that a host keeps apart, and that nobody uses."""

from collections.abc import Iterator
from typing import Final

from procmaps.amounts import scaled
from procmaps.findings.finding import Code, Finding, Severity
from procmaps.findings.observed import Observed

LEAST_BYTES: Final = 2**30
LEAST_SHARE: Final = 0.05  # of the host's RAM
WARN_SHARE: Final = 0.1
_INIT: Final = 1

HUGE_PAGES_IDLE: Final = Code(
    "huge_pages_idle",
    "huge pages that its host reserves in vain",
    (Severity.INFO, Severity.WARNING),
    "Of the huge pages that a host reserves (HugePages_Total), at least 1 GiB that are a twentieth of its "
    "RAM are neither used nor promised to a process. A warning from a tenth. Told of the process with the "
    "most huge pages; of init where none has any.",
    "Lower vm.nr_hugepages (or hugepages= of the kernel's command line) to what is used, or have the program "
    "use them for which they were meant (PostgreSQL: huge_pages, JVM: -XX:+UseLargePages): nothing else "
    "can.",
    "`grep HugePages_ /proc/meminfo` at the time of the most load: Free less Rsvd is what nobody needs.",
    "Whether a program needs them at another time, and pools of pages of another size.",
    by_status=True,
)
CODES: Final = (HUGE_PAGES_IDLE,)


def huge_pages(observed: Observed) -> Iterator[Finding]:
    """Linux, mm/hugetlb.c: HugePages_Free also counts what is promised (HugePages_Rsvd)."""
    facts, processes = observed.snapshot.facts, observed.snapshot.processes
    told = facts.meminfo_bytes
    names = ("HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "Hugepagesize")
    if any(name not in told for name in names):
        return
    total, free, promised, size = (told[name] for name in names)
    idle, ram = (free - promised) * size, facts.mem_total_bytes
    if idle < max(LEAST_BYTES, ram * LEAST_SHARE):
        return
    used = processes.huge_page_bytes
    row = int(used.argmax()) if (used > 0).any() else observed.row_of_pid.get(_INIT)
    if row is None:
        return
    its = (
        f"This process has {scaled(int(used[row]))} of them"
        if used[row] > 0
        else "No process has any of them"
    )
    yield observed.found(
        HUGE_PAGES_IDLE,
        Severity.WARNING if idle >= ram * WARN_SHARE > 0 else Severity.INFO,
        row,
        f"The host reserves {scaled(total * size)} as huge pages, and {scaled(idle)} are idle. {its}.",
        concerns_bytes=idle,
    )
