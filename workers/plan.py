"""Plans a run: makes the manifest from a request of a command, a schedule or the demo."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from archive.mistakes import Mistake, OperatorError
from archive.records import Host, Limits, Manifest, Scope
from archive.runs import new_run_id
from procmaps.classify import RULES_VERSION
from workers.pace import Pace


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


def planned(request: Request, due: datetime | None = None, mark: str = "") -> Manifest:
    """The manifest of a run that starts now; that of a schedule is named after its due time and a mark."""
    now = datetime.now(UTC)
    return Manifest(
        run_id=new_run_id(due or now, request.scope.name, mark),
        scope=request.scope,
        limits=request.limits,
        hosts=tuple(replace(host, become=host.become or request.scope.become) for host in request.hosts),
        started_at=now.isoformat(timespec="seconds"),
        deadline_at=(now + timedelta(seconds=request.deadline_s)).isoformat(timespec="seconds"),
        tool_version=version("mapsweep"),
        rules_version=RULES_VERSION,
        command=request.command,
        keep_dumps=request.keep_dumps,
        mail_to=request.mail_to,
    )


def check_for_workers(limits: Limits, pace: Pace) -> None:
    """OperatorError if a worker's task would be killed before its hosts are done."""
    mistakes = tuple(_too_long(limits, pace))
    if mistakes:
        raise OperatorError(*mistakes)


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
