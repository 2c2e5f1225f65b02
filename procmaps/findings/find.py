"""Finds what is to be said of a host's processes."""

from collections.abc import Callable, Iterator
from typing import Final

from procmaps.findings import arenas, huge_pages, java, java_limit, managed, mappings, stacks, swap, threads
from procmaps.findings.finding import Code, Finding
from procmaps.findings.observed import Observed
from procmaps.tables import FootprintTable, PartTable, Snapshot

_FINDERS: Final[tuple[Callable[[Observed], Iterator[Finding]], ...]] = (
    arenas.arenas,
    stacks.stacks,
    threads.threads,
    mappings.mappings,
    swap.elsewhere,
    java_limit.java_limits,
    java.java,
    managed.managed,
    huge_pages.huge_pages,
)
# all that findings can have, by subject: what tables of them are made from
CODES: Final[tuple[Code, ...]] = (
    *arenas.CODES,
    *stacks.CODES,
    *threads.CODES,
    *mappings.CODES,
    *swap.CODES,
    *java_limit.CODES,
    *java.CODES,
    *managed.CODES,
    *huge_pages.CODES,
)

BY_STATUS: Final = frozenset(code.name for code in CODES if code.by_status)
VERSIONS: Final = {code.name: code.version for code in CODES}  # what `find` looks for


def find(snapshot: Snapshot, parts: PartTable, footprints: FootprintTable) -> list[Finding]:
    """The findings of a host's processes: the most severe first, then in the order of the dump."""
    observed = Observed(snapshot, parts, footprints)
    found = [finding for finder in _FINDERS for finding in finder(observed)]
    return sorted(found, key=lambda finding: (-finding.severity, finding.process, finding.code))
