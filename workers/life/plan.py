"""Plans a run: makes the manifest from a request of a command, a schedule or the demo."""

import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Final

from archive.run import Run
from archive.run_ids import new_run_id
from archive.store import Store
from domain.mistakes import Mistake, OperatorError
from domain.moments import written
from domain.records import OWNER, Host, Limits, MailWhen, Manifest, Mute, OwnerList, Scope
from procmaps.classify import RULES_VERSION
from reports.text import sizes
from workers.life.asker import asker
from workers.life.audit import SILENT, Audit
from workers.life.pace import Pace

log = logging.getLogger("workers")

TOLD_HOSTS_MAX = 20  # by name, where somebody debugs; each has lines of its own once it is asked
# what a host of 120 processes with 20,000 mappings takes, and some more
DUMP_BYTES_EXPECTED: Final = 384 * 1024
RESULT_BYTES_EXPECTED: Final = 64 * 1024  # the result, its part of the tables and of the report


@dataclass(frozen=True, slots=True)
class Request:
    """The request for one run. `hosts` come from the inventory; the scope's `become` is added to them."""

    scope: Scope
    hosts: tuple[Host, ...]
    limits: Limits
    deadline_s: int
    command: str = ""  # the command that repeats it, without secrets
    keep_dumps: bool = True
    mail_to: tuple[str, ...] = ()
    mail_when: MailWhen = MailWhen.ALWAYS
    mail_owners: tuple[OwnerList, ...] = ()  # those that own no host of the run are left out
    mutes: tuple[Mute, ...] = ()
    # how this machine treats hosts; "": workers will, by their own settings
    host_key_policy: str = ""
    arguments: str = ""


def planned(request: Request, due: datetime | None = None, suffix: str = "") -> Manifest:
    """The manifest of a run that starts now; the id of a scheduled one has its due time and a suffix."""
    now = datetime.now(UTC)
    manifest = Manifest(
        run_id=new_run_id(due or now, request.scope.name, suffix),
        scope=request.scope,
        limits=request.limits,
        hosts=tuple(replace(host, become=host.become or request.scope.become) for host in request.hosts),
        started_at=written(now),
        deadline_at=written(now + timedelta(seconds=request.deadline_s)),
        tool_version=version("mapsweep"),
        rules_version=RULES_VERSION,
        command=request.command,
        keep_dumps=request.keep_dumps,
        mail_to=request.mail_to,
        mail_when=request.mail_when,
        mail_owners=_of_hosts(request.mail_owners, request.hosts),
        due_at=written(due) if due else "",
        mutes=request.mutes,
        asker=asker(os.environ, request.scope.name if due else ""),
        host_key_policy=request.host_key_policy,
        arguments=request.arguments,
    )
    if log.isEnabledFor(logging.DEBUG):
        _tell(manifest)
    return manifest


def _of_hosts(lists: tuple[OwnerList, ...], hosts: tuple[Host, ...]) -> tuple[OwnerList, ...]:
    """The lists of those who own one of the hosts, by name."""
    owners = {dict(host.labels).get(OWNER) for host in hosts} if lists else set()
    return tuple(sorted((each for each in lists if each.owner in owners), key=lambda each: each.owner))


def remade(run: Run) -> Run:
    """A closed run to be classified again from its dumps, in new folders until it is closed again.

    OperatorError if a dump is missing.
    """
    if not run.manifest.keep_dumps:
        problem = "kept no dumps, so it cannot be classified again"
        raise OperatorError(Mistake(run.run_id, problem, "sweep again with keep_dumps: true"))
    anew = run.remade(RULES_VERSION)
    dumped = run.dumped()
    lost = sorted({host.name for host in anew.pending()} - dumped)  # no host is contacted again
    if lost and not dumped:
        problem = "has no dumps any more, so it cannot be classified again"
        raise OperatorError(
            Mistake(run.run_id, problem, "sweep again; keep.dumps_days says how long they stay")
        )
    if lost:
        problem = f"lacks the dumps of {len(lost)} hosts, the first is {lost[0]!r}"
        raise OperatorError(Mistake(run.run_id, problem, "put the dumps back, or sweep again"))
    return anew


@dataclass(frozen=True, slots=True)
class Means:
    """What there is to carry out a plan with."""

    place: Store  # of all runs
    pace: Pace | None = None  # of the workers, None if there are none
    no_mail_server: Mistake | None = (
        None  # what a run that is to be mailed is refused with; None: there is one
    )
    audit: Audit = SILENT


def check(manifest: Manifest, means: Means, *, is_new: bool = True) -> None:
    """OperatorError with everything that prevents the plan; checked before anything is written."""
    mistakes = list(_too_long(manifest.limits, means.pace)) if means.pace else []
    if (manifest.mail_to or manifest.mail_owners) and means.no_mail_server is not None:
        mistakes.append(means.no_mail_server)
    if problem := means.audit.problem():
        mistakes.append(problem)
    if is_new:
        mistakes += _too_large(manifest, means.place)
    if mistakes:
        raise OperatorError(*mistakes)


def _too_large(manifest: Manifest, place: Store) -> Iterator[Mistake]:
    free_bytes = place.free_bytes()
    a_host_bytes = RESULT_BYTES_EXPECTED + (DUMP_BYTES_EXPECTED if manifest.keep_dumps else 0)
    expected_bytes = a_host_bytes * len(manifest.hosts)
    if free_bytes is not None and free_bytes < expected_bytes:
        hosts = "1 host takes" if len(manifest.hosts) == 1 else f"{len(manifest.hosts):,} hosts take"
        problem = f"has {sizes.size(free_bytes)} free; {hosts} about {sizes.size(expected_bytes)}"
        remedy = (
            "remove old runs (mapsweep runs prune), name another folder with --runs, or set keep_dumps: false"
        )
        yield Mistake(place.url, problem, remedy)


def _tell(manifest: Manifest) -> None:
    scope = manifest.scope
    log.debug(
        "%s: plan: scope %s, %d hosts of %r, evidence %s, become %s, to be over by %s, mailed to %d",
        *(manifest.run_id, scope.name, len(manifest.hosts), scope.hosts, scope.evidence, scope.become),
        *(manifest.deadline_at, len(manifest.mail_to)),
    )
    names = ", ".join(host.name for host in manifest.hosts[:TOLD_HOSTS_MAX])
    more = f" and {len(manifest.hosts) - TOLD_HOSTS_MAX} more" if len(manifest.hosts) > TOLD_HOSTS_MAX else ""
    log.debug("%s: plan: hosts: %s%s", manifest.run_id, names, more)
    limits = ", ".join(f"{name} {value}" for name, value in asdict(manifest.limits).items())
    log.debug("%s: plan: limits: %s", manifest.run_id, limits)


def _too_long(limits: Limits, pace: Pace) -> Iterator[Mistake]:
    longest_s = limits.total_s * limits.attempts  # a message has at most as many hosts as are swept at once
    if longest_s >= pace.task_s:
        problem = (
            f"a host may take {longest_s:.0f} s (total_s times attempts), a worker's task {pace.task_s} s"
        )
        yield Mistake("limits", problem, "lower limits.total_s or limits.attempts")
    if limits.classify_s * 2 >= pace.task_s:
        problem = (
            f"a dump may take {limits.classify_s:.0f} s, twice if its process is killed,"
            f" and a worker's task {pace.task_s} s"
        )
        yield Mistake("limits", problem, "lower limits.classify_s")
