"""What is removed from an archive, and why: first planned, then carried out, one removal at a time.

Of a run the manifest goes first: without it nobody takes the folder for a run. What is left of it when the
process is killed is a leftover, which the next time removes. Nothing is written: the disk may be full.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from archive.catalogue import Catalogue, Entry, Unreadable
from archive.run import CLOSED, LOCK, MANIFEST
from archive.run_ids import started_of
from archive.runs import Runs
from archive.signature import SIGNATURE
from archive.store import Store
from domain.mistakes import Mistake, OperatorError

LEFT_OVER_AFTER: Final = timedelta(days=1)  # nothing that somebody still writes is so old
_DUMPS: Final = "dumps"
_NEVER_BEGUN: Final = {MANIFEST, LOCK}  # what a run has that was neither signed nor begun

# holds the run in a folder, by its id; OperatorError if another process does
Hold = Callable[[Store, str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept. The last good run of each scope is, whatever this says."""

    days: int = 0  # how long runs are kept; 0: for ever
    dumps_days: int = 0  # how long the dumps of closed runs are kept; 0: as long as the run
    runs_at_least: int = 1  # as many good runs of each scope are kept, however old


class What(StrEnum):
    """What a removal takes away."""

    RUN = "run"
    DUMPS = "dumps"
    LEFTOVER = "leftover"


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing to be removed."""

    what: What
    path: str  # in the archive
    why: str
    run_id: str = ""  # the run that must not be at work meanwhile; "" for none


def planned(
    catalogue: Catalogue, entries: Sequence[Entry | Unreadable], runs: Runs, keep: Keep | None, now: datetime
) -> Iterator[Removal]:
    """All that can go at this time, of the runs of a catalogue; without `keep`, only leftovers.

    A run that cannot be read stays.
    """
    readable = [entry for entry in reversed(entries) if isinstance(entry, Entry)]
    going = tuple(old(readable, keep, now)) if keep else ()
    yield from going
    gone = {removal.path for removal in going if removal.what is What.RUN}
    there = {entry.run_id for entry in entries}
    for run_id in catalogue.ids:
        if run_id not in there and _is_left_over(started_of(run_id), now):
            yield Removal(What.LEFTOVER, run_id, "has no manifest: its removal was stopped", run_id)
    for folder, marked in _marks(catalogue):
        for run_id in sorted(marked - there):
            if started_of(run_id) is not None:  # notices are marked as well
                yield Removal(What.LEFTOVER, f"{folder}/{run_id}", "is the mark of a run that is gone")
    for entry in readable:
        if entry.run_id not in gone:
            yield from _left_in(entry, runs, now)
    for path, changed_at in runs.store.unfinished():
        if path.partition("/")[0] not in gone and _is_left_over(changed_at, now):
            yield Removal(What.LEFTOVER, path, f"was not written to its end, {_days(now - changed_at)} ago")


def _marks(catalogue: Catalogue) -> tuple[tuple[str, frozenset[str]], ...]:
    return (
        ("queued", catalogue.queued),
        ("unmailed", catalogue.unmailed),
        ("unposted", catalogue.unposted),
    )


def old(entries: Sequence[Entry], keep: Keep, now: datetime) -> Iterator[Removal]:
    """The runs and dumps that are older than they have to be kept, the oldest first."""
    newer_good = Counter[str]()
    removals: list[Removal] = []
    for entry in sorted(entries, key=lambda one: one.age(now)):
        is_kept = entry.is_good and newer_good[entry.scope] < max(1, keep.runs_at_least)
        newer_good[entry.scope] += entry.is_good
        age = entry.age(now)
        if entry.is_link or _is_wanted(entry, now):
            continue
        if keep.days and age > timedelta(days=keep.days) and not is_kept:
            why = f"{_kind(entry)}, {_days(age)} old; keep.days is {keep.days}"
            removals.append(Removal(What.RUN, entry.run_id, why, entry.run_id))
        elif keep.dumps_days and _has_spare_dumps(entry) and age > timedelta(days=keep.dumps_days):
            why = f"{_days(age)} old; keep.dumps_days is {keep.dumps_days}"
            removals.append(Removal(What.DUMPS, f"{entry.run_id}/{_DUMPS}", why, entry.run_id))
    yield from reversed(removals)


def carry_out(removal: Removal, runs: Runs, hold: Hold) -> int:
    """Remove it; the bytes that went. 0 if another was quicker, or if it came to count since it was planned.

    OperatorError if the run is at work, or if a link is in the way.
    """
    _check_no_link(removal.path, runs.store)
    size_bytes = runs.store.tree_bytes(removal.path)
    if not removal.run_id:
        runs.store.remove_tree(removal.path)
        return size_bytes
    if runs.is_queued(removal.run_id) and runs.store.exists(f"{removal.run_id}/{MANIFEST}"):
        raise OperatorError(Mistake(removal.run_id, "was given to the workers of a fleet meanwhile"))
    is_whole = removal.path == removal.run_id
    if runs.store.sizes(removal.run_id):
        with hold(runs.store.under(removal.run_id), removal.run_id):
            if removal.what is What.LEFTOVER and _counts(removal, runs):
                return 0
            if is_whole:
                _empty(removal.run_id, runs.store)
            else:
                runs.store.remove_tree(removal.path)
    if is_whole:
        _forget(removal.run_id, runs)
    return size_bytes


def remove_run(run_id: str, runs: Runs, hold: Hold) -> None:
    """Remove a run, or what is left of one, and its marks. Interrupted, it can be repeated.

    OperatorError if it is at work, as `hold` says.
    """
    if not runs.store.is_link(run_id) and runs.store.sizes(run_id):
        with hold(runs.store.under(run_id), run_id):
            _empty(run_id, runs.store)
    _forget(run_id, runs)


def _empty(run_id: str, store: Store) -> None:
    for name in (MANIFEST, SIGNATURE, CLOSED):
        store.remove(f"{run_id}/{name}")
    for name in sorted(store.sizes(run_id)):
        if name != LOCK:  # NFS does not remove a folder with a file that is open
            store.remove_tree(f"{run_id}/{name}")


def _forget(run_id: str, runs: Runs) -> None:
    runs.store.remove_tree(run_id)
    runs.unqueue(run_id)
    runs.unmark_unmailed(run_id)
    runs.unmark_unposted(run_id)


def _counts(leftover: Removal, runs: Runs) -> bool:
    """Whether somebody has made a leftover count since it was planned: restored, begun or reclassified it."""
    files = set(runs.store.sizes(leftover.run_id))
    if leftover.path == leftover.run_id:
        return MANIFEST in files and not files <= _NEVER_BEGUN
    closed = Runs(runs.store.url).by_id(leftover.run_id).closed()
    return closed is None or closed.results == leftover.path.rpartition("/")[2]


def _check_no_link(path: str, store: Store) -> None:
    """OperatorError if a folder on the way to a path is a link: what lies behind it is not the archive's."""
    parts = path.split("/")
    for end in range(1, len(parts)):
        if store.is_link(folder := "/".join(parts[:end])):
            problem = f"is a symbolic link, so {parts[end]!r} in it is not removed"
            raise OperatorError(Mistake(store.place(folder), problem, "remove it by hand where it lies"))


