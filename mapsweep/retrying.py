"""The hosts that failed in a closed run, to be swept again in a run of their own."""

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from archive.resuming import resume_command
from archive.retries import chain, retried
from archive.run import Run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError
from domain.records import Host, Scope
from mapsweep.selection import selected
from mapsweep.settings.key import EvidenceName
from mapsweep.settings.settings import Settings, find_inventory
from mapsweep.terminal.exits import complain
from reports.tables import settled
from reports.tables.settled import Settled
from reports.tables.status import FAILED

FLAG = "--retry-failed"
NAMED_MAX = 5  # hosts that a message names


@dataclass(frozen=True, slots=True)
class Retry:
    """What is asked again: hosts of a run, and what the run knows of how it asked them."""

    run_id: str  # of the newest run of the chain: the one that the retry follows
    hosts: tuple[Host, ...]  # as they were asked
    scope: Scope
    pattern: str  # as it was typed for the first run of the chain
    inventory: tuple[str, ...]  # the sources that its command named

    @property
    def names(self) -> frozenset[str]:
        """The names of the hosts."""
        return frozenset(host.name for host in self.hosts)

    def as_asked(self, settings: Settings, *, become: bool, evidence: str | None) -> Settings:
        """The settings with what the run read, where nothing else was typed."""
        kept = settings.evidence if evidence else EvidenceName(self.scope.evidence)
        return replace(settings, become=become or self.scope.become, evidence=kept)

    def selected(self, settings: Settings, patterns: tuple[str, ...]) -> tuple[Host, ...]:
        """The hosts as the inventory has them now: that of -i, else the run's, else that of the settings.

        Where there is none, the hosts as the run asked them; OperatorError as `among`. A program that only
        the run names is not run: who may write into the folder of runs must not choose what is executed here.
        """
        if _is_named(settings):
            return among(selected(settings, patterns or (self.pattern,)), self.names)
        if self.inventory:
            known = replace(settings, inventory=self.inventory)
            return among(selected(known, patterns or (self.pattern,), runs_programs=False), self.names)
        try:
            find_inventory(settings, os.environ)
        except OperatorError:
            if patterns:
                raise
            said = f"there is no inventory: the hosts are asked as {self.run_id} asked them"
            complain(said, is_warning=True)
            return self.hosts
        return among(selected(settings, patterns or (self.pattern,)), self.names)


def _is_named(settings: Settings) -> bool:
    """Whether the command line names the inventory."""
    return settings.origins.get("inventory", "").startswith("-")


def retry(runs: Runs, run: Run, reasons: tuple[str, ...] = ()) -> Retry:
    """The hosts that failed in a closed run and answered in no closed retry of it, by their last reason.

    With `reasons` only those that failed so; OperatorError if there are none. `run` can be a retry itself:
    then the run that came first counts. Partial hosts are not among them: they answered.
    """
    if run.closed() is None:
        remedy = f"{resume_command(run)} goes on with it"
        raise OperatorError(Mistake(f"{FLAG} {run.run_id}", "is not closed", remedy))
    links = chain(runs, run)
    failed, is_over = _failed(links)
    found = set(failed.values())
    if unmet := [reason for reason in reasons if reason not in found]:
        problem = f"no host failed by {', '.join(unmet)} in {run.run_id}"
        raise OperatorError(Mistake("--reason", problem, f"there are: {', '.join(sorted(found)) or 'none'}"))
    names = {name for name, reason in failed.items() if not reasons or reason in reasons}
    if not names:
        problem = "each host that failed has answered in a retry" if is_over else "no host failed in it"
        raise OperatorError(Mistake(f"{FLAG} {run.run_id}", problem))
    last = {host.name: host for link in links for host in link.manifest.hosts}
    hosts = tuple(last[name] for name in last if name in names)
    typed = (_inventory(link.manifest.command) for link in reversed(links))
    pattern = retried(links[0].manifest.scope.hosts)[0]
    return Retry(links[-1].run_id, hosts, links[-1].manifest.scope, pattern, next(filter(None, typed), ()))


def _failed(links: list[Run]) -> tuple[dict[str, str], bool]:
    """The last reason of each host that failed and never answered, and whether some answered in a retry."""
    failed: dict[str, str] = {}
    answered: set[str] = set()
    for link in links:
        table = Settled(link).table(settled.HOSTS, ("name", "status", "reason"))
        for row in table.iter_rows(named=True):
            if row["status"] == FAILED:
                failed[row["name"]] = row["reason"]
            else:
                answered.add(row["name"])
    cured = answered & failed.keys()
    return {name: reason for name, reason in failed.items() if name not in answered}, bool(cured)


def _inventory(command: str) -> tuple[str, ...]:
    """The sources that a recorded command names."""
    words = shlex.split(command)
    return tuple(value for word, value in pairwise(words) if word == "--inventory")


def among(hosts: Iterable[Host], failed: frozenset[str]) -> tuple[Host, ...]:
    """Those of `hosts` that failed, as the inventory has them now; OperatorError if none is there.

    A warning names those that failed and are not among `hosts`.
    """
    chosen = tuple(host for host in hosts if host.name in failed)
    gone = sorted(failed - {host.name for host in chosen})
    if not chosen:
        remedy = "give the inventory of that run (-i), and a pattern that its failed hosts match"
        raise OperatorError(Mistake(FLAG, "none of the hosts that failed is selected", remedy))
    if gone:
        more = ", ..." if len(gone) > NAMED_MAX else ""
        complain(
            f"{FLAG}: {len(gone)} of {len(failed)} hosts that failed are not selected: "
            f"{', '.join(gone[:NAMED_MAX])}{more}",
            is_warning=True,
        )
    return chosen
