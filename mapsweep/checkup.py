"""Reads all that a run would need, and says of each thing how it is; nothing is written or contacted."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from archive.places import store_at
from archive.regular_file import opened
from collector.inventory.inventory import Inventory, load
from collector.inventory.patterns import select
from collector.ssh.known_hosts import KnownHosts, Policy
from domain.mistakes import Mistake, OperatorError
from domain.records import Connection, Host
from mapsweep.settings import composition
from mapsweep.settings.effective import secret_origins
from mapsweep.settings.for_workers import only_broker, schedules, worker_settings
from mapsweep.settings.settings import Settings, find_inventory
from mapsweep.settings.sources import Environment
from procmaps.masking import mask_line
from procmaps.masking_options import AS_BY_DEFAULT
from reports.sizes import size
from workers.fleet.app import COLLECT, QUEUES, REPORT
from workers.fleet.broker import tls_options
from workers.fleet.worker_settings import WorkerSettings
from workers.life.plan import Means, Request, check, planned
from workers.life.schedules import Schedule

DUE_TIMES: Final = 3  # shown of each schedule
KEY_FILES_SHOWN: Final = 20  # that cannot be read; a fleet has few
PROBLEM_CHARS_MAX: Final = 300

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact:
    """What is so of one thing, and of a schedule its next due times."""

    what: str
    text: str
    due: tuple[str, ...] = ()


@dataclass(slots=True)
class Findings:
    """What was found: facts that are good, mistakes, and warnings."""

    facts: list[Fact] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def good(self, what: str, text: str, due: Iterable[str] = ()) -> None:
        """A fact about one thing."""
        self.facts.append(Fact(what, text, tuple(due)))

    def lines(self) -> Iterator[str]:
        """The facts for people."""
        for fact in self.facts:
            yield f"{fact.what:<10} {fact.text}"
            yield from (f"{'':<10}   {time}" for time in fact.due)

    def tried(self, read: Callable[[], T]) -> T | None:
        """What `read` gives; None if it has found mistakes, which are kept."""
        try:
            return read()
        except OperatorError as error:
            self.mistakes += error.mistakes
        return None


def checked(
    settings: Settings, environment: Environment, queues: Sequence[str] = QUEUES, now: datetime | None = None
) -> Findings:
    """Check the settings for a machine that does the work of these queues; no mistake hides another."""
    found = Findings()
    found.good("settings", f"{settings.file or 'no file'}, {len(settings.origins)} values are set")
    _check_secrets(settings, environment, queues, found)
    _check_runs(settings, found)
    inventory = _check_inventory(settings, environment, queues, found)
    if COLLECT in queues:
        _check_host_keys(settings, inventory, found)
    workers = None if found.mistakes else found.tried(lambda: worker_settings(settings, environment, queues))
    for schedule in schedules(settings):
        text = _check_schedule(schedule, inventory, workers, found)
        found.good("schedule", f"{schedule.name}: {text}", due_times(schedule, now or datetime.now(UTC)))
    if settings.schedules and not settings.broker:
        problem = "no broker is set, so mapsweep beat cannot start their runs"
        found.mistakes.append(
            Mistake("schedules", problem, "set broker, or start `mapsweep collect` by cron")
        )
    return found


def due_times(schedule: Schedule, now: datetime) -> Iterator[str]:
    """The next due times of a schedule."""
    due = now
    for _ in range(DUE_TIMES):
        due = schedule.due.next_after(due)
        yield schedule.shown(due)


def _check_secrets(
    settings: Settings, environment: Environment, queues: Sequence[str], found: Findings
) -> None:
    collects, reports = COLLECT in queues, REPORT in queues
    password = found.tried(lambda: composition.broker_password(settings, environment))
    if collects or reports:
        found.tried(lambda: composition.signing_key(settings, environment))
    if collects:
        found.tried(lambda: composition.access(settings, environment))
    if reports:
        found.tried(lambda: composition.mail_settings(settings, environment))
    named = [each.name for each in secret_origins(settings, environment) if each.origin]
    found.good("secrets", ", ".join(named) or "none are set")
    if settings.broker and password is not None:
        _check_broker(settings, password, found)


def _check_broker(settings: Settings, password: str, found: Findings) -> None:
    """Its URL, its password where one is needed, and its certificates; it is not asked anything."""
    given = only_broker(settings, password)
    if found.tried(lambda: tls_options(given)) is not None:
        found.good("broker", f"{settings.broker}, {'with' if password else 'without'} a password")


def _check_host_keys(settings: Settings, inventory: Inventory | None, found: Findings) -> None:
    has_remote = inventory and any(each.connection is Connection.SSH for each in inventory.hosts.values())
    paths, policy = [Path(each) for each in settings.ssh.known_hosts], settings.ssh.host_key_policy
    known = found.tried(lambda: KnownHosts(paths, policy))
    if known is None:
        return
    if known.warning:
        found.warnings.append(known.warning)
    there = [path for path in paths if path.exists()]
    asked = "ssh.known_hosts" in settings.origins
    for path in paths if asked else ():
        if path not in there:
            problem = "there is no such file of host keys"
            found.mistakes.append(Mistake(str(path), problem, "make it, or remove it from ssh.known_hosts"))
    if has_remote and not there and policy is Policy.STRICT and not asked:
        problem = f"none of them is there ({', '.join(map(str, paths))}), so each host is refused"
        remedy = "add the hosts with ssh-keyscan, and compare their keys"
        found.mistakes.append(Mistake("ssh.known_hosts", problem, remedy))
    found.good("host keys", f"{policy.value}; {', '.join(map(str, there)) or 'no file is there'}")


def _check_runs(settings: Settings, found: Findings) -> None:
    place = found.tried(lambda: store_at(settings.runs))
    if place is None:
        return
    folder = place.local_path("")
    try:
        if folder is None:
            place.list("queued")
        elif problem := _problem_of(folder):
            remedy = "run it as the account of the workers, or give the folder to this account"
            found.mistakes.append(Mistake(str(folder), problem, remedy))
            return
        free = place.free_bytes()
    except Exception as error:  # noqa: BLE001 - each storage has errors of its own
        said = mask_line(" ".join(f"{type(error).__name__}: {error}".split()), AS_BY_DEFAULT)
        remedy = "check the storage's configuration and the account's rights"
        problem = f"cannot be listed: {said[:PROBLEM_CHARS_MAX]}"
        found.mistakes.append(Mistake(settings.runs, problem, remedy))
    else:
        found.good("runs", place.url + ("" if free is None else f": {size(free, plain=True)} free"))


def _problem_of(folder: Path) -> str:
    """Why no run can be kept in a folder; "" if one can, also where it is still to be made."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        return f"{there} is not a folder"
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        return (
            f"this account may not write in {there}"
            if there != folder
            else "this account may not write there"
        )
    return ""


