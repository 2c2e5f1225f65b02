"""What a run is to do: a request becomes a manifest here, whoever asks (a command, a schedule, the demo)."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from archive.runs import Run, new_run_id
from domain.mistakes import Mistake, OperatorError
from domain.moments import written
from domain.records import Host, Limits, Manifest, Scope
from procmaps.classify import RULES_VERSION
from workers.life.pace import Pace

log = logging.getLogger("workers")

TOLD_HOSTS_MAX = 20  # by name, where somebody debugs; each has lines of its own once it is asked
NO_MAIL_SERVER = Mistake("mail", "no mail server is set", "set mail.server and mail.from in mapsweep.yaml")


@dataclass(frozen=True, slots=True)
class Request:
    """One run, asked for. `hosts` are as the inventory gives them: what the scope says of become is added."""

    scope: Scope
    hosts: tuple[Host, ...]
    limits: Limits
    deadline_s: int
    command: str = ""  # how to ask again, without secrets
    keep_dumps: bool = True
    mail_to: tuple[str, ...] = ()


def planned(request: Request, due: datetime | None = None, mark: str = "") -> Manifest:
    """The manifest of a run that starts now; a schedule's is named after the time it was due, and a mark."""
    now = datetime.now(UTC)
    manifest = Manifest(
        run_id=new_run_id(due or now, request.scope.name, mark),
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
    )
    if log.isEnabledFor(logging.DEBUG):
        _tell(manifest)
    return manifest


def remade(run: Run) -> Run:
    """A closed run with all to be made anew of its dumps, beside what there is until it is closed.

    OperatorError where a dump is missing.
    """
    if not run.manifest.keep_dumps:
        problem = "kept no dumps, so nothing can be made anew"
        raise OperatorError(Mistake(run.run_id, problem, "sweep again with dumps kept"))
    anew = run.remade(RULES_VERSION)
    lost = sorted({host.name for host in anew.pending()} - run.dumped())  # no host is asked again
    if lost:
        problem = f"has no dump any more for {len(lost)} hosts, {lost[0]!r} is the first"
        raise OperatorError(Mistake(run.run_id, problem, "put the dumps back, or sweep again"))
    return anew


def check(manifest: Manifest, *, pace: Pace | None, has_mail_server: bool) -> None:
    """OperatorError with all that keeps a plan from being carried out; asked before anything is written.

    `pace` is that of the workers, None where there are none.
    """
    mistakes = list(_too_long(manifest.limits, pace)) if pace else []
    if manifest.mail_to and not has_mail_server:
        mistakes.append(NO_MAIL_SERVER)
    if mistakes:
        raise OperatorError(*mistakes)


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
    longest_s = limits.total_s * limits.attempts  # a message names no more hosts than are swept at once
    if longest_s >= pace.task_s:
        problem = (
            f"a host may take {longest_s:.0f} s (total_s times attempts), a worker's task {pace.task_s} s"
        )
        yield Mistake("limits", problem, "lower limits.total_s or limits.attempts")
    if limits.classify_s * 2 >= pace.task_s:
        problem = (
            f"a dump may take {limits.classify_s:.0f} s, twice where its process is killed,"
            f" and a worker's task {pace.task_s} s"
        )
        yield Mistake("limits", problem, "lower limits.classify_s")
