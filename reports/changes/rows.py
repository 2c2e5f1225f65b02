"""The rows of the tables of changes; their fields are the columns of `reports.columns.change_columns`."""

from dataclasses import dataclass
from enum import StrEnum


class Change(StrEnum):
    """What became of a host, a service or a process."""

    GREW = "grew"
    SHRANK = "shrank"
    APPEARED = "appeared"
    WENT = "went"
    RESTARTED = "restarted"
    FAILED = "failed"  # a host that answered in the run compared with
    RECOVERED = "recovered"  # a host that failed then


class Subject(StrEnum):
    """Whom a change concerns."""

    HOST = "host"
    SERVICE = "service"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change. Sizes are None where they are not known, texts empty."""

    place: int
    change: str
    subject: str
    host: str
    service: str
    pid: int | None
    start_ticks: int | None
    comm: str
    before_bytes: int | None
    now_bytes: int | None
    change_bytes: int | None
    per_day_bytes: int | None
    trend_per_day_bytes: int | None
    kind: str
    kind_before_bytes: int | None
    kind_now_bytes: int | None
    kind_exact: str  # yes; no: both are upper bounds; "": the kind is not known
    peers: int | None
    peers_changed: int | None
    count: int
    count_before: int | None  # of a service that changed by the number of its processes
    stage: str
    reason: str
    owner: str

    @property
    def kind_is_bound(self) -> bool:
        """Whether the sizes of the kind are upper bounds."""
        return self.kind_exact == "no"


@dataclass(frozen=True, slots=True)
class ChangeCount:
    """How many changes of one sort there are, also those that the table has no room for."""

    change: str
    subject: str
    count: int
    change_bytes: int | None