def _check_inventory(
    settings: Settings, environment: Environment, queues: Sequence[str], found: Findings
) -> Inventory | None:
    """The inventory; where nothing needs one it may be missing."""
    needs = bool(settings.schedules) or settings.inventory is not None
    try:
        path = find_inventory(settings, environment)
    except OperatorError as error:
        if needs:
            found.mistakes += error.mistakes
        else:
            found.good("inventory", "none; `mapsweep collect` would need -i FILE")
        return None
    inventory = found.tried(lambda: load(path))
    if inventory is None:
        return None
    found.warnings += inventory.warnings
    found.good("inventory", f"{path}: {_hosts(len(inventory.hosts))}")
    if COLLECT in queues:
        found.mistakes += _unreadable_keys(inventory.hosts.values())
    return inventory


def _unreadable_keys(hosts: Iterable[Host]) -> Iterator[Mistake]:
    """Each key file of the inventory that cannot be read, with how many hosts name it."""
    named: dict[str, int] = {}
    for host in hosts:
        if host.key_file and host.connection is Connection.SSH:
            named[host.key_file] = named.get(host.key_file, 0) + 1
    for file, count in list(named.items())[:KEY_FILES_SHOWN]:
        try:
            with opened(Path(file).expanduser()):
                pass
        except OSError as error:
            problem = f"the key of {_hosts(count)} cannot be read: {error.strerror}"
            yield Mistake(file, problem, "put it there, readable for this account")


def _check_schedule(
    schedule: Schedule, inventory: Inventory | None, workers: WorkerSettings | None, found: Findings
) -> str:
    """What is known of its hosts; mistakes are kept."""
    place = f"schedule {schedule.name}"
    if inventory is None:
        return schedule.hosts
    hosts = found.tried(lambda: select(inventory, schedule.hosts, place))
    if hosts is None:
        return "no run would start"
    if workers is not None:
        found.tried(lambda: _check_plan(schedule, hosts, workers))
    return f"{_hosts(len(hosts))} of {schedule.hosts}"


def _check_plan(schedule: Schedule, hosts: tuple[Host, ...], workers: WorkerSettings) -> None:
    """OperatorError if a run of the schedule would be refused today."""
    request = Request(schedule.scope, hosts, workers.limits, workers.deadline_s, mail_to=schedule.mail_to)
    means = Means(store_at(workers.runs_url), workers.pace, has_mail_server=True)  # the settings were checked
    check(planned(request), means)


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count:,} hosts"
