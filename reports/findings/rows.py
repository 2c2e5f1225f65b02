"""The rows of the table of finding groups."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reports.tables.severities import SEVERITIES


class Standing(StrEnum):
    """What became of a finding since the last run."""

    NEW = "new"
    WORSE = "worse"
    SAME = "same"
    RESOLVED = "resolved"
    UNSEEN = "unseen"  # nothing can be said of the hosts that had it


FIRST_LOOKED: Final = "first looked for in this run: it may have been there before"
LOOKED_OTHERWISE: Final = (
    "looked for by other conditions than in the run compared with: what it had then is not known"
)
NEWS: Final = (Standing.NEW, Standing.WORSE)


@dataclass(frozen=True, slots=True)
class MadeBy:
    """By what the findings of a run were made."""

    rules_version: str  # "" if there were several
    codes: dict[str, int]  # that were looked for on every host, with their versions; empty: not known


@dataclass(frozen=True, slots=True)
class Member:
    """A process that has a finding, and the figures by which it was found."""

    host: str
    pid: int
    comm: str
    bytes: int | None
    evidence: str


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """One finding of a service, and the processes that have it."""

    fingerprint: str
    standing: str
    code: str
    severity: str
    service: str
    kind: str
    members: int
    hosts: int
    bytes: int | None
    before_bytes: int | None
    since_at: str
    since_run: str
    resolved_at: str
    owner: str
    mute_reason: str
    muted_until: str
    title: str
    advice: str
    confirm: str
    not_shown: str
    rests_on: str  # "" unless the standing is no plain comparison
    first: tuple[Member, ...]  # the largest of them

    @property
    def is_muted(self) -> bool:
        """Whether somebody muted it; it is counted, and not told."""
        return bool(self.mute_reason)

    @property
    def is_first_looked(self) -> bool:
        """Whether no earlier run could tell it: its code, or the conditions of its code, came since."""
        return self.standing == Standing.SAME and self.rests_on in {FIRST_LOOKED, LOOKED_OTHERWISE}

    @property
    def is_news(self) -> bool:
        """Whether somebody should hear of it today: new or worse, not muted, and more than a remark."""
        return self.standing in NEWS and not self.is_muted and self.severity != SEVERITIES[-1]


@dataclass(frozen=True, slots=True)
class MuteRow:
    """A mute of the settings, and what it came to in this run."""

    code: str
    service: str
    hosts: str
    kind: str
    reason: str
    until: str
    state: str
    groups: int
