"""What became of the due times of a schedule: one object for each schedule, replaced when something changes.

    schedules/NAME.json

It answers what is owed, so that a start that nobody asked for, or that failed, is made up for or told.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Final

from archive import codec
from archive.store import Store
from domain.records import SCHEMA_VERSION, STRICT

DUES_KEPT_MAX: Final = 60
_FOLDER: Final = "schedules"
_BYTES_MAX: Final = 2**20


class State(StrEnum):
    """What became of a due time."""

    STARTED = "started"
    FAILING = "failing"  # is tried again
    WAITING = "waiting"  # for the run before to end
    FAILED = "failed"  # given up
    MISSED = "missed"  # nobody looked after schedules in time
    SKIPPED = "skipped"  # the run before was still at work
    VOID = "void"  # decided while a clock was ahead: it counts for nothing

    @property
    def is_open(self) -> bool:
        """Whether it can still become a run."""
        return self in {State.FAILING, State.WAITING}


@dataclass(frozen=True, slots=True)
class Due:
    """One due time, and what became of it. Times are UTC, RFC 3339."""

    __pydantic_config__: ClassVar = STRICT
    due_at: str
    state: State
    at: str  # when it was decided
    run_id: str = ""
    reason: str = ""
    since: str = ""  # of the first try that failed
    told: bool = False  # a notice was put into the outbox

    @property
    def is_good(self) -> bool:
        """Whether it became a run, or waits for one that is at work."""
        return self.state in {State.STARTED, State.WAITING}


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """The due times of a schedule since it is known, the oldest first."""

    __pydantic_config__: ClassVar = STRICT
    name: str
    crontab: str
    time_zone: str
    since: str  # due times before are not owed
    dues: tuple[Due, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def of(self, due_at: str) -> Due | None:
        """What became of a due time."""
        return next((due for due in self.dues if due.due_at == due_at), None)

    def last_started(self) -> Due | None:
        """The last due time that became a run."""
        return next((due for due in reversed(self.dues) if due.state is State.STARTED), None)

    def is_skipped_for(self, reason: str) -> bool:
        """Whether a due time was skipped for this reason."""
        return any(due.state is State.SKIPPED and due.reason == reason for due in self.dues)

    def last_decided(self) -> str:
        """The last due time of which nothing more becomes, or when the schedule became known."""
        over = (due.due_at for due in self.dues if not due.state.is_open and due.state is not State.VOID)
        return max((self.since, *over))

    def having(self, due: Due) -> "ScheduleRecord":
        """With what became of one due time; only the last ones are kept."""
        others = [each for each in self.dues if each.due_at != due.due_at]
        dues = sorted((*others, due), key=lambda each: each.due_at)
        return replace(self, dues=tuple(dues[-DUES_KEPT_MAX:]))


class ScheduleRecords:
    """The records of an archive."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, name: str) -> ScheduleRecord | None:
        """The record of a schedule; None if it has none yet."""
        try:
            return codec.read(ScheduleRecord, self._store, f"{_FOLDER}/{name}.json", _BYTES_MAX)
        except FileNotFoundError:
            return None

    def write(self, record: ScheduleRecord) -> None:
        """Keep a record in place of the one before."""
        self._store.make_root()  # a new archive has no run yet
        self._store.replace(f"{_FOLDER}/{record.name}.json", codec.encode(record))

    def all(self) -> Iterator[ScheduleRecord]:
        """The records of all schedules, also of those that the settings have no more."""
        for file in sorted(self._store.list(_FOLDER)):
            if file.endswith(".json") and (record := self.read(file.removesuffix(".json"))):
                yield record
