"""Runs of the hosts that failed in another run: what their scope says, and which of them belong together."""

from collections.abc import Iterator
from typing import Final

from archive.run import Run
from archive.runs import Runs
from domain.mistakes import OperatorError

_FAILED_IN: Final = " that failed in "
_SECOND: Final = len("20261123T045837Z")  # of a run id: when it began


def pattern_of_retry(pattern: str, run_id: str) -> str:
    """The scope's pattern of a retry: its own, so that no run of all hosts is compared with these few."""
    return f"{pattern}{_FAILED_IN}{run_id}"


def retried(pattern: str) -> tuple[str, str]:
    """A scope's pattern as it was typed, and the id of the run that was retried; "" if it is no retry."""
    typed, _, run_id = pattern.partition(_FAILED_IN)
    return typed, run_id


def chain(runs: Runs, run: Run) -> list[Run]:
    """The run that came first, then its closed retries of the same name; each after the one that it retries.

    `run` is any of them. If the first one was removed, the chain begins with what is left.
    """
    links = [run]
    while earlier := retried(links[0].manifest.scope.hosts)[1]:
        try:
            links.insert(0, runs.by_id(earlier))
        except OperatorError:
            break
    named = {link.run_id for link in links}
    left = [later for later in _closed_retries(runs, links[0]) if later.run_id not in named]
    while found := [later for later in left if retried(later.manifest.scope.hosts)[1] in named]:
        links += found
        named |= {later.run_id for later in found}
        left = [later for later in left if later not in found]
    return links


def _closed_retries(runs: Runs, first: Run) -> Iterator[Run]:
    """The closed retries of the same name that began with it or later."""
    for run_id in runs.ids():
        if run_id[:_SECOND] < first.run_id[:_SECOND]:
            continue
        try:
            closed = runs.closed(run_id)
            if closed is not None and closed.scope == first.manifest.scope.name and retried(closed.hosts)[1]:
                yield runs.by_id(run_id)
        except (OperatorError, OSError):  # damaged, or removed meanwhile
            continue
