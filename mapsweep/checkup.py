"""Reads all that a run would need, and says of each thing how it is; nothing is written or contacted."""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from archive.places import store_at
from archive.regular_file import opened
from collector.inventory.inventory import Inventory, load
from collector.inventory.patterns import select
from collector.ssh.known_hosts import KnownHosts
from collector.ssh.policy import Policy
from domain.mistakes import Mistake, OperatorError
from domain.records import OWNER, Connection, Host
from domain.rights import exposed_mode
from mapsweep.checkup_dumps import check_dumps
from mapsweep.checkup_findings import Findings
from mapsweep.places import ANOTHER_PLACE
from mapsweep.settings import composition
from mapsweep.settings.effective import secret_origins
from mapsweep.settings.for_workers import only_broker, schedules, worker_settings
from mapsweep.settings.settings import Settings, find_inventory, surroundings
from mapsweep.settings.sources import Environment
from procmaps.masking import mask_line
from procmaps.masking_options import AS_BY_DEFAULT
from reports.findings.codes import NAMES
from reports.text.sizes import size
from workers.fleet.app import COLLECT, QUEUES, REPORT
from workers.fleet.broker import tls_options
from workers.fleet.worker_settings import WorkerSettings
from workers.life.plan import Means, Request, check, planned
from workers.life.schedules import Schedule

DUE_TIMES: Final = 3  # shown of each schedule
KEY_FILES_SHOWN: Final = 20  # that cannot be read; a fleet has few
PROBLEM_CHARS_MAX: Final = 300

_WILD: Final = re.compile(r"[*?\[,]")


def checked(
    settings: Settings, environment: Environment, queues: Sequence[str] = QUEUES, now: datetime | None = None
) -> Findings:
    """Check the settings for a machine that does the work of these queues; no mistake hides another."""
    found = Findings()
    found.good("settings", f"{settings.file or 'no file'}, {_set(len(settings.origins))}")
    _check_secrets(settings, environment, queues, found)
    _check_runs(settings, found)
    check_dumps(settings, queues, found)
    _check_audit(settings, found)
    inventory = found.inventory = _check_inventory(settings, environment, queues, found)
    if COLLECT in queues:
        _check_host_keys(settings, environment, inventory, found)
    workers = None if found.mistakes else found.tried(lambda: worker_settings(settings, environment, queues))
    for schedule in schedules(settings):
        text = _check_schedule(schedule, inventory, workers, found)
        found.good("schedule", f"{schedule.name}: {text}", due_times(schedule, now or datetime.now(UTC)))
    _check_mutes(settings, found, (now or datetime.now(UTC)).date().isoformat())
    if settings.schedules and not settings.broker:
        problem = "no broker is set, so mapsweep beat cannot start their runs"
        found.mistakes.append(
            Mistake("schedules", problem, "set broker, or start `mapsweep collect` by cron")
        )
    return found


def _check_mutes(settings: Settings, found: Findings, today: str) -> None:
    """How many there are; those that are over are no mistake, but told."""
    for mute in settings.mutes:
        if not _WILD.search(mute.code) and mute.code not in NAMES:
            near = get_close_matches(mute.code, NAMES, 1)
            remedy = f"did you mean {near[0]}?" if near else "docs/finding-codes.md has the codes"
            found.mistakes.append(Mistake("mutes", f"no finding has the code {mute.code}", remedy))
    over = [mute for mute in settings.mutes if mute.until < today]
    for mute in over:
        found.warnings.append(
            f"mutes: {mute.code} of {mute.service} ended on {mute.until}; remove it or extend it"
        )
    if settings.mutes:
        found.good("mutes", f"{len(settings.mutes) - len(over)} in force, {len(over)} expired")


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
    if reports:
        _check_webhook(settings, environment, found)
    if settings.broker and password is not None:
        _check_broker(settings, password, found)


def _check_webhook(settings: Settings, environment: Environment, found: Findings) -> None:
    """Its address, secret and certificates; nothing is posted."""
    hook = found.tried(lambda: composition.webhook_settings(settings, environment))
    if hook is None:
        return
    if hook.ca_file and not Path(hook.ca_file).is_file():
        remedy = "put it there, or remove it from the settings"
        found.mistakes.append(Mistake("webhook.ca_file", f"there is no file {hook.ca_file}", remedy))
    if hook.place.startswith("http://"):
        found.warnings.append("webhook: news are posted without encryption; https:// would encrypt them")
    found.good("webhook", f"{hook.place}, {'signed' if hook.secret else 'not signed'}")


def _check_broker(settings: Settings, password: str, found: Findings) -> None:
    """Its URL, its password where one is needed, and its certificates; it is not asked anything."""
    given = only_broker(settings, password)
    if found.tried(lambda: tls_options(given)) is not None:
        found.good("broker", f"{settings.broker}, {'with' if password else 'without'} a password")


