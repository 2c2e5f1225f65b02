"""Which runs a worker acts on.

With a signing key, the signature decides; it was checked when the run was opened. Without one, whoever can
write to the folder of the runs could have planned the run. Then the run must stay within this worker's own
settings: hosts as in its inventory, limits at most its own, mail only to addresses in its schedules. `become`
is free, because each run chooses it, and the sudoers rule allows only the probe. Mutes are free as well: they
change nothing but what the report of that run tells.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from time import monotonic

from archive.dump_keys import NO_KEYS, DumpKeys
from archive.notices import Notice
from archive.run import Run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError
from domain.records import Host, Limits
from workers.fleet.worker_settings import WorkerSettings

INVENTORY_KEPT_S = 60  # reading a large one takes seconds; changes are noticed after this time
# the limits of the run that classifying uses
_TO_CLASSIFY = ("inflated_bytes", "classify_bytes", "classify_s")
_REMEDY = (
    "give planners and workers the same signing_key_file, or the same inventory, ssh_config and settings"
)


@lru_cache(maxsize=8)
def opened_by_id(runs_url: str, run_id: str, signing_key: bytes = b"", dump_keys: DumpKeys = NO_KEYS) -> Run:
    """A run by its id among the runs of one place; OperatorError for whatever else.

    Kept, because its manifest never changes and a fleet's takes a while to read. With a key, only a run that
    is signed with it.
    """
    return Runs(runs_url, signing_key, dump_keys).by_id(run_id)


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
        notice = self._settings.runs.notices.read(notice_id)
        known = self.opened(notice.run_id).manifest.mail_to if notice.run_id else self._known_addresses
        to = tuple(address for address in notice.to if address in known)
        if not to:
            problem = "has no recipient that its run or a schedule of this worker names"
            raise OperatorError(Mistake(f"notice about {notice.about[:80]!a}", problem, _REMEDY))
        return replace(notice, to=to)

    @property
    def _known_addresses(self) -> frozenset[str]:
        lists = (
            *(each.mail_to for each in self._settings.schedules),
            *(each.to for each in self._settings.mail_owners),
        )
        return frozenset(address for to in lists for address in to)

    def _run(self, run_id: str) -> Run:
        settings = self._settings
        named = settings.runs_url, run_id, settings.signing_key, settings.dump_keys
        run = opened_by_id(*named)
        if run.is_there():
            return run
        opened_by_id.cache_clear()  # it was removed, and may have been put back by now
        return opened_by_id(*named)

    def _mistakes(self, run: Run) -> Iterator[Mistake]:
        if self._settings.signing_key:
            return
        yield from _above(run.manifest.limits, self._settings.limits, run.run_id)
        yield from self._strangers(run)
        named = (*run.manifest.mail_to, *(each for owner in run.manifest.mail_owners for each in owner.to))
        if not self._known_addresses.issuperset(named):
            problem = "has a recipient that no schedule and no owner's list of this worker names"
            yield Mistake(run.run_id, problem, _REMEDY)

    def _strangers(self, run: Run) -> Iterator[Mistake]:
        """The first host that differs from this worker's inventory."""
        own = self._own_hosts()
        for host in run.manifest.hosts:
            ours = own.get(host.name)
            if ours is None:
                problem = f"has the host {host.name[:80]!a}, which this worker's inventory has not"
            elif differing := _differing(ours, host):
                problem = (
                    f"has the host {host.name[:80]!a}, which differs from this worker's inventory and"
                    f" ssh_config in {', '.join(differing)}"
                )
            else:
                continue
            yield Mistake(run.run_id, problem, _REMEDY)
            return

    def _own_hosts(self) -> Mapping[str, Host]:
        """The hosts of the worker's own inventory, without those that cannot be swept."""
        path = self._settings.inventory
        if path is None:
            return {}
        if monotonic() >= self._hosts_until:
            from collector.inventory.inventory import load  # noqa: PLC0415 - YAML and pydantic, for this alone

            inventory = load(path, self._settings.surroundings)
            # without localhost, which every inventory has implicitly
            hosts, obstacles = inventory.hosts, inventory.obstacles
            self._hosts = {name: host for name, host in hosts.items() if name not in obstacles}
            self._hosts_until = monotonic() + INVENTORY_KEPT_S
        return self._hosts


def _differing(ours: Host, host: Host) -> tuple[str, ...]:
    """The names of the fields in which a host of a run is not ours; a run may add become."""
    return tuple(
        each.name
        for each in fields(Host)
        if each.name != "become" and getattr(ours, each.name) != getattr(host, each.name)
    )


def _above(asked: Limits, own: Limits, run_id: str) -> Iterator[Mistake]:
    """The limits of a run that are not within the worker's own; NaN is not within any limit."""
    for each in fields(Limits):
        value, most = getattr(asked, each.name), getattr(own, each.name)
        if not (0 < value <= most or value == most):
            yield Mistake(
                run_id, f"has a {each.name} that is not from 1 to {most}, this worker's own limit", _REMEDY
            )
