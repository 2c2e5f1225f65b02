"""Which runs a worker acts on.

With a signing key, the signature decides; it was checked when the run was opened. Without one, whoever can
write to the folder of the runs could have planned the run. Then the run must stay within this worker's own
settings: hosts as in its inventory, limits at most its own, mail only to addresses in its schedules. Only
`become` is free, because each run chooses it, and the sudoers rule allows only the probe.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from time import monotonic

from archive.notices import Notice, Notices
from archive.run import Run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError
from domain.records import Host, Limits
from workers.fleet.worker_settings import WorkerSettings

INVENTORY_KEPT_S = 60  # reading a large one takes seconds; changes are noticed after this time
_TO_CLASSIFY = ("inflated_bytes", "classify_s")  # the limits of the run that classifying uses
_REMEDY = "give planners and workers the same signing_key_file, or the same inventory and settings"


@lru_cache(maxsize=8)
def opened_by_id(runs_url: str, run_id: str, signing_key: bytes = b"") -> Run:
    """A run by its id among the runs of one place; OperatorError for whatever else.

    Kept, because its manifest never changes and a fleet's takes a while to read. With a key, only a run that
    is signed with it.
    """
    return Runs(runs_url, signing_key).by_id(run_id)


class Trust:
    """Opens the runs in messages, for one worker."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._trusted: dict[str, Run] = {}  # the last run; `opened_by_id` caches the objects
        self._hosts: Mapping[str, Host] = {}
        self._hosts_until = 0.0

    def opened(self, run_id: str) -> Run:
        """A run that this worker may act on; OperatorError for any other.

        NoRunError where it is not there, or was removed.
        """
        run = self._run(run_id)
        if self._trusted.get(run_id) is not run:
            mistakes = tuple(self._mistakes(run))
            if mistakes:
                raise OperatorError(*mistakes)
            self._trusted = {run_id: run}
        return run

    def opened_to_classify(self, run_id: str) -> Run:
        """A run whose dumps this worker may read, whoever planned it: no host is contacted, no mail sent."""
        run, settings = self._run(run_id), self._settings
        for name in () if settings.signing_key else _TO_CLASSIFY:
            largest = getattr(settings.limits, name)
            if getattr(run.manifest.limits, name) > largest:
                problem = f"has {name} above {largest}, this worker's own limit"
                raise OperatorError(Mistake(run_id, problem, _REMEDY))
        return run

    def notice(self, notice_id: str) -> Notice:
        """A notice, to those of its list whom its run or this worker's schedules name.

        OperatorError if they name nobody of them.
        """
        notice = Notices(Runs(self._settings.runs_url).store).read(notice_id)
        known = self.opened(notice.run_id).manifest.mail_to if notice.run_id else self._known_addresses
        to = tuple(address for address in notice.to if address in known)
        if not to:
            problem = "has no recipient that its run or a schedule of this worker names"
            raise OperatorError(Mistake(f"notice about {notice.about[:80]!a}", problem, _REMEDY))
        return replace(notice, to=to)

    @property
    def _known_addresses(self) -> frozenset[str]:
        return frozenset(address for schedule in self._settings.schedules for address in schedule.mail_to)

    def _run(self, run_id: str) -> Run:
        settings = self._settings
        run = opened_by_id(settings.runs_url, run_id, settings.signing_key)
        if run.is_there():
            return run
        opened_by_id.cache_clear()  # it was removed, and may have been put back by now
        return opened_by_id(settings.runs_url, run_id, settings.signing_key)

    def _mistakes(self, run: Run) -> Iterator[Mistake]:
        if self._settings.signing_key:
            return
        yield from _above(run.manifest.limits, self._settings.limits, run.run_id)
        yield from self._strangers(run)
        if not self._known_addresses.issuperset(run.manifest.mail_to):
            yield Mistake(run.run_id, "has a recipient that no schedule of this worker names", _REMEDY)

    def _strangers(self, run: Run) -> Iterator[Mistake]:
        """The first host that differs from this worker's inventory."""
        own = self._own_hosts()
        for host in run.manifest.hosts:
            ours = own.get(host.name)
            if ours is None or replace(ours, become=host.become) != host:
                shown = ascii(host.name[:80])
                problem = f"has the host {shown}, which differs from this worker's inventory"
                yield Mistake(run.run_id, problem, _REMEDY)
                return

    def _own_hosts(self) -> Mapping[str, Host]:
        """The hosts of the worker's own inventory, without those that cannot be swept."""
        path = self._settings.inventory
        if path is None:
            return {}
        if monotonic() >= self._hosts_until:
            from collector.inventory.inventory import load  # noqa: PLC0415 - YAML and pydantic, for this alone

            inventory = load(path)
            # without localhost, which every inventory has implicitly
            hosts, obstacles = inventory.hosts, inventory.obstacles
            self._hosts = {name: host for name, host in hosts.items() if name not in obstacles}
            self._hosts_until = monotonic() + INVENTORY_KEPT_S
        return self._hosts


def _above(asked: Limits, own: Limits, run_id: str) -> Iterator[Mistake]:
    """The limits of a run that are not within the worker's own; NaN is not within any limit."""
    for each in fields(Limits):
        value, most = getattr(asked, each.name), getattr(own, each.name)
        if not (0 < value <= most or value == most):
            yield Mistake(
                run_id, f"has a {each.name} that is not from 1 to {most}, this worker's own limit", _REMEDY
            )
