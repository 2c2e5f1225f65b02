"""What an archive holds, a line for each run. A closed run is known by its closed.json and its file names.

Nothing else of it is read, so that a year of nights is listed at once. The manifest is read of open runs, and
of those that an older mapsweep closed.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from archive.run import CLOSED, MANIFEST, Run
from archive.runs import NoRunError, Runs
from domain.mistakes import OperatorError, placed
from domain.records import Asker, Closed

READS_AT_ONCE: Final = 16  # a bucket takes some 20 ms for each answer


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of an archive."""

    run_id: str
    started_at: str  # UTC, RFC 3339
    scope: str  # its name
    hosts: str  # the pattern as typed
    asked: int
    closed: Closed | None  # None: it is open
    deadline_at: str  # UTC, RFC 3339; "" of a closed run
    has_dumps: bool
    size_bytes: int | None  # None if nobody has counted
    is_queued: bool  # given to the workers of a fleet, and not finished
    is_unmailed: bool  # its report still has to be mailed
    is_unposted: bool = False  # the webhook still has to get its news
    is_link: bool = False  # its folder lies elsewhere
    asker: Asker | None = None  # None: an older mapsweep planned it

    @property
    def is_good(self) -> bool:
        """Whether it is closed, and `Closed.is_good`."""
        return self.closed is not None and self.closed.is_good

    def age(self, now: datetime) -> timedelta:
        """How long ago it was started; negative if a clock was wrong."""
        return now - datetime.fromisoformat(self.started_at)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A run of which nothing is known, and why."""

    run_id: str
    reason: str


class Catalogue:
    """The runs of an archive as they are now.

    `ids` has also folders whose manifest is gone; of them `bare` has those that were looked at.
    `trouble` says why the marks of queued and unmailed runs cannot be read, if so: none is known then.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self.bare = set[str]()
        # before the ids: a mark is written after its run, so that no run of a mark is missed
        self.trouble = ""
        self.queued = self._marks(runs.queued)
        self.unmailed = self._marks(runs.unmailed)
        self.unposted = self._marks(runs.unposted)
        self.ids = tuple(runs.ids())

    def entry(self, run_id: str) -> Entry | Unreadable | None:
        """A run by its id; None if it has no manifest, and so is none."""
        try:
            return self._entry(run_id)
        except (NoRunError, FileNotFoundError):  # removed while it was read
            return None
        except OperatorError as error:
            return Unreadable(run_id, str(error))
        except OSError as error:  # of another account, or on a disk that fails: the others are shown
            return Unreadable(run_id, placed(error, self._runs.store.place(run_id)))

    def newest_first(self) -> Iterator[Entry | Unreadable]:
        """The runs, the last first; they are read as they are asked for, of a bucket some at once."""
        ids = self.ids[::-1]
        if self._runs.store.local_path("") is not None:
            yield from (entry for entry in map(self.entry, ids) if entry is not None)
            return
        with ThreadPoolExecutor(READS_AT_ONCE) as pool:
            for first in range(0, len(ids), READS_AT_ONCE):
                some = pool.map(self.entry, ids[first : first + READS_AT_ONCE])
                yield from (entry for entry in some if entry is not None)

    def _marks(self, listed: Callable[[], tuple[str, ...]]) -> frozenset[str]:
        try:
            return frozenset(listed())
        except OSError as error:  # of another account: the runs are shown anyway
            self.trouble = placed(error, self._runs.store.url)
            return frozenset()

    def _entry(self, run_id: str) -> Entry | None:
        files = self._runs.store.sizes(run_id)
        if MANIFEST not in files:
            self.bare.add(run_id)
            return None
        closed = self._runs.closed(run_id) if CLOSED in files else None
        if closed is None or not closed.started_at:
            return self._by_manifest(run_id, closed, has_dumps="dumps" in files)
        has_dumps = "dumps" in files and closed.dumps_bytes != 0
        counted = (closed.results_bytes or 0) + ((closed.dumps_bytes or 0) if has_dumps else 0)
        rendered = self._runs.store.sizes(f"{run_id}/report") if "report" in files else {}
        return Entry(
            run_id=run_id,
            started_at=closed.started_at,
            scope=closed.scope,
            hosts=closed.hosts,
            asked=closed.asked,
            closed=closed,
            deadline_at="",
            has_dumps=has_dumps,
            size_bytes=counted + sum(files.values()) + sum(rendered.values()),
            is_queued=run_id in self.queued,
            is_unmailed=run_id in self.unmailed,
            is_unposted=run_id in self.unposted,
            is_link=self._runs.store.is_link(run_id),
            asker=closed.asker,
        )

    def _by_manifest(self, run_id: str, closed: Closed | None, *, has_dumps: bool) -> Entry:
        manifest = self.run(run_id).manifest
        return Entry(
            run_id=run_id,
            started_at=manifest.started_at,
            scope=manifest.scope.name,
            hosts=manifest.scope.hosts,
            asked=len(manifest.hosts),
            closed=closed,
            deadline_at="" if closed else manifest.deadline_at,
            has_dumps=has_dumps,
            size_bytes=None if closed else self._runs.store.tree_bytes(run_id),
            is_queued=run_id in self.queued,
            is_unmailed=run_id in self.unmailed,
            is_unposted=run_id in self.unposted,
            is_link=self._runs.store.is_link(run_id),
            asker=manifest.asker,
        )

    def run(self, run_id: str) -> Run:
        """A run, opened. Its signature is not checked, because nothing is done that it asks for."""
        return Runs(self._runs.store.url).by_id(run_id)
