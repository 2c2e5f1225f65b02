"""Removes what need not be kept: after a run on this machine, and when a fleet has closed one."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from archive.catalogue import Catalogue, Unreadable
from archive.retention import Keep, Removal, carry_out, planned, remove_run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError, placed
from workers.here.locks import TakenError, held_to_remove, is_held

AT_WORK: Final = "a process is at work on the run"

log = logging.getLogger("workers")


@dataclass(frozen=True, slots=True)
class Pruned:
    """One thing that was removed, or would be."""

    removal: Removal
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that stays for now, and why."""

    path: str  # in the archive
    reason: str
    is_trouble: bool = True  # False: a process is at it, and the next time it may go


def prune(runs: Runs, keep: Keep | None, now: datetime) -> tuple[Pruned | Kept, ...]:
    """Remove what is older than it has to be kept, and what killed processes have left; all of it is logged.

    `now` has a time zone. Without `keep` only leftovers go. What cannot be removed stays and does not
    hold up the rest; it is tried again the next time. OSError if the archive cannot be listed at all.
    """
    done = tuple(each_pruned(runs, keep, now))
    for one in done:
        if isinstance(one, Pruned):
            log.info("pruned %s: %s (%d bytes)", one.removal.path, one.removal.why, one.size_bytes)
        elif one.is_trouble:
            log.warning("not pruned: %s: %s", one.path, one.reason)
    return done


def each_pruned(
    runs: Runs, keep: Keep | None, now: datetime, *, dry_run: bool = False
) -> Iterator[Pruned | Kept]:
    """The same, one at a time as they go, not logged; `dry_run` removes nothing."""
    catalogue = Catalogue(runs)
    if catalogue.trouble:  # what is at work or to be mailed is not known
        yield Kept(runs.store.url, f"nothing is pruned: {catalogue.trouble}")
        return
    entries = tuple(catalogue.newest_first())
    for entry in entries:
        if isinstance(entry, Unreadable):
            yield Kept(entry.run_id, f"cannot be read, so it is kept: {entry.reason}")
    for removal in tuple(planned(catalogue, entries, runs, keep, now)):
        try:
            yield _pruned(removal, runs, dry_run=dry_run)
        except TakenError:
            yield Kept(removal.path, AT_WORK, is_trouble=False)
        except OperatorError as error:
            yield Kept(removal.path, str(error))
        except OSError as error:
            yield Kept(removal.path, placed(error, removal.path))


def _pruned(removal: Removal, runs: Runs, *, dry_run: bool) -> Pruned | Kept:
    if removal.run_id and is_held(runs.store.under(removal.run_id)):
        return Kept(removal.path, AT_WORK, is_trouble=False)
    size_bytes = runs.store.tree_bytes(removal.path) if dry_run else carry_out(removal, runs, held_to_remove)
    return Pruned(removal, size_bytes)


def remove(runs: Runs, run_id: str) -> int:
    """Remove one run for good, whatever is still to be done of it; the bytes that went.

    OperatorError if a process on some machine or the workers of a fleet are at it.
    """
    if runs.is_queued(run_id):
        remedy = f"wait for it; if the workers are gone for good, remove {runs.queue_place(run_id)}"
        raise OperatorError(Mistake(run_id, "is being executed by the workers of a fleet", remedy))
    size_bytes = runs.store.tree_bytes(run_id)
    remove_run(run_id, runs, held_to_remove)
    return size_bytes
