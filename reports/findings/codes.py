"""All codes that a finding can have: those of `procmaps.findings`, and those of a run that is compared."""

from typing import Final

from procmaps.findings import BY_STATUS as OF_STATUS
from procmaps.findings import CODES as OF_A_PROCESS
from procmaps.findings import Code, Severity
from reports.findings import bloated, growth

GREW: Final = Code(
    growth.CODE,
    "growth",
    (Severity.INFO, Severity.WARNING, Severity.ALARM),
    "A process grew by 64 MiB or more, and by 2 % or more, since the run compared with, and by more than "
    "its host and its service usually do between two runs (changes.md). It stands until the process ends or "
    "gives the memory back. A warning from 256 MiB, or a twentieth of the host's RAM, above its size before: "
    "growth below that is news as soon as it has added up. An alarm where a straight line says that the "
    "host, or the limit of its cgroup, is full within 7 days.",
    growth.ADVICE,
    growth.CONFIRM,
    "When the host or the limit is full, unless at least 4 runs without a restart are on one line.",
)
BLOATED: Final = Code(
    bloated.CODE,
    "far more native heap than its baseline",
    (Severity.INFO, Severity.WARNING),
    "A process has twice the native heap of the median of at least 5 members of its service, and 64 MiB "
    "more; or the only member of a service on a host has 4 times the least native heap of the last 14 runs, "
    "and 512 MiB more. A warning from 256 MiB above. Not where the same process is told as `grew`.",
    bloated.PEER_ADVICE,
    bloated.CONFIRM,
    bloated.NOT_SHOWN,
)
CODES: Final[tuple[Code, ...]] = (GREW, BLOATED, *OF_A_PROCESS)
OF_A_RUN: Final = {code.name: code.version for code in (GREW, BLOATED)}  # told when a run is closed
BY_STATUS: Final = OF_STATUS | {GREW.name}  # that need no mappings
NAMES: Final = frozenset(code.name for code in CODES)
WORDS: Final = {code.name: code.words for code in CODES}


def words(code: str) -> str:
    """What members with a finding of a code have; of a code of another version its name."""
    return WORDS.get(code, code.replace("_", " "))