def _check_host_keys(
    settings: Settings, environment: Environment, inventory: Inventory | None, found: Findings
) -> None:
    has_remote = inventory and any(each.connection is Connection.SSH for each in inventory.hosts.values())
    paths, policy = [Path(each) for each in settings.ssh.known_hosts], settings.ssh.host_key_policy
    accepted = composition.accepted_keys(settings, environment)
    known = found.tried(lambda: KnownHosts(paths, policy, accepted))
    if known is None:
        return
    if known.warning:
        found.warnings.append(known.warning)
    there = [path for path in (*paths, accepted) if path.exists()]
    asked = "ssh.known_hosts" in settings.origins
    for path in paths if asked else ():
        if path not in there:
            problem = "there is no such file of host keys"
            found.mistakes.append(Mistake(str(path), problem, "make it, or remove it from ssh.known_hosts"))
    if has_remote and not there and policy is Policy.STRICT and not asked:
        problem = f"none of them is there ({', '.join(map(str, paths))}), so each host is refused"
        remedy = (
            "add the hosts with ssh-keyscan and compare their keys, or keep the first key that each host"
            " shows: --accept-new-host-keys of mapsweep doctor and collect"
        )
        found.mistakes.append(Mistake("ssh.known_hosts", problem, remedy))
        return
    kept = f"; new keys are kept in {accepted}" if accepted and policy is Policy.ACCEPT_NEW else ""
    found.good("host keys", f"{policy.value}; {', '.join(map(str, there)) or 'no file is there'}{kept}")


def _check_runs(settings: Settings, found: Findings) -> None:
    place = found.tried(lambda: store_at(settings.runs))
    if place is None:
        return
    folder = place.local_path("")
    try:
        if folder is None:
            place.list("queued")
        elif problem := _problem_of(folder):
            found.mistakes.append(Mistake(str(folder), problem, ANOTHER_PLACE))
            return
        free = place.free_bytes()
    except Exception as error:  # noqa: BLE001 - each storage has errors of its own
        said = mask_line(" ".join(f"{type(error).__name__}: {error}".split()), AS_BY_DEFAULT)
        remedy = "check the storage's configuration and the account's rights"
        problem = f"cannot be listed: {said[:PROBLEM_CHARS_MAX]}"
        found.mistakes.append(Mistake(settings.runs, problem, remedy))
    else:
        found.good("runs", place.url + ("" if free is None else f": {size(free, plain=True)} free"))


def _check_audit(settings: Settings, found: Findings) -> None:
    """Whether a line would be taken; none is written."""
    if problem := composition.audit(settings).problem():
        found.mistakes.append(problem)
    else:
        found.good("audit", settings.audit)


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
    needs = bool(settings.schedules) or bool(settings.inventory)
    try:
        sources = find_inventory(settings, environment)
    except OperatorError as error:
        if needs:
            found.mistakes += error.mistakes
        else:
            found.good("inventory", "none; `mapsweep collect` would need -i FILE")
        return None
    # a worker runs no program: an inventory that is one must not seem to be good for schedules
    runs_programs = not settings.schedules
    inventory = found.tried(
        lambda: load(sources, surroundings(settings, environment, runs_programs=runs_programs))
    )
    if inventory is None:
        return None
    found.warnings += inventory.warnings
    found.good("inventory", f"{', '.join(sources)}: {_hosts(len(inventory.hosts))}")
    found.warnings += _owners_without_hosts(settings, inventory)
    if COLLECT in queues:
        found.mistakes += _unreadable_keys(inventory.hosts.values())
    return inventory


def _owners_without_hosts(settings: Settings, inventory: Inventory) -> Iterator[str]:
    """The owners of mail.owners who own no host: a typing error, or somebody who left."""
    owners = {dict(host.labels).get(OWNER) for host in inventory.hosts.values()}
    for each in composition.owner_lists(settings):
        if each.owner not in owners:
            yield f"mail.owners: no host of the inventory has the label owner={each.owner}"


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
            if mode := exposed_mode(Path(file).expanduser()):
                problem = f"the key of {_hosts(count)} is open to other accounts (mode {mode:04o})"
                yield Mistake(file, problem, f"chmod 600 {shlex.quote(file)}")
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
    request = Request(
        *(schedule.scope, hosts, workers.limits, workers.deadline_s),
        mail_to=schedule.mail_to,
        mail_owners=workers.mail_owners if schedule.mail_to else (),
    )
    means = Means(
        store_at(workers.runs_url), workers.pace
    )  # the settings were checked: there is a mail server
    check(planned(request), means)


def _set(values: int) -> str:
    return f"{values} value is set" if values == 1 else f"{values} values are set"


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count:,} hosts"