def _is_wanted(entry: Entry, now: datetime) -> bool:
    """Whether somebody works on the run, or will: workers, mail, webhook, or one who resumes it in time."""
    if entry.is_queued or entry.is_unmailed or entry.is_unposted:
        return True
    return entry.closed is None and datetime.fromisoformat(entry.deadline_at) > now


def _has_spare_dumps(entry: Entry) -> bool:
    """Whether the numbers of a run are in its tables, so that it can do without its dumps."""
    return entry.has_dumps and entry.closed is not None and bool(entry.closed.results)


def _left_in(entry: Entry, runs: Runs, now: datetime) -> Iterator[Removal]:
    """What no longer counts in a run, and runs that were never begun."""
    if entry.is_link or entry.is_queued or not _is_left_over(datetime.fromisoformat(entry.started_at), now):
        return
    if entry.closed is None:
        if runs.signs and not _is_wanted(entry, now) and set(runs.store.sizes(entry.run_id)) <= _NEVER_BEGUN:
            yield Removal(
                What.LEFTOVER, entry.run_id, "was planned and neither signed nor begun", entry.run_id
            )
        return
    if not entry.closed.results:
        return
    counts = entry.closed.results
    tables = (
        runs.store.sizes(f"{entry.run_id}/settled").keys()
        | runs.store.sizes(f"{entry.run_id}/results").keys()
    )
    for version in sorted(name for name in tables if name != counts and not name.startswith(".")):
        for folder in (f"{entry.run_id}/{kind}" for kind in ("settled", "results", "failures")):
            if runs.store.sizes(f"{folder}/{version}"):
                why = f"is not of the rules that count ({counts})"
                yield Removal(What.LEFTOVER, f"{folder}/{version}", why, entry.run_id)


def _is_left_over(since: datetime | None, now: datetime) -> bool:
    return since is not None and now - since > LEFT_OVER_AFTER


def _kind(entry: Entry) -> str:
    if entry.closed is None:
        return "never finished"
    return "complete" if entry.is_good else "not complete"


def _days(age: timedelta) -> str:
    return f"{age / timedelta(days=1):.0f} d"
