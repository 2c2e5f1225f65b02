"""Removes what need not be kept: after a run on this machine, and when a fleet has closed one."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from archive.catalogue import Catalogue, Unreadable
from archive.retention import Keep, Removal, What, carry_out, planned, remove_run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError, placed
from workers.here.locks import TakenError, held_to_remove, is_held
from workers.life.audit import SILENT, Audit

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


def prune(runs: Runs, keep: Keep | None, now: datetime, audit: Audit = SILENT) -> tuple[Pruned | Kept, ...]:
    """Remove what is older than it has to be kept, and what killed processes have left; all of it is logged.

    `now` has a time zone. Without `keep` only leftovers go. Runs and dumps stay if the audit does not take
    the line about them. What cannot be removed stays and does not hold up the rest; it is tried again the
    next time. OSError if the archive cannot be listed at all.
    """
    done = tuple(each_pruned(runs, keep, now, audit))
    for one in done:
        if isinstance(one, Pruned):
            log.info("pruned %s: %s (%d bytes)", one.removal.path, one.removal.why, one.size_bytes)
        elif one.is_trouble:
            log.warning("not pruned: %s: %s", one.path, one.reason)
    return done


def each_pruned(
    runs: Runs, keep: Keep | None, now: datetime, audit: Audit = SILENT, *, dry_run: bool = False
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
            yield _would_go(removal, runs) if dry_run else _pruned(removal, runs, audit)
        except TakenError:
            yield Kept(removal.path, AT_WORK, is_trouble=False)
        except OperatorError as error:
            yield Kept(removal.path, str(error))
        except OSError as error:
            yield Kept(removal.path, placed(error, removal.path))


def _would_go(removal: Removal, runs: Runs) -> Pruned | Kept:
    if _is_at_work(removal, runs):
        return Kept(removal.path, AT_WORK, is_trouble=False)
    return Pruned(removal, runs.store.tree_bytes(removal.path))


def _pruned(removal: Removal, runs: Runs, audit: Audit) -> Pruned | Kept:
    if _is_at_work(removal, runs):
        return Kept(removal.path, AT_WORK, is_trouble=False)
    if removal.what is not What.LEFTOVER:
        audit.removed(removal.run_id, removal.what.value, removal.why)
    return Pruned(removal, carry_out(removal, runs, held_to_remove))


def _is_at_work(removal: Removal, runs: Runs) -> bool:
    return bool(removal.run_id) and is_held(runs.store.under(removal.run_id))


def remove(runs: Runs, run_id: str, audit: Audit = SILENT) -> int:
    """Remove one run for good, whatever is still to be done of it; the bytes that went.

    OperatorError if a process on some machine or the workers of a fleet are at it.
    """
    if runs.is_queued(run_id):
        remedy = f"wait for it; if the workers are gone for good, remove {runs.queue_place(run_id)}"
        raise OperatorError(Mistake(run_id, "is being executed by the workers of a fleet", remedy))
    size_bytes = runs.store.tree_bytes(run_id)
    audit.removed(run_id, What.RUN.value, "on demand")
    remove_run(run_id, runs, held_to_remove)
    return size_bytes
