"""What a finding is, and what is said of all findings of one code."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

LIVE_OR_FREE: Final = (
    "Neither maps nor smaps shows which part of a heap is in use and which is free but kept. For that, use "
    "malloc_info, mallinfo2 or the runtime's own statistics."
)


class Severity(IntEnum):
    """How soon somebody should look."""

    INFO = 0
    WARNING = 1
    ALARM = 2

    @property
    def label(self) -> str:
        """The name in lower case, as every output prints it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Code:
    """What all findings of a code have in common. The texts are sentences without figures of a process."""

    name: str
    words: str  # what a process has, in a few words
    severities: tuple[Severity, ...]  # that it can have, the lowest first
    when: str  # the conditions, with their limits
    advice: str
    confirm: str  # the test that would prove it right or wrong
    not_shown: str  # what this evidence cannot say
    by_status: bool = False  # told also of a process whose mappings may not be read
    version: int = 1  # raised when the conditions change: what only others find is no news then


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about one process. The texts are sentences; of the host they contain only the name."""

    code: str
    severity: Severity
    process: int  # row in the ProcessTable
    subject: str  # "java (4711)"
    evidence: str  # the figures it rests on
    advice: str
    confirm: str  # the test that would prove it right or wrong
    not_shown: str  # what this evidence cannot say
    kind: str  # the label of the Kind that it is about; "" if it is about none, or about several
    concerns_bytes: int | None  # what the process has of it, resident unless the evidence says otherwise
