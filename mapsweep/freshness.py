"""Whether runs still come: a dead man's switch for any monitoring."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from archive.catalogue import Entry, Unreadable
from archive.retries import retried
from reports.text.sizes import duration

ANY: Final = ""  # for whatever scope
CLOCK_SLACK: Final = timedelta(minutes=5)  # of the clocks of two machines


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the last good run of a scope is."""

    scope: str | None  # None: all runs together
    is_fresh: bool
    run: str | None  # the last good one
    age_s: int | None
    sentence: str


def freshness(
    entries: Iterable[Entry | Unreadable], scopes: Sequence[str], max_age: timedelta, now: datetime
) -> Iterator[Freshness]:
    """One answer per scope, of runs the newest first.

    A run that begins in the future does not count, nor does a retry of the hosts that failed in another run.
    """
    last: dict[str, Entry] = {}
    future = 0
    for entry in entries:
        if isinstance(entry, Unreadable) or not entry.is_good or retried(entry.hosts)[1]:
            continue
        if entry.age(now) < -CLOCK_SLACK:
            future += 1
            continue
        for scope in (entry.scope, ANY):
            if scope in scopes:
                last.setdefault(scope, entry)
        if len(last) == len(set(scopes)):
            break
    more = f"; of {future} good runs the start is in the future: look at the clocks" if future else ""
    for scope in scopes:
        yield _of(scope or None, last.get(scope), max_age, now, more)


def _of(scope: str | None, last: Entry | None, max_age: timedelta, now: datetime, more: str) -> Freshness:
    name, limit = scope or "all runs", duration(max_age.total_seconds())
    if last is None:
        return Freshness(scope, False, None, None, f"{name}: STALE: there is no good run{more}")
    age = last.age(now)
    told = f"{last.run_id} began {duration(age.total_seconds())} ago"
    is_fresh = age <= max_age
    state, why = ("ok", "") if is_fresh else ("STALE", f", the limit is {limit}{more}")
    return Freshness(scope, is_fresh, last.run_id, int(age.total_seconds()), f"{name}: {state}: {told}{why}")
